# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audits a fake AWS account that has good and bad trails, shows the plan that fixes them, does it, and audits again."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

from tests.fakeaws.client import FakeAws
from tools.isolated import ROOT

AUDIT, ENFORCE = "aws_baseline.cloudtrail.audit", "aws_baseline.cloudtrail.enforce"
BEFORE, AFTER = "build/demo", "build/demo/after"
REPORTS = """-e '{{"cloudtrail_kms_reports": ["html", "json"], "cloudtrail_kms_report_dir": "{}"}}'"""
# Without it the plan is refused, and nothing is done: somebody may have disabled that key on purpose.
ALLOWED = "-e cloudtrail_kms_allow_enable_key=true"
STEPS = {
    "1. What is wrong?": f"{AUDIT} -e cloudtrail_kms_fail_on=never {REPORTS.format(BEFORE)}",
    "2. What would fix it? Nothing is changed yet.": f"{ENFORCE} --check --diff {ALLOWED}",
    "3. Fix it, and wait until every changed trail has delivered. It keeps no backup: this AWS ends with the demo.": (
        f"{ENFORCE} {ALLOWED} -e cloudtrail_kms_wait=true -e cloudtrail_kms_table=short {REPORTS.format(AFTER)}"
    ),
    "4. Is it fixed? An audit that fails where it is not.": f"{AUDIT} -e cloudtrail_kms_table=short",
}
NEXT = f"""
The report of what was wrong, for a browser:

    {ROOT / BEFORE / "cloudtrail-kms.html"}

That was a fake AWS on this machine, which has ended: the commands above were for it. An audit of your own
account, which only reads, and the plan for it, which only reads as well:

    AWS_PROFILE=your-profile AWS_REGION=your-region .venv/bin/ansible-playbook {AUDIT}
    AWS_PROFILE=your-profile AWS_REGION=your-region .venv/bin/ansible-playbook {ENFORCE} --check --diff
"""


def main() -> int:
    (ROOT / AFTER).mkdir(parents=True, exist_ok=True)
    with FakeAws.start("mixed") as aws:
        for title, arguments in STEPS.items():
            command = f"ansible-playbook {arguments}"
            print(f"\n{title}\n\n$ {command}", flush=True)
            code = subprocess.run(shlex.split(command), env=aws.environment, check=False).returncode
            if code != 0:
                return code
    audits = [json.loads((ROOT / each / "cloudtrail-kms.json").read_text("utf-8")) for each in (BEFORE, AFTER)]
    before, after = ([trail["verdict"] for trail in each["accounts"][0]["trails"]] for each in audits)
    changes = sum(each["status"] == "applied" for each in audits[1]["enforcement"]["changes"])
    print(f"\nBefore: {before.count('non_compliant')} of {len(before)} trails failed. ", end="")
    print(f"After: {after.count('compliant')} of {len(after)} are compliant, by {changes} changes.\n{NEXT}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audits a fake AWS account that has good and bad trails, shows the plan, enforces it, and audits again.

The playbooks are those for a real account.
"""

from __future__ import annotations

import subprocess
import sys

from tests.fakeaws.client import FakeAws

AUDIT = "aws_baseline.cloudtrail.audit"
ENFORCE = "aws_baseline.cloudtrail.enforce"
NEVER_FAIL = ["--extra-vars", "cloudtrail_kms_fail_on=never"]
# One of the keys is disabled. That may have been somebody's decision, so to enable it takes the user's word.
ENABLE = ["--extra-vars", "cloudtrail_kms_allow_enable_key=true"]
STEPS = (
    ("An audit", [AUDIT, *NEVER_FAIL]),
    ("The plan", [ENFORCE, "--check", "--diff", *ENABLE, *NEVER_FAIL]),
    ("The enforcement", [ENFORCE, *ENABLE]),
    ("Another audit", [AUDIT]),
)
NEXT = f"""
That was a fake AWS on this machine. The same audit of your own account, which only reads:

    AWS_PROFILE=your-profile .venv/bin/ansible-playbook {AUDIT}
"""


def main() -> int:
    with FakeAws.start("mixed") as aws:
        for title, command in STEPS:
            print(f"\n━━ {title}: ansible-playbook {' '.join(command)} ━━", flush=True)
            code = subprocess.run(["ansible-playbook", *command], env=aws.environment, check=False).returncode
            if code:
                return code
    print(NEXT)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

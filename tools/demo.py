# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audits a fake AWS account that has good and bad trails, with the playbook that audits a real one."""

from __future__ import annotations

import subprocess
import sys

from tests.fakeaws.client import FakeAws

AUDIT = "aws_baseline.cloudtrail.audit"
NEXT = f"""
That was a fake AWS on this machine. The same audit of your own account, which only reads:

    AWS_PROFILE=your-profile .venv/bin/ansible-playbook {AUDIT}
"""


def main() -> int:
    with FakeAws.start("mixed") as aws:
        command = ["ansible-playbook", AUDIT, "--extra-vars", "cloudtrail_kms_fail_on=never"]
        code = subprocess.run(command, env=aws.environment, check=False).returncode
    if code == 0:
        print(NEXT)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of this collection have in common beside their options."""

from __future__ import annotations


class ModuleDocFragment:
    """What every module promises that works on AWS, and every one that works on the control node."""

    DOCUMENTATION = r"""
options: {}
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
attributes:
  check_mode:
    support: full
  platform:
    platforms: all
  idempotent:
    support: full
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    ACTION = r"""
options: {}
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
attributes:
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
  check_mode:
    support: full
  platform:
    platforms: all
"""

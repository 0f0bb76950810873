# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What the filters that make reports have in common."""

    DOCUMENTATION = r"""
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
options:
  _input:
    description:
      - An audit, as M(aws_baseline.cloudtrail.cloudtrail_kms_facts) returns it in C(ansible_facts.cloudtrail_kms), or
        the content of the report C(cloudtrail-kms.json).
    type: dict
    required: true
  cis_version:
    description:
      - The version of the CIS AWS Foundations Benchmark whose control numbers the report shows, in addition to those of
        the other frameworks.
    type: str
    choices: ["1.2", "1.3", "1.4", "1.5", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0"]
    default: "3.0"
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_facts
  - module: aws_baseline.cloudtrail.cloudtrail_kms_run
"""

#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_join
short_description: Join the JSON reports of several runs into one audit, show and judge it, and write its reports
version_added: 1.0.0
description:
  - Joins reports that M(aws_baseline.cloudtrail.cloudtrail_kms_run) wrote for parts of an inventory or for several
    organizations, and shows them like one run. Makes no AWS calls.
  - The joined audit belongs to no single host. M(aws_baseline.cloudtrail.cloudtrail_kms_judge) judges each host of the
    batch by all of it.
  - Prints and logs nothing under C(no_log), or with a callback for programs.
extends_documentation_fragment:
  - aws_baseline.cloudtrail.attributes.action
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
  - aws_baseline.cloudtrail.reporting
attributes:
  check_mode:
    details:
      - The reports are written in check mode too.
  diff_mode:
    support: none
    details: Changes nothing.
options:
  variables:
    description:
      - Takes all options from the variables of the role, that is, from this prefix followed by the name of the option.
        They override the options of the task.
    type: str
    choices: [cloudtrail_kms_]
  audits:
    description:
      - The JSON reports to join. This version of the collection must have written them, and no account may be in two of
        them.
      - A relative path starts at the directory in which C(ansible-playbook) was started.
      - A report is refused if it contradicts its own findings, or holds anything that no audit writes.
    type: list
    elements: path
    default: []
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_run
"""

EXAMPLES = r"""
- name: Join the reports of two slices
  aws_baseline.cloudtrail.cloudtrail_kms_join:
    audits: [slice-1/cloudtrail-kms.json, slice-2/cloudtrail-kms.json]
    reports: [json]
    report_dir: reports
"""

RETURN = r"""
reports:
  description: The paths of the reports that were written.
  returned: success
  type: list
  elements: str
  sample: [/srv/audit/reports/cloudtrail-kms.json]
replaced:
  description: As RV(aws_baseline.cloudtrail.cloudtrail_kms_run#module:replaced).
  returned: when O(reports) is set
  type: list
  elements: str
uploads:
  description: The reports to upload to O(report_bucket). Empty without O(report_bucket).
  returned: success
  type: list
  elements: str
  sample: [/srv/audit/reports/cloudtrail-kms.json]
carried:
  description: As RV(aws_baseline.cloudtrail.cloudtrail_kms_run#module:carried).
  returned: when RV(uploads) is not empty
  type: bool
report_objects:
  description: As RV(aws_baseline.cloudtrail.cloudtrail_kms_run#module:report_objects).
  returned: when RV(uploads) is not empty
  type: dict
summary:
  description: As RV(aws_baseline.cloudtrail.cloudtrail_kms_run#module:summary), over the accounts of all reports.
  returned: success
  type: dict
comparison:
  description: As RV(aws_baseline.cloudtrail.cloudtrail_kms_run#module:comparison).
  returned: when O(previous) is set
  type: dict
failing:
  description: How many accounts fail.
  returned: success
  type: int
  sample: 1
results:
  description: As RV(aws_baseline.cloudtrail.cloudtrail_kms_run#module:results).
  returned: success
  type: dict
"""

#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_join
short_description: Join the JSON reports of several runs into one audit, show and judge it, and write its reports
version_added: 0.1.0
description:
  - Joins reports that M(aws_baseline.cloudtrail.cloudtrail_kms_run) wrote for parts of an inventory or for several
    organizations, and shows them like one run. Makes no AWS calls.
  - The joined audit belongs to no single host. M(aws_baseline.cloudtrail.cloudtrail_kms_judge) judges each host of the
    batch by all of it.
  - Prints and logs nothing under C(no_log), or with a callback for programs.
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
  - aws_baseline.cloudtrail.reporting
attributes:
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
  check_mode:
    support: full
    details:
      - The reports are written in check mode too.
  diff_mode:
    support: none
    details: Changes nothing.
  platform:
    platforms: all
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
uploads:
  description:
    - The reports to upload to O(report_bucket). Empty without O(report_bucket).
    - A report replaces the report of an earlier run in the bucket. A backup must not, so the role adds the time to its
      name.
  returned: success
  type: list
  elements: str
  sample: [/srv/audit/reports/cloudtrail-kms.json]
carried:
  description:
    - Whether the reports must first be copied to where the upload runs, on another host or as C(become_user).
  returned: when RV(uploads) is not empty
  type: bool
  sample: false
report_objects:
  description: Where to upload RV(uploads), the same for all hosts of a run.
  returned: when RV(uploads) is not empty
  type: dict
  contains:
    bucket:
      description: The O(report_bucket).
      type: str
      sample: audit-reports
    prefix:
      description: The O(report_prefix), or the default prefix of this run, without a trailing slash.
      type: str
      sample: cloudtrail-kms/4711
summary:
  description:
    - How many accounts were judged, how many have each verdict, how many trails there are, and how many are excepted.
  returned: success
  type: dict
  sample:
    accounts: 1
    trails: 6
    compliant: 0
    non_compliant: 1
    unknown: 0
    no_trails: 0
    not_applicable: 0
    excepted: 0
failing:
  description: How many accounts fail.
  returned: success
  type: int
  sample: 1
results:
  description:
    - Where the result of each host is stored for M(aws_baseline.cloudtrail.cloudtrail_kms_judge), on the control node
      until C(ansible-playbook) ends. Only the user who runs it can read it.
    - This keeps the registered variable small for any number of accounts.
  returned: success
  type: dict
  sample: {"directory": "/home/me/.ansible/tmp/ansible-local-1/cloudtrail-kms-results-2", "key": "..."}
"""

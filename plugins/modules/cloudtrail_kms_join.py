#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_join
short_description: Make one audit of the JSON reports of several runs, show it as a table, write its reports, and judge
version_added: 0.1.0
description:
  - Joins the reports that runs of M(aws_baseline.cloudtrail.cloudtrail_kms_run) have written, of parts of an inventory
    or of other organizations, and tells of them as of one run. It asks nothing of AWS.
  - The joined audit is no host's own. Each host of the batch is told of all of it, by
    M(aws_baseline.cloudtrail.cloudtrail_kms_judge).
  - Nothing is printed or logged under C(no_log), nor with a callback whose output programs read.
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
    details: It changes nothing.
  platform:
    platforms: all
options:
  variables:
    description:
      - Takes all options from the variables of the role, each from that of its name behind this prefix. They go before
        the options of the task.
    type: str
    choices: [cloudtrail_kms_]
  audits:
    description:
      - The JSON reports to join, of this version of the collection, no account in two of them.
      - A relative path starts at the directory that C(ansible-playbook) was called from.
      - A report is refused that says anything else than its findings imply, or that no audit writes.
    type: list
    elements: path
    default: []
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_run
"""

EXAMPLES = r"""
- name: Make one report of those of two slices
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
    - The reports, where they are to go into O(report_bucket), else none.
    - A report replaces that of an earlier run there. A backup needs a name of its own, to which the role adds the time.
  returned: success
  type: list
  elements: str
  sample: [/srv/audit/reports/cloudtrail-kms.json]
carried:
  description:
    - Whether the reports have to be brought to who puts them into the bucket, on another host or by C(become_user).
  returned: when RV(uploads) is not empty
  type: bool
  sample: false
report_objects:
  description: Where in the bucket RV(uploads) are to go, the same for all hosts of a run.
  returned: when RV(uploads) is not empty
  type: dict
  contains:
    bucket:
      description: The O(report_bucket).
      type: str
      sample: audit-reports
    prefix:
      description: The O(report_prefix), or the one that stands for this run, without a slash at its end.
      type: str
      sample: cloudtrail-kms/4711
summary:
  description:
    - How many accounts were judged, how many of them have each verdict, and how many trails there are and are excepted.
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
    - Where what was found of each host lies, for M(aws_baseline.cloudtrail.cloudtrail_kms_judge), on the control node
      until C(ansible-playbook) ends. Only who runs it can read there.
    - What is registered stays small so, however many accounts there are.
  returned: success
  type: dict
  sample: {"directory": "/home/me/.ansible/tmp/ansible-local-1/cloudtrail-kms-results-2", "key": "..."}
"""

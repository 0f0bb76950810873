#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_report
short_description: Show an audit or an enforcement of CloudTrail trails as tables and write the reports
version_added: 0.1.0
description:
  - Prints a table with one row for each trail and, under it, what is wrong and what to do. Of an enforcement it prints
    beside that what is changed, and each trail's verdict before and after.
  - Writes the audit to files that other programs read, on request.
  - It runs on the control node and asks AWS nothing.
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
  - aws_baseline.cloudtrail.audit_action
attributes:
  check_mode:
    support: full
    details:
      - In check mode the table is printed and no file is written.
      - The role wants its reports in a dry run as well and sets C(check_mode=false) on this task.
options:
  formats:
    description:
      - The reports to write to O(directory).
      - V(json) is the file C(cloudtrail-kms.json), which holds the whole of O(audit) with its keys sorted. Of
        O(enforcement) it holds O(enforcement.after), or O(enforcement.before) where the changes are only planned.
    type: list
    elements: str
    choices: [json]
    default: []
  directory:
    description:
      - An existing directory on the control node, needed when O(formats) is not empty.
      - A relative path starts at the directory that C(ansible-playbook) was called from.
      - A report that is there already is replaced as a whole. Its mode is 0640.
    type: path
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_enforce
  - module: aws_baseline.cloudtrail.cloudtrail_kms_facts
  - module: aws_baseline.cloudtrail.cloudtrail_kms_judge
"""

EXAMPLES = r"""
- name: Read the trails, their keys and their buckets
  aws_baseline.cloudtrail.cloudtrail_kms_facts:
  register: audit

- name: Show the table and keep the audit as a file
  aws_baseline.cloudtrail.cloudtrail_kms_report:
    audit: "{{ audit.ansible_facts.cloudtrail_kms }}"
    formats: [json]
    directory: reports

- name: Plan what it takes to bring the account to compliance
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
  check_mode: true
  register: enforcement

- name: Show the plan
  aws_baseline.cloudtrail.cloudtrail_kms_report:
    enforcement:
      before: "{{ enforcement.before }}"
      changes: "{{ enforcement.changes }}"
      after: "{{ enforcement.after }}"
      refusals: "{{ enforcement.refusals }}"
      errors: "{{ enforcement.errors }}"
"""

RETURN = r"""
reports:
  description: The paths of the reports that were written.
  returned: success
  type: list
  elements: str
  sample: [reports/cloudtrail-kms.json]
"""

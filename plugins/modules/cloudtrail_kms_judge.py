#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_judge
short_description: Fail a host whose CloudTrail trails do not comply
version_added: 0.1.0
description:
  - Fails where an audit's verdict on an account asks for it, and names the account, the trails and the rules at fault.
  - Fails where an enforcement was refused or did not come to its end, and says why, whatever O(fail_on) says. Else it
    judges the account after the changes, or before them where they are only planned.
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
options:
  fail_on:
    description:
      - The verdicts that fail the host. An account that is C(not_applicable) never does.
    type: str
    choices:
      unknown: Fail on C(non_compliant), on C(no_trails), and on C(unknown), since what could not be judged is no pass.
      non_compliant: Fail on C(non_compliant) and on C(no_trails).
      never: Fail on nothing.
    default: unknown
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_enforce
  - module: aws_baseline.cloudtrail.cloudtrail_kms_facts
  - module: aws_baseline.cloudtrail.cloudtrail_kms_report
"""

EXAMPLES = r"""
- name: Read the trails, their keys and their buckets
  aws_baseline.cloudtrail.cloudtrail_kms_facts:
  register: audit

- name: Fail where a trail is known to fall short, but not where a key could not be read
  aws_baseline.cloudtrail.cloudtrail_kms_judge:
    audit: "{{ audit.ansible_facts.cloudtrail_kms }}"
    fail_on: non_compliant
"""

RETURN = r"""
msg:
  description: The accounts, trails and rules at fault.
  returned: failure
  type: str
  sample: >-
    Account 111111111111 is non_compliant: 1 of 6 trails fail (trail main in us-east-1: key_is_usable).
    The report says what to do about each; fail_on decides what fails a run.
"""

#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_judge
short_description: Fail the hosts whose accounts do not comply
version_added: 0.1.0
description:
  - Looks up what one run of M(aws_baseline.cloudtrail.cloudtrail_kms_run) has found of this host, and fails it with the
    reason where its account fails.
  - A host that the run was not about, or whose part was removed or changed since, does not pass.
  - It starts no process, so that a run over thousands of accounts ends with a result for each at little cost.
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
attributes:
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
  check_mode:
    support: full
  diff_mode:
    support: full
    details: It changes nothing, and shows what the run has changed.
  platform:
    platforms: all
options:
  run:
    description: The name of the variable that M(aws_baseline.cloudtrail.cloudtrail_kms_run) is registered in.
    type: str
    required: true
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_run
"""

EXAMPLES = r"""
- name: Mark the hosts that the run is about
  aws_baseline.cloudtrail.cloudtrail_kms_host:
    variables: cloudtrail_kms_
  register: host

- name: Audit their accounts in one run
  aws_baseline.cloudtrail.cloudtrail_kms_run:
    variables: cloudtrail_kms_
    hosts: host
  run_once: true
  register: audit

- name: Fail each host whose account does not comply
  aws_baseline.cloudtrail.cloudtrail_kms_judge:
    run: audit
"""

RETURN = r"""
msg:
  description: Why the host fails.
  returned: failure
  type: str
  sample: >-
    Account 333333333333 (staging) is non_compliant: 1 of 2 trails fail (trail main in eu-west-1: trail_has_kms_key).
    The table says what to do about each; fail_on, in the role cloudtrail_kms_fail_on, decides what fails a run.
changed:
  description:
    - Whether an enforcement changed the account of the host, or in check mode would. C(diff) says what.
    - A change in an account that no host stands for, such as that of a key of theirs, is told by the first host.
  returned: always
  type: bool
verdicts:
  description: The verdict on the account of the host, by its id; of a run about no host on every account.
  returned: success and failure
  type: dict
  sample: {"333333333333": non_compliant}
"""

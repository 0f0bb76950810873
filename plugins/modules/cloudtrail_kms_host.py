#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_host
short_description: Mark the hosts that a run is about, each with its own options
version_added: 0.1.0
description:
  - Marks this host for the run of M(aws_baseline.cloudtrail.cloudtrail_kms_run) that comes after, with what the
    variables of the role come to on this host, whatever level of precedence sets them.
  - Only Ansible knows which hosts a C(when), a rescue, or the items of a loop leave, and which values each has there.
    So this task runs on each of them, and the run is about the hosts that have reached it, and about no others.
  - A variable that cannot be meant fails this host alone, by its name. The run goes on without it.
  - A mark counts for one run, of this include, iteration of a loop, batch or use of the role.
  - It asks nothing of AWS and starts no process. The marks lie on the control node until C(ansible-playbook) ends. Only
    who runs it can read them.
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
    support: none
    details: It changes nothing.
  platform:
    platforms: all
options:
  variables:
    description:
      - The prefix of the variables of the role, from which the options are taken.
    type: str
    choices: [cloudtrail_kms_]
    required: true
  mode:
    description:
      - The mode of the run, see O(aws_baseline.cloudtrail.cloudtrail_kms_run#module:mode). Without it the variable
        C(cloudtrail_kms_mode) says it.
    type: str
    choices: [audit, enforce, restore]
    default: audit
  names:
    description:
      - The options that are returned in RV(options), so far as their O(variables) are set. With it no host is marked.
    type: list
    elements: str
    default: []
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
pass:
  description:
    - What tells this include, iteration of a loop or use of the role from every other, by which
      M(aws_baseline.cloudtrail.cloudtrail_kms_run) finds the marks.
  returned: when O(names) is empty
  type: str
  sample: 02420a00-0002-2c1c-1b1e-0000000000aa
options:
  description: The options of O(names) for which variables are set, in their types.
  returned: when O(names) is not empty
  type: dict
  sample: {"require_organization_trail": false}
"""

#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_host
short_description: Mark the hosts that a run covers, each with its own options
version_added: 1.0.0
description:
  - Marks this host for the next run of M(aws_baseline.cloudtrail.cloudtrail_kms_run), with the values of the role's
    variables on this host, at any level of precedence.
  - Only Ansible knows which hosts remain after a C(when), a rescue or a loop, and which values each has. So this task
    runs on every host, and the run covers exactly the hosts that reach it. Whatever leaves a host out, such as a
    C(when), must come before this task. The run still covers a host that fails after it and is rescued.
  - An invalid variable fails this host alone, and the message names it. The run goes on without the host.
  - A mark is valid for one run, that is, for this include, loop iteration, batch or use of the role.
  - Makes no AWS calls and starts no process. The marks are stored on the control node until C(ansible-playbook) ends.
    Only the user who runs it can read them.
extends_documentation_fragment:
  - aws_baseline.cloudtrail.attributes.action
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
attributes:
  diff_mode:
    support: none
    details: Changes nothing.
options:
  variables:
    description:
      - The prefix of the variables of the role, from which the options are taken.
    type: str
    choices: [cloudtrail_kms_]
    required: true
  mode:
    description:
      - The mode of the run, see O(aws_baseline.cloudtrail.cloudtrail_kms_run#module:mode). Without it, the variable
        C(cloudtrail_kms_mode) applies.
    type: str
    choices: [audit, enforce, restore]
    default: audit
  names:
    description:
      - The options to return in RV(options) if their O(variables) are set. With this option, no host is marked.
    type: list
    elements: str
    default: []
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_run
"""

EXAMPLES = r"""
- name: Mark the hosts of the run
  aws_baseline.cloudtrail.cloudtrail_kms_host:
    variables: cloudtrail_kms_
  register: host

- name: Audit their accounts in one run
  aws_baseline.cloudtrail.cloudtrail_kms_run:
    variables: cloudtrail_kms_
    hosts: host
  run_once: true
  register: audit

- name: Fail each host whose account is not compliant
  aws_baseline.cloudtrail.cloudtrail_kms_judge:
    run: audit
"""

RETURN = r"""
pass:
  description:
    - An id of this include, loop iteration or use of the role, by which M(aws_baseline.cloudtrail.cloudtrail_kms_run)
      finds the marks.
  returned: when O(names) is empty
  type: str
  sample: 02420a00-0002-2c1c-1b1e-0000000000aa
options:
  description: The options in O(names) that are set, converted to their types.
  returned: when O(names) is not empty
  type: dict
  sample: {"require_organization_trail": false}
check_mode:
  description: Whether this task runs in check mode, by C(--check) or by its keyword C(check_mode).
  returned: when O(names) is not empty
  type: bool
  sample: false
"""

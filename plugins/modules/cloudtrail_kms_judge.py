#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_judge
short_description: Fail the hosts whose accounts do not comply
version_added: 1.0.0
description:
  - Looks up the result of M(aws_baseline.cloudtrail.cloudtrail_kms_run) for this host, and fails the host with the
    reason if its account fails.
  - A host fails if the run did not cover it, or if its result was removed or changed since.
  - Starts no process, so that thousands of hosts get their result at little cost.
extends_documentation_fragment:
  - aws_baseline.cloudtrail.attributes.action
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
attributes:
  diff_mode:
    support: full
    details: Changes nothing; shows what the run changed, unless the run has shown it.
options:
  run:
    description: The name of the variable that M(aws_baseline.cloudtrail.cloudtrail_kms_run) is registered in.
    type: str
    required: true
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_run
"""

EXAMPLES = r"""
# The tasks before it are in the examples of cloudtrail_kms_host.
- name: Fail each host whose account is not compliant
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
changed:
  description:
    - Whether an enforcement changed the account of the host, or would in check mode. C(diff) has the changes, unless
      M(aws_baseline.cloudtrail.cloudtrail_kms_run) has shown them.
    - The first host reports a change in an account that has no host, such as the account of a shared key.
  returned: always
  type: bool
verdicts:
  description: The verdict on the account of the host, by account id. If the run covers no host, the verdicts on all
    accounts.
  returned: success and failure
  type: dict
  sample: {"333333333333": non_compliant}
"""

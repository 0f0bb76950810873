#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let one KMS key serve the CloudTrail trails of many accounts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_central_key
short_description: Let one KMS key serve the CloudTrail trails of many accounts
version_added: 0.1.0
description:
  - Finds or creates the key in its own account, and adds to its policy what CloudTrail and the readers of the logs
    lack to use it for the given trails, all in one write. A second run changes nothing.
  - KMS has no conditional write of a key policy, so the policy of a key that many accounts use is written here, once
    for all of them, before M(aws_baseline.cloudtrail.cloudtrail_kms_enforce) gives the key to their trails.
  - No trail is read or changed. Nothing in the policy is rewritten or removed.
  - A key policy has room for 32,768 bytes, some 280 trails of as many accounts in the strict form, or 700 accounts in
    the form of the CIS benchmark. Beyond that the module refuses; it warns when four fifths are full.
options:
  trails:
    description: ARNs of the trails that the key is to serve, of any account.
    type: list
    elements: str
    default: []
  needed:
    description:
      - By the ARN of a trail that has the key already, a list of the actions of CloudTrail and of the readers that the
        policy lacks for it, as RV(aws_baseline.cloudtrail.cloudtrail_kms_enforce#module:shared_keys[].needed) has it.
      - For a trail that is not in it, all must be allowed.
    type: dict
    default: {}
extends_documentation_fragment:
  - aws_baseline.cloudtrail.cloudtrail_kms.key
  - aws_baseline.cloudtrail.principals
  - aws_baseline.cloudtrail.principals.role
  - aws_baseline.cloudtrail.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: No write call is made.
  diff_mode:
    support: full
  platform:
    platforms: all
  idempotent:
    support: full
notes:
  - The key is looked for, and created, in the region of the connection.
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_enforce
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
"""

EXAMPLES = r"""
- name: Let the key of the security account serve the trails of three accounts
  aws_baseline.cloudtrail.cloudtrail_kms_central_key:
    region: eu-central-1
    assume_role:
      role_arn: arn:aws:iam::555555555555:role/CloudTrailKmsEnforce
      external_id: audit-2026
    key:
      alias: alias/organization-trails
    trails:
      - arn:aws:cloudtrail:eu-central-1:111111111111:trail/production-trail
      - arn:aws:cloudtrail:eu-central-1:222222222222:trail/staging-trail
      - arn:aws:cloudtrail:us-east-1:333333333333:trail/sandbox-trail
  register: central

- name: Give it to a trail
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    region: eu-central-1
    key_id: "{{ central.key_arn }}"
    trails: [production-trail]
    key_assume_role:
      role_arn: arn:aws:iam::555555555555:role/CloudTrailKmsEnforce
      external_id: audit-2026
"""

RETURN = r"""
key_arn:
  description: ARN of the key. In check mode it ends in C(key/to-be-created) where there is none yet. Null where the
    module was refused.
  returned: always
  type: str
  sample: arn:aws:kms:eu-central-1:555555555555:key/11111111-2222-3333-4444-555555555555
account_id:
  description: The account of the key.
  returned: always
  type: str
  sample: "555555555555"
changes:
  description: What is done, in order, in the shape of
    RV(aws_baseline.cloudtrail.cloudtrail_kms_enforce#module:changes).
  returned: always
  type: list
  elements: dict
refusals:
  description: Why nothing was done; the module fails then.
  returned: always
  type: list
  elements: str
errors:
  description: Why changes failed; the module fails then. The next run carries on.
  returned: always
  type: list
  elements: str
backup:
  description: What was replaced, in the shape of
    RV(aws_baseline.cloudtrail.cloudtrail_kms_enforce#module:backup). Null where nothing was written.
  returned: always
  type: dict
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import (
    _arguments,
    _audit_arguments,
    _backup_file,
    _central_key,
    _ending,
    _enforce_arguments,
    _model,
    _shown,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _pace


def main() -> None:
    """Look, plan, apply, report."""
    _access.collect_garbage_seldom()
    module = AnsibleAWSModule(
        argument_spec=_enforce_arguments.central_key_spec(),
        mutually_exclusive=[("key_id", "key")],
        supports_check_mode=True,
    )
    try:
        timeout = _enforce_arguments.wait_timeout(module.params)
        region, endpoint_url, connection = get_aws_connection_info(module)
        task = _task_of(module, region or "")
        outcome = _central_key.serve(
            _access.connect(region, endpoint_url, connection, task.scope.concurrency), task, _pace.Pace(timeout)
        )
    except (_arguments.ArgumentError, _access.AwsError, _model.BackupError) as error:
        _shown.fail(module, str(error))
    _ending.end(module, outcome, key_arn=outcome.key_arn, account_id=outcome.account_id)


def _task_of(module: Any, region: str) -> _central_key.KeyTask:
    params = _of_the_key_s_account(module.params)
    return _central_key.KeyTask(
        region=region,
        shared=_enforce_arguments.trails_to_serve(module.params),
        scope=_audit_arguments.scope(params),
        settings=_audit_arguments.settings(params),
        wish=_enforce_arguments.wish(params),
        check_mode=module.check_mode,
        backup_path=_backup_file.checked_path(module.params["backup_path"]),
    )


def _of_the_key_s_account(params: dict[str, Any]) -> dict[str, Any]:
    """The options as those of an enforcement in the key's own account, of which no trail is asked for."""
    specs = {**_audit_arguments.audit_spec(), **_enforce_arguments.own_spec()}
    return {**{name: spec.get("default") for name, spec in specs.items()}, **params, "trails": None}


if __name__ == "__main__":
    main()

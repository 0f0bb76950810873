#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring an account's CloudTrail trails to working KMS encryption."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_enforce
short_description: Bring CloudTrail trails to working encryption under customer managed KMS keys
version_added: 0.1.0
description:
  - Reads and judges the trails of an AWS account as M(aws_baseline.cloudtrail.cloudtrail_kms_facts) does, plans what
    makes them compliant, applies the plan, and reads and judges again. A second run changes nothing.
  - A trail without a key gets one, in the region of its bucket; what is missing in a key's policy is added, and nothing
    in it is rewritten or removed; a key that can never work is replaced.
  - What somebody has decided is refused, with trail, key, statement, reason and next step. A refusal stops everything
    before the first write, and all refusals are listed; O(trails) narrows the run.
  - Of a trail nothing but its key is changed, but for that of O(create_trail). What could not be read never leads to
    another key.
options:
  create_trail:
    description:
      - A trail to make sure of, for a new account. It is created encrypted from its first log, with log-file
        validation, and logs. Nothing else is enforced than what it needs.
      - A trail of that name in its home region is adopted. Its key is mended as ever, and multi-Region, log-file
        validation and logging are turned on; one that differs in anything else is refused.
      - To the bucket's policy is added what it lacks to take the trail's logs, and the denial of all requests without
        TLS; nothing of it is rewritten or removed. A bucket of another account needs O(bucket_assume_role), and is only
        looked at.
      - Mutually exclusive with O(trails) and O(restore).
    type: dict
    suboptions:
      name:
        description: The name of the trail.
        type: str
        required: true
      bucket_name:
        description: The bucket that takes its logs. It must exist.
        type: str
        required: true
      bucket_prefix:
        description: The prefix of the log files' keys in the bucket.
        type: str
      bucket_region:
        description: The region that the bucket is in. A bucket in another one is refused.
        type: str
      new_bucket:
        description:
          - Whether check mode takes a bucket that does not exist to be created before the run, without a policy, in
            O(create_trail.bucket_region) or else in O(create_trail.home_region).
          - A run refuses it all the same.
        type: bool
        default: false
      home_region:
        description: The region of the trail. Without it, that of the connection.
        type: str
      multi_region:
        description: Whether the trail logs the events of all regions.
        type: bool
        default: true
      organization_trail:
        description: Whether it is a trail of the whole organization. This takes the management account's credentials.
        type: bool
        default: false
      tags:
        description: Tags of a trail that is created.
        type: dict
  key_is_shared:
    description:
      - Whether the keys of the account of O(key_assume_role) are shared by accounts that are enforced at the same time,
        so that nothing is written to them from here.
      - Where such a key has to be changed before a trail can use it, nothing is done, and RV(shared_keys) says what the
        key needs. M(aws_baseline.cloudtrail.cloudtrail_kms_central_key) does that for all accounts at once; then run
        again. In check mode the rest is predicted as it will be by then.
      - The role sees to all this where a play has several hosts.
    type: bool
    default: false
  replace_compliant_key:
    description:
      - Whether trails that have a key move to O(key_id) or O(key) as well. Else one on a good key stays there.
      - Logs that are already delivered still need the old key.
    type: bool
    default: false
  allow_unread_bucket_policy:
    description:
      - Whether a trail that may be delivering now is moved to a key although the policy of its bucket could not be
        read. The bucket may refuse logs under that key, and the trail then delivers nothing.
      - Without it such a move is refused. O(bucket_assume_role) gives the role that reads the policy.
    type: bool
    default: false
  restore:
    description:
      - A file that an earlier run wrote to O(backup_path). What it replaced goes back, and nothing else is enforced.
      - The trails get their keys back, and the keys their policies where nobody else has changed them since.
      - Refused are keys that do not work for certain, whatever O(rules) and O(exceptions) say, the removal of
        statements that a trail needs, or may need in a region that cannot be read, and the removal of encryption.
      - Mutually exclusive with O(key), O(key_id), O(trails) and O(regions); what is to stay is taken off the file.
    type: path
  wait:
    description: Whether to wait, after the changes, until each changed trail has delivered without error.
    type: bool
    default: false
extends_documentation_fragment:
  - aws_baseline.cloudtrail.cloudtrail_kms
  - aws_baseline.cloudtrail.cloudtrail_kms.key
  - aws_baseline.cloudtrail.principals
  - aws_baseline.cloudtrail.principals.role
  - aws_baseline.cloudtrail.principals.owners
  - aws_baseline.cloudtrail.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: No write call is made; RV(after) is what the plan will come to.
  diff_mode:
    support: full
  platform:
    platforms: all
  idempotent:
    support: full
notes:
  - Objects that are already in the bucket keep the encryption they have.
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_facts
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
"""

EXAMPLES = r"""
- name: Show what it takes to bring the account to compliance
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
  check_mode: true
  diff: true

- name: Bring the account to compliance, with a key that the analysts can read logs by
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    key:
      alias: alias/audit-logs
      tags:
        team: security
    readers:
      - arn:aws:iam::111111111111:role/SecurityAnalyst
    backup_path: /var/backups/cloudtrail-kms.json
    wait: true

- name: Give a new account its trail, encrypted from its first log
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    create_trail:
      name: management-events
      bucket_name: cloudtrail-logs-111111111111

- name: Use the central key of another account
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    key_id: arn:aws:kms:us-east-1:555555555555:key/11111111-2222-3333-4444-555555555555
    key_assume_role:
      role_arn: arn:aws:iam::555555555555:role/CloudTrailKmsEnforce
      external_id: audit-2026

- name: Put back what an earlier run has replaced
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    restore: /var/backups/cloudtrail-kms.json

- name: Take back a key that was disabled by mistake
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    trails: [main]
    allow_enable_key: true
"""

RETURN = r"""
changes:
  description: What is done, in order. A resource that does not exist yet goes by an ARN that ends in
    C(key/to-be-created).
  returned: always
  type: list
  elements: dict
  contains:
    operation:
      description: The AWS operation, one of C(CreateKey), C(CreateAlias), C(PutKeyPolicy), C(CancelKeyDeletion),
        C(EnableKey), C(PutBucketPolicy), C(CreateTrail), C(UpdateTrail), C(StartLogging) and C(EnableKeyRotation).
      type: str
      sample: UpdateTrail
    resource:
      description: ARN of the trail, key, alias or bucket.
      type: str
    region:
      description: The region it is done in.
      type: str
    before:
      description: What changes, as it was; null where the resource did not exist.
      type: dict
      sample: {kms_key_arn: null}
    after:
      description: What it changes to.
      type: dict
    status:
      description: V(planned) in check mode, else V(applied), V(failed) or V(not_attempted).
      type: str
before:
  description: The account as it was, in the shape of
    RV(aws_baseline.cloudtrail.cloudtrail_kms_facts#module:ansible_facts.cloudtrail_kms).
  returned: always
  type: dict
after:
  description: The account as it is now, in the same shape; in check mode, as the plan will leave it. Null where it
    could not be read again.
  returned: always
  type: dict
shared_keys:
  description: With O(key_is_shared), the keys that have to be changed before trails of the account can use them.
  returned: always
  type: list
  elements: dict
  contains:
    key_arn:
      description: ARN of the key; it ends in C(key/to-be-created) where there is none yet.
      type: str
    alias:
      description: The alias by which it is found or created; null for a key that is found by a trail or by its id.
      type: str
    trails:
      description: ARNs of the trails that its policy must allow.
      type: list
      elements: str
    readers:
      description: ARNs of the readers that its policy must allow.
      type: list
      elements: str
    needed:
      description:
        - By the ARN of a trail that has the key already, the actions of CloudTrail and the readers that its policy
          lacks for it.
      type: dict
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
  description: What was replaced, before and after, as it stands in O(backup_path). Null where nothing was written.
  returned: always
  type: dict
  contains:
    format:
      description: The format of the file.
      type: int
      sample: 2
    collection_version:
      description: The version of the collection that has taken it.
      type: str
    taken_at:
      description: When the last of it was taken, in ISO 8601, UTC.
      type: str
    play:
      description: The play whose batches and loops share the file; null outside of the role.
      type: str
    accounts:
      description: What was replaced in each account. Policies of a key that several accounts share stand with the
        account that owns the key.
      type: list
      elements: dict
      contains:
        account_id:
          description: The account.
          type: str
        taken_at:
          description: When it was taken, in ISO 8601, UTC.
          type: str
        trail_keys:
          description: The trails with the ARN of their key, C(arn), C(before) and C(after).
          type: list
          elements: dict
        key_policies:
          description: The keys with their policy, C(arn), C(before) and C(after).
          type: list
          elements: dict
        created_keys:
          description: ARNs of the keys that were created.
          type: list
          elements: str
        bucket_policies:
          description: The buckets with their policy, C(arn), C(before) and C(after). A restore leaves them as they are.
          type: list
          elements: dict
        created_trails:
          description: ARNs of the trails that were created. A restore leaves them as they are.
          type: list
          elements: str
"""

from dataclasses import asdict
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import (
    _arguments,
    _audit_arguments,
    _backup,
    _backup_file,
    _ending,
    _enforce,
    _enforce_arguments,
    _facts,
    _model,
    _shown,
    _task,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _access, _limits, _pace, _stop


def main() -> None:
    """Read, judge, plan, apply, report."""
    _access.collect_garbage_seldom()
    module = AnsibleAWSModule(
        argument_spec={**_audit_arguments.audit_spec(), **_enforce_arguments.own_spec()},
        mutually_exclusive=[
            ("key_id", "key", "restore"),
            ("create_trail", "restore"),
            ("create_trail", "trails"),
        ],
        required_if=[("key_is_shared", True, ["key_assume_role"])],
        supports_check_mode=True,
    )
    stop = _stop.Stop()
    with _stop.on_signals(stop):
        _run(module, stop)


def _run(module: Any, stop: _stop.Stop) -> None:
    """Enforce, and leave the module; `stop` is heeded from the first write on, and until the result is told."""
    try:
        task, timeout = _task_of(module), _enforce_arguments.wait_timeout(module.params)
        pace = _pace.Pace(timeout, limits=_limits.Limits(sleep=stop.wait), stopped=stop)
        region, endpoint_url, connection = get_aws_connection_info(module)
        first_region = next(iter(task.scope.regions), None)
        caller = _access.connect(region or first_region, endpoint_url, connection, task.scope.concurrency)
        outcome = _enforce.enforce(caller, task, pace)
    except (_arguments.ArgumentError, _access.AwsError, _model.BackupError) as error:
        _shown.fail(module, str(error))
    _ending.end(module, outcome, **_own(outcome, task))


def _task_of(module: Any) -> _task.Task:
    return _task.Task(
        scope=_audit_arguments.scope(module.params),
        settings=_audit_arguments.settings(module.params),
        wish=_enforce_arguments.wish(module.params),
        check_mode=module.check_mode,
        wait=module.params["wait"],
        backup_path=_backup_file.checked_path(module.params["backup_path"]),
        restore=_restored(module.params["restore"]),
    )


def _restored(path: str | None) -> _model.Backup | None:
    if path is None:
        return None
    first, *others = _backup.read_backups([path])
    if others:
        accounts = ", ".join(backup.account_id for backup in (first, *others))
        raise _model.BackupError(f"The backup {path} is of the accounts {accounts}. Cut it down to one of them.")
    return first


def _own(outcome: _task.Outcome, task: _task.Task) -> dict[str, Any]:
    narrowed = _facts.narrowed_by(task.scope.regions, task.scope.trails, task.settings.rules_off)
    return {
        "before": _facts.facts([outcome.before], narrowed),
        "after": outcome.after and _facts.facts([outcome.after], narrowed),
        "shared_keys": [asdict(key) for key in outcome.shared_keys],
    }


if __name__ == "__main__":
    main()

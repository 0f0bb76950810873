#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring CloudTrail trails to working KMS encryption."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_enforce
short_description: Bring CloudTrail trails to working encryption under customer managed KMS keys
version_added: 0.1.0
description:
  - Reads and judges the trails of an AWS account, or of many, as M(aws_baseline.cloudtrail.cloudtrail_kms_facts) does,
    plans what makes them compliant, applies the plan, and reads and judges again. A second run changes nothing.
  - A trail without a key gets one, in the region of its bucket; what is missing in a key's policy is added, and nothing
    in it is rewritten or removed; a key that can never work is replaced.
  - What somebody has decided is refused, with trail, key, statement, reason and next step. A refusal stops its account
    before the first write there, and all refusals are listed; O(trails) narrows the run.
  - Of a trail nothing but its key is changed, but for that of O(create_trail). What could not be read never leads to
    another key.
options:
  key_id:
    description:
      - The key to use, by key id, key ARN, alias name or alias ARN. It must be in the region of the trails' buckets.
      - Mutually exclusive with O(key).
    type: str
  key:
    description:
      - The key, found by its alias in the region where trails need one, or created there.
      - Without it and without O(key_id), its defaults.
    type: dict
    suboptions: &key
      account:
        description:
          - The id of the account in which the key is found by its alias, or created. Without it, that of the trail.
          - It must be one that the run enters for writing, by O(accounts) or by O(key_assume_role).
        type: str
      alias:
        description: The alias by which the key is found, or which it gets.
        type: str
        default: alias/aws-baseline-cloudtrail
      description:
        description: The description of a key that is created.
        type: str
        default: Encrypts the logs of CloudTrail trails
      tags:
        description:
          - Tags of a key that is created. The tag C(aws-baseline:cloudtrail-kms) is added, by which a key is known
            again that an interrupted run has left without its alias.
        type: dict
      administrators:
        description: ARNs of the principals that may administer a key that is created, beside its account's root.
        type: list
        elements: str
      rotation:
        description: Whether the key with this alias rotates automatically. It is never turned off.
        type: bool
        default: true
      rotation_period_in_days:
        description: The rotation period, 90 to 2560 days, where rotation is turned on. Without it KMS takes 365.
        type: int
      multi_region:
        description: Whether a key that is created is a multi-Region primary key.
        type: bool
        default: false
  statements:
    description:
      - The form of the statements that let CloudTrail encrypt.
      - V(strict) ties them to the trail by C(aws:SourceArn) and to its account by the encryption context, V(cis) is the
        form of the CIS benchmark, by the encryption context alone.
    type: str
    choices: [strict, cis]
    default: strict
  allow_enable_key:
    description: Whether a disabled key may be enabled.
    type: bool
    default: false
  allow_cancel_deletion:
    description: Whether a scheduled deletion may be cancelled. The key is disabled then, so this needs
      O(allow_enable_key) too.
    type: bool
    default: false
  backup_path:
    description:
      - A file on the host that holds what the run replaces, before and after, readable by its owner alone. It is
        written before the first write to AWS. A file that is there keeps its content under a name with its time.
      - It may be none of the files of O(restore).
      - A lock beside it keeps other runs out. One that is given the same path meanwhile fails and changes nothing.
      - Nothing is written in check mode, nor where nothing changes.
    type: path
  backup_play:
    description: An id that the runs of one play have in common. What they replace is kept in one file.
    type: str
  wait_timeout:
    description:
      - How many seconds each account may wait in all, from its first write, for retries, for what AWS shows late, for
        others that write the same policy, and for the delivery. What it waits for other accounts of the run, so that
        all together write no faster than AWS takes it, does not count.
    type: int
    default: 300
  create_trail:
    description:
      - A trail to make sure of, for a new account. It is created encrypted from its first log, with log-file
        validation, and logs. Nothing else is enforced than what it needs.
      - A trail of that name in its home region is adopted. Its key is fixed as ever, and multi-Region, log-file
        validation and logging are turned on; one that differs in anything else is refused.
      - To the bucket's policy is added what it lacks to take the trail's logs, and the denial of all requests without
        TLS; nothing of it is rewritten or removed. A bucket of another account needs O(bucket_assume_role), and is only
        read.
      - Mutually exclusive with O(trails) and O(restore).
    type: dict
    suboptions: &create_trail
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
          - In check mode, plan as if the bucket will be created before the run, without a policy, in
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
      - Files that earlier runs wrote to O(backup_path). What they replaced goes back, and nothing else is enforced.
      - The trails get their keys back, and the keys their policies where nobody else has changed them since.
      - Refused are keys that do not work for certain, whatever O(rules) and O(exceptions) say, the removal of
        statements that a trail needs, or may need in a region that cannot be read, and the removal of encryption.
      - Mutually exclusive with O(key), O(key_id), O(trails) and O(regions); remove what is to stay from the file.
    type: list
    elements: path
  wait:
    description: Whether to wait, after the changes, until each changed trail has delivered without error.
    type: bool
    default: false
  accounts:
    description:
      - The ids of the accounts to bring to compliance, in one sweep, each entered by its role.
      - All are read, judged and planned together. What several of them need of one key is one change of that key, made
        before any of their trails moves. Then one account is changed alone, and after it up to 16 side by side.
      - A refusal stops its own account, and one about a key that accounts share all that need it; the others go on.
      - Without it, one account is changed, that of the credentials or of O(assume_role.role_arn).
    type: list
    elements: str
  lending_accounts:
    description:
      - The ids of accounts that are entered only where a key or a bucket of theirs stands behind a trail. Nothing in
        them is judged or changed.
    type: list
    elements: str
  max_failures:
    description: After so many accounts have failed none is begun any more. What is under way is finished.
    type: int
    default: 3
  account_options:
    description:
      - Options in which accounts differ from the run. What an entry says stands for its accounts in the place of what
        the run says; what it leaves out is as the run says.
      - An account stands in one entry at most. Accounts that share a key must agree on it, on O(statements) and on what
        may be done to it; their readers are joined.
    type: list
    elements: dict
    suboptions:
      accounts:
        description:
          - The ids of the accounts that the entry is for, of O(accounts) or O(lending_accounts).
          - It may be for an account that is not read, with O(account_options[].readers),
            O(account_options[].approved_keys), O(account_options[].rules) or O(account_options[].exceptions) alone. By
            these the trails are judged that accounts inherit from it, as by those of O(lending_accounts).
        type: list
        elements: str
        required: true
      assume_role:
        description: The role to assume in these accounts, by its name, or in a single one by its ARN.
        type: dict
        suboptions:
          role_arn:
            description: ARN of the role, where the entry is for one account.
            type: str
          role_name:
            description: Name of the role, with its path if it has one.
            type: str
          external_id:
            description: The external id that the role's trust policy asks for.
            type: str
          session_name:
            description: The session name that appears in CloudTrail for what the role does.
            type: str
            default: aws-baseline-cloudtrail
      regions:
        description: As O(regions).
        type: list
        elements: str
      trails:
        description: As O(trails).
        type: list
        elements: str
      readers:
        description: As O(readers).
        type: list
        elements: str
      approved_keys:
        description: As O(approved_keys).
        type: list
        elements: str
      rules:
        description: As O(rules).
        type: dict
      exceptions:
        description: As O(exceptions).
        type: list
        elements: dict
        suboptions:
          trail:
            description: The name or the ARN of the trail. In it V(*) stands for any characters, and V(?) for one.
            type: str
          account:
            description:
              - The id of the account that owns the trail, or a part of it with V(*) and V(?). The trails of an
                organization are owned by its management account. Put it in quotes.
            type: str
          rules:
            description: The rules that are excepted.
            type: list
            elements: str
            required: true
            choices:
              - trail_has_kms_key
              - key_is_customer_managed
              - key_is_usable
              - key_in_bucket_region
              - key_policy_allows_encrypt
              - key_policy_allows_describe
              - key_policy_allows_decrypt
              - bucket_policy_accepts_key
              - trail_is_delivering
              - readers_can_decrypt
              - key_is_approved
              - key_policy_is_scoped
              - key_rotation_enabled
          reason:
            description: Why the finding is accepted.
            type: str
            required: true
          owner:
            description: Who answers for it.
            type: str
            required: true
          expires:
            description: The last day on which the exception holds, as C(YYYY-MM-DD), UTC.
            type: str
            required: true
      key_id:
        description: As O(key_id).
        type: str
      key:
        description: As O(key).
        type: dict
        suboptions: *key
      statements:
        description: As O(statements).
        type: str
        choices: [strict, cis]
      create_trail:
        description: As O(create_trail).
        type: dict
        suboptions: *create_trail
      replace_compliant_key:
        description: As O(replace_compliant_key).
        type: bool
      allow_enable_key:
        description: As O(allow_enable_key).
        type: bool
      allow_cancel_deletion:
        description: As O(allow_cancel_deletion).
        type: bool
      allow_unread_bucket_policy:
        description: As O(allow_unread_bucket_policy).
        type: bool
extends_documentation_fragment:
  - aws_baseline.cloudtrail.cloudtrail_kms
  - aws_baseline.cloudtrail.principals
  - aws_baseline.cloudtrail.principals.sweep
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
    account_id:
      description: The account of the trail; of a key that several accounts share, that of the key.
      type: str
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
  description: The accounts as they were, in the shape of
    RV(aws_baseline.cloudtrail.cloudtrail_kms_facts#module:ansible_facts.cloudtrail_kms).
  returned: always
  type: dict
after:
  description: The accounts as they are now, in the same shape; in check mode, as the plan will leave them. Of
    O(accounts) it repeats only those of which it says something else than RV(before), and its summary counts all. Null
    where nothing could be read again.
  returned: always
  type: dict
refusals:
  description: Why nothing was done in an account; the module fails then.
  returned: always
  type: list
  elements: dict
  contains:
    account_id:
      description: The account.
      type: str
    message:
      description: What was refused, why, and the next step.
      type: str
    options:
      description: The options that the message names.
      type: list
      elements: str
errors:
  description: Why changes failed; the module fails then. The next run carries on.
  returned: always
  type: list
  elements: dict
  contains:
    account_id:
      description: The account.
      type: str
    message:
      description: What failed, why, and the next step.
      type: str
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
      description: What was replaced in each account. Policies of a key that several accounts of the run share stand
        with the account that owns the key. Each row also has its C(taken_at), the time just before the write.
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
earlier_backups:
  description: The names that files now have which were at O(backup_path) before.
  returned: always
  type: list
  elements: str
  sample: [/var/backups/cloudtrail-kms.json.20261129T012452344951Z]
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils._aws import AwsError, Pace, Stop, collect_garbage_seldom, connect, on_signals
from ..module_utils._backup import read_backups
from ..module_utils._model import BackupError
from ..module_utils._options import (
    EITHER,
    ArgumentError,
    audit_spec,
    enforce_spec,
    lending,
    max_failures,
    of_accounts,
    settings_of_owners,
    to_request,
    to_scope,
    to_settings,
    wait_timeout,
)
from ..module_utils._run import Run, Task, checked_path, end, enforce, fail


def main() -> None:
    """Read, judge, plan, apply, report."""
    collect_garbage_seldom()
    module = AnsibleAWSModule(
        argument_spec=enforce_spec(audit_spec()),
        mutually_exclusive=EITHER,
        supports_check_mode=True,
    )
    stop = Stop()
    with on_signals(stop):
        _enforce_and_end(module, stop)


def _enforce_and_end(module: Any, stop: Stop) -> None:
    """Enforce, and leave the module; `stop` is heeded from the first write on, and until the result is told."""
    try:
        run, timeout = _run_of(module), wait_timeout(module.params)
        region, endpoint_url, connection = get_aws_connection_info(module)
        scope = run.task.scope
        caller = connect(region or scope.first_region, endpoint_url, connection, scope.concurrency)
        outcome = enforce(caller, run, Pace.for_each(timeout, stop))
    except (ArgumentError, AwsError, BackupError) as error:
        fail(module, str(error))
    end(module, outcome, run)


def _run_of(module: Any) -> Run:
    params = module.params
    run = Task(
        scope=to_scope(params),
        check_mode=module.check_mode,
        wait=params["wait"],
        restore=read_backups(params["restore"]) if params["restore"] else (),
    )
    accounts, of_owners = frozenset(params["accounts"] or ()), settings_of_owners(params)

    def task(of: Mapping[str, Any]) -> Task:
        request = replace(to_request(of), accounts=accounts)
        return replace(run, settings=to_settings(of, of_owners), request=request)

    return Run(
        task=task(params),
        tasks=of_accounts(params, task),
        lending=lending(params),
        backup_path=checked_path(params["backup_path"], params["restore"] or ()),
        backup_play=params["backup_play"],
        max_failures=max_failures(params),
    )


if __name__ == "__main__":
    main()

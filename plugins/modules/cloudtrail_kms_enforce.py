#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring CloudTrail trails to working KMS encryption."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_enforce
short_description: Bring CloudTrail trails to working encryption under customer managed KMS keys
version_added: 1.0.0
description:
  - Reads and judges the trails of one or more AWS accounts, like M(aws_baseline.cloudtrail.cloudtrail_kms_facts). Plans
    the changes that make them compliant, applies the plan, then reads and judges again. A second run changes nothing.
  - A trail without a key gets one in the region of its bucket. The module adds missing statements to a key policy, and
    never rewrites or removes any. It replaces a key that can never work.
  - The module never overrides a deliberate setting, such as an explicit Deny or a disabled key. It refuses, and names
    the trail, the key, the statement, the reason and the next step. A refusal stops its account before the first write
    there, and all refusals are listed. Use O(trails) to narrow the run.
  - The module changes only the key of a trail, except for the trail in O(create_trail). It never replaces a key because
    something could not be read.
options:
  key_id:
    description:
      - The key to use, by key id, key ARN, alias name or alias ARN. It must be in the region of the trails' buckets.
      - Mutually exclusive with O(key).
    type: str
  key:
    description:
      - The key, found by its alias in the region where trails need one, or created there.
      - If neither O(key) nor O(key_id) is set, the defaults of O(key) apply.
    type: dict
    suboptions: &key
      account:
        description:
          - The id of the account to find or create the key in. By default, the account of the trail.
          - The run must be able to write in it, through O(accounts) or O(key_assume_role).
        type: str
      alias:
        description: The alias of the key. An existing key is found by it; a new key gets it.
        type: str
        default: alias/aws-baseline-cloudtrail
      description:
        description: The description of a new key.
        type: str
        default: Encrypts the logs of CloudTrail trails
      tags:
        description:
          - Tags of a new key. The module adds the tag C(aws-baseline:cloudtrail-kms), to recognize a key that an
            interrupted run left without its alias.
        type: dict
      administrators:
        description: ARNs of the principals that may administer a new key, in addition to the root of its account.
        type: list
        elements: str
      rotation:
        description: Whether to turn on automatic rotation of the key with this alias. The module never turns it off.
        type: bool
        default: true
      rotation_period_in_days:
        description: The rotation period, 90 to 2560 days, if rotation is turned on. The default of KMS is 365.
        type: int
      multi_region:
        description: Whether a new key is a multi-Region primary key.
        type: bool
        default: false
  statements:
    description:
      - The form of the statements that let CloudTrail encrypt.
      - V(strict) ties them to the trail by C(aws:SourceArn) and to its account by the encryption context. V(cis) is the
        form in the CIS benchmark, which uses the encryption context alone.
    type: str
    choices: [strict, cis]
    default: strict
  allow_enable_key:
    description: Allow enabling a disabled key.
    type: bool
    default: false
  allow_cancel_deletion:
    description: Allow cancelling a scheduled key deletion. The key is then disabled, so this also needs
      O(allow_enable_key).
    type: bool
    default: false
  backup_path:
    description:
      - A file on the host for everything that the run replaces, with the values before and after. Only its owner can
        read it. It is written before the first write to AWS. An existing file is kept under a name that ends in its
        time.
      - It must not be one of the files in O(restore).
      - The run locks the file. Another run with the same path fails meanwhile and changes nothing.
      - No file is written in check mode, or if nothing changes.
    type: path
  backup_play:
    description: An id that all runs of one play share. They write to the same backup file.
    type: str
  wait_timeout:
    description:
      - How many seconds each account may wait in total, counted from its first write, for retries, for changes that AWS
        shows late, for others that write the same policy, and for the delivery. The time that it waits for other
        accounts of the run, to stay within the rate limits of AWS, does not count.
    type: int
    default: 300
  create_trail:
    description:
      - A trail that must exist, for a new account. It is created with encryption from its first log, log-file
        validation, and logging turned on. The module enforces nothing else than what this trail needs.
      - An existing trail of that name in its home region is adopted. Its key is fixed as usual, and multi-Region,
        log-file validation and logging are turned on. A trail that differs in anything else is refused.
      - The module adds to the bucket policy what is missing to accept the trail's logs, and a statement that denies all
        requests without TLS. It never rewrites or removes a statement. A bucket of another account needs
        O(bucket_assume_role), and is only read.
      - Mutually exclusive with O(trails) and O(restore).
    type: dict
    suboptions: &create_trail
      name:
        description: The name of the trail.
        type: str
        required: true
      bucket_name:
        description: The bucket for its logs. It must exist.
        type: str
        required: true
      bucket_prefix:
        description: The prefix of the log files' keys in the bucket.
        type: str
      bucket_region:
        description: The region of the bucket. A bucket in another region is refused.
        type: str
      new_bucket:
        description:
          - In check mode, plan as if the bucket will be created before the run, without a policy, in
            O(create_trail.bucket_region) or else in O(create_trail.home_region).
          - A run without check mode still refuses a bucket that does not exist.
        type: bool
        default: false
      home_region:
        description: The region of the trail. By default, the region of the connection.
        type: str
      multi_region:
        description: Whether the trail logs the events of all regions.
        type: bool
        default: true
      organization_trail:
        description: Whether it is a trail of the whole organization. This needs the credentials of the management
          account.
        type: bool
        default: false
      tags:
        description: Tags of a new trail.
        type: dict
  replace_compliant_key:
    description:
      - Move trails that already have a working key to O(key_id) or O(key) too. By default, they keep their key.
      - Existing log files still need the old key.
      - A trail that O(exceptions) keep from being changed is moved only if O(trails) names it.
    type: bool
    default: false
  allow_unread_bucket_policy:
    description:
      - Set a key on a trail that may be delivering now even if its bucket policy could not be read. If the bucket
        refuses logs under that key, the trail stops delivering.
      - By default, the module refuses this. To read the policy, set O(bucket_assume_role).
    type: bool
    default: false
  change_managed:
    description:
      - Change trails, keys and buckets that carry the tags of CloudFormation, CDK, Terraform or Control Tower. The tool
        may revert the change, so make it there too.
      - By default, the module refuses this, and returns what to add in the code of that tool. A key that the module has
        created is changed regardless of its other tags.
      - If the tags cannot be read, the module warns and makes the change.
    type: bool
    default: false
  restore:
    description:
      - Files that earlier runs wrote to O(backup_path). The module puts back what those runs replaced, and enforces
        nothing else.
      - Trails get their keys back. Keys get their policies back unless somebody else has changed them since.
      - The module refuses to put back a key that certainly does not work, regardless of O(rules) and O(exceptions). It
        refuses to remove encryption, and to remove statements that a trail needs, or may need in a region that cannot
        be read.
      - Mutually exclusive with O(key), O(key_id), O(trails) and O(regions). To restore only a part, delete the other
        entries from the file.
    type: list
    elements: path
  wait:
    description: After the changes, wait until each changed trail has delivered without error.
    type: bool
    default: false
  accounts:
    description:
      - The ids of the accounts to bring to compliance in one sweep. The module assumes a role in each.
      - The module reads, judges and plans all of them together. If several accounts need a change to one key, it makes
        one change, before any of their trails gets the key. Then it changes one account alone, and after it up to 16 in
        parallel.
      - A refusal stops its own account. A refusal about a shared key stops every account that needs the key. The other
        accounts go on.
      - Without it, the module changes one account, that of the credentials or of O(assume_role.role_arn).
    type: list
    elements: str
  lending_accounts:
    description:
      - The ids of accounts that the module enters only to read a key or bucket that a trail uses. Nothing in them is
        judged or changed.
    type: list
    elements: str
  progress_path:
    description:
      - A file to which a line is added for every finished tenth of O(accounts) in each phase, such as
        C(Planned 50 of 500 accounts). The phases are C(Read), C(Planned), C(Applied) and C(Verified).
      - One that cannot be written fails nothing.
    type: path
  max_failures:
    description: How many accounts may fail before the module starts no other. Accounts in progress are finished.
    type: int
    default: 3
  account_options:
    description:
      - Options for single accounts. An option in an entry replaces the option of the run for the accounts of the entry.
        Options that the entry leaves out are those of the run.
      - An account can be in only one entry. Accounts that share a key must agree on O(key), O(key_id), O(statements),
        O(allow_enable_key), O(allow_cancel_deletion) and O(change_managed). Their readers are combined.
    type: list
    elements: dict
    suboptions:
      accounts:
        description:
          - The ids of the accounts that the entry is for, each in O(accounts) or O(lending_accounts).
          - The entry can also be for an account that is not read, if it has only O(account_options[].readers),
            O(account_options[].approved_keys), O(account_options[].rules) and O(account_options[].exceptions). These
            judge the trails that other accounts inherit from it, as with O(lending_accounts).
        type: list
        elements: str
        required: true
      assume_role:
        description: The role to assume in these accounts, by name, or by ARN if the entry is for one account.
        type: dict
        suboptions:
          role_arn:
            description: ARN of the role, if the entry is for one account.
            type: str
          role_name:
            description: Name of the role, with its path if it has one.
            type: str
          external_id:
            description: The external id that the role's trust policy requires.
            type: str
          session_name:
            description: The session name that appears in CloudTrail for what the role does.
            type: str
            default: aws-baseline-cloudtrail
      regions: {description: As O(regions)., type: list, elements: str}
      trails: {description: As O(trails)., type: list, elements: str}
      readers: {description: As O(readers)., type: list, elements: str}
      approved_keys: {description: As O(approved_keys)., type: list, elements: str}
      rules: {description: As O(rules)., type: dict}
      exceptions:
        description: As O(exceptions).
        type: list
        elements: dict
        suboptions:
          trail:
            description: The name or the ARN of the trail. V(*) matches any characters, V(?) matches one.
            type: str
          account:
            description:
              - The id of the account that owns the trail, or a pattern with V(*) and V(?). The management account owns
                the trails of an organization. Put the id in quotes.
            type: str
          rules:
            description: The names of the rules that are excepted.
            type: list
            elements: str
            required: true
          reason:
            description: Why the finding is accepted.
            type: str
            required: true
          owner:
            description: Who is responsible for the exception.
            type: str
            required: true
          expires:
            description: The last day of the exception, as C(YYYY-MM-DD), UTC.
            type: str
            required: true
      key_id: {description: As O(key_id)., type: str}
      key: {description: As O(key)., type: dict, suboptions: *key}
      statements: {description: As O(statements)., type: str, choices: [strict, cis]}
      create_trail: {description: As O(create_trail)., type: dict, suboptions: *create_trail}
      replace_compliant_key: {description: As O(replace_compliant_key)., type: bool}
      allow_enable_key: {description: As O(allow_enable_key)., type: bool}
      allow_cancel_deletion: {description: As O(allow_cancel_deletion)., type: bool}
      allow_unread_bucket_policy: {description: As O(allow_unread_bucket_policy)., type: bool}
      change_managed: {description: As O(change_managed)., type: bool}
extends_documentation_fragment:
  - aws_baseline.cloudtrail.cloudtrail_kms
  - aws_baseline.cloudtrail.attributes
  - aws_baseline.cloudtrail.connection.modules
  - aws_baseline.cloudtrail.connection
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    details: Makes no write call; RV(after) is the predicted result of the plan.
  diff_mode:
    support: full
notes:
  - Ansible runs a task on several hosts at once. Where hosts share a key, let one task cover all O(accounts), or set
    C(throttle=1) for it.
  - Existing objects in the bucket keep their encryption.
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_facts
"""

EXAMPLES = r"""
- name: Show the changes that would make the account compliant
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
  check_mode: true
  diff: true

- name: Bring the account to compliance, with a key that analysts can decrypt logs with
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    key:
      alias: alias/audit-logs
      tags:
        team: security
    readers:
      - arn:aws:iam::111111111111:role/SecurityAnalyst
    backup_path: /var/backups/cloudtrail-kms.json
    wait: true

- name: Create a trail for a new account, encrypted from its first log
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

- name: Put back what an earlier run replaced
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    restore: /var/backups/cloudtrail-kms.json

- name: Enable a key that was disabled by mistake
  aws_baseline.cloudtrail.cloudtrail_kms_enforce:
    trails: [main]
    allow_enable_key: true
"""

RETURN = r"""
changes:
  description: The changes, in order. A resource that does not exist yet has an ARN that ends in C(key/to-be-created).
  returned: always
  type: list
  elements: dict
  contains:
    account_id:
      description: The account of the trail, or of the key if several accounts share it.
      type: str
    operation:
      description: The AWS operation, one of C(CreateKey), C(CreateAlias), C(PutKeyPolicy), C(CancelKeyDeletion),
        C(EnableKey), C(PutBucketPolicy), C(CreateTrail), C(UpdateTrail), C(StartLogging) and C(EnableKeyRotation); in
        check mode also C(CreateBucket), if O(create_trail.new_bucket) says that the bucket will be created first.
      type: str
      sample: UpdateTrail
    resource:
      description: ARN of the trail, key, alias or bucket.
      type: str
    region:
      description: The region of the change.
      type: str
    before:
      description: The values before the change. Null if the resource did not exist.
      type: dict
      sample: {kms_key_arn: null}
    after:
      description: The values after the change.
      type: dict
    status:
      description: V(planned) in check mode, otherwise V(applied), V(failed) or V(not_attempted).
      type: str
    to_add: &to_add
      description: What to add to the code of the tool that owns the resource, to make the change there.
      returned: if the tags of the resource name a tool
      type: list
      elements: dict
      contains:
        tool:
          description: The tool.
          type: str
          sample: Terraform
        form:
          description: V(hcl), V(cloudformation), or V(json) for properties as CloudFormation names them.
          type: str
        text:
          description: The code.
          type: str
before:
  description: The accounts before the changes, in the shape of
    RV(aws_baseline.cloudtrail.cloudtrail_kms_facts#module:ansible_facts.cloudtrail_kms).
  returned: always
  type: dict
after:
  description: The accounts after the changes, in the same shape; in check mode, the predicted result of the plan. With
    O(accounts), it repeats only the accounts that differ from RV(before), but its summary counts all. Null if nothing
    could be read again.
  returned: always
  type: dict
refusals:
  description: Why the module changed nothing in an account. The module fails.
  returned: always
  type: list
  elements: dict
  contains: &reason
    account_id:
      description: The account.
      type: str
    message:
      description: What was refused or failed, why, and the next step.
      type: str
    trails:
      description: The ARNs of the trails that the message begins with.
      type: list
      elements: str
    key:
      description: The ARN of the key that it is about, or null.
      type: str
    options:
      description: The options that would allow it.
      type: list
      elements: str
    settings:
      description: The same options with their values, with which the message ends. Each entry is an alternative. A
        value is V(true), or says in words what to set.
      type: list
      elements: dict
    to_add: *to_add
errors:
  description: Why changes failed. The module fails. The next run continues where it stopped.
  returned: always
  type: list
  elements: dict
  contains: *reason
deliveries:
  description: With O(wait), each trail that the changes reach, by its ARN, and whether it has delivered without error
    since. Empty without it.
  returned: always
  type: dict
  sample: {"arn:aws:cloudtrail:eu-west-1:111111111111:trail/main": true}
run_warnings:
  description: What the run warned of, for reports. Ansible shows it too, and some versions take it out of the result.
  returned: always
  type: list
  elements: str
warning_settings:
  description: The options that a warning ends with, by its text, as RV(refusals[].settings) has them.
  returned: always
  type: dict
  sample: {"The trail ... is delegated ..., or set trails to its ARN.": [{"trails": "its ARN"}]}
backup:
  description: What was replaced, with the values before and after, as in O(backup_path). Null if nothing was written.
  returned: always
  type: dict
  contains:
    format:
      description: The format of the file.
      type: int
      sample: 2
    collection_version:
      description: The version of the collection that wrote the file.
      type: str
    taken_at:
      description: When the last entry was taken, in ISO 8601, UTC.
      type: str
    play:
      description: The play whose batches and loops share the file. Null outside the role.
      type: str
    accounts:
      description: What was replaced in each account. The policy of a shared key is listed under the account that owns
        the key. Each row also has its C(taken_at), the time just before the write.
      type: list
      elements: dict
      contains:
        account_id:
          description: The account.
          type: str
        taken_at:
          description: When the entry was taken, in ISO 8601, UTC.
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
  description: The new names of the files that were at O(backup_path) before.
  returned: always
  type: list
  elements: str
  sample: [/var/backups/cloudtrail-kms.json.20261129T012452344951Z]
undo:
  description: What a restore of RV(backup) would do, by what the run has read; in check mode, of the backup that the
    run would keep. The restore reads all trails, and may refuse for those that O(trails) left out. Null of a restore or
    of a run of some O(regions), and where nothing was replaced or too little is known.
  returned: always
  type: dict
  contains:
    resources:
      description: ARNs of the trails and keys that it would change, once what it refuses is deleted from the backup.
      type: list
      elements: str
    refusals:
      description: Why it would be refused.
      type: list
      elements: dict
      contains:
        <<: *reason
        subject:
          description: How the message begins, in place of trails. Empty for trails, and for a whole account.
          type: str
          sample: The policy of arn:aws:s3:::logs
        reason:
          description: Why, without what it is about and the next step.
          type: str
          sample: a restore does not change it, because new logs may need it
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils._aws import AwsError, Pace, Stop, collect_garbage_seldom, connect, on_signals
from ..module_utils._backup import read_backups
from ..module_utils._model import BackupError
from ..module_utils._module import Progress, fail
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
from ..module_utils._run import Run, Task, checked_path, end, enforce


def main() -> None:
    """Read, judge, plan, apply, report."""
    collect_garbage_seldom()
    module = AnsibleAWSModule(
        argument_spec=enforce_spec(audit_spec()), mutually_exclusive=EITHER, supports_check_mode=True
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
    except ArgumentError as error:
        fail(module, str(error), options=error.options)
    except (AwsError, BackupError) as error:
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
    readers = frozenset(
        reader for each in (params, *(params["account_options"] or ())) for reader in each["readers"] or ()
    )

    def task(of: Mapping[str, Any]) -> Task:
        request = replace(to_request(of), accounts=accounts, readers=readers)
        return replace(run, settings=to_settings(of, of_owners), request=request)

    return Run(
        task=task(params),
        tasks=of_accounts(params, task),
        lending=lending(params),
        backup_path=checked_path(params["backup_path"], params["restore"] or ()),
        backup_play=params["backup_play"],
        max_failures=max_failures(params),
        progress=Progress(params["progress_path"]),
    )


if __name__ == "__main__":
    main()

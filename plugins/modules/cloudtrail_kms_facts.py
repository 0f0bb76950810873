#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge the KMS encryption of an account's CloudTrail trails."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_facts
short_description: Judge whether CloudTrail trails deliver logs encrypted under a working KMS key
version_added: 1.0.0
description:
  - Reads every CloudTrail trail of an AWS account, with its KMS key and its S3 bucket. Judges whether the trail meets
    control 3.5 of CIS AWS Foundations 3.0, and whether the key works at all.
  - What could not be read is V(unknown), never a pass, and the finding names the missing IAM action. Of a region that a
    service control policy closes O(closed_regions) decides.
  - Changes nothing, with or without check mode.
extends_documentation_fragment:
  - aws_baseline.cloudtrail.cloudtrail_kms
  - aws_baseline.cloudtrail.attributes
  - aws_baseline.cloudtrail.connection.modules
  - aws_baseline.cloudtrail.connection
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.facts
options:
  accounts:
    description:
      - The ids of the accounts to read, all in one sweep. The module assumes the role O(assume_role.role_name) in each
        account, or the role that O(account_options) names for it. It reads the account of the credentials with the
        credentials themselves.
      - Without it, the module reads one account, that of the credentials or of O(assume_role.role_arn).
      - An account whose role cannot be assumed is V(unknown), with the reason; the others are still read. If the caller
        has C(organizations:DescribeAccount) and the account is not active, it is V(not_applicable).
      - If another account in the list owns a trail, the trail has the owner's findings in every account. Keys and
        buckets are read once, in the account that owns them if it is in the list or is that of the credentials,
        otherwise with O(key_assume_role) and O(bucket_assume_role).
    type: list
    elements: str
  progress_path:
    description:
      - A file to which the module appends a line for each tenth of O(accounts) that it has finished, such as C(Audited
        50 of 500 accounts).
      - If the file cannot be written, the module carries on.
    type: path
attributes:
  diff_mode:
    support: N/A
    details: The module changes nothing.
  facts:
    support: full
"""

EXAMPLES = r"""
- name: Judge every trail of the account
  aws_baseline.cloudtrail.cloudtrail_kms_facts:
  register: audit

- name: Fail unless the account is compliant
  ansible.builtin.assert:
    that: audit.ansible_facts.cloudtrail_kms.accounts[0].verdict == "compliant"

- name: Judge one trail of another account, with its key in a third
  aws_baseline.cloudtrail.cloudtrail_kms_facts:
    regions: [eu-central-1]
    trails: [organization-trail]
    assume_role:
      role_arn: arn:aws:iam::222222222222:role/CloudTrailKmsAudit
      external_id: audit-2026
    key_assume_role:
      role_arn: arn:aws:iam::555555555555:role/CloudTrailKmsAudit
      external_id: audit-2026

- name: Judge many accounts at once, each through the role of the same name
  aws_baseline.cloudtrail.cloudtrail_kms_facts:
    accounts: ["111111111111", "222222222222", "333333333333", "444444444444", "555555555555"]
    assume_role:
      role_name: CloudTrailKmsAudit
      external_id: audit-2026

- name: Judge several accounts, two of them with their own options
  aws_baseline.cloudtrail.cloudtrail_kms_facts:
    accounts: ["111111111111", "222222222222", "333333333333"]
    assume_role:
      role_name: CloudTrailKmsAudit
      external_id: audit-2026
    account_options:
      - accounts: ["222222222222"]
        assume_role:
          role_arn: arn:aws:iam::222222222222:role/audit/CloudTrail
          external_id: only-222222222222
      - accounts: ["333333333333"]
        readers:
          - arn:aws:iam::333333333333:role/Analyst
        rules:
          key_rotation_enabled: required

- name: Require readers and approved keys, and except one finding until a given day
  aws_baseline.cloudtrail.cloudtrail_kms_facts:
    readers:
      - arn:aws:iam::111111111111:role/SecurityAnalyst
    approved_keys:
      - arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555
    rules:
      key_rotation_enabled: required
      key_policy_is_scoped: "off"
    exceptions:
      - trail: arn:aws:cloudtrail:us-east-1:111111111111:trail/legacy
        rules: [trail_has_kms_key]
        reason: The archive cannot read KMS encrypted logs before its upgrade.
        owner: security@example.com
        expires: "2027-03-31"
"""

RETURN = r"""
ansible_facts:
  description: The facts to add to the host, which stands for the AWS account.
  returned: always
  type: dict
  contains:
    cloudtrail_kms:
      description: The result of the audit.
      type: dict
      returned: always
      contains:
        generated_at:
          description: When the account was read, in ISO 8601, UTC.
          type: str
          sample: "2026-11-23T08:00:00+00:00"
        collection_version:
          description: The version of this collection.
          type: str
          sample: 1.0.0
        summary:
          description:
            - How many C(accounts) and C(trails) were judged, and how many trails are C(excepted). A trail counts once,
              however many accounts see it.
            - How many accounts have each verdict, C(compliant), C(non_compliant), C(unknown), C(no_trails) or
              C(not_applicable).
          type: dict
          sample: {
            accounts: 1, trails: 6, compliant: 0, non_compliant: 1, unknown: 0, no_trails: 0, not_applicable: 0,
            excepted: 0,
          }
        accounts:
          description: One row for each account, sorted by their ids.
          type: list
          elements: dict
          contains:
            account_id:
              description: The account.
              type: str
              sample: "111111111111"
            account_name:
              description: Its name, where it is known.
              type: str
            partition:
              description: Its partition.
              type: str
              sample: aws
            verdict:
              description:
                - V(non_compliant) if a required rule fails for one of its trails, otherwise V(unknown) if one could not
                  be judged or not all trails could be seen, V(no_trails) if there are no trails, otherwise
                  V(compliant).
                - V(not_applicable) for an account that is closed or suspended.
              type: str
              sample: non_compliant
            cis_3_5:
              description: The literal benchmark verdict, which only checks that a key is set. V(pass), V(fail),
                V(unknown), V(no_trails) or V(not_applicable).
              type: str
              sample: fail
            complete:
              description:
                - Whether everything requested could be read. If not, there may be trails that the module did not see.
                - This and the verdicts cover only what was requested; see C(narrowed_by).
              type: bool
            audited_by:
              description: ARN of the principal that read the account, which is the role that was assumed in it or the
                caller. It is null where the account could not be entered.
              type: str
              sample: arn:aws:iam::111111111111:role/CloudTrailKmsAudit
            organization:
              description: Id of its organization, where a trail of an organization or a policy that names organizations
                made it worth asking; else null.
              type: str
              sample: o-a1b2c3d4e5
            regions:
              description: The regions that were read, sorted.
              type: list
              elements: str
            narrowed_by:
              description:
                - The options that narrowed the audit. Null if none did, and if the account was not read because it is
                  closed or suspended.
              type: dict
              contains:
                regions:
                  description: O(regions), sorted; empty if all regions were audited.
                  type: list
                  elements: str
                trails:
                  description: O(trails), sorted; empty if all trails were judged.
                  type: list
                  elements: str
                rules_off:
                  description: The rules that O(rules) sets to V(off), sorted. No trail has a finding for them.
                  type: list
                  elements: str
                rules_lowered:
                  description: The rules that are required by default and that O(rules) sets to V(advised), sorted. No
                    verdict depends on them.
                  type: list
                  elements: str
            trails:
              description: The trails, sorted by ARN.
              type: list
              elements: dict
              contains:
                arn:
                  description: ARN of the trail.
                  type: str
                name:
                  description: Name of the trail.
                  type: str
                home_region:
                  description: The region in which it can be changed.
                  type: str
                multi_region:
                  description: Whether it records all regions.
                  type: bool
                organization_trail:
                  description: Whether it records a whole organization.
                  type: bool
                ownership:
                  description: V(owned), V(delegated) (an organization trail seen by a delegated administrator) or
                    V(inherited) (seen by a member).
                  type: str
                bucket_name:
                  description: The bucket it delivers to.
                  type: str
                kms_key_arn:
                  description: The key it encrypts with, or null.
                  type: str
                verdict:
                  description: V(compliant), V(non_compliant) or V(unknown).
                  type: str
                cis_3_5:
                  description: V(pass) if a key is set, otherwise V(fail).
                  type: str
                findings:
                  description: One finding for each rule that is not off.
                  type: list
                  elements: dict
                  contains:
                    rule:
                      description: Name of the rule.
                      type: str
                      sample: key_is_usable
                    status:
                      description: V(pass), V(fail), V(unknown), V(not_applicable) or V(excepted).
                      type: str
                    level:
                      description: V(required) if the verdict depends on the rule, otherwise V(advised).
                      type: str
                    severity:
                      description: V(critical), V(high), V(medium) or V(low).
                      type: str
                    message:
                      description: What the rule found.
                      type: str
                    evidence:
                      description: The facts behind the finding. If it is V(excepted), also the C(exception) and the
                        C(status) that it covers.
                      type: dict
                    remediation:
                      description: What to do.
                      type: str
                    settings:
                      description: The options of this collection that the remediation ends with. Each entry is an
                        alternative. A value is V(true), or says in words what to set.
                      returned: if it names options
                      type: list
                      elements: dict
                    command:
                      description: The command of the AWS CLI that the remediation ends with.
                      returned: if it ends with one
                      type: str
                    unread:
                      description: The read that failed, with the fields of
                        RV(ansible_facts.cloudtrail_kms.accounts[].errors).
                      returned: if the rule could not be judged because of it
                      type: dict
                    statements:
                      description: The statements that the message names, by their Sid or number, of the key policy,
                        or of the bucket policy if the rule is V(bucket_policy_accepts_key).
                      returned: if it names any
                      type: list
                      elements: str
                    frameworks:
                      description: The controls of each framework that require the rule.
                      type: dict
            kms_keys:
              description: The keys of the trails. A value that could not be read is null.
              type: list
              elements: dict
              contains:
                arn:
                  description: ARN of the key.
                  type: str
                aliases:
                  description: Its aliases.
                  type: list
                  elements: str
                manager:
                  description: V(CUSTOMER) or V(AWS).
                  type: str
                state:
                  description: Its state, as KMS names it.
                  type: str
                spec:
                  description: Its spec.
                  type: str
                usage:
                  description: Its usage.
                  type: str
                multi_region:
                  description: Whether it is a multi-Region key.
                  type: bool
                rotation_enabled:
                  description: Whether it rotates automatically; null where KMS cannot rotate it.
                  type: bool
                policy:
                  description: Its key policy, as KMS returns it.
                  type: str
            buckets:
              description: The buckets of the trails. A value that could not be read is null.
              type: list
              elements: dict
              contains:
                name:
                  description: Name of the bucket.
                  type: str
                region:
                  description: Its region.
                  type: str
                bucket_key_enabled:
                  description: Whether it uses an S3 Bucket Key.
                  type: bool
            former_keys:
              description: Keys that its trails had by the event history, that none has now, and that are not usable, so
                that old logs may not be readable. Absent where none is known, as it is without O(proof).
              type: list
              elements: dict
              contains:
                arn:
                  description: ARN of the key.
                  type: str
                trail:
                  description: The trail that had it, as the event history names it.
                  type: str
                since:
                  description: When the trail had it, by the last event that names it.
                  type: str
                state:
                  description: Its state.
                  type: str
                  sample: PendingDeletion
                deletion_date:
                  description: When KMS deletes it; null where that is not scheduled.
                  type: str
            errors:
              description: The reads that failed. For a trail that another account owns, see its findings.
              type: list
              elements: dict
              contains:
                service:
                  description: The AWS service.
                  type: str
                  sample: kms
                operation:
                  description: The operation.
                  type: str
                  sample: GetKeyPolicy
                iam_action:
                  description: The IAM action it needs.
                  type: str
                  sample: kms:GetKeyPolicy
                region:
                  description: The region of the call.
                  type: str
                code:
                  description: The error code from AWS, or from the SDK if AWS did not answer.
                  type: str
                  sample: AccessDeniedException
                message:
                  description: The error message from AWS.
                  type: str
"""

from functools import partial

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils._audit import audit
from ..module_utils._aws import AwsError, collect_garbage_seldom, connect
from ..module_utils._module import Progress, fail, warn
from ..module_utils._options import ArgumentError, facts_spec, of_accounts, settings_of_owners, to_scope, to_settings


def main() -> None:
    """Read, judge, report."""
    collect_garbage_seldom()
    module = AnsibleAWSModule(argument_spec=facts_spec(), supports_check_mode=True)
    try:
        scope, judging = to_scope(module.params), partial(to_settings, of_owners=settings_of_owners(module.params))
        settings, own = judging(module.params), of_accounts(module.params, judging)
        progress = Progress(module.params["progress_path"], len(scope.accounts))
        region, endpoint_url, connection = get_aws_connection_info(module)
        caller = connect(region or scope.first_region, endpoint_url, connection, scope.concurrency)
        found, warnings = audit(caller, scope, settings, progress, own)
    except ArgumentError as error:
        fail(module, str(error), options=error.options)
    except AwsError as error:
        fail(module, str(error))
    for warning in warnings:
        warn(warning)
    module.exit_json(changed=False, ansible_facts={"cloudtrail_kms": found})


if __name__ == "__main__":
    main()

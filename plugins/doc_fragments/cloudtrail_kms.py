# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the modules of this collection share.

They are one text: YAML's anchors end with it, ansible-test takes no fragment that is put together from others, and
extends_documentation_fragment merges whole options by name.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say what is read, as whom, how it is judged, and in what the accounts of a sweep may differ."""

    DOCUMENTATION = r"""
options:
  regions:
    description:
      - The regions to read. A trail that records all regions is visible in each of them, and judged wherever its home
        region is.
      - By default, every region that is enabled for the account, as C(ec2:DescribeRegions) lists them.
      - If one of several accounts has not enabled a region, it is read in the other regions, and its C(errors) list
        that region.
      - This narrows the audit only. A trail that records all regions gets a key only if its bucket accepts the logs of
        all enabled regions.
    type: list
    elements: str
  trails:
    description:
      - Names or ARNs of the trails to judge. The module fails if one does not exist.
      - By default, every trail that the account sees, including those of its organization. This list, O(regions) and
        O(approved_keys) must not be empty.
    type: list
    elements: str
  concurrency:
    description: How many reads may run at once.
    type: int
    default: 64
  readers:
    description:
      - ARNs of the principals (IAM roles, users, or the root of an account) that must be able to read the logs.
      - A reader of another account also needs permission from its own account.
      - An audit judges the key policy and the bucket policy. With credentials for the reader's account it also asks
        IAM's simulator about the reader's own policies, which needs C(iam:SimulatePrincipalPolicy).
      - If the key policy only delegates to the reader's account, and IAM could not be asked, the reader is V(unknown).
    type: list
    elements: str
  approved_keys:
    description:
      - The only keys that trails may use, each by key ARN, alias ARN, alias name (V(alias/...)), or tag
        (V(tag:NAME=VALUE)).
      - An alias name or a tag approves keys in every account whose keys are read; an alias ARN approves a key in one
        account. Reading them needs the credentials of the key's account, see O(key_assume_role). Otherwise the rule is
        V(unknown).
    type: list
    elements: str
  rules:
    description:
      - The level of each rule that should differ from its default, V(required), V(advised) or V(off).
      - A trail is V(non_compliant) if a V(required) rule fails.
      - The rules are described at U(https://github.com/aws-baseline/aws_baseline.cloudtrail/blob/main/docs/rules.md). A
        message about an unknown rule names all of them.
    type: dict
  exceptions:
    description:
      - Accepted findings of some rules on some trails, each until a given day.
      - An excepted finding fails nothing, and is shown with its exception. An enforcement does not fix it, and warns
        about that. An exception that matches no trail is a warning too.
      - After its last day, an exception covers nothing. The audit fails as without it, and says when it expired. An
        enforcement refuses to change what the exception covered until you renew or remove it.
      - Each exception needs O(exceptions[].trail) or O(exceptions[].account) or both.
    type: list
    elements: dict
    suboptions: &exception
      trail:
        description: The name or the ARN of the trail. V(*) matches any characters, V(?) matches one.
        type: str
      account:
        description:
          - The id of the account that owns the trail, or a pattern with V(*) and V(?). The management account owns the
            trails of an organization. Put the id in quotes.
        type: str
      rules:
        description: The names of the rules that are excepted, see O(rules).
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
  expiry_warning_days:
    description:
      - How many days before imported key material expires the audit advises to renew it.
      - Key material that KMS generates does not expire.
    type: int
    default: 30
  stale_after_hours:
    description: After how many hours without a delivery the audit advises that a trail is stale.
    type: int
    default: 24
  closed_regions:
    description:
      - How to report a region that a service control policy blocks, so that its trails cannot be listed.
      - V(advise) lists it among the errors, V(unknown) makes the account V(unknown) as well.
    type: str
    choices: [advise, unknown]
    default: advise
  proof:
    description:
      - What to read of what AWS did, for the rule V(encryption_is_proven).
      - V(none) reads nothing, and the rule is not judged.
      - V(events) reads CloudTrail's event history and the last use of each key. It takes about 9 seconds for an account
        and Region, because AWS allows two such calls a second, and longer with many keys or events. It needs
        C(cloudtrail:LookupEvents) and C(kms:GetKeyLastUsage).
      - V(objects) also reads the names and the encryption of the newest files of each trail, and the content of none.
        It needs C(s3:ListBucket) and C(s3:GetObject).
    type: str
    choices: [none, events, objects]
    default: none
  assume_role:
    description:
      - The role to assume, by ARN in the account to read, or by name in each of O(accounts).
      - Works in check mode too, because assuming a role changes nothing. The module assumes the role again before the
        session ends.
    type: dict
    suboptions: &role_by_name
      role_arn:
        description: ARN of the role, if it is for one account. For several accounts, set each ARN in
          O(account_options).
        type: str
      role_name:
        description: Name of the role in each account, with its path if it has one.
        type: str
      external_id: &external_id
        description: The external id that the role's trust policy requires.
        type: str
      session_name: &session_name
        description: The session name that appears in CloudTrail for what the role does.
        type: str
        default: aws-baseline-cloudtrail
  key_assume_role:
    description:
      - The role to assume in the account that owns the KMS keys, if that is another account.
      - KMS never shows a key policy to another account, so without this role the policy rules are V(unknown) there.
      - An enforcement finds the key by its id or alias in that account, or creates it there, and adds to its policy.
      - The role also reads buckets if O(bucket_assume_role) is not set or is denied.
      - The module assumes it with its own credentials, not with those of O(assume_role).
    type: dict
    suboptions: &role
      role_arn:
        description: ARN of the role.
        type: str
        required: true
      external_id: *external_id
      session_name: *session_name
  bucket_assume_role:
    description:
      - The role to assume in the account that owns the S3 buckets, if that is another account.
      - The module uses it if the credentials of the trail's account are denied, and for the keys of the bucket's
        account. If this role is denied too, the module tries O(key_assume_role), then its own credentials if they are
        of another account.
      - The role only reads.
      - The module assumes it with its own credentials, not with those of O(assume_role).
    type: dict
    suboptions: *role
  account_options:
    description:
      - Options for single O(accounts). For the accounts of an entry, its options replace the options of the same name;
        the two are never merged. Options that the entry leaves out or sets to V(null) are those of the run.
      - An account can be in only one entry. An empty list means none; C(regions), C(trails) and C(approved_keys) must
        not be empty.
      - An organization trail is judged by the options of the account that owns it. If that account is not read, an
        entry with only C(readers), C(approved_keys), C(rules) or C(exceptions) can set them. Without such an entry,
        each account judges the trail by its own options.
    type: list
    elements: dict
    suboptions:
      accounts:
        description:
          - The accounts that the entry is for. Each must be in O(accounts), or the entry may have only the options for
            an account that is not read.
        type: list
        elements: str
        required: true
      assume_role:
        description: The role to assume in these accounts. If there is an entry with a role for every account,
          O(assume_role) is not needed.
        type: dict
        suboptions: *role_by_name
      regions:
        description: The regions to read, see O(regions).
        type: list
        elements: str
      trails:
        description: Names or ARNs of the trails to judge, see O(trails).
        type: list
        elements: str
      readers:
        description: ARNs of the principals that must be able to read the logs, see O(readers).
        type: list
        elements: str
      approved_keys:
        description: The only keys that trails may use, see O(approved_keys).
        type: list
        elements: str
      rules:
        description: How much each rule counts, see O(rules).
        type: dict
      exceptions:
        description: Accepted findings of some rules on some trails, each until a given day, see O(exceptions).
        type: list
        elements: dict
        suboptions: *exception
notes:
  - O(validate_certs=false) is refused, because a forged answer would make a forged audit. Use O(aws_ca_bundle).
"""

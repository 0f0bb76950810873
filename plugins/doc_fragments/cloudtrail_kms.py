# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the modules of this collection share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that say what is read, and how it is judged; and with which key, and how, keys are changed."""

    DOCUMENTATION = r"""
options:
  regions:
    description:
      - The regions to read. A trail that records all regions is visible in each of them.
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
      - The rules are V(trail_has_kms_key), V(key_is_customer_managed), V(key_is_usable), V(key_in_bucket_region),
        V(key_policy_allows_encrypt), V(key_policy_allows_describe), V(key_policy_allows_decrypt),
        V(bucket_policy_accepts_key), V(trail_is_delivering), V(readers_can_decrypt), V(key_is_approved),
        V(key_policy_is_scoped) and V(key_rotation_enabled).
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
    suboptions:
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
"""

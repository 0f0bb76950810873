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
      - The regions to read. Trails that record all regions are seen from any of them.
      - Without it, every region that is enabled for the account, as C(ec2:DescribeRegions) lists them.
      - Of many accounts, one that has not enabled a region is read in the others; the region is listed in its
        C(errors).
      - It narrows what is judged. A trail that records all regions is moved to a key only if its bucket takes the logs
        of all enabled ones.
    type: list
    elements: str
  trails:
    description:
      - Names or ARNs of the trails to judge; a trail that is not there makes the module fail.
      - Without it, every trail that the account sees, its organization's trails among them. An empty list is refused,
        as it is of O(regions) and O(approved_keys).
    type: list
    elements: str
  concurrency:
    description: How many reads may be under way at once.
    type: int
    default: 64
  approved_keys:
    description:
      - The only keys that trails may use, each by its key ARN, its alias ARN, its alias name (V(alias/...)), or a tag
        that it carries (V(tag:NAME=VALUE)).
      - An alias name and a tag approve the key of any account whose keys are read; an alias ARN says whose. They are
        read with the credentials of the key's account, see O(key_assume_role), else the rule is V(unknown).
    type: list
    elements: str
  rules:
    description:
      - How much each rule counts, V(required), V(advised) or V(off), where it differs from the rule's own level.
      - A trail is V(non_compliant) when a V(required) rule fails.
    type: dict
  exceptions:
    description:
      - Decisions to live with what some rules find on some trails, until a day.
      - What is excepted fails nothing, is shown with the decision, and nothing is enforced because of it, which an
        enforcement says in a warning. One that matches no trail is warned of.
      - After its day it covers nothing. An audit fails then as without it, and says until when it was excepted; an
        enforcement refuses to change what it covered until it is renewed or removed.
      - Each names O(exceptions[].trail) or O(exceptions[].account) or both.
    type: list
    elements: dict
    suboptions:
      trail:
        description: The name or the ARN of the trail. In it V(*) stands for any characters, and V(?) for one.
        type: str
      account:
        description:
          - The id of the account that owns the trail, or a part of it with V(*) and V(?). The trails of an organization
            are owned by its management account. Put it in quotes.
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
  expiry_warning_days:
    description:
      - How many days before the imported key material of a key expires that is advice.
      - It says nothing of key material that KMS makes, which does not expire.
    type: int
    default: 30
  stale_after_hours:
    description: After how many hours without a delivery a trail counts as stale, which is advice.
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

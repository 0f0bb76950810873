# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between the accounts of a sweep: the options of the run once more, each with its suboptions."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that may differ between accounts in an audit."""

    DOCUMENTATION = r"""
options:
  account_options:
    description:
      - What differs between O(accounts). Each entry names some of them, and says for these what takes the place of the
        option of the same name. The two are never merged, and what an entry does not say, or where it says V(null), is
        as the run says.
      - An account is in one entry at most. A list that is empty says that there is none; for C(regions), C(trails) and
        C(approved_keys) it is refused.
      - A trail of an organization is judged by what the account is given that owns it. An entry for an account that is
        not read may be there for that alone, with C(readers), C(approved_keys), C(rules) or C(exceptions) of it.
        Without one, the trail is judged in each account by what that is given.
    type: list
    elements: dict
    suboptions:
      accounts:
        description:
          - The accounts that the entry is for, each of them among O(accounts), or not read and with such options alone.
        type: list
        elements: str
        required: true
      assume_role:
        description: The role to assume in them. With it in an entry for each account, O(assume_role) is not needed.
        type: dict
        suboptions:
          role_arn:
            description: ARN of the role, in an entry for one account.
            type: str
          role_name:
            description: Name of the role, with its path if it has one.
            type: str
          external_id:
            description: The external id that the trust policies of these roles ask for.
            type: str
          session_name:
            description: The session name that appears in CloudTrail for what the role does.
            type: str
            default: aws-baseline-cloudtrail
      regions:
        description: The regions to read, see O(regions).
        type: list
        elements: str
      trails:
        description: Names or ARNs of the trails to judge, see O(trails).
        type: list
        elements: str
      readers:
        description: ARNs of the principals that must be able to decrypt the logs, see O(readers).
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
        description: Decisions to live with what some rules find on some trails, until a day, see O(exceptions).
        type: list
        elements: dict
        suboptions:
          trail:
            description: The name or the ARN of the trail. In it V(*) stands for any characters, and V(?) for one.
            type: str
          account:
            description: The id of the account that owns the trail, or a part of it with V(*) and V(?).
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
"""

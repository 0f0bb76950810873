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
        suboptions:
          role_arn:
            description: ARN of the role, if the entry is for one account.
            type: str
          role_name:
            description: Name of the role, with its path if it has one.
            type: str
          external_id:
            description: The external id that the trust policies of these roles require.
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
        description: Accepted findings of some rules on some trails, each until a given day, see O(exceptions).
        type: list
        elements: dict
        suboptions:
          trail:
            description: The name or the ARN of the trail. V(*) matches any characters, V(?) matches one.
            type: str
          account:
            description: The id of the account that owns the trail, or a pattern with V(*) and V(?).
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
"""

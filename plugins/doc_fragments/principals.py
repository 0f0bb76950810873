# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM principals: as whom the modules work, and who must be able to read the logs."""

from __future__ import annotations

# The options of a role stand three times. ansible-test's yamllint takes only fragments that are one text, so none can
# be put together from others; extends_documentation_fragment merges by the name of an option, so none lends another
# its suboptions.


class ModuleDocFragment:
    """The readers; the role in one account, those of the owners of keys and buckets, and that in many accounts."""

    DOCUMENTATION = r"""
options:
  readers:
    description:
      - ARNs of the principals (IAM roles, users, or the root of an account) that must be able to decrypt the logs.
      - A reader of another account also needs permission from its own account.
      - An audit judges by the key policy. If the key policy only delegates to the reader's account, the reader is
        V(unknown).
    type: list
    elements: str
notes:
  - O(validate_certs=false) is refused, because a forged answer would make a forged audit. Use O(aws_ca_bundle).
"""

    ROLE = r"""
options:
  assume_role:
    description:
      - The role to assume in the account that the module works in. By default, the module works in the account of the
        credentials.
      - Works in check mode too, because assuming a role changes nothing.
    type: dict
    suboptions:
      role_arn:
        description: ARN of the role.
        type: str
        required: true
      external_id:
        description: The external id that the role's trust policy requires.
        type: str
      session_name:
        description: The session name that appears in CloudTrail for what the role does.
        type: str
        default: aws-baseline-cloudtrail
"""

    OWNERS = r"""
options:
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
      external_id:
        description: The external id that the role's trust policy requires.
        type: str
      session_name:
        description: The session name that appears in CloudTrail for what the role does.
        type: str
        default: aws-baseline-cloudtrail
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
"""

    SWEEP = r"""
options:
  assume_role:
    description:
      - The role to assume, by ARN in the account to read, or by name in each of O(accounts).
      - Works in check mode too, because assuming a role changes nothing. The module assumes the role again before the
        session ends.
    type: dict
    suboptions:
      role_arn:
        description: ARN of the role, if one account is read. For several accounts, set each ARN in O(account_options).
        type: str
      role_name:
        description: Name of the role, with its path if it has one, in each of O(accounts).
        type: str
      external_id:
        description: The external id that the role's trust policy requires.
        type: str
      session_name:
        description: The session name that appears in CloudTrail for what the role does.
        type: str
        default: aws-baseline-cloudtrail
"""

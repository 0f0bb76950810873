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
      - A reader of another account needs the permission of its own account as well.
      - An audit goes by what the key policy says. A reader that only the delegation to the account covers is
        V(unknown) there.
    type: list
    elements: str
notes:
  - O(validate_certs=false) is refused, since a forged answer would be a forged audit; use O(aws_ca_bundle).
"""

    ROLE = r"""
options:
  assume_role:
    description:
      - The role to assume in the account that the module works in. Without it, that of the credentials.
      - Works in check mode too, since assuming a role changes nothing.
    type: dict
    suboptions:
      role_arn:
        description: ARN of the role.
        type: str
        required: true
      external_id:
        description: The external id that the role's trust policy asks for.
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
      - The role to assume in the account that owns the KMS keys, where that is another one.
      - KMS never shows a key policy to another account, so without it the policy rules are V(unknown) there.
      - An enforcement looks for a key by its id or alias in that account, or creates it there, and adds to its policy.
      - It is asked for buckets as well, where O(bucket_assume_role) is not given or is refused.
      - It is assumed with the credentials of the module, not with those of O(assume_role).
    type: dict
    suboptions: &role
      role_arn:
        description: ARN of the role.
        type: str
        required: true
      external_id:
        description: The external id that the role's trust policy asks for.
        type: str
      session_name:
        description: The session name that appears in CloudTrail for what the role does.
        type: str
        default: aws-baseline-cloudtrail
  bucket_assume_role:
    description:
      - The role to assume in the account that owns the S3 buckets, where that is another one.
      - It is asked where the credentials of the trail's account are refused, and for the keys of its own account. After
        it O(key_assume_role) is asked, and the credentials of the module where they are of another account.
      - It only reads.
      - It is assumed with the credentials of the module, not with those of O(assume_role).
    type: dict
    suboptions: *role
"""

    SWEEP = r"""
options:
  assume_role:
    description:
      - The role to assume in the account that is to be read, by its ARN, or in each of O(accounts), by its name.
      - Works in check mode too, since assuming a role changes nothing. It is assumed again before its session ends.
    type: dict
    suboptions:
      role_arn:
        description: ARN of the role, where one account is read. Of many, O(account_options) gives the ARN of each.
        type: str
      role_name:
        description: Name of the role, with its path if it has one, in each of O(accounts).
        type: str
      external_id:
        description: The external id that the role's trust policy asks for.
        type: str
      session_name:
        description: The session name that appears in CloudTrail for what the role does.
        type: str
        default: aws-baseline-cloudtrail
"""

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of amazon.aws that connect to AWS.

They are documented here too because Galaxy and Automation Hub read a collection without its dependencies. The tests
compare them with the options of amazon.aws.
"""

from __future__ import annotations


class ModuleDocFragment:
    """How a module, or a plugin on the control node, connects to AWS.

    DOCUMENTATION has what runs this collection, as `make test-matrix` shows; amazon.aws names older versions.
    """

    DOCUMENTATION = r"""
options: {}
requirements:
  - python >= 3.10
  - boto3 >= 1.40.40
  - botocore >= 1.40.40
"""

    MODULES = r"""
options:
  access_key:
    description:
      - The access key ID of the credentials. Not together with O(profile).
      - Without it, E(AWS_ACCESS_KEY_ID) or E(AWS_ACCESS_KEY) is used, whichever is set first in this order.
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description:
      - The secret access key of the credentials. Not together with O(profile).
      - Without it, E(AWS_SECRET_ACCESS_KEY) or E(AWS_SECRET_KEY) is used, whichever is set first in this order.
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description:
      - The session token of temporary credentials. Not together with O(profile).
      - Without it, E(AWS_SESSION_TOKEN) is used.
    type: str
    aliases: [aws_session_token]
  profile:
    description:
      - The profile of the AWS configuration that gives the credentials. Not together with O(access_key),
        O(secret_key) or O(session_token).
      - Without it, E(AWS_PROFILE) or E(AWS_DEFAULT_PROFILE) is used, whichever is set first in this order.
    type: str
    aliases: [aws_profile]
  endpoint_url:
    description:
      - The URL that answers instead of AWS, such as that of an imitation for tests.
      - Without it, E(AWS_URL) is used.
    type: str
    aliases: [aws_endpoint_url]
  aws_ca_bundle:
    description:
      - The file of the certificate authorities for the certificates of AWS, or of a proxy in between.
      - Without it, E(AWS_CA_BUNDLE) is used.
    type: path
  validate_certs:
    description:
      - Whether the certificates of AWS are verified. Rather set O(aws_ca_bundle) than turn this off.
    type: bool
    default: true
  aws_config:
    description:
      - Settings for the AWS SDK, by the names of the arguments of C(botocore.config.Config).
    type: dict
  debug_botocore_endpoint_logs:
    description:
      - Whether the result lists the AWS calls of the task, each once, as C(resource_actions).
      - Without it, E(ANSIBLE_DEBUG_BOTOCORE_LOGS) is used.
    type: bool
    default: false
  region:
    description:
      - The AWS region of the first call.
      - Without it, E(AWS_REGION) or E(AWS_DEFAULT_REGION) is used, whichever is set first in this order.
    type: str
    aliases: [aws_region]
notes:
  - Environment variables and the files of the AWS SDK, such as C(~/.aws/credentials), are those of the host that runs
    the module. With a local connection this is the control node.
"""

    PLUGINS = r"""
options:
  access_key:
    description: The access key ID of the credentials. Not together with O(profile).
    type: str
    aliases: [aws_access_key_id, aws_access_key]
    env:
      - name: AWS_ACCESS_KEY_ID
      - name: AWS_ACCESS_KEY
  secret_key:
    description: The secret access key of the credentials. Not together with O(profile).
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
    env:
      - name: AWS_SECRET_ACCESS_KEY
      - name: AWS_SECRET_KEY
  session_token:
    description: The session token of temporary credentials. Not together with O(profile).
    type: str
    aliases: [aws_session_token]
    env:
      - name: AWS_SESSION_TOKEN
  profile:
    description:
      - The profile of the AWS configuration that gives the credentials. Not together with O(access_key),
        O(secret_key) or O(session_token).
    type: str
    aliases: [aws_profile]
    env:
      - name: AWS_PROFILE
      - name: AWS_DEFAULT_PROFILE
  endpoint_url:
    description: The URL that answers instead of AWS, such as that of an imitation for tests.
    type: str
    aliases: [aws_endpoint_url]
    env:
      - name: AWS_URL
  region:
    description: The AWS region of the calls.
    type: str
    aliases: [aws_region]
    env:
      - name: AWS_REGION
  assume_role_arn:
    description:
      - The ARN of a role to assume before the accounts are read. The credentials must be allowed to assume it.
    aliases: [iam_role_arn]
notes:
  - Environment variables and the files of the AWS SDK, such as C(~/.aws/credentials), are those of the control node.
"""

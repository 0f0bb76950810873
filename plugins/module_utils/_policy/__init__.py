# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key-policy engine: read a policy, decide a request as AWS would, add what is missing, check what is sent."""

from __future__ import annotations

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._bucket_policy import (
    Delivery,
    merge_bucket_policy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import (
    Decision,
    concerning,
    decide,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import (
    Policy,
    PolicyError,
    Statement,
    parse,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    MergeRefusedError,
    Required,
    is_our_sid,
    merge,
    new_key_policy,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import (
    ANY_MEMBER,
    delivery_request,
    reader_request,
    service_request,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._validate import MAX_BYTES, validate

__all__ = [
    "ANY_MEMBER",
    "MAX_BYTES",
    "Decision",
    "Delivery",
    "MergeRefusedError",
    "Outcome",
    "Policy",
    "PolicyError",
    "Request",
    "Required",
    "Statement",
    "concerning",
    "decide",
    "delivery_request",
    "is_our_sid",
    "merge",
    "merge_bucket_policy",
    "new_key_policy",
    "parse",
    "reader_request",
    "service_request",
    "validate",
]

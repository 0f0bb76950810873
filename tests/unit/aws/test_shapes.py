# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers have the types of the service model, or are none."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import botocore.session
import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import check

SESSION = botocore.session.Session()


def shape(service: str, operation: str) -> Any:
    return SESSION.get_service_model(service).operation_model(operation).output_shape


@pytest.mark.parametrize(
    ("service", "operation", "answer"),
    [
        ("cloudtrail", "DescribeTrails", {"trailList": [{"Name": "main", "IsMultiRegionTrail": True}]}),
        ("cloudtrail", "GetTrailStatus", {"LatestDeliveryTime": datetime.now(timezone.utc), "ResponseMetadata": {}}),
        ("kms", "DescribeKey", {"KeyMetadata": {"Arn": "arn", "Unheard": object()}}),
        ("kms", "ListResourceTags", {"Tags": [], "Truncated": False}),
    ],
)
def test_what_aws_answers_fits(service: str, operation: str, answer: dict[str, Any]) -> None:
    check(shape(service, operation), answer)


@pytest.mark.parametrize(
    ("service", "operation", "answer", "words"),
    [
        ("cloudtrail", "DescribeTrails", [], "the whole is list, not structure"),
        ("cloudtrail", "DescribeTrails", {"trailList": {}}, "trailList is dict, not list"),
        ("cloudtrail", "DescribeTrails", {"trailList": [{"Name": 7}]}, r"trailList\[\].Name is int, not string"),
        ("cloudtrail", "GetTrailStatus", {"IsLogging": "true"}, "IsLogging is str, not boolean"),
        ("cloudtrail", "GetTrailStatus", {"LatestDeliveryTime": "now"}, "LatestDeliveryTime is str, not timestamp"),
        ("kms", "GetKeyRotationStatus", {"RotationPeriodInDays": True}, "RotationPeriodInDays is bool, not integer"),
    ],
)
def test_what_only_looks_like_it_does_not(service: str, operation: str, answer: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        check(shape(service, operation), answer)

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arbitrary JSON, and JSON that is nearly a policy."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tests.unit.checks import build

WORDS = st.sampled_from(
    [
        "",
        "*",
        "Allow",
        "aws:SourceArn",
        "${aws:SourceArn}",
        "kms:*",
        "AIDAEXAMPLE",
        build.TRAIL_ARN,
        build.KEY_ARN,
        "{{ x }}",
    ]
)
TEXTS = st.text(max_size=20) | WORDS
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | TEXTS
JSON = st.recursive(
    LEAVES, lambda parts: st.lists(parts, max_size=4) | st.dictionaries(TEXTS, parts, max_size=4), max_leaves=12
)

ELEMENTS = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
OPERATORS = (
    *("StringEquals", "StringNotLike", "ArnLike", "Null", "Bool", "BinaryEquals", "NumericLessThan", "DateGreaterThan"),
    *(
        "IpAddress",
        "NotIpAddress",
        "ForAllValues:StringLike",
        "ForAnyValue:ArnEquals",
        "StringEqualsIfExists",
        "Nonsense",
    ),
)
NAMED = st.dictionaries(st.sampled_from(["AWS", "Service", "Federated", "CanonicalUser", "Other"]), JSON, max_size=3)
CONDITIONS = st.dictionaries(st.sampled_from(OPERATORS), st.dictionaries(TEXTS, JSON, max_size=3) | JSON, max_size=3)
STATEMENTS = st.dictionaries(
    st.sampled_from(ELEMENTS), JSON | WORDS | st.lists(WORDS, max_size=3) | NAMED | CONDITIONS, max_size=7
)
NEAR_POLICIES = st.fixed_dictionaries(
    {"Statement": st.lists(STATEMENTS | JSON, max_size=4) | STATEMENTS},
    optional={"Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | JSON, "Id": JSON},
)
POLICY_TEXTS = NEAR_POLICIES.map(json.dumps) | JSON.map(json.dumps) | st.text(max_size=60)

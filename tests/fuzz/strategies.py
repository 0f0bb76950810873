# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arbitrary JSON, JSON that is nearly a policy, and answers of AWS and reports with something wrong in them."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import VERDICTS, facts, narrowed_by
from tests.fuzz.wire import HEALTHY, Sent
from tests.unit.checks import build
from tests.unit.eda.events import RECORDS, event

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


@st.composite
def damaged_answers(draw: st.DrawFn, healthy: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The answers of AWS, in some of which something is missing or is something else."""
    answers = copy.deepcopy(healthy)
    for operation in draw(st.lists(st.sampled_from(sorted(answers)), min_size=1, max_size=3, unique=True)):
        answers[operation] = draw(_damaged(answers[operation]))
    return answers


@st.composite
def _damaged(draw: st.DrawFn, value: Any, other: st.SearchStrategy[Any] = JSON | POLICY_TEXTS) -> Any:
    """The value with one part of it, however deep, taken out or replaced by something other."""
    parts = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    if not parts or draw(st.integers(0, 3)) == 0:
        return draw(other)
    part = draw(st.sampled_from(parts))
    changed = copy.copy(value)
    if draw(st.integers(0, 4)) == 0:
        del changed[part]
    else:
        changed[part] = draw(_damaged(value[part], other))
    return changed


def _report() -> dict[str, Any]:
    """The report on a healthy account, and on others of which each has another verdict, or a trail of the first."""
    healthy = build.snapshot()
    exception = TrailException(None, ("key_is_usable",), "The archive moves.", "security", date(2027, 3, 31))
    read = [
        healthy,
        replace(healthy, account_id="2" * 12, trails=(replace(build.TRAIL, ownership="inherited"),)),
        replace(healthy, account_id="3" * 12, trails=(), state="SUSPENDED"),
        replace(healthy, account_id="4" * 12, trails=(), errors=(build.denied("sts", "AssumeRole", "sts:AssumeRole"),)),
        replace(healthy, account_id="5" * 12, trails=()),
    ]
    settings = Settings(exceptions=(exception,), levels={"key_rotation_enabled": "off"})
    told = facts([assess(each, settings) for each in read], narrowed_by((), (), settings.rules_set_to("off", ())))
    report: dict[str, Any] = json.loads(json.dumps(told))
    return report


REPORT = _report()
# What a report says in some place, so that it may say it in another.
REPORT_WORDS = st.sampled_from(
    [*RULES, *VERDICTS, "pass", "fail", "excepted", "required", "advised", "owned", "inherited", "1" * 12, "2" * 12]
)


@st.composite
def damaged_reports(draw: st.DrawFn) -> Any:
    """The report, in some places of which something is missing, or is something else that a report may say."""
    report: Any = REPORT
    for _time in range(draw(st.integers(1, 3))):
        report = draw(_damaged(report, REPORT_WORDS | st.booleans() | st.integers(0, 6) | JSON))
    return report


# Messages of a queue, as the source hands them on: records of CloudTrail in which something is missing or is something
# else, and what was never one.
EVENTS = st.fixed_dictionaries(
    {
        "body": st.sampled_from(sorted(RECORDS)).map(event).flatmap(_damaged)
        | st.fixed_dictionaries({"detail-type": st.just("AWS API Call via CloudTrail"), "detail": JSON})
        | JSON
    },
    optional={"meta": JSON, "cloudtrail_kms": JSON},
)


def _statement(sid: str, principal: Any, action: Any, **more: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


# Statements under our Sids, of which some are ours, as a backup could be doctored with.
DOCTORED = st.builds(
    _statement,
    st.sampled_from(
        [f"AwsBaselineCloudTrail{kind}" for kind in ("Use", "Describe", "Readers", "Readers2", "Administrators")]
    ),
    st.sampled_from(
        [
            "*",
            {"AWS": "*"},
            {"AWS": [build.ROLE_ARN, "arn:aws:iam::999999999999:root"]},
            {"AWS": build.ROLE_ARN},
            {"Service": "cloudtrail.amazonaws.com"},
        ]
    ),
    st.sampled_from(["kms:*", "kms:Decrypt", "kms:DescribeKey", ["kms:GenerateDataKey*", "kms:Decrypt"]]),
    Condition=st.sampled_from([{}, build.SCOPE, {"Null": {"kms:EncryptionContext:aws:cloudtrail:arn": "false"}}]),
)


@st.composite
def doctored_backups(draw: st.DrawFn) -> tuple[str, Any]:
    """The policy of a key, and a backup that a run could have written of it, with something wrong in it."""
    statements = draw(st.lists(st.sampled_from([build.ROOT, build.ENCRYPT, build.DESCRIBE]) | DOCTORED, min_size=1))
    present = build.policy(*statements)
    before = draw(st.permutations(statements))[: draw(st.integers(0, len(statements)))]
    before += draw(st.lists(DOCTORED, max_size=2))
    row = {"arn": build.KEY_ARN, "before": build.policy(*before), "after": present}
    part = {
        "account_id": build.ACCOUNT,
        "taken_at": "",
        "trail_keys": [{"arn": build.TRAIL_ARN, "before": build.KEY_ARN, "after": build.KEY_ARN}],
        "key_policies": [row],
        "created_keys": [build.KEY_ARN],
        "bucket_policies": [{"arn": "arn:aws:s3:::logs", "before": None, "after": build.BUCKET_POLICY}][
            : draw(st.integers(0, 1))
        ],
        "created_trails": [],
    }
    parts = [part, draw(st.just({**part, "account_id": "222222222222"}) | _damaged(part))][: draw(st.integers(1, 2))]
    whole = {"format": 2, "play": None, "taken_at": "", "accounts": parts}
    return present, draw(st.just(whole) | _damaged(whole))


# Numbers that no clock knows, text that no file takes, and a list whose pages repeat.
ODD_JSON: st.SearchStrategy[Any] = JSON | st.sampled_from([1e300, -1e300, 253402300800, "\ud800", "", {}, [], None])
BODIES = (
    st.binary(max_size=30)
    | ODD_JSON.map(lambda value: json.dumps(value).encode())
    | st.sampled_from([b"", b"<html>Sign in</html>", b"<Error><Code>AccessDenied</Code></Error>", b"<a><b></a>"])
)


@st.composite
def wires(draw: st.DrawFn) -> dict[str, Sent]:
    """What HTTP brings in place of the answers to some operations: other bytes, parts, members, statuses, headers."""
    sent = {}
    for operation in draw(st.lists(st.sampled_from(sorted(HEALTHY)), min_size=1, max_size=3, unique=True)):
        healthy = HEALTHY[operation]
        cut = draw(st.integers(0, len(healthy.body)))
        body = draw(BODIES | st.just(healthy.body[:cut]) | _members(healthy.body))
        region = draw(TEXTS.filter(str.isprintable) | st.just("us-east-1"))
        status = draw(st.sampled_from([200, 200, 200, 301, 400, 403, 404]))
        sent[operation] = Sent(body, status, {"x-amz-bucket-region": region})
    return sent


@st.composite
def _members(draw: st.DrawFn, body: bytes) -> bytes:
    """The JSON with one part of it changed, and with members that nobody knows; other bodies as they are."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    more = draw(st.dictionaries(st.sampled_from(["Truncated", "NextMarker", "NextToken", "Other"]), ODD_JSON))
    changed = draw(_damaged(answer))
    return json.dumps({**changed, **more} if isinstance(changed, dict) else changed).encode()


SIZES = st.integers(0, 60)


@st.composite
def sized_policies(draw: st.DrawFn) -> str:
    """A policy whose lists may multiply each other: names, services, statements, variables, questions, patterns."""
    names = [f"arn:aws:iam::*:role/{'a' * draw(st.sampled_from([1, 900]))}{n}*" for n in range(draw(SIZES))]
    context: dict[str, Any] = {"StringLike": {"aws:PrincipalArn": names}}
    context["StringLike"]["kms:ViaService"] = [f"s{n}.*.amazonaws.com" for n in range(draw(SIZES))]
    context["StringNotLike"] = {"aws:PrincipalArn": ["*a" * draw(SIZES) + "b"]}
    context["StringEquals"] = {f"aws:x{n}": "a" for n in range(draw(st.integers(0, 10)))}
    chosen = draw(st.lists(st.sampled_from(sorted(context)), unique=True))
    statement = {
        "Principal": draw(
            st.sampled_from(["*", {"AWS": "*"}, {"AWS": names}, {"Service": "cloudtrail.amazonaws.com"}])
        ),
        "Action": draw(st.sampled_from(["kms:*", "*", ["kms:*a*" + "e" * draw(SIZES)]])),
        "Resource": ["*", *(f"${{aws:PrincipalArn}}{n}" for n in range(draw(SIZES)))],
        "Condition": {operator: context[operator] for operator in chosen},
    }
    effects = draw(st.lists(st.sampled_from(["Allow", "Deny"]), min_size=1, max_size=20))
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Effect": effect} for effect in effects]})

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold for any policy and any request."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import concerning, decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import Policy, parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    MergeRefusedError,
    Required,
    merge,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import (
    reader_request,
    service_request,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._validate import validate
from tests.unit.policy.golden_tables import KEY, OWNER
from tests.unit.policy.strategies import (
    CONTEXT,
    KEYS,
    LOGS,
    SERVICE,
    documents,
    learning,
    requests,
    services,
    statements,
    wanted,
)

DENIED = {Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY}


def outcome(document: dict[str, Any], request: Request) -> Outcome:
    """What comes of the request."""
    return decide(parse(document), request).outcome


# Merging


def merged(document: dict[str, Any], *wanted: Required) -> tuple[Policy, Policy]:
    """The policy before and after merging in turn; policies that merging refuses are left out."""
    before = after = parse(document)
    try:
        for required in wanted:
            after = merge(after, required)
    except MergeRefusedError:
        assume(False)
    return before, after


def required_calls(required: Required) -> list[Request]:
    """What must be allowed, asked as the rules ask it."""
    calls = []
    for trail in required.trail_arns:
        calls += [
            service_request(action, trail_arn=trail, key_arn=KEY)
            for action in ("kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey")
        ]
        for reader in required.readers:
            call = reader_request(
                reader,
                trail_arn=trail,
                key_arn=KEY,
                object_arn=LOGS,
                bucket_region="us-east-1",
                identity_allows=True,
            )
            calls.append(call if call.caller.account != OWNER else replace(call, identity_allows=False))
    return calls


@given(documents(), wanted())
def test_after_merging_everything_required_is_allowed(document: dict[str, Any], required: Required) -> None:
    """And KMS takes the result."""
    _before, after = merged(document, required)
    assert {decide(after, call).outcome for call in required_calls(required)} == {Outcome.ALLOWED}
    assert validate(after) == []


@given(documents(), wanted())
def test_merging_twice_is_merging_once(document: dict[str, Any], required: Required) -> None:
    """The second time finds nothing missing."""
    _before, after = merged(document, required)
    assert merge(after, required) is after


@given(documents(), wanted(), wanted())
def test_merging_for_others_keeps_what_is_ours(document: dict[str, Any], first: Required, second: Required) -> None:
    """On a shared key nobody loses what an earlier run gave."""
    _before, twice = merged(document, first, second)
    assert {decide(twice, call).outcome for call in required_calls(first)} == {Outcome.ALLOWED}


@given(documents(), wanted(), requests())
def test_nothing_that_was_allowed_is_denied(document: dict[str, Any], required: Required, request: Request) -> None:
    """For anybody."""
    before, after = merged(document, required)
    if decide(before, request).outcome is Outcome.ALLOWED:
        assert decide(after, request).outcome is Outcome.ALLOWED


def is_in_scope(request: Request, required: Required) -> bool:
    """Whether merging may change what comes of the request, by what the chosen form can express."""
    sources, contexts = (request.keys.get(key.lower()) for key in ("aws:SourceArn", CONTEXT))
    if request.principal != SERVICE:
        named = {(reader.split(":")[4], reader.split("/")[-1]) for reader in required.readers}
        roles = {(reader.split(":")[4], *reader.split("/")[1:2]) for reader in required.readers}
        who = (request.principal.split(":")[4], request.principal.split("/")[-1])
        role = (request.principal.split(":")[4], *request.principal.split("/")[1:2])
        account = f"arn:aws:iam::{who[0]}:root" in required.readers
        return request.action == "kms:Decrypt" and bool(contexts) and (who in named or role in roles or account)
    if request.action == "kms:DescribeKey":
        return True
    accounts = {trail.split(":")[4] for trail in required.trail_arns}
    tied = required.form == "cis" or set(sources or ()) <= set(required.trail_arns)
    return (
        request.action in ("kms:GenerateDataKey", "kms:Decrypt")
        and tied
        and {context.split(":")[4] for context in contexts or ()} <= accounts
    )


@given(documents(), wanted(), requests(), st.booleans())
def test_nothing_else_is_allowed(
    document: dict[str, Any], required: Required, request: Request, other_context: bool
) -> None:
    """The service and the readers, their actions, trails of the listed accounts; not even from denied to unknown."""
    before, after = merged(document, required)
    if other_context:
        request = replace(
            request, context={**request.context, CONTEXT: "arn:aws:cloudtrail:us-east-1:999999999999:trail/x"}
        )
    was, is_now = decide(before, request).outcome, decide(after, request).outcome
    assert was is is_now or is_in_scope(request, required)


# Deciding


@given(documents(), requests(), st.randoms(use_true_random=False))
def test_the_order_of_statements_does_not_matter(document: dict[str, Any], request: Request, random: Any) -> None:
    """Deny comes first wherever it stands."""
    shuffled = list(document["Statement"])
    random.shuffle(shuffled)
    assert outcome({**document, "Statement": shuffled}, request) is outcome(document, request)


def listed(value: Any) -> Any:
    """Every text as a list of one, but for the elements that are no lists."""
    if isinstance(value, dict):
        plain = ("Sid", "Effect", "Version")
        return {name: part if name in plain or part == "*" else listed(part) for name, part in value.items()}
    return value if isinstance(value, list) else [value]


@given(documents(), requests())
def test_a_text_is_a_list_of_one(document: dict[str, Any], request: Request) -> None:
    """In actions, resources, principals and conditions."""
    assert outcome({**document, "Statement": [listed(s) for s in document["Statement"]]}, request) is outcome(
        document, request
    )


def capitals(statement: dict[str, Any]) -> dict[str, Any]:
    """The same statement with actions and condition keys in capitals."""
    changed = dict(statement)
    for element in ("Action", "NotAction"):
        if element in statement:
            names = statement[element]
            changed[element] = [name.upper() for name in names] if isinstance(names, list) else names.upper()
    changed["Condition"] = {
        operator: {key.upper(): value for key, value in keys.items()}
        for operator, keys in statement.get("Condition", {}).items()
    }
    return changed


@given(documents(), requests())
def test_the_case_of_actions_and_keys_does_not_matter(document: dict[str, Any], request: Request) -> None:
    """Neither in the policy nor in the request."""
    expected = outcome(document, request)
    shouting = replace(request, context={key.upper(): value for key, value in request.context.items()})
    assert outcome({**document, "Statement": [capitals(s) for s in document["Statement"]]}, request) is expected
    assert outcome(document, shouting) is expected


@given(documents(), statements(effects=("Deny",)), requests())
def test_another_deny_never_allows(document: dict[str, Any], deny: dict[str, Any], request: Request) -> None:
    """What was denied stays denied."""
    if outcome(document, request) in DENIED:
        assert outcome({**document, "Statement": [*document["Statement"], deny]}, request) in DENIED


@given(documents(), statements(effects=("Allow",)), requests())
def test_another_allow_never_denies(document: dict[str, Any], allow: dict[str, Any], request: Request) -> None:
    """What was allowed stays allowed, and an explicit deny stays one."""
    before = outcome(document, request)
    if before in (Outcome.ALLOWED, Outcome.EXPLICIT_DENY):
        assert outcome({**document, "Statement": [*document["Statement"], allow]}, request) is before


def worlds(draw: st.DataObject, request: Request) -> Request:
    """The same request with everything known: each key of the vocabulary that was not gets a value or is absent."""
    context = dict(request.context)
    for key, values in KEYS.items():
        if request.keys.get(key.lower()) is None:
            plain = [value for value in values if "*" not in value and "$" not in value]
            context[key] = draw.draw(st.sampled_from([(), ("something else",), *((value,) for value in plain)]))
    return replace(request, context=context, unknown_keys=frozenset())


@given(documents(), requests(), st.data())
def test_what_is_settled_holds_in_every_world(document: dict[str, Any], request: Request, data: st.DataObject) -> None:
    """INDETERMINATE aside, no value of an unknown key can lead to another answer."""
    settled = outcome(document, request)
    if settled is not Outcome.INDETERMINATE:
        found = outcome(document, worlds(data, request))
        assert found is settled or {found, settled} == DENIED


@given(documents(), learning())
def test_nothing_becomes_unknown_by_learning_one_more_fact(
    document: dict[str, Any], asked: tuple[Request, Request]
) -> None:
    """What was settled before stays as it was."""
    before, after = (outcome(document, request) for request in asked)
    if before is not Outcome.INDETERMINATE:
        assert after is before or {after, before} == DENIED


@given(documents(), learning(), st.sampled_from(sorted({*KEYS, "aws:PrincipalType", "kms:KeyOrigin"})))
def test_a_fact_that_no_statement_mentions_changes_nothing(
    document: dict[str, Any], asked: tuple[Request, Request], key: str
) -> None:
    """Be it known, unknown or absent."""
    if key.lower() in json.dumps(document).lower():
        return
    _before, request = asked
    others = {name: value for name, value in request.context.items() if name.lower() != key.lower()}
    silent = replace(request, perhaps={name: value for name, value in request.perhaps.items() if name != key})
    found = {
        outcome(document, replace(silent, context={**others, key: ()})),
        outcome(document, replace(silent, context={**others, key: "anything"})),
        outcome(document, replace(silent, context=others, unknown_keys=request.unknown_keys | {key})),
        outcome(document, replace(silent, context=others, perhaps={**silent.perhaps, key: "anything"})),
    }
    assert found == {outcome(document, request)}


@given(documents(), requests())
def test_every_answer_says_why(document: dict[str, Any], request: Request) -> None:
    """In sentences, with a next step unless it is allowed; the deciding statements are the policy's own."""
    policy = parse(document)
    decision = decide(policy, request)
    assert decision.reason.endswith(".")
    assert decision.reason[0].isupper()
    assert bool(decision.advice) is (decision.outcome is not Outcome.ALLOWED)
    assert set(map(id, decision.statements)) <= set(map(id, policy.statements))
    assert decision.statements or decision.outcome is Outcome.IMPLICIT_DENY


@given(documents(), services())
def test_reading_what_was_written(document: dict[str, Any], request: Request) -> None:
    """Compact JSON is the same policy."""
    policy = parse(document)
    again = parse(policy.to_json())
    assert again.document == document
    assert again.warnings == policy.warnings
    assert decide(again, request).reason == decide(policy, request).reason


@given(documents(), requests())
def test_what_does_not_concern_the_caller_decides_nothing(document: dict[str, Any], request: Request) -> None:
    """The statements left out are those of others, and all of those."""
    policy = parse(document)
    left = concerning(policy, request)
    assert decide(left, request).outcome is decide(policy, request).outcome
    assert all(each.principals is not None for each in left.statements)
    assert concerning(left, request).statements == left.statements


def test_statements_of_others_are_left_out() -> None:
    ours, theirs = ({"Effect": "Allow", "Principal": {"Service": name}} for name in (SERVICE, "config.amazonaws.com"))
    nobodys = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    policy = parse({"Version": "2012-10-17", "Statement": [ours, theirs, nobodys]})
    asked = service_request("kms:Decrypt", trail_arn=f"arn:aws:cloudtrail:us-east-1:{OWNER}:trail/main", key_arn=KEY)
    assert [each.document for each in concerning(policy, asked).statements] == [ours]

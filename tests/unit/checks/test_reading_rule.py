# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A reader reads by three policies: the bucket's, its own, and the key's; what nobody could ask is never allowed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._own_side import simulated_as
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Finding,
    Organization,
    ReadError,
    Simulation,
    Snapshot,
)
from tests.unit.checks.build import (
    ACCOUNT,
    ALLOWED,
    BUCKET_POLICY,
    ROLE_ARN,
    denied,
    finding,
    policy,
    snapshot,
    with_answers,
)

HOME, USER = ROLE_ARN, f"arn:aws:iam::{ACCOUNT}:user/analyst"
SESSION, ROOT_USER = f"arn:aws:sts::{ACCOUNT}:assumed-role/Analyst/ann", f"arn:aws:iam::{ACCOUNT}:root"
FOREIGN = "arn:aws:iam::555555555555:role/Analyst"
LOGS = "arn:aws:s3:::logs/*"
REFUSED = denied("iam", "SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy")
GONE = replace(REFUSED, code="NoSuchEntity", message="The role with name Analyst cannot be found.")
IMPLICIT, EXPLICIT = Simulation("implicitDeny"), Simulation("explicitDeny")
BOUNDED = Simulation("implicitDeny", allowed_by_boundary=False)
BY_SCP = Simulation("explicitDeny", allowed_by_organization=False)
LACKING = Simulation("allowed", missing=("aws:SourceIp",))
CONTRADICTING = Simulation("allowed", allowed_by_organization=False)
OWN = Organization("o-abcdefghij", ACCOUNT)


def says(who: Any, effect: str = "Allow", resource: str = LOGS, **condition: Any) -> dict[str, Any]:
    """A statement of the bucket policy on fetching files."""
    statement = {"Sid": effect, "Effect": effect, "Principal": who, "Action": "s3:GetObject", "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def aws(*names: str) -> dict[str, list[str]]:
    return {"AWS": list(names)}


def bucket(*statements: dict[str, Any], owner: str | None = ACCOUNT, **trail: Any) -> Snapshot:
    """A healthy account whose bucket says this of readers."""
    read = snapshot(trail, bucket={"policy": policy(*DELIVERY, *statements), "owner": owner})
    return replace(read, regions=("eu-west-1", "us-east-1"))


def found(read: Snapshot, *readers: str) -> Finding:
    return finding("readers_can_read", read, Settings(readers=readers))


DELIVERY = json.loads(BUCKET_POLICY)["Statement"]
NETWORK: dict[str, Any] = {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
TLS: dict[str, Any] = {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("reader", "statements", "judged", "side", "words"),
    [
        (HOME, [], "pass, required", "not_denied", "simulator"),
        (HOME, [says(aws(HOME))], "pass, required", "allowed", "simulator"),
        (HOME, [says(aws(ROOT_USER))], "pass, required", "not_denied", "simulator"),
        (HOME, [says("*", "Deny", **TLS)], "pass, required", "not_denied", "simulator"),
        (HOME, [says(aws(HOME), "Deny")], "fail, required", "denied", 'Statement "Deny" denies s3:GetObject'),
        (HOME, [says("*", "Deny", **NETWORK)], "unknown, advised", "unknown", "aws:SourceIp"),
        (HOME, [says("*", "Deny", StringNotEquals={"aws:PrincipalArn": HOME})], "pass, required", "not_denied", ""),
        (
            HOME,
            [says("*", "Deny", StringNotEquals={"aws:PrincipalArn": USER})],
            "fail, required",
            "denied",
            "its condition StringNotEquals aws:PrincipalArn",
        ),
        (
            HOME,
            [says("*", "Deny", "arn:aws:s3:::logs/*/eu-west-1/*")],
            "fail, required",
            "denied",
            f": in logs/AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1, logs/AWSLogs/{ACCOUNT}/CloudTrail-Digest/eu-west-1: ",
        ),
        (SESSION, [says(aws(HOME), "Deny")], "fail, required", "denied", "denies s3:GetObject"),
        (FOREIGN, [], "fail, required", "denied", "No statement allows s3:GetObject"),
        (FOREIGN, [says(aws(FOREIGN))], "pass, required", "allowed", "simulator"),
        (FOREIGN, [says(aws("555555555555"))], "pass, required", "allowed", "simulator"),
        (FOREIGN, [says(aws(FOREIGN), **NETWORK)], "unknown, advised", "unknown", "aws:SourceIp"),
        (FOREIGN, [says(aws(FOREIGN)), says("*", "Deny", **TLS)], "pass, required", "allowed", "simulator"),
    ],
)
def test_the_bucket_policy_decides_where_the_readers_own_policies_allow(
    reader: str, statements: list[dict[str, Any]], judged: str, side: str, words: str
) -> None:
    result = found(with_answers(reader, of=bucket(*statements, log_file_validation=True)), reader)
    assert f"{result.status}, {result.level}" == judged, result.message
    assert evidence(result, reader)["bucket_policy"] == side
    assert words in result.message
    assert result.message.isascii()


def evidence(result: Finding, reader: str) -> dict[str, Any]:
    return dict(json.loads(json.dumps(result.evidence))[reader])


@pytest.mark.parametrize(
    ("reader", "get", "decrypt", "judged", "words"),
    [
        (HOME, ALLOWED, ALLOWED, "pass, required", "simulator"),
        (HOME, IMPLICIT, ALLOWED, "fail, required", "No IAM policy of its own allows s3:GetObject."),
        (HOME, EXPLICIT, ALLOWED, "fail, required", "An IAM policy of its own denies s3:GetObject."),
        (HOME, ALLOWED, EXPLICIT, "fail, required", "An IAM policy of its own denies kms:Decrypt."),
        (HOME, ALLOWED, IMPLICIT, "pass, required", "simulator"),
        (HOME, BOUNDED, ALLOWED, "fail, required", "Its permissions boundary does not allow s3:GetObject."),
        (HOME, ALLOWED, BOUNDED, "fail, required", "Its permissions boundary does not allow kms:Decrypt."),
        (USER, ALLOWED, BOUNDED, "pass, required", "simulator"),
        (HOME, BY_SCP, ALLOWED, "fail, advised", "A service control policy of its organization denies s3:GetObject"),
        (HOME, ALLOWED, BY_SCP, "fail, advised", "A service control policy of its organization denies kms:Decrypt"),
        (HOME, CONTRADICTING, ALLOWED, "fail, advised", "A service control policy"),
        (HOME, LACKING, ALLOWED, "unknown, advised", "depends on aws:SourceIp"),
        (HOME, Simulation("explicitDeny", ("aws:SourceIp",)), ALLOWED, "unknown, advised", "depends on aws:SourceIp"),
        (HOME, REFUSED, ALLOWED, "unknown, advised", "SimulatePrincipalPolicy in us-east-1 answered AccessDenied"),
        (HOME, GONE, GONE, "unknown, advised", f"{HOME} does not exist"),
        (FOREIGN, ALLOWED, IMPLICIT, "unknown, advised", "for a key of another account"),
        (FOREIGN, ALLOWED, EXPLICIT, "fail, required", "An IAM policy of its own denies kms:Decrypt."),
        (FOREIGN, IMPLICIT, ALLOWED, "fail, required", "No IAM policy of its own allows s3:GetObject."),
    ],
)
def test_its_own_policies_decide_where_the_bucket_policy_leaves_that_to_them(
    reader: str, get: Simulation | ReadError, decrypt: Simulation | ReadError, judged: str, words: str
) -> None:
    read = bucket(*([says(aws(FOREIGN))] if reader == FOREIGN else []))
    result = found(with_answers(reader, of=read, get=get, decrypt=decrypt), reader)
    assert f"{result.status}, {result.level}" == judged, result.message
    assert words in result.message


@pytest.mark.parametrize("reader", [HOME, USER, SESSION, ROOT_USER, FOREIGN])
def test_a_side_that_was_not_asked_is_never_told_as_allowed(reader: str) -> None:
    result = found(bucket(says(aws(reader))), reader)
    assert (result.status, result.level) == ("unknown", "advised")
    assert evidence(result, reader)["own_policies"] == "not_asked"
    verdict = assess(bucket(says(aws(reader))), Settings(readers=(reader,), levels={"readers_can_decrypt": "off"}))
    assert verdict.verdict == "compliant"


def test_a_reader_that_does_not_exist_is_not_to_be_named_in_the_key_policy() -> None:
    read = with_answers(HOME, of=bucket(), get=GONE, decrypt=GONE)
    result = finding("readers_can_decrypt", read, Settings(readers=(HOME,)))
    assert result.status == "unknown"
    assert f"{HOME} does not exist" in result.message
    assert result.remediation == "Correct or remove it under the option readers."
    assert result.message == f"{simulated_as(HOME)} does not exist."


@pytest.mark.parametrize("get", [IMPLICIT, BOUNDED])
def test_who_is_named_by_the_bucket_policy_needs_no_policy_of_its_own(get: Simulation) -> None:
    """IAM user guide, "Policy evaluation logic": a boundary limits what is granted to a role, and not to a user."""
    results = {who: found(with_answers(who, of=bucket(says(aws(who))), get=get), who).status for who in (HOME, USER)}
    assert results == {HOME: "fail" if get is BOUNDED else "pass", USER: "pass"}


def test_every_reader_that_may_not_read_or_is_unknown_is_told_the_worst_first() -> None:
    closed = bucket(says(aws(FOREIGN), "Deny"))
    result = found(closed, HOME, FOREIGN)
    assert (result.status, result.level) == ("fail", "required")
    assert result.message.startswith(f"{FOREIGN} may not read the logs: ")
    assert f"Unknown whether {HOME} may read the logs: " in result.message


def test_the_statement_to_add_is_said_with_whose_policy_it_belongs_to() -> None:
    read = with_answers(HOME, FOREIGN, of=bucket(owner="999999999999"), get=IMPLICIT)
    result = found(read, HOME, FOREIGN)
    text = result.remediation
    prefix = "Add to the policy of the bucket logs, of account 999999999999: "
    assert text.startswith(prefix)
    statement = json.loads(text.removeprefix(prefix))
    assert statement["Principal"] == {"AWS": [HOME, FOREIGN]}
    whole = bucket(statement, owner="999999999999")
    assert found(with_answers(HOME, FOREIGN, of=whole), HOME, FOREIGN).status == "pass"
    own = found(with_answers(HOME, FOREIGN, of=whole, get=IMPLICIT), HOME, FOREIGN).remediation
    assert own.startswith(f'Add to an IAM policy of {HOME}, in account {ACCOUNT}: {{"Sid":"ReadCloudTrailLogs"')
    assert f"Add to an IAM policy of {FOREIGN}, in account 555555555555: " in own


def test_of_an_organization_trail_every_member_is_asked_for() -> None:
    def result(read: Snapshot, organization: Organization | ReadError) -> Finding:
        return found(with_answers(HOME, of=replace(read, organization=organization)), HOME)

    closed = says("*", "Deny", "arn:aws:s3:::logs/AWSLogs/o-abcdefghij/*/CloudTrail/*")
    told = denied("organizations", "DescribeOrganization", "organizations:DescribeOrganization")
    assert result(bucket(closed, organization_trail=True), OWN).status == "fail"
    assert (result(bucket(organization_trail=True), OWN)).status == "pass"
    for statements in ([], [closed]):
        unknown = result(bucket(*statements, organization_trail=True), told)
        assert (unknown.status, unknown.level) == ("unknown", "advised")
        assert "DescribeOrganization" in unknown.message


def test_a_denial_for_an_account_that_was_made_up_is_none_for_certain() -> None:
    read = with_answers(HOME, of=replace(bucket(organization_trail=True), organization=OWN))
    answers = {each: IMPLICIT if "\ue000" in each.resource else fact for each, fact in read.simulations.items()}
    result = found(replace(read, simulations=answers), HOME)
    assert (result.status, result.level) == ("unknown", "advised")
    assert "AWSLogs/o-abcdefghij/ACCOUNT_ID/" in result.message


def test_whose_the_bucket_is_may_matter() -> None:
    assert found(with_answers(HOME, of=bucket(owner=None)), HOME).status == "unknown"
    assert found(with_answers(HOME, of=bucket(says(aws(HOME)), owner=None)), HOME).status == "pass"
    assert found(with_answers(HOME, of=bucket(says("*", "Deny"), owner=None)), HOME).status == "fail"


@pytest.mark.parametrize(
    ("reader", "source"),
    [
        (HOME, HOME),
        (USER, USER),
        (SESSION, ROLE_ARN),
        (ROOT_USER, None),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/ann", None),
        ("111111111111", None),
        ("*", None),
    ],
)
def test_a_session_is_simulated_as_its_role_and_a_root_user_not_at_all(reader: str, source: str | None) -> None:
    assert simulated_as(reader) == source


ANSWERS = st.sampled_from([ALLOWED, IMPLICIT, EXPLICIT, BOUNDED, BY_SCP, LACKING, REFUSED, None])
STATEMENTS = st.builds(
    says,
    st.sampled_from(["*", aws(HOME), aws(ACCOUNT), aws(FOREIGN), aws("555555555555")]),
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from([LOGS, "arn:aws:s3:::logs/*/eu-west-1/*", "arn:aws:s3:::other/*"]),
)


@settings(deadline=None)
@given(st.lists(STATEMENTS, max_size=3), st.sampled_from([HOME, FOREIGN]), ANSWERS, ANSWERS)
def test_with_less_evidence_no_more_passes_and_no_more_fails(
    statements: list[dict[str, Any]], reader: str, get: Simulation | None, decrypt: Simulation | None
) -> None:
    read = bucket(*statements)
    full = with_answers(reader, of=read, get=get or ALLOWED, decrypt=decrypt or ALLOWED)
    lost = {"s3:GetObject": get is None, "kms:Decrypt": decrypt is None}
    known = {call: fact for call, fact in full.simulations.items() if not lost[call.action]}
    more, less = found(full, reader), found(replace(full, simulations=known), reader)
    bare = found(read, reader)
    assert less.status in ("unknown", more.status)
    assert bare.status in ("unknown", less.status if less.status != "pass" else "unknown")
    assert all(each.level == "advised" for each in (more, less, bare) if each.status == "unknown")

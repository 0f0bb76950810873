# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sweep of accounts that differ: each is entered, read and judged by options of its own; some only lend."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._pace import Limits
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._resources import Account
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._sweep import (
    Reading,
    read_account_again,
    sweep,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Bucket
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import (
    AccountScope,
    NamedRole,
    Role,
    Scope,
)
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.aws.conftest import LOG_ARCHIVE, MANAGEMENT, PRODUCTION, SECURITY, Change, Load
from tests.unit.aws.sweeping import EVERYBODY, STAGING, row, swept, verdicts, warned
from tests.unit.test_account_options import checked

Changed = Callable[[Change], FakeAws]
AUDIT = NamedRole("CloudTrailKmsAudit", "audit-2026", "test")
EXCEPTION = {"account": None, "rules": ["trail_has_kms_key"], "reason": "x", "owner": "me", "expires": "2036-01-01"}


def entries(*given: dict[str, Any]) -> list[dict[str, Any]]:
    """Entries of account_options as Ansible fills them in."""
    found: list[dict[str, Any]] = checked(accounts=EVERYBODY, account_options=list(given))["account_options"]
    return found


def readings(aws: FakeAws, *accounts: AccountScope, lending: tuple[AccountScope, ...] = ()) -> dict[str, Reading]:
    scope = Scope(accounts=accounts, regions=("eu-central-1",))
    return {each.snapshot.account_id: each for each in sweep(caller(aws, SECURITY), scope, lending)}


def called(aws: FakeAws, action: str) -> list[dict[str, Any]]:
    return [call for call in aws.calls() if call["action"] == action]


def entered(aws: FakeAws) -> set[str]:
    """The accounts of the roles that were asked for."""
    return {call["parameters"]["RoleArn"].split(":")[4] for call in called(aws, "AssumeRole")}


def opened(reading: Reading) -> Account:
    assert reading.account is not None
    return reading.account


def of(*account_ids: str) -> tuple[AccountScope, ...]:
    return tuple(AccountScope(each, AUDIT, ("eu-central-1", "eu-west-1")) for each in account_ids)


def own_roles(scenario: dict[str, Any]) -> None:
    """Two accounts whose roles have names and external ids of their own."""
    shared = scenario["roles"]["CloudTrailKmsAudit"]
    for name in ("production", "staging"):
        scenario["roles"][f"of-{name}"] = {**shared, "accounts": [name], "external_id": f"only-{name}"}
    shared["accounts"] = ["management", "log-archive"]


def test_each_account_is_entered_by_its_own_role(changed: Changed) -> None:
    aws = changed(own_roles)
    arn = f"arn:aws:iam::{PRODUCTION}:role/of-production"
    roles = entries(
        {"accounts": [PRODUCTION], "assume_role": {"role_arn": arn, "external_id": "only-production"}},
        {"accounts": [STAGING], "assume_role": {"role_name": "of-staging", "external_id": "only-staging"}},
    )
    assert verdicts(swept(aws, account_options=roles)) == {
        **dict.fromkeys(EVERYBODY, "compliant"),
        STAGING: "non_compliant",
    }
    asked = {c["parameters"]["RoleArn"]: c["parameters"]["ExternalId"] for c in called(aws, "AssumeRole")}
    assert asked == {
        arn: "only-production",
        f"arn:aws:iam::{STAGING}:role/of-staging": "only-staging",
        **{f"arn:aws:iam::{each}:role/CloudTrailKmsAudit": "audit-2026" for each in (MANAGEMENT, LOG_ARCHIVE)},
    }
    wrong = entries({"accounts": [PRODUCTION], "assume_role": {"role_arn": arn, "external_id": "only-staging"}})
    assert "external id" in row(swept(aws, account_options=wrong), PRODUCTION)["errors"][0]["message"]


def test_each_account_is_read_and_judged_by_its_own_options(load: Load) -> None:
    aws = load("organization")
    reader = f"arn:aws:iam::{PRODUCTION}:role/Nobody"
    own = entries(
        {"accounts": [STAGING], "regions": ["eu-west-1"], "trails": ["staging-trail"], "rules": {}},
        {"accounts": [MANAGEMENT], "readers": [reader]},
        {
            "accounts": [PRODUCTION, LOG_ARCHIVE],
            "rules": {"readers_can_decrypt": "required"},
            "regions": ["eu-central-1"],
        },
    )
    document = swept(aws, account_options=own, rules={"key_rotation_enabled": "off"}, regions=["eu-central-1"])
    off = {"trails": [], "rules_off": ["key_rotation_enabled"], "rules_lowered": [], "regions": ["eu-central-1"]}
    assert row(document, MANAGEMENT)["narrowed_by"] == row(document, SECURITY)["narrowed_by"] == off
    # The organization's trail is judged by its owner, which leaves a rule out.
    assert row(document, PRODUCTION)["narrowed_by"] == off
    assert row(document, STAGING)["narrowed_by"] == {
        "regions": ["eu-west-1"],
        "trails": ["staging-trail"],
        "rules_off": [],
        "rules_lowered": [],
    }
    seen = [call for call in called(aws, "DescribeTrails") if call["account"] == STAGING]
    assert {call["region"] for call in seen} == {"eu-west-1"}
    assert verdicts(document) == {**dict.fromkeys(EVERYBODY, "non_compliant")}
    statuses = [
        {found["rule"]: found["status"] for found in row(document, account_id)["trails"][0]["findings"]}
        for account_id in (MANAGEMENT, PRODUCTION, STAGING)
    ]
    assert [each["readers_can_decrypt"] for each in statuses] == ["fail", "fail", "not_applicable"]
    assert ["key_rotation_enabled" in each for each in statuses] == [False, False, True]


OF_KEY, OF_BUCKET = (
    {"role_arn": f"arn:aws:iam::{owner}:role/CloudTrailKmsAudit", "external_id": "audit-2026", "session_name": "test"}
    for owner in (SECURITY, LOG_ARCHIVE)
)
OF_OWNER: list[dict[str, Any]] = [
    {"readers": [f"arn:aws:iam::{MANAGEMENT}:role/Nobody"]},
    {"rules": {"key_rotation_enabled": "required", "key_policy_allows_describe": "off"}},
    {"approved_keys": ["tag:purpose=cloudtrail"]},
    {"approved_keys": ["tag:purpose=else"], "exceptions": [{**EXCEPTION, "rules": ["key_is_approved"], "trail": "*"}]},
]


def of_production(document: dict[str, Any]) -> dict[str, Any]:
    """What an audit finds in the account, but for the time of the last delivery, which passes."""
    found = row(document, PRODUCTION)
    for trail in found["trails"]:
        trail["findings"] = [each for each in trail["findings"] if each["rule"] != "trail_is_delivering"]
    return {name: found[name] for name in ("verdict", "trails", "narrowed_by", "kms_keys", "buckets")}


@pytest.mark.parametrize("of_owner", OF_OWNER)
def test_an_inherited_trail_is_judged_as_its_owner_asks_though_that_is_not_read(
    load: Load, of_owner: dict[str, Any]
) -> None:
    """As of a batch or a limit: it is found what one sweep of all finds, whatever the member asks itself."""
    aws, asks = load("organization"), {"readers": [f"arn:aws:iam::{PRODUCTION}:role/Nobody"]}
    own = entries({"accounts": [MANAGEMENT], "readers": [], **of_owner}, {"accounts": [PRODUCTION], **asks})
    options = {"key_assume_role": OF_KEY, "bucket_assume_role": OF_BUCKET, "account_options": own}
    whole, whole_warnings = warned(aws, [MANAGEMENT, PRODUCTION], **options)
    alone, warnings = warned(aws, [PRODUCTION], **options)
    for audit in (alone, whole):  # IAM is asked about readers of the owner's account only where that is read.
        for trail in of_production(audit)["trails"]:
            trail["findings"] = [each for each in trail["findings"] if each["rule"] != "readers_can_read"]
    assert of_production(alone) == of_production(whole)
    assert (warnings, whole_warnings) == ((), ())


def test_exceptions_are_judged_and_missed_where_they_stand(load: Load) -> None:
    of_run = [{**EXCEPTION, "trail": "staging-trail"}, {**EXCEPTION, "trail": "nobodys-trail"}]
    of_production = [{**EXCEPTION, "trail": name} for name in ("organization-trail", "misspelt", "staging-trail")]
    own = entries({"accounts": [PRODUCTION], "exceptions": of_production})
    document, warnings = warned(load("organization"), exceptions=of_run, account_options=own)
    assert document["summary"]["excepted"] == 1
    # The trail of the organization is judged by what its owner's account is given, and that is the run's.
    assert [warning.partition(" Correct")[0] for warning in warnings] == [
        "The exception for trail nobodys-trail matches no trail that was read in the 4 accounts.",
        f"The exception for trail organization-trail matches no trail that was read in account {PRODUCTION}.",
        f"The exception for trail misspelt matches no trail that was read in account {PRODUCTION}.",
    ]


def test_who_approves_keys_by_tag_is_shown_the_tags_of_a_key_that_another_uses(changed: Changed) -> None:
    def two_trails(scenario: dict[str, Any]) -> None:
        scenario["keys"]["common"] = {"account": "production", "tags": {"use": "logs"}}
        scenario["trails"] = {
            name: {"account": name, "bucket": "staging-logs", "key": "common"} for name in ("production", "staging")
        }

    own = entries({"accounts": [STAGING], "approved_keys": ["tag:use=logs"]})
    document = swept(changed(two_trails), [PRODUCTION, STAGING], account_options=own)
    found = {each["rule"]: each["status"] for each in row(document, STAGING)["trails"][0]["findings"]}
    assert found["key_is_approved"] == "pass"


def test_a_role_of_another_partition_is_one_unknown_row(load: Load) -> None:
    aws = load("organization")
    arn = f"arn:aws-cn:iam::{PRODUCTION}:role/CloudTrailKmsAudit"
    own = entries({"accounts": [PRODUCTION], "assume_role": {"role_arn": arn, "external_id": "audit-2026"}})
    document = swept(aws, [PRODUCTION, STAGING], account_options=own)
    assert verdicts(document) == {PRODUCTION: "unknown", STAGING: "non_compliant"}
    error = row(document, PRODUCTION)["errors"][0]
    assert (error["code"], error["iam_action"]) == ("OtherPartition", "sts:AssumeRole")
    assert error["message"] == f"The role {arn} is of another partition than the credentials, which are of aws."
    assert arn not in {call["parameters"]["RoleArn"] for call in called(aws, "AssumeRole")}


def test_the_callers_own_account_needs_no_role_and_no_other_is_read_without(load: Load) -> None:
    aws = load("organization")
    assert readings(aws, AccountScope(SECURITY))[SECURITY].snapshot.errors == ()
    with pytest.raises(ValueError, match=f"no role is set for account {STAGING}"):
        readings(aws, AccountScope(STAGING))


def test_writers_are_the_accounts_of_the_sweep_and_the_role_of_the_keys(load: Load) -> None:
    aws = load("organization")
    role = Role(f"arn:aws:iam::{LOG_ARCHIVE}:role/CloudTrailKmsAudit", "audit-2026", "test")
    found = readings(aws, *of(MANAGEMENT, SECURITY), lending=of(PRODUCTION))
    assert set(found) == {MANAGEMENT, SECURITY}
    identity = opened(found[SECURITY]).writers[SECURITY]
    assert identity.startswith(f"arn:aws:iam::{SECURITY}:")
    expected = {MANAGEMENT: f"arn:aws:iam::{MANAGEMENT}:role/CloudTrailKmsAudit", SECURITY: identity}
    assert [opened(each).writers for each in found.values()] == [expected] * 2
    scope = Scope(accounts=of(MANAGEMENT), key_role=role)
    (reading,) = sweep(caller(aws, SECURITY), scope)
    assert opened(reading).writers == {MANAGEMENT: expected[MANAGEMENT], LOG_ARCHIVE: role.role_arn}


@pytest.mark.parametrize("name", [f"organization-logs-{LOG_ARCHIVE}", "company-logs"])
def test_lending_accounts_are_asked_for_their_buckets_alone(name: str, changed: Changed) -> None:
    aws = changed(lambda scenario: scenario["buckets"]["organization-logs"].update(name=name))
    lending = (*of(LOG_ARCHIVE), AccountScope("999999999999", AUDIT))
    (reading,) = readings(aws, *of(MANAGEMENT), lending=lending).values()
    bucket = reading.snapshot.buckets[name]
    assert isinstance(bucket, Bucket)
    assert bucket.owner == LOG_ARCHIVE
    assert isinstance(bucket.policy, str)
    lent = [call["action"] for call in aws.calls() if call["account"] == LOG_ARCHIVE]
    assert sorted(set(lent)) == ["GetBucketEncryption", "GetBucketPolicy"]
    # Only a bucket whose name does not tell is looked for in all of them.
    assert ("999999999999" in entered(aws)) is (name == "company-logs")


def test_an_account_that_lends_nothing_is_not_entered(changed: Changed) -> None:
    aws = changed(lambda scenario: scenario["trails"].pop("organization-trail"))
    assert set(readings(aws, *of(STAGING), lending=of(LOG_ARCHIVE, MANAGEMENT))) == {STAGING}
    assert entered(aws) == {STAGING}


def test_what_is_read_again_keeps_to_the_rate_of_the_sweep(changed: Changed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many accounts ask the histories of one central bucket and key, side by side."""
    taken: list[Limits] = []
    monkeypatch.setattr(Limits, "take", lambda limits, *_request: taken.append(limits))
    aws = changed(lambda _scenario: None)
    scope = Scope(accounts=of(*EVERYBODY), proof="events")
    found = list(sweep(caller(aws, SECURITY), scope))
    asked = len(taken)
    for each in found:
        read_account_again(each, scope)
    assert len(taken) > asked
    assert len({id(each) for each in taken}) == 1


def test_an_account_is_read_again_as_it_was_read_in_the_sweep(changed: Changed) -> None:
    aws = changed(lambda scenario: scenario["buckets"]["organization-logs"].update(name="company-logs"))
    aws.set(delivery_interval=3600)  # so that nothing is delivered between the two
    scope = Scope(accounts=of(*EVERYBODY))
    found = {each.snapshot.account_id: each for each in sweep(caller(aws, SECURITY), scope)}
    for account_id in (MANAGEMENT, PRODUCTION):
        aws.clear_calls()
        again = read_account_again(found[account_id], scope)
        assert replace(again, read_at=found[account_id].snapshot.read_at) == found[account_id].snapshot
        asked = [(call["account"], call["action"]) for call in aws.calls()]
        assert [account for account, action in asked if action == "GetBucketPolicy"] == (
            [LOG_ARCHIVE] if account_id == MANAGEMENT else []
        )
        assert not [action for _account, action in asked if action == "AssumeRole"]
        assert {call["region"] for call in called(aws, "DescribeTrails")} == {"eu-central-1", "eu-west-1"}


def test_an_account_that_could_not_be_entered_is_not_read_again(load: Load) -> None:
    aws = load("organization")
    scope = Scope(accounts=(AccountScope(PRODUCTION, replace(AUDIT, external_id="wrong")),))
    (reading,) = sweep(caller(aws, SECURITY), scope)
    assert (reading.account, reading.read_by_owner) == (None, frozenset())
    aws.clear_calls()
    assert read_account_again(reading, scope) is reading.snapshot
    assert aws.calls() == []


def test_a_single_account_is_a_sweep_of_one(load: Load) -> None:
    aws = load("organization")
    aws.set(delivery_interval=3600)  # so that nothing is delivered between the two
    (reading,) = sweep(caller(aws, SECURITY), Scope(regions=("eu-central-1",)))
    assert reading.account is not None
    again = read_account_again(reading, Scope(regions=("eu-central-1",)))
    assert replace(again, read_at=reading.snapshot.read_at) == reading.snapshot


def test_what_was_read_is_let_go_when_the_next_account_comes(load: Load) -> None:
    aws = load("organization")
    scope = Scope(accounts=of(*EVERYBODY), concurrency=1)
    kept: list[weakref.ref[Any]] = []
    for reading in sweep(caller(aws, SECURITY), scope):
        kept.append(weakref.ref(reading.snapshot))
        assert sum(each() is not None for each in kept) <= 2

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options become Scope and Settings; what cannot be meant is refused by name."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _common as _arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _enforce as _enforce_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import (
    AccountScope,
    NamedRole,
    Role,
    Scope,
)

TRAIL = "arn:aws:cloudtrail:us-east-1:111111111111:trail/main"
KEY = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555"
DECISION = {"rules": ["key_is_usable"], "reason": "x", "owner": "me", "expires": "2026-12-31"}
EXCEPTION = {**DECISION, "trail": TRAIL, "account": None}


def params(**given: Any) -> dict[str, Any]:
    """The parameters as Ansible fills them in."""
    return {**{name: spec.get("default") for name, spec in _audit_arguments.audit_spec().items()}, **given}


def sweep_params(**given: Any) -> dict[str, Any]:
    """The parameters of cloudtrail_kms_facts as Ansible fills them in."""
    return {**{name: spec.get("default") for name, spec in _audit_arguments.facts_spec().items()}, **given}


def test_defaults_read_everything_and_judge_by_the_table() -> None:
    assert _audit_arguments.to_scope(params()) == Scope()
    assert _audit_arguments.to_settings(params()) == Settings()


@pytest.mark.parametrize("key", ["access_key", "secret_key", "session_token"])
def test_a_profile_beside_access_keys_is_refused_with_what_to_unset(key: str) -> None:
    with pytest.raises(
        _arguments.ArgumentError, match=rf"^Both the module's option profile and .* or all of the module's option {key}"
    ):
        _audit_arguments.to_scope(params(profile="audit", **{key: "x"}))
    # Empty ones say that those of the environment do not count.
    assert _audit_arguments.to_scope(params(profile="audit", **{key: ""})) == Scope()


def test_a_profile_of_the_environment_goes_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ansible has filled in what the environment says; no variable of the role stands for it.
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "audit")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    with pytest.raises(_arguments.ArgumentError) as failed:
        _audit_arguments.to_scope(params(profile="audit", access_key="AKIAEXAMPLE", secret_key="mine"))
    assert failed.value.options == ()
    assert str(failed.value) == (
        "Both AWS_DEFAULT_PROFILE and access keys are set; only one of the two can be used. Unset AWS_DEFAULT_PROFILE, "
        "or all of AWS_ACCESS_KEY_ID, the module's option secret_key."
    )


def test_what_gives_credentials_has_the_variables_of_amazon_aws() -> None:
    theirs = aws_argument_spec()
    assert {name: [*names] for name, names in _audit_arguments.CREDENTIALS.items()} == {
        name: theirs[name]["fallback"][1] for name in _audit_arguments.CREDENTIALS
    }


def test_scope_holds_what_was_asked() -> None:
    role = {"role_arn": "arn:aws:iam::222222222222:role/Audit", "external_id": "xy", "session_name": "audit"}
    scope = _audit_arguments.to_scope(
        params(regions=["us-east-1", "us-east-1"], trails=["main", TRAIL], key_assume_role=role, concurrency=4)
    )
    assert scope == Scope(
        regions=("us-east-1",),
        trails=("main", TRAIL),
        key_role=Role("arn:aws:iam::222222222222:role/Audit", "xy", "audit"),
        concurrency=4,
    )


def test_settings_hold_what_was_asked() -> None:
    settings = _audit_arguments.to_settings(
        params(
            readers=["arn:aws:iam::111111111111:root", "arn:aws:sts::111111111111:assumed-role/A/b"],
            approved_keys=[KEY],
            rules={"key_is_usable": False, "key_rotation_enabled": "required"},
            exceptions=[EXCEPTION],
            stale_after_hours=48,
            expiry_warning_days=60,
            closed_regions="unknown",
        )
    )
    assert settings == Settings(
        levels={"key_is_usable": "off", "key_rotation_enabled": "required"},
        readers=("arn:aws:iam::111111111111:root", "arn:aws:sts::111111111111:assumed-role/A/b"),
        approved_keys=(KEY,),
        exceptions=(TrailException(TRAIL, ("key_is_usable",), "x", "me", date(2026, 12, 31)),),
        stale_after_hours=48,
        expiry_warning_days=60,
        closed_regions="unknown",
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trails": ["arn:aws:s3:::x"]}, "Option trails: 'arn:aws:s3:::x' is not a trail name or trail ARN."),
        ({"trails": ["x y"]}, "Option trails: 'x y' is not a trail name or trail ARN."),
        ({"trails": []}, "Option trails: the list is empty. For no limit, leave it out."),
        ({"regions": []}, "Option regions: the list is empty"),
        ({"approved_keys": []}, "Option approved_keys: the list is empty"),
        ({"trails": [""]}, "Option trails: '' is not a trail name or trail ARN."),
        ({"regions": ["USA"]}, "Option regions: 'USA' is not a region name such as eu-central-1."),
        ({"readers": ["Analyst"]}, "Option readers: 'Analyst' is not the ARN of an IAM role, user or account root."),
        (
            {"approved_keys": ["my-key"]},
            "Option approved_keys: 'my-key' is not a key ARN, an alias (alias/...), an alias ARN, or tag:NAME=VALUE.",
        ),
        ({"approved_keys": ["tag:use"]}, "Option approved_keys: 'tag:use'"),
        ({"approved_keys": ["arn:aws:s3:::alias/x"]}, "Option approved_keys: 'arn:aws:s3:::alias/x'"),
        (
            {"assume_role": {"role_arn": "Audit", "external_id": None, "session_name": "x"}},
            "Option assume_role.role_arn: 'Audit' is not a role ARN.",
        ),
        ({"concurrency": 10**9}, "Option concurrency: 1000000000 is not between 1 and 256."),
        (
            {"assume_role": {"role_arn": "arn:aws:iam::222222222222:role/A", "external_id": "", "session_name": "xy"}},
            "Option assume_role.external_id: '' is not an external id.",
        ),
        (
            {
                "assume_role": {
                    "role_arn": "arn:aws:iam::222222222222:role/A",
                    "external_id": None,
                    "session_name": "x y",
                }
            },
            "Option assume_role.session_name: 'x y' is not a session name.",
        ),
        ({"exceptions": [{**EXCEPTION, "expires": "20261231"}]}, "'20261231' is not a date YYYY-MM-DD."),
        ({"exceptions": [{**EXCEPTION, "expires": "2026-13-31"}]}, "'2026-13-31' is not a date YYYY-MM-DD."),
        ({"concurrency": 0}, "Option concurrency: 0 is not between 1 and 256."),
        ({"expiry_warning_days": 0}, "Option expiry_warning_days: 0 is not between 1 and 3660."),
        ({"stale_after_hours": 0}, "Option stale_after_hours: 0 is not between 1 and 8784."),
        (
            {"rules": {"key_is_good": "off"}},
            f"Option rules: there is no rule 'key_is_good'; the rules are {', '.join(RULES)}.",
        ),
        ({"rules": {"key_is_usable": "maybe"}}, "Option rules: 'maybe' is no level for key_is_usable; it is one of"),
        (
            {"exceptions": [{**EXCEPTION, "expires": "soon"}]},
            "Option exceptions.expires: 'soon' is not a date YYYY-MM-DD.",
        ),
        (
            {"exceptions": [{**EXCEPTION, "rules": ["key_is_usable", "key_is_usabel"]}]},
            "Option exceptions.rules: there is no rule 'key_is_usabel'; the rules are trail_has_kms_key, ",
        ),
        ({"exceptions": [{**EXCEPTION, "reason": " "}]}, "Option exceptions.reason: ' ' is not a text."),
        ({"exceptions": [{**EXCEPTION, "owner": ""}]}, "Option exceptions.owner: '' is not a text."),
        (
            {"exceptions": [{**EXCEPTION, "trail": "ma in"}]},
            "Option exceptions.trail: 'ma in' is not a trail name or trail ARN, with or without * and ?.",
        ),
        ({"exceptions": [{**EXCEPTION, "trail": "arn:aws:s3:::logs"}]}, "Option exceptions.trail: 'arn:aws:s3:::logs'"),
        ({"exceptions": [{**EXCEPTION, "trail": "trail/[a-z]"}]}, "Option exceptions.trail: 'trail/[a-z]'"),
        (
            {"exceptions": [{**EXCEPTION, "account": "11111111111"}]},
            "Option exceptions.account: '11111111111' is not an account id of 12 digits, or with * and ?.",
        ),
        ({"exceptions": [{**EXCEPTION, "account": "production"}]}, "Option exceptions.account: 'production'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(_arguments.ArgumentError, match=re.escape(message)):
        (_audit_arguments.to_scope(params(**given)), _audit_arguments.to_settings(params(**given)))


@pytest.mark.parametrize("absent", ["rules", "reason", "owner", "expires"])
def test_an_exception_without_what_decides_it_is_refused(absent: str) -> None:
    row = {name: value for name, value in {**DECISION, "trail": TRAIL}.items() if name != absent}
    refused = ArgumentSpecValidator(_audit_arguments.facts_spec()).validate({"exceptions": [row]})
    assert refused.error_messages == [f"missing required arguments: {absent} found in exceptions"]


def test_an_exception_of_nothing_is_refused() -> None:
    refused = ArgumentSpecValidator(_audit_arguments.facts_spec()).validate({"exceptions": [DECISION]})
    assert refused.error_messages == ["one of the following is required: trail, account found in exceptions"]


@pytest.mark.parametrize("trail", ["main", "sandbox-*", "m?in", "arn:aws*:cloudtrail:*:1111*:trail/team-?", None])
@pytest.mark.parametrize("account", ["111111111111", "1111*", "*", None])
def test_an_exception_may_hold_wildcards(trail: str | None, account: str | None) -> None:
    (found,) = _audit_arguments.to_settings(
        params(exceptions=[{**DECISION, "trail": trail, "account": account}])
    ).exceptions
    assert (found.trail, found.account) == (trail, account)


@pytest.mark.parametrize("alias", ["alias/x", KEY.rpartition(":")[0] + ":alias/x", "tag:use=logs", "tag:use="])
def test_keys_are_approved_by_alias_or_tag_too(alias: str) -> None:
    assert _audit_arguments.to_settings(params(approved_keys=[alias])).approved_keys == (alias,)
    assert _audit_arguments.to_scope(params(approved_keys=[KEY, alias])).key_tags is alias.startswith("tag:")


MEMBER_ROLE = {"role_name": "audit/Audit", "role_arn": None, "external_id": None, "session_name": "xy"}
ONE_ROLE = {**MEMBER_ROLE, "role_name": None, "role_arn": "arn:aws:iam::222222222222:role/Audit"}


def test_accounts_are_opened_by_the_role_of_one_name() -> None:
    scope = _audit_arguments.to_scope(sweep_params(accounts=["111111111111", "012345678901"], assume_role=MEMBER_ROLE))
    member = NamedRole("audit/Audit", None, "xy")
    assert scope == Scope(accounts=(AccountScope("111111111111", member), AccountScope("012345678901", member)))
    role = NamedRole("audit/Audit", "x2", "xy").of("aws-cn", "111111111111")
    assert role == Role("arn:aws-cn:iam::111111111111:role/audit/Audit", "x2", "xy")


def test_one_account_is_opened_by_the_arn_of_its_role() -> None:
    scope = _audit_arguments.to_scope(sweep_params(assume_role=ONE_ROLE))
    assert scope == Scope(role=Role("arn:aws:iam::222222222222:role/Audit", None, "xy"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"accounts": []}, "Option accounts: the list is empty. Leave it out to read the account of the credentials."),
        (
            {"accounts": ["12345678901"]},
            "Option accounts: '12345678901' is not an account id of 12 digits; put it in quotes",
        ),
        ({"accounts": ["\u0661" * 12]}, "is not an account id of 12 digits"),
        (
            {"accounts": ["111111111111", "222222222222", "111111111111"]},
            "Option accounts: more than once in the list: 111111111111.",
        ),
        (
            {"assume_role": None},
            "Option accounts: no role is set for account 111111111111. Set assume_role.role_name",
        ),
        ({"assume_role": ONE_ROLE}, "Option assume_role.role_arn: it is for one account; for accounts, set role_name,"),
        ({"accounts": None}, "Option assume_role.role_name: it is for accounts; for one account, set role_arn."),
        ({"assume_role": {**MEMBER_ROLE, "role_name": "/x"}}, "Option assume_role.role_name: '/x' is not a role name."),
        (
            {"assume_role": {**MEMBER_ROLE, "external_id": ""}},
            "Option assume_role.external_id: '' is not an external id.",
        ),
        (
            {"assume_role": {**MEMBER_ROLE, "session_name": "x"}},
            "Option assume_role.session_name: 'x' is not a session",
        ),
    ],
)
def test_accounts_that_cannot_be_meant_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(_arguments.ArgumentError, match=re.escape(message)):
        _audit_arguments.to_scope(sweep_params(**{"accounts": ["111111111111"], "assume_role": MEMBER_ROLE, **given}))


def requests(**given: Any) -> dict[str, Any]:
    """The parameters of an enforcement as Ansible fills them in."""
    own = {name: spec.get("default") for name, spec in _enforce_arguments.own_spec().items()}
    return params(**{**own, **given})


def test_without_options_the_key_of_our_alias_is_requested() -> None:
    assert _enforce_arguments.to_request(requests()) == EnforceRequest()
    assert _enforce_arguments.wait_timeout(requests()) == 300


def test_a_request_holds_what_was_asked() -> None:
    key = {"alias": "alias/x", "tags": {"level": 1}, "administrators": ["arn:aws:iam::111111111111:role/A"]}
    request = _enforce_arguments.to_request(requests(key=key, trails=["main"], statements="cis", allow_enable_key=True))
    assert request == EnforceRequest(
        key=KeyRequest(alias="alias/x", tags={"level": "1"}, administrators=("arn:aws:iam::111111111111:role/A",)),
        trails=("main",),
        statements="cis",
        allow_enable_key=True,
    )


@pytest.mark.parametrize("key_id", [KEY, KEY.rpartition("/")[2], "alias/x", KEY.rpartition(":")[0] + ":alias/x"])
def test_a_key_is_given_by_any_of_its_names(key_id: str) -> None:
    assert _enforce_arguments.to_request(requests(key_id=key_id)) == EnforceRequest(key=None, key_id=key_id)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"key_id": ""}, "key_id: ''"),
        ({"key_id": "my-key"}, "key_id: 'my-key'"),
        ({"key_id": "alias/aws/cloudtrail"}, "key_id: 'alias/aws/cloudtrail' points to a key that AWS manages"),
        ({"key_id": f"{KEY.rpartition(':')[0]}:alias/aws/s3"}, ":alias/aws/s3' points to a key that AWS manages"),
        ({"key": {"alias": "alias/aws/cloudtrail"}}, "key.alias: 'alias/aws/cloudtrail'"),
        ({"key": {"alias": "logs"}}, "key.alias: 'logs'"),
        ({"key": {"administrators": ["me"]}}, "key.administrators: 'me'"),
        ({"key": {"tags": {"aws:x": "y"}}}, "key.tags: 'aws:x'"),
        ({"key": {"tags": {"x": "y" * 257}}}, "key.tags: 'yyy"),
        ({"key": {"rotation_period_in_days": 89}}, "key.rotation_period_in_days: 89"),
        ({"key": {"rotation_period_in_days": 2561}}, "key.rotation_period_in_days: 2561"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_by_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(_arguments.ArgumentError, match=re.escape(named)):
        _enforce_arguments.to_request(requests(**given))


@pytest.mark.parametrize("option", ["trails", "regions"])
def test_a_restore_of_less_than_the_account_is_refused(option: str) -> None:
    with pytest.raises(_arguments.ArgumentError, match=f"Options restore and {option}: "):
        _enforce_arguments.to_request(requests(restore="backup.json", **{option: ["main"]}))
    assert _enforce_arguments.to_request(requests(restore="backup.json")) == EnforceRequest()

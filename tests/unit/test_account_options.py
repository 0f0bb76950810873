# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between accounts of a sweep: an entry takes the place of the run's option, and is checked like it."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _common as _arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _enforce as _enforce_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import (
    AccountScope,
    NamedRole,
    Role,
    Scope,
)

ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"
READER = f"arn:aws:iam::{ONE}:role/Reader"
KEY = f"arn:aws:kms:us-east-1:{ONE}:key/11111111-2222-3333-4444-555555555555"
NAMED = {"role_name": "Audit", "external_id": "run"}
OF_TWO = {"role_arn": f"arn:aws:iam::{TWO}:role/path/Own", "external_id": "two"}
EXCEPTION = {"trail": "main", "rules": ["key_is_usable"], "reason": "x", "owner": "me", "expires": "2036-12-31"}
# A value for each option that may differ.
VALUES: dict[str, Any] = {
    "assume_role": {"role_name": "Other", "external_id": "other", "session_name": "xy"},
    "regions": ["eu-west-1"],
    "trails": ["main"],
    "readers": [READER],
    "approved_keys": [KEY, "tag:use=logs"],
    "rules": {"key_rotation_enabled": "required", "key_is_usable": False},
    "exceptions": [EXCEPTION],
}


def checked(**given: Any) -> dict[str, Any]:
    """The parameters of cloudtrail_kms_facts as Ansible checks them and fills them in."""
    whole = {"accounts": [ONE, TWO, THREE], "assume_role": NAMED, **given}
    result = ArgumentSpecValidator(_audit_arguments.facts_spec()).validate(json.loads(json.dumps(whole)))
    assert result.error_messages == []
    found: dict[str, Any] = result.validated_parameters
    return found


def read(params: dict[str, Any]) -> tuple[Scope, dict[str, Settings]]:
    """What each account is read and judged by."""
    scope, of_owners = _audit_arguments.to_scope(params), _audit_arguments.settings_of_owners(params)
    judging = partial(_audit_arguments.to_settings, of_owners=of_owners)
    settings, own = judging(params), _arguments.of_accounts(params, judging)
    return scope, {each.account_id: own.get(each.account_id, settings) for each in scope.accounts}


def test_an_entry_takes_the_place_of_what_the_run_says() -> None:
    entries = [
        {"accounts": [TWO], "assume_role": OF_TWO, "readers": [], "rules": {"key_is_usable": "off"}},
        {"accounts": [THREE], "regions": ["eu-west-1"], "trails": ["own"], "approved_keys": ["tag:use=logs"]},
    ]
    run = {"regions": ["us-east-1"], "readers": [READER], "rules": {"key_rotation_enabled": "required"}}
    scope, settings = read(checked(account_options=entries, **run))
    member = NamedRole("Audit", "run")
    assert scope.accounts == (
        AccountScope(ONE, member, ("us-east-1",)),
        AccountScope(TWO, Role(OF_TWO["role_arn"], "two"), ("us-east-1",)),
        AccountScope(THREE, member, ("eu-west-1",), ("own",), key_tags=True),
    )
    assert settings[ONE] == Settings(levels={"key_rotation_enabled": "required"}, readers=(READER,))
    assert settings[TWO] == Settings(levels={"key_is_usable": "off"})
    assert settings[THREE] == Settings(settings[ONE].levels, (READER,), ("tag:use=logs",))


@pytest.mark.parametrize("option", _arguments.AUDIT_ACCOUNT_OPTIONS)
def test_equal_values_for_each_account_are_the_runs_option(option: str) -> None:
    of_run = read(checked(**{option: VALUES[option]}))
    entries = [{"accounts": [ONE, THREE], option: VALUES[option]}, {"accounts": [TWO], option: VALUES[option]}]
    of_each = read(checked(account_options=entries))
    assert (of_each[0].accounts, of_each[1]) == (of_run[0].accounts, of_run[1])
    assert read(checked())[0].accounts != of_run[0].accounts or read(checked())[1] != of_run[1]


@pytest.mark.parametrize("entries", [None, [], [{"accounts": [ONE]}], [{"accounts": [ONE, TWO], "readers": None}]])
def test_an_entry_that_says_nothing_leaves_what_the_run_says(entries: Any) -> None:
    assert read(checked(account_options=entries, readers=[READER])) == read(checked(readers=[READER]))


def test_an_entry_for_an_account_that_is_not_read_says_how_its_trails_are_judged() -> None:
    """In those that inherit them; the tags of keys are read for that as well."""
    entries = [{"accounts": [ONE], "readers": [READER], "approved_keys": ["tag:use=logs"]}]
    scope, settings = read(checked(accounts=[TWO, THREE], account_options=entries, rules={"key_is_usable": "off"}))
    owners = {ONE: Settings({"key_is_usable": "off"}, (READER,), ("tag:use=logs",))}
    assert set(settings) == {TWO, THREE}
    for each in settings.values():
        assert each == Settings({"key_is_usable": "off"}, of_owners=owners)
    assert [each.key_tags for each in scope.accounts] == [True, True]


def test_the_run_needs_no_role_where_each_account_has_its_own() -> None:
    entries = [{"accounts": [TWO], "assume_role": OF_TWO}, {"accounts": [ONE], "assume_role": NAMED}]
    scope = read(checked(accounts=[ONE, TWO], assume_role=None, account_options=entries))[0]
    assert [each.role for each in scope.accounts] == [NamedRole("Audit", "run"), Role(OF_TWO["role_arn"], "two")]


def test_the_first_region_that_any_account_names_is_where_to_ask() -> None:
    entries = [{"accounts": [TWO], "regions": ["eu-west-1", "us-east-1"]}]
    assert read(checked(account_options=entries))[0].first_region == "eu-west-1"
    assert read(checked(account_options=entries, regions=["us-east-1"]))[0].first_region == "us-east-1"
    assert read(checked())[0].first_region is None


EMPTY = "the list is empty. For no limit, leave it out."


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"accounts": []}, "[1].accounts: the list is empty. Name the accounts that the entry is for."),
        ({"accounts": [12]}, "[1].accounts: '12' is not an account id of 12 digits; put it in quotes in YAML."),
        ({"accounts": [TWO, TWO]}, f"[1].accounts: more than once in the list: {TWO}."),
        (
            {"accounts": [TWO, THREE]},
            f"[1].accounts: '{THREE}' is in account_options[0] too. Put all of it in one entry.",
        ),
        (
            {"accounts": ["999999999999"]},
            "[1].accounts: '999999999999' is not in accounts. Add it there, or leave it out.",
        ),
        (
            {"accounts": ["999999999999"], "readers": [READER], "regions": ["us-east-1"]},
            "[1].accounts: '999999999999' is not in accounts. Add it there, or leave it out.",
        ),
        (
            {"assume_role": {"role_arn": f"arn:aws:iam::{THREE}:role/A"}},
            f"[1].assume_role.role_arn (account {TWO}): 'arn:aws:iam::{THREE}:role/A' is a role in account {THREE} "
            "only. Set a role in the account, or role_name for several.",
        ),
        (
            {"accounts": [ONE, TWO], "assume_role": OF_TWO},
            f"[1].assume_role.role_arn (accounts {ONE}, {TWO}): '{OF_TWO['role_arn']}' is a role in account {TWO} only",
        ),
        (
            {"assume_role": {"role_arn": "Audit"}},
            f"[1].assume_role.role_arn (account {TWO}): 'Audit' is not a role ARN.",
        ),
        ({"assume_role": {"role_name": "/x"}}, f"[1].assume_role.role_name (account {TWO}): '/x' is not a role name."),
        (
            {"assume_role": {"role_name": "x", "external_id": ""}},
            f"[1].assume_role.external_id (account {TWO}): '' is not an external id.",
        ),
        (
            {"assume_role": {"role_name": "x", "session_name": "x y"}},
            f"[1].assume_role.session_name (account {TWO}): 'x y' is not a session name.",
        ),
        ({"regions": []}, f"[1].regions (account {TWO}): {EMPTY}"),
        ({"regions": ["USA"]}, f"[1].regions (account {TWO}): 'USA' is not a region name such as eu-central-1."),
        ({"trails": []}, f"[1].trails (account {TWO}): {EMPTY}"),
        ({"trails": ["x y"]}, f"[1].trails (account {TWO}): 'x y' is not a trail name or trail ARN."),
        ({"approved_keys": []}, f"[1].approved_keys (account {TWO}): {EMPTY}"),
        ({"approved_keys": ["my"]}, f"[1].approved_keys (account {TWO}): 'my' is not a key ARN, an alias"),
        ({"accounts": [TWO, ONE], "readers": ["me"]}, f"[1].readers (accounts {TWO}, {ONE}): 'me' is not the ARN of"),
        ({"rules": {"good": "off"}}, f"[1].rules (account {TWO}): there is no rule 'good'; the rules are trail_has"),
        ({"rules": {"key_is_usable": "no"}}, f"[1].rules (account {TWO}): 'no' is no level for key_is_usable; it is"),
        (
            {"exceptions": [{**EXCEPTION, "expires": "soon"}]},
            f"[1].exceptions.expires (account {TWO}): 'soon' is not a date YYYY-MM-DD.",
        ),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused_by_its_number_and_account(
    entry: dict[str, Any], message: str
) -> None:
    entries = [{"accounts": [THREE]}, {"accounts": [TWO], **entry}]
    with pytest.raises(_arguments.ArgumentError, match=re.escape(f"Option account_options{message}")):
        read(checked(account_options=entries))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"assume_role": None, "account_options": [{"accounts": [TWO], "assume_role": OF_TWO}]},
            f"Option accounts: no role is set for accounts {ONE}, {THREE}. Set assume_role.role_name, the role to "
            "assume in each of them, or an assume_role for each in account_options.",
        ),
        (
            {"accounts": [str(number) * 12 for number in range(10)], "assume_role": None},
            "no role is set for accounts 000000000000, 111111111111, 222222222222 and 7 more. ",
        ),
        (
            {"accounts": None, "assume_role": None, "account_options": [{"accounts": [TWO]}]},
            "Option account_options: it needs accounts. For one account, set the options themselves.",
        ),
    ],
)
def test_entries_that_do_not_fit_the_run_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(_arguments.ArgumentError, match=re.escape(message)):
        read(checked(**given))


@pytest.mark.parametrize(
    "entry",
    [
        {"key_id": "alias/x"},
        {"concurrency": 2},
        {"assume_role": {"external_id": "x"}},
        {"exceptions": [{"trail": "x"}]},
    ],
)
def test_an_entry_takes_what_may_differ_and_no_half_of_it(entry: dict[str, Any]) -> None:
    whole = {"accounts": [TWO], "assume_role": NAMED, "account_options": [{"accounts": [TWO], **entry}]}
    refused = ArgumentSpecValidator(_audit_arguments.facts_spec()).validate(whole)
    assert len(refused.error_messages) == 1
    assert "account_options" in refused.error_messages[0]


def enforcing(**given: Any) -> Any:
    """The parameters of an enforcement of many, in whose options an account may differ too."""
    own = _enforce_arguments.own_spec()
    spec = {**_audit_arguments.audit_spec(), **own}
    differing = (*_arguments.AUDIT_ACCOUNT_OPTIONS, "key", "key_id", "create_trail", "statements")
    lending = {"lending_accounts": {"type": "list", "elements": "str"}}
    spec = {**spec, **_arguments.sweep_options(spec, differing), **lending}
    return ArgumentSpecValidator(spec).validate({"accounts": [ONE, TWO], "assume_role": NAMED, **given})


def test_an_entry_has_none_of_the_defaults_and_excludes_what_the_run_cannot_have_beside_it() -> None:
    entries = [{"accounts": [ONE], "key_id": KEY}, {"accounts": [TWO], "trails": ["main"], "statements": "strict"}]
    trail = {"name": "main", "bucket_name": "logs"}
    given = enforcing(statements="cis", key={"alias": "alias/x"}, create_trail=trail, account_options=entries)
    requests = _arguments.of_accounts(given.validated_parameters, _enforce_arguments.to_request)
    assert (requests[ONE].key, requests[ONE].key_id, requests[ONE].statements) == (None, KEY, "cis")
    assert requests[ONE].create_trail is not None
    assert (requests[TWO].create_trail, requests[TWO].trails, requests[TWO].statements) == (None, ("main",), "strict")
    assert requests[TWO].key == KeyRequest(alias="alias/x")
    both = enforcing(account_options=[{"accounts": [ONE], "key_id": KEY, "key": {}}])
    assert both.error_messages == ["parameters are mutually exclusive: key|key_id found in account_options"]


def test_an_entry_that_does_not_go_with_an_option_of_the_run_is_refused_with_both_names() -> None:
    given = enforcing(restore="backup.json", account_options=[{"accounts": [TWO], "trails": ["main"]}])
    told = f"Options restore and trails of account_options[0] (account {TWO}): a restore reads all trails"
    with pytest.raises(_arguments.ArgumentError, match=re.escape(told)):
        _arguments.of_accounts(given.validated_parameters, _enforce_arguments.to_request)


def test_lending_accounts_have_roles_as_the_others_have() -> None:
    entries = [{"accounts": [THREE], "assume_role": {**OF_TWO, "role_arn": f"arn:aws:iam::{THREE}:role/Lend"}}]
    params = enforcing(lending_accounts=[THREE, "444444444444"], account_options=entries).validated_parameters
    assert [each.account_id for each in _audit_arguments.to_scope(params).accounts] == [ONE, TWO]
    lending = _audit_arguments.lending(params)
    assert lending == (
        AccountScope(THREE, Role(f"arn:aws:iam::{THREE}:role/Lend", "two")),
        AccountScope("444444444444", NamedRole("Audit", "run")),
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lending_accounts": [TWO]}, f"Option lending_accounts: in accounts too: {TWO}. Leave them out here."),
        (
            {"lending_accounts": ["x"]},
            "Option lending_accounts: 'x' is not an account id of 12 digits; put it in quotes",
        ),
        ({"lending_accounts": [THREE, THREE]}, f"Option lending_accounts: more than once in the list: {THREE}."),
        (
            {"lending_accounts": [THREE], "accounts": None, "assume_role": None},
            "Option lending_accounts: it needs accounts. Set accounts too, or leave it out.",
        ),
        (
            {
                "lending_accounts": [THREE],
                "assume_role": None,
                "account_options": [{"accounts": [ONE, TWO], "assume_role": NAMED}],
            },
            f"Option lending_accounts: no role is set for account {THREE}. Set assume_role.role_name,",
        ),
    ],
)
def test_lending_accounts_that_cannot_be_meant_are_refused(given: dict[str, Any], message: str) -> None:
    params = enforcing(**given).validated_parameters
    with pytest.raises(_arguments.ArgumentError, match=re.escape(message)):
        (_audit_arguments.to_scope(params), _audit_arguments.lending(params))

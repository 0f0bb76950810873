# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Name the variables of the role, where it runs, in place of the options of its modules."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...module_utils._model import named_options
from ...module_utils._options import audit_spec, of_options, own_spec
from .._reports import accounts_of
from ._screen import text_of
from ._table import not_entered

_PREFIX = "cloudtrail_kms_"
# How a remediation begins that asks for a permission.
_ALLOW = "Allow the caller "
# Options that would change the trails of the other accounts of a run as well, and where to set them for one.
_OF_TRAILS = frozenset({"trails", "key_id"})
_ALONE = "for this account alone, in its host_vars or with --limit ACCOUNT, "
# How texts name an option; it is no more than a word elsewhere. A result holds texts, which modules return outside the
# role as well, so that a name inside a sentence has no field.
_NAMED = re.compile(rf"\bthe option ({'|'.join(audit_spec() | own_spec())})\b")


def result_by_variables(result: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a module with variables in what it refuses, warns of and finds, and in why it failed.

    `variables` are those of the task. An account that a limit leaves out may own what could not be read.
    """
    accounts = accounts_of(variables) if variables.get("ansible_limit") else set()
    left_out = accounts.difference(variables.get("ansible_play_hosts_all", ()))
    is_one_of_many = len((result.get("before") or {"accounts": ()})["accounts"]) > 1
    found, of_warnings = _failure_by_variables(result), result.get("warning_settings", {})
    for name in ("warnings", "run_warnings"):
        if name in result:
            found[name] = [_words(text, of_warnings.get(text)) for text in map(text_of, result[name])]
    for name in ("refusals", "errors"):
        if name in result:
            found[name] = [_by_variables(each, "message", is_one_of_many=is_one_of_many) for each in result[name]]
    for name in ("before", "after"):
        if result.get(name):
            found[name] = audit_by_variables(result[name], left_out=left_out)
    # Ansible adds facts of its own, such as the interpreter that it discovered.
    if audit := result.get("ansible_facts", {}).get("cloudtrail_kms"):
        audit = audit_by_variables(audit, left_out=left_out)
        found["ansible_facts"] = {**result["ansible_facts"], "cloudtrail_kms": audit}
    return found


def _failure_by_variables(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result with variables in why the module failed, in the words that Ansible shows."""
    if "msg" not in result:
        return dict(result)
    options, why = result.get("options") or (), result["msg"]
    named = of_options(_PREFIX + option for option in options) + why.removeprefix(of_options(options))
    found = {**result, "msg": named if options else _words(why)}
    if found["msg"] != why and not isinstance(result.get("exception"), str):
        found.pop("exception", None)  # ansible-core 2.19 and later show its words, and not those of `msg`
    return found


def audit_by_variables(audit: Mapping[str, Any], *, left_out: Collection[str] = ()) -> dict[str, Any]:
    """Return an audit with variables in what is to be done about its findings and errors, where there are none yet."""
    closed = frozenset(row["account_id"] for row in audit["accounts"] if not_entered(row))
    return {**audit, "accounts": [_account(row, closed, left_out) for row in audit["accounts"]]}


def _account(row: Mapping[str, Any], closed: Collection[str], left_out: Collection[str]) -> dict[str, Any]:
    trails = [
        {
            **trail,
            "findings": [
                _owner_first(_by_variables(finding, "remediation"), trail, closed, left_out)
                for finding in trail["findings"]
            ],
        }
        for trail in row["trails"]
    ]
    return {**row, "trails": trails, "errors": [_by_variables(each, "message") for each in row["errors"]]}


def _owner_first(
    finding: Mapping[str, Any], trail: Mapping[str, Any], closed: Collection[str], left_out: Collection[str]
) -> Mapping[str, Any]:
    """Return a finding that says first which account of the inventory may own what was not read, and was not entered.

    AWS does not tell whose bucket it is.
    """
    remediation, unread = finding["remediation"], finding.get("unread")
    if not unread or not remediation.startswith(_ALLOW):
        return finding
    owner = (trail["kms_key_arn"] or ":" * 5).split(":")[4] if unread["service"] == "kms" else ""
    if closed and (owner in closed or unread["service"] == "s3"):
        who = f"Account {owner}" if owner else "An account that may own the bucket"
        cause = f"{who} could not be entered: see sts:AssumeRole first."
    elif left_out and unread["service"] == "s3":
        named = next((each for each in sorted(left_out) if each in trail["bucket_name"]), "")
        who = f"Account {named}, which --limit leaves out," if named else "An account that --limit leaves out"
        cause = f"{who} may own the bucket: add it to the limit."
    else:
        return finding
    return {**finding, "remediation": f"{cause} Otherwise a{remediation[1:]}"}


def _by_variables(row: Mapping[str, Any], text: str, *, is_one_of_many: bool = False) -> Mapping[str, Any]:
    """Return a row with variables in the options that its text names, or ends with."""
    return {**row, text: _words(row[text], row.get("settings"), is_one_of_many=is_one_of_many)}


def _words(
    text: str, settings: Sequence[Mapping[str, bool | str]] | None = None, *, is_one_of_many: bool = False
) -> str:
    words = _NAMED.sub(rf"{_PREFIX}\1", text)
    if not settings:
        return words
    by_variables = ", or ".join(
        f"{_ALONE if is_one_of_many and _OF_TRAILS & each.keys() else ''}{named_options([each], _PREFIX)}"
        for each in settings
    )
    by_variables += "."
    if words.endswith(by_variables):
        return words
    return f"{words.removesuffix(f'{named_options(settings)}.')}{by_variables}"

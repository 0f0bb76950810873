# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules say of their options, said of the variables of the role, where the role runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...module_utils._model import named_options
from ...module_utils._options import audit_spec, of_options, own_spec
from ._screen import text_of

_PREFIX = "cloudtrail_kms_"
# A warning says `set this to x, or that: true`; an option is no more than a word elsewhere.
_NAMES = "|".join(audit_spec() | own_spec())
_SET = re.compile(rf"\b([Ss]et |, or |: true and )({_NAMES})(?= to |: true\b|=)")
_NAMED = re.compile(rf"\bthe option ({_NAMES})\b")


def result_by_variables(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a module with variables in what it refuses and warns of, and in why it failed."""
    found = dict(result)
    for name in ("warnings", "run_warnings"):
        found |= {name: [_SET.sub(rf"\1{_PREFIX}\2", _named(each)) for each in result[name]]} if name in result else {}
    if options := result.get("options"):
        subject = of_options(_PREFIX + option for option in options)
        found["msg"] = subject + result["msg"].removeprefix(of_options(options))
    elif "msg" in result:
        found["msg"] = _named(result["msg"])
    for name in ("refusals", "errors"):
        if name in result:
            found[name] = [_by_variables(each, "message") for each in result[name]]
    return found


def audit_by_variables(audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return an audit with variables in what is to be done about its findings."""
    return {**audit, "accounts": [_account(row) for row in audit["accounts"]]}


def _account(row: Mapping[str, Any]) -> dict[str, Any]:
    trails = [
        {**trail, "findings": [_by_variables(finding, "remediation") for finding in trail["findings"]]}
        for trail in row["trails"]
    ]
    return {**row, "trails": trails}


def _by_variables(row: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    """Return a row with variables in the options that its text names, or ends with."""
    settings, words = row.get("settings"), _named(row[text])
    if not settings:
        return {**row, text: words}
    return {**row, text: f"{words.removesuffix(f'{named_options(settings)}.')}{named_options(settings, _PREFIX)}."}


def _named(text: Any) -> str:
    return _NAMED.sub(rf"{_PREFIX}\1", text_of(text))

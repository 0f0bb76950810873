# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules say of their options, said of the variables of the role, where the role runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...module_utils._options import audit_spec, own_spec

_PREFIX = "cloudtrail_kms_"
_SPEC = {**audit_spec(), **own_spec()}
# What is no word of English as well.
_NAMES = sorted((name for name in _SPEC if "_" in name), key=len, reverse=True)
_ANY = "|".join(sorted(_SPEC, key=len, reverse=True))
_OPTION = re.compile(
    rf"(?<![\w.:/-])(?:{'|'.join(_NAMES)})(?![\w-])"
    rf"|(?<=\bOption )(?:{_ANY})(?=:)"
    rf"|\b(?:{_ANY})(?=\|(?:{_ANY})\b)|(?<=\|)(?:{_ANY})\b"  # as Ansible names options that exclude each other
)
_IN_THE_ROLE = re.compile(rf", in the role {_PREFIX}\w+")


def by_variables(text: str) -> str:
    """Return the text with variables in the place of options; a switch has the value that it is to be set to."""
    return _OPTION.sub(_variable, _IN_THE_ROLE.sub("", text))


def _variable(option: re.Match[str]) -> str:
    is_switch = _SPEC[option[0]]["type"] == "bool"
    return f"{_PREFIX}{option[0]}{'=true' if is_switch else ''}"


def result_by_variables(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a module with variables in what it refuses, and in why it failed."""
    found = {**result, **({"msg": by_variables(result["msg"])} if result.get("msg") else {})}
    for name in ("refusals", "errors"):
        if name in result:
            found[name] = [{**each, "message": by_variables(each["message"])} for each in result[name]]
    return found


def audit_by_variables(audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return an audit with variables in what is to be done about its findings."""
    return {**audit, "accounts": [_account(row) for row in audit["accounts"]]}


def _account(row: Mapping[str, Any]) -> dict[str, Any]:
    trails = [{**trail, "findings": [_finding(finding) for finding in trail["findings"]]} for trail in row["trails"]]
    return {**row, "trails": trails}


def _finding(finding: Mapping[str, Any]) -> Mapping[str, Any]:
    remediation = finding["remediation"]
    return {**finding, "remediation": by_variables(remediation)} if remediation else finding

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an audit was narrowed by, in the words of the table and of every report that is not JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils._printable import count, printable

_WORDS = {
    "regions": "only regions ",
    "trails": "only trails ",
    "rules_off": "rules off: ",
    "rules_lowered": "rules lowered to advised: ",
}
_NOT_KNOWN = "not known, as the audit is from before reports told it"
# The JSON names every account; a line that a person reads names so many of them.
_NAMED = 3


def narrowing(account: Mapping[str, Any]) -> str:
    """Return what the audit of an account was narrowed by, an empty text where by nothing, or nothing was asked.

    Such as `only regions eu-central-1; rules off: key_is_usable`.
    """
    if account["verdict"] == "not_applicable":
        return ""
    if "narrowed_by" not in account:
        return _NOT_KNOWN
    asked = account["narrowed_by"] or {}
    return printable("; ".join(f"{words}{', '.join(asked[name])}" for name, words in _WORDS.items() if asked.get(name)))


def narrowings(audit: Mapping[str, Any]) -> list[str]:
    """Return what an audit was narrowed by, once where all of its accounts were alike, and none where by nothing.

    Reports of several runs, joined, may differ; then each text ends with the accounts that it is about.
    """
    accounts: dict[str, list[str]] = {}
    for account in audit["accounts"]:
        if account["verdict"] != "not_applicable":
            accounts.setdefault(narrowing(account), []).append(account["account_id"])
    if len(accounts) == 1:
        return [words for words in accounts if words]
    return [f"{words} ({_named(ids)})" for words, ids in accounts.items() if words]


def _named(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"{count(len(ids), 'account')}: {', '.join(ids[:_NAMED])}{more}"

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an audit covers, and what it was narrowed by, in the words of the table and of the reports that are not JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._printable import count, first_of, printable

_WORDS = {
    "regions": "only regions ",
    "trails": "only trails ",
    "rules_off": "rules off: ",
    "rules_lowered": "rules lowered to advised: ",
}
_NOT_KNOWN = "unknown, because an older version wrote the report"
# A line that a person reads names so many accounts, or principals: an audit of many has one role in all of them.
_NAMED = 3


def narrowing(account: Mapping[str, Any]) -> str:
    """Return what narrowed the audit of an account; an empty text if nothing did, or nothing was read.

    Such as `only regions eu-central-1; rules off: key_is_usable`.
    """
    if account["verdict"] == "not_applicable":
        return ""
    if "narrowed_by" not in account:
        return _NOT_KNOWN
    by = account["narrowed_by"] or {}
    return printable("; ".join(f"{words}{', '.join(by[name])}" for name, words in _WORDS.items() if by.get(name)))


def narrowings(audit: Mapping[str, Any]) -> list[str]:
    """Return what narrowed an audit, `ansible_facts.cloudtrail_kms`: one text if its accounts are alike, or none.

    Joined reports of several runs may differ; then each text ends with its accounts.
    """
    accounts: dict[str, list[str]] = {}
    for account in audit["accounts"]:
        if account["verdict"] != "not_applicable":
            accounts.setdefault(narrowing(account), []).append(account["account_id"])
    if len(accounts) == 1:
        return [words for words in accounts if words]
    return [f"{words} ({_named(ids)})" for words, ids in accounts.items() if words]


def _named(ids: Sequence[str]) -> str:
    return f"{count(len(ids), 'account')}: {first_of(ids, _NAMED)}"


def scope(audit: Mapping[str, Any], trails: int) -> Iterator[tuple[str, str]]:
    """Yield what was audited, by names for people. `trails` is their number, each counted once."""
    accounts = audit["accounts"]
    organizations = sorted({account["organization"] for account in accounts if account.get("organization")})
    yield "Accounts", f"{_accounts(accounts)}, {count(trails, 'trail')}"
    if organizations:
        yield "Organization", ", ".join(organizations)
    yield "Regions", "; ".join(_regions(accounts)) or "not known"
    yield "Audited by", _principals(accounts)
    yield "Narrowed", ". ".join(narrowings(audit)) or "no: all regions and trails, and no rule off or lowered"


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> str:
    if len(accounts) == 1:
        return " ".join(filter(None, [accounts[0]["account_id"], accounts[0].get("account_name")]))
    unused = sum(account["verdict"] == "not_applicable" for account in accounts)
    return f"{count(len(accounts), 'account')}{f', {unused} of them not in use' if unused else ''}"


def _regions(accounts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the regions that were read, once if they are the same in all accounts."""
    read: dict[tuple[str, ...], int] = {}
    for account in accounts:
        regions = tuple(account.get("regions", ()))
        if regions:
            read[regions] = read.get(regions, 0) + 1
    for regions, number in sorted(read.items(), key=lambda item: (-item[1], item[0])):
        where = f" in {count(number, 'account')}" if len(read) > 1 else ""
        yield f"{len(regions)}{where}: {', '.join(regions)}"


def _principals(accounts: Sequence[Mapping[str, Any]]) -> str:
    """Name the principals that read the accounts; a role that many accounts have is named once."""
    known = {account["audited_by"]: account["account_id"] for account in accounts if account.get("audited_by")}
    alike: dict[str, list[str]] = {}
    for arn, account_id in known.items():
        alike.setdefault(arn.replace(f":{account_id}:", ":ACCOUNT:"), []).append(arn)
    named = [arns[0] if len(arns) == 1 else f"{pattern} in {len(arns)} accounts" for pattern, arns in alike.items()]
    return first_of(named, _NAMED) or "not known"

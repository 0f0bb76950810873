# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the HTML report says of its scope: which accounts and regions were read, and who read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._printable import count
from ._narrowed import narrowings

# So many principals are named; an audit of many accounts has one role in all of them.
_NAMED = 3


def scope(audit: Mapping[str, Any], trails: int) -> Iterator[tuple[str, str]]:
    """Yield what was audited, by names for people. `trails` is how many there are, each counted once."""
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
    """Yield the regions that were read, once where they are the same in all accounts."""
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
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{', '.join(named[:_NAMED])}{more}" or "not known"

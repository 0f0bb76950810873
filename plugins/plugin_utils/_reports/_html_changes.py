# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the HTML report says of an enforcement: each change with its diff, what was refused, and what failed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby
from typing import Any

from ...module_utils._policy import PolicyError, parse, to_json
from ...module_utils._printable import count

# What the status of a change looks like: as findings do.
STATUSES: Mapping[str, str] = {
    "planned": "advice",
    "applied": "pass",
    "failed": "fail",
    "not_attempted": "not_applicable",
}
# So many changes are shown open; more would bury the list.
_OPEN = 8
# Lines around a change that are shown, as diff -u does.
_CONTEXT = 3


@dataclass(frozen=True, kw_only=True)
class DiffPart:
    """Lines of a diff that are all added (`+`), all removed (`-`), in both (a space), or left out (`…`)."""

    sign: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ChangeView:
    """One change. `fields` are a name, the value before (empty for what did not exist) and the value after.

    `to_add` are the tools that own the resource, each with the code that makes the change there.
    """

    account_id: str
    account_name: str
    operation: str
    resource: str
    region: str
    status: str
    fields: tuple[tuple[str, str, str], ...]
    diff: tuple[DiffPart, ...]
    to_add: tuple[tuple[str, str], ...]
    opened: bool


@dataclass(frozen=True, kw_only=True)
class Enforcement:
    """What an enforcement did, or would do.

    `messages` are refusals, errors and warnings: the class of their badge, their kind, the account (empty for a
    warning, whose text names its subject) and the text.
    """

    title: str
    summary: str
    changes: tuple[ChangeView, ...]
    messages: tuple[tuple[str, str, str, str], ...]


def enforcement(audit: Mapping[str, Any]) -> Enforcement | None:
    """Return what the report says about an enforcement; None for the report of an audit."""
    if "enforcement" not in audit:
        return None
    run = audit["enforcement"]
    names = {account["account_id"]: account.get("account_name", "") for account in audit["accounts"]}
    is_plan = {change["status"] for change in run["changes"]} == {"planned"}
    return Enforcement(
        title="Planned changes" if is_plan else "Changes",
        summary=_summary(run, is_plan=is_plan),
        changes=tuple(_change(change, names, opened=len(run["changes"]) <= _OPEN) for change in run["changes"]),
        messages=(
            *(("fail", "Refused", each["account_id"], each["message"]) for each in run["refusals"]),
            *(("fail", "Failed", each["account_id"], each["message"]) for each in run["errors"]),
            *(("unknown", "Warning", "", text) for text in run.get("warnings", ())),
        ),
    )


def _summary(run: Mapping[str, Any], *, is_plan: bool) -> str:
    changes = run["changes"]
    statuses = Counter(change["status"] for change in changes)
    accounts = len({change["account_id"] for change in changes})
    counted = ", ".join(f"{statuses[status]} {status.replace('_', ' ')}" for status in STATUSES if statuses[status])
    refused = f" {count(len(run['refusals']), 'refusal')}." if run["refusals"] else ""
    if not changes:
        return f"Nothing was changed.{refused}"
    number, place = count(len(changes), "change"), f"in {count(accounts, 'account')}"
    alike = changes[0]["status"].replace("_", " ") if len(statuses) == 1 else ""
    where = f"{number} {alike} {place}.{refused}" if alike else f"{number} {place}: {counted}.{refused}"
    return f"{where} Nothing was changed: this page shows the accounts as they are." if is_plan else where


def _change(change: Mapping[str, Any], names: Mapping[str, str], *, opened: bool) -> ChangeView:
    before, after = change["before"] or {}, change["after"]
    return ChangeView(
        account_id=change["account_id"],
        account_name=names.get(change["account_id"], ""),
        operation=change["operation"],
        resource=change["resource"],
        region=change["region"],
        status=change["status"],
        fields=tuple(
            (name.replace("_", " "), field_value(before.get(name)) if change["before"] else "", field_value(value))
            for name, value in sorted(after.items())
            if name != "policy"
        ),
        diff=_diff(before.get("policy"), after["policy"]) if "policy" in after else (),
        to_add=tuple((each["tool"], each["text"]) for each in change.get("to_add", ())),
        opened=opened,
    )


def field_value(value: object) -> str:
    """Return the value of a field of a change, in words."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


@lru_cache(maxsize=256)
def _diff(before: str | None, after: str) -> tuple[DiffPart, ...]:
    """Return the lines that differ between two policies, with some around them."""
    old, new = _laid_out(before), _laid_out(after)
    groups = SequenceMatcher(a=old, b=new, autojunk=False).get_grouped_opcodes(_CONTEXT)
    parts = []
    for number, group in enumerate(groups):
        first = group[0]
        parts += [DiffPart(sign="…", lines=("",))] if number or first[1] or first[3] else []
        parts += _parts(group, old, new)
    return tuple(parts)


def _parts(group: Sequence[tuple[str, int, int, int, int]], old: list[str], new: list[str]) -> Iterator[DiffPart]:
    """Yield the parts of one group of a diff; adjacent lines of one sign are one part."""
    signed = (
        signed
        for _tag, i1, i2, j1, j2 in group
        for signed in (
            [(" ", line) for line in old[i1:i2]]
            if _tag == "equal"
            else [*(("-", line) for line in old[i1:i2]), *(("+", line) for line in new[j1:j2])]
        )
    )
    for sign, lines in groupby(signed, key=lambda each: each[0]):
        yield DiffPart(sign=sign, lines=tuple(line for _sign, line in lines))


def _laid_out(policy: str | None) -> list[str]:
    if policy is None:
        return []
    try:
        return to_json(parse(policy).document, indent=2, sort_keys=True).split("\n")
    except PolicyError:
        return policy.split("\n")

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A comparison in words for people: one row for each trail and change, in the order in which they matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._compared import LISTS

# What the lists are called.
_LABELS: Mapping[str, str] = {
    "new": "new",
    "worse": "worse",
    "better": "better",
    "gone": "gone",
    "still": "still",
    "not_judged": "not judged",
}
# What each looks like: as findings do.
KINDS: Mapping[str, str] = {
    "new": "fail",
    "worse": "fail",
    "better": "pass",
    "gone": "not_applicable",
    "still": "fail",
    "not judged": "unknown",
    "expires": "excepted",
}


@dataclass(frozen=True, kw_only=True)
class ChangeRow:
    """What changed of one trail, or of an account, whose trail and region are empty; `rules` may be none."""

    label: str
    account_id: str
    region: str
    trail: str
    rules: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        """The account, and the trail with its region."""
        return f"{self.account_id} {self.region} {self.trail}".rstrip()


def change_rows(comparison: Mapping[str, Any]) -> Iterator[ChangeRow]:
    """Yield the rows of a comparison. Rules of one trail that changed alike share a row."""
    for name in LISTS:
        alike: dict[tuple[str, str, str], list[str]] = {}
        for entry in comparison[name]:
            place = (entry["account_id"], entry["trail"] or "", _text(name, entry))
            alike.setdefault(place, []).extend(filter(None, [entry["rule"]]))
        for (account_id, arn, text), rules in alike.items():
            yield _row(_LABELS[name], account_id, arn, rules, text)
    for each in comparison["expiring"]:
        text = f"{each['expires']}, excepted by {each['owner']}: {each['reason']}"
        yield _row("expires", each["account_id"], each["trail"], each["rules"], text)


def _row(label: str, account_id: str, arn: str, rules: list[str], text: str) -> ChangeRow:
    region, name = (arn.split(":")[3], arn.rpartition("/")[2]) if arn else ("", "")
    return ChangeRow(label=label, account_id=account_id, region=region, trail=name, rules=tuple(rules), text=text)


def _text(name: str, entry: Mapping[str, Any]) -> str:
    """Return how it stands: what it was, what it is, and since when it fails."""
    if entry["rule"] is None:
        return "the trail is there no more"
    since = f" since {entry['since']}" if entry["since"] else ""
    if name in ("still", "not_judged"):
        return f"{entry['before']}{since}"
    return f"was {entry['before']}, is {entry['after']}" if entry["before"] else str(entry["after"])

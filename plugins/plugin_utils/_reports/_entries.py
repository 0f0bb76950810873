# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every report lists: one entry for each finding of a trail, and one for each account itself.

Every audit has the account's own entry, so that a program which keeps the findings of earlier runs sees it change: what
failed yesterday because there was no trail passes today, under the same id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ...module_utils._printable import printable
from ._coverage import narrowing
from ._frameworks import chosen
from ._notes import ACCOUNT_RULE, NO_TRAIL, account_notes, excepted_until
from ._verdicts import exceptions, is_excepted


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One finding with its account and its trail, each in the shape of the published facts.

    `trail` is None if the finding is about the account itself. The `frameworks` of the finding hold one version of the
    CIS benchmark. Texts are printable: line breaks and direction marks are escaped.
    """

    account: Mapping[str, Any]
    trail: Mapping[str, Any] | None
    finding: Mapping[str, Any]

    @property
    def uid(self) -> str:
        """The id of the finding, the same in every audit: account, trail and rule."""
        of = self.trail["arn"] if self.trail else "account"
        return f"{self.account['account_id']}/{of}/{self.finding['rule']}"

    @property
    def title(self) -> str:
        """The rule, and the name of what it judged."""
        of = f"trail {self.trail['name']}" if self.trail else f"account {self.account['account_id']}"
        return f"{self.finding['rule']}: {of}"

    @property
    def counts(self) -> bool:
        """Whether something is wrong, or may be. Anything else is for information only."""
        return self.finding["status"] in ("fail", "unknown")

    @property
    def exception(self) -> Mapping[str, str] | None:
        """The exception that covers the finding, with `status`, `reason`, `owner` and `expires`; None without one."""
        if self.finding["status"] != "excepted":
            return None
        exception: Mapping[str, str] = self.finding["evidence"]["exception"]
        return exception

    @property
    def narrowed_by(self) -> str:
        """What narrowed the audit of the account; an empty text if nothing did."""
        return narrowing(self.account)

    @property
    def message(self) -> str:
        """What was found and, for an excepted finding, until when, by whom and why."""
        if self.exception is None:
            return str(self.finding["message"])
        return f"{self.finding['message']} {excepted_until(self.exception)}"


def read_at(audit: Mapping[str, Any]) -> datetime:
    """Return when the audit was read, in UTC. Raises ValueError if that is no time in ISO 8601."""
    return datetime.fromisoformat(audit["generated_at"]).astimezone(timezone.utc)


def entries(audit: Mapping[str, Any], cis_version: str) -> Iterator[Entry]:
    """Yield the entries of an audit in its order, each account before its trails."""
    for account in _shown(audit["accounts"]):
        yield Entry(account=account, trail=None, finding=_account_finding(account))
        for trail in account["trails"]:
            for finding in trail["findings"]:
                narrowed = {**finding, "frameworks": chosen(finding["frameworks"], cis_version)}
                yield Entry(account=account, trail=trail, finding=narrowed)


def _shown(value: Any) -> Any:
    """Return the value with every text in it, at any depth, made printable."""
    if isinstance(value, Mapping):
        return {_shown(name): _shown(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return printable(value) if isinstance(value, str) else value


def _account_finding(account: Mapping[str, Any]) -> dict[str, Any]:
    """Judge whether the account has trails and all of them were seen, in the shape of a finding."""
    notes = list(account_notes(account))
    status, said = account_status(account)
    others = [f"{note.subject}: {note.text}" for note in notes if note.mark != "FAIL"]
    narrowed = [f"Narrowed: {words}." for words in [narrowing(account)] if words]
    return {
        "rule": ACCOUNT_RULE,
        "status": status,
        "level": "required",
        "severity": "high",
        "message": " ".join([said, *narrowed, *others]),
        "evidence": {
            "verdict": account["verdict"],
            "exceptions": exceptions(account["trails"]),
            "cis_3_5": account["cis_3_5"],
            "errors": account["errors"],
        },
        "remediation": " ".join(dict.fromkeys(note.to_do for note in notes)),
        "frameworks": {},
    }


def account_status(account: Mapping[str, Any]) -> tuple[str, str]:
    """Return the status of the account's own finding, and its sentence."""
    if account["verdict"] == "not_applicable":
        return "not_applicable", "The account is not judged."
    if not account["complete"]:
        return "unknown", "Not all trails of the account could be seen."
    if account["verdict"] == "no_trails":
        return "fail", NO_TRAIL
    excepted = sum(trail["verdict"] == "compliant" and is_excepted(trail) for trail in account["trails"])
    more = f", {excepted} of them compliant by exception" if excepted else ""
    return "pass", f"Trails that were found: {len(account['trails'])}{more}."

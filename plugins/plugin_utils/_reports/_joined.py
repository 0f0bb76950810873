# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One audit made of the JSON reports of several runs, such as the slices of a job.

A report is a file that others may have changed. Nothing in it is believed unless its findings imply it. A report that
says anything else is refused, with the place of the contradiction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any

from ...module_utils._facts import join, judged_again, moment
from ...module_utils._regular_file import Room, TooMuchError
from ...module_utils._version import VERSION
from . import _report_file
from ._report_file import NoJsonError, read_report, refuse_empty_or_later
from ._report_shape import ENTRIES, ShapeError, check_report, named, shown

# Slices of one job take minutes. What is older than this was left by another run, such as that of the day before.
SAME_RUN = timedelta(hours=12)
# An account may be read a day before the last one of its report.
A_LONG_RUN = timedelta(days=1)
_ACCOUNT_ID = re.compile(r"[0-9]{12}")


class JoinError(ValueError):
    """Reports that make no audit; the message names the file or the account, and what to do."""


def joined_reports(paths: Sequence[str], now: datetime) -> tuple[dict[str, Any], list[str]]:
    """Return the audit that one run over the accounts of all these reports would have made, and the reports that also
    say what an enforcement did: no finding implies that, so it is left out.

    Raises JoinError for a file that is no JSON report of this version of the collection, or that says about an account
    what its findings do not imply, and for reports that do not fit together.
    """
    if not paths:
        raise JoinError("No report to join is named: set cloudtrail_kms_audits to the JSON reports.")
    room = Room(_report_file.MOST_BYTES)
    audits, enforced = [], []
    for path in paths:
        report = _read(path, room)
        # It may be anything, and of any size: it is not read.
        if isinstance(report, dict) and report.pop("enforcement", None):
            enforced.append(path)
        audits.append(_believed(path, report, now))
    _refuse_twice(paths, audits)
    _refuse_earlier_runs(paths, [audit["generated_at"] for audit in audits])
    return join(audits), enforced


def fail_without(parts: Iterable[dict[str, Any]], audit: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
    """Fail if the joined audit lacks accounts of the inventory, and put that before everything else.

    A job that ended before it wrote its report would otherwise leave a smaller audit, and a green one.
    """
    held = {row["account_id"] for row in audit["accounts"]}
    lacking = sorted(accounts_of(variables) - held)
    for part in parts if lacking else ():
        reason = (
            f"The inventory has accounts that are in none of the reports: {', '.join(lacking)}. A job ended before it "
            "wrote its report: read its output, and audit these accounts again."
        )
        part["reason"] = " ".join(filter(None, [reason, part["reason"]]))


def unchecked(variables: Mapping[str, Any]) -> str:
    """Return the note that missing accounts cannot be detected, if the inventory lists none; else nothing."""
    if accounts_of(variables):
        return ""
    return (
        "It is unknown whether an account is missing from the reports: the inventory has no accounts. Give the one "
        "that was audited, by -i. Its accounts are the hosts that are named by an id."
    )


def accounts_of(variables: Mapping[str, Any]) -> set[str]:
    """Return the accounts of the inventory: the hosts that are named by an id, as the plugin names all of them."""
    return {host for host in variables.get("groups", {}).get("all", ()) if _ACCOUNT_ID.fullmatch(host)}


def age(audit: Mapping[str, Any], now: datetime) -> str:
    """Return the note that a joined audit is from another day, or an empty text. A pass would hide it otherwise.

    It is no reason for a refusal: old reports may be joined on purpose, and the note stands above the table.
    """
    if now - datetime.fromisoformat(audit["generated_at"]) <= SAME_RUN:
        return ""
    return (
        f"The reports are of {audit['generated_at']}, and their verdicts of how things were then; it is {moment(now)}. "
        "For a verdict of today, audit again and join what that writes."
    )


def left_out(enforced: Sequence[str]) -> str:
    """Return the note on the reports of enforcements, if there are any."""
    what = "The joined report does not have what an enforcement changed or refused"
    return f"{what}: see {', '.join(enforced)}." if enforced else ""


def _refuse_twice(paths: Sequence[str], audits: Sequence[Mapping[str, Any]]) -> None:
    """Raise JoinError where two reports hold the same account."""
    held: dict[str, str] = {}
    for path, audit in zip(paths, audits, strict=True):
        for row in audit["accounts"]:
            if row["account_id"] in held:
                raise JoinError(
                    f"The reports {held[row['account_id']]} and {path} cannot be joined: both hold the account "
                    f"{row['account_id']}. Join each account once."
                )
            held[row["account_id"]] = path


def _refuse_earlier_runs(paths: Sequence[str], times: Sequence[str]) -> None:
    """Raise JoinError if one of the reports is of another run, and so about another time."""
    (first, old), (last, new) = min(zip(times, paths, strict=True)), max(zip(times, paths, strict=True))
    if datetime.fromisoformat(last) - datetime.fromisoformat(first) > SAME_RUN:
        hours = SAME_RUN // timedelta(hours=1)
        raise JoinError(
            f"The reports {old} and {new} cannot be joined: they lie more than {hours} hours apart ({first}, {last}), "
            f"so that {old} is of an earlier run. Audit its accounts again."
        )


def _believed(path: str, report: Any, now: datetime) -> dict[str, Any]:
    """Return the report as its findings imply it. Raises JoinError if it says anything else."""
    try:
        _refuse_another_version(report)
        check_report(report)
        report.pop("comparison", None)  # the joined audit has one of its own
        _refuse_what_cannot_be(report, now)
        implied = judged_again(report)
        _refuse_difference({**report, "accounts": sorted(report["accounts"], key=itemgetter("account_id"))}, implied)
    except ShapeError as error:
        raise JoinError(
            f"The report {path} cannot be joined: {error} Give the files that the report json writes, as they were "
            "written, or audit again."
        ) from None
    return implied


def _refuse_another_version(report: object) -> None:
    """Raise ShapeError if another version wrote the report, because this one may judge by other rules."""
    if not isinstance(report, dict) or "accounts" not in report:
        raise ShapeError("it is no audit.")
    version = report.get("collection_version")
    if version != VERSION:
        raise ShapeError(f"{shown(version)}, but {VERSION} joins.", "collection_version")


def _refuse_what_cannot_be(report: dict[str, Any], now: datetime) -> None:
    """Raise ShapeError for a report that says about accounts what nobody can have read."""
    refuse_empty_or_later(report, now)
    made = datetime.fromisoformat(report["generated_at"]).date()
    for row in report["accounts"]:
        for trail in row["trails"]:
            _refuse_what_was_over(row, trail, made)


def _refuse_what_was_over(account: Mapping[str, Any], trail: Mapping[str, Any], made: date) -> None:
    """Raise ShapeError for an exception that covers a finding although it ended before the report was made."""
    for finding in trail["findings"]:
        until = finding["evidence"].get("exception", {}).get("expires", made.isoformat())
        if made - date.fromisoformat(until) > A_LONG_RUN:
            where = (f"account {account['account_id']}", f"trail {trail['arn']}", finding["rule"])
            raise ShapeError(f"excepted until {until}, which was over.", *where)


def _read(path: str, room: Room) -> Any:
    try:
        return read_report(path, room)
    except OSError as error:
        raise JoinError(f"The report {path} cannot be read: {error.strerror}.") from None
    except TooMuchError as error:
        raise JoinError(
            f"The report {path} cannot be joined: with it the reports have {error}. Remove it if no audit of yours has "
            "written it, or else join fewer accounts."
        ) from None
    except NoJsonError as error:
        raise JoinError(f"The report {path} is no JSON: {error}.") from None


def _refuse_difference(stated: Any, implied: Any, where: tuple[str, ...] = ()) -> None:
    """Raise ShapeError for the first statement of a report that does not follow from its findings.

    The verdict of a trail comes before that of its account, and both before the summary that counts them.
    """
    if stated == implied:
        return
    for name in sorted(implied, key=lambda each: (each not in ENTRIES, each == "summary", each)):
        if stated.get(name) == implied[name]:
            continue
        if name in ENTRIES and isinstance(implied[name], list) and len(stated[name]) == len(implied[name]):
            for index, (one, other) in enumerate(zip(stated[name], implied[name], strict=True)):
                _refuse_difference(one, other, (*where, named(name, one, index)))
        elif name == "summary":
            _refuse_difference(stated[name], implied[name], (*where, name))
        raise ShapeError(f"{shown(stated.get(name))}, but its findings imply {shown(implied[name])}.", *where, name)
    raise ShapeError("its findings imply fewer fields.", *where)

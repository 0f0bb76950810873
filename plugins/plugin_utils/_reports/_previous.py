# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The earlier report that a run is compared with. If it cannot be used, it is named, and the run goes on without it."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail

from ...module_utils._printable import printable
from ...module_utils._regular_file import Room, TooMuchError
from ...module_utils._version import VERSION
from . import _report_file
from ._compared import Earlier, compare, earlier, is_related, uncompared
from ._destination import report_objects
from ._report_file import NoJsonError, read_report, refuse_empty_or_later
from ._report_shape import ShapeError, check_earlier, shown
from ._reserved import file_of_run

IN_BUCKET = "s3://"
_OBJECTS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_NOT_FETCHED = "only the role fetches a report from a bucket. Name a file, or import the role."


class _UnusableError(ValueError):
    """A report that this run cannot be compared with; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Previous:
    """The earlier report of a run, or why it cannot be used."""

    name: str
    earlier: Earlier | None = None
    why: str = ""

    def comparison(self, audit: Mapping[str, Any]) -> dict[str, Any]:
        """Return what changed since the report, or that nothing can be compared."""
        if self.earlier is None:
            return uncompared(self.why, audit)
        if not is_related(self.earlier, audit):
            return uncompared(_unused(self.name, "it is about other accounts, or another organization."), audit)
        if self.earlier.generated_at > audit["generated_at"]:
            return uncompared(_unused(self.name, f"it is of {self.earlier.generated_at}, later than this one."), audit)
        return compare(self.earlier, audit)


def objects_of(previous: str) -> dict[str, str] | None:
    """Return the bucket and the prefix in the option; None if it names a file. Raises AnsibleActionFail."""
    if not previous.startswith(IN_BUCKET):
        return None
    objects = _OBJECTS.fullmatch(previous)
    if not objects:
        raise AnsibleActionFail(
            f"Option previous: {shown(previous)} names no prefix of a bucket. Give the path of a JSON report, or "
            "s3://BUCKET/PREFIX."
        )
    return {"bucket": objects["bucket"], "prefix": (objects["prefix"] or "").strip("/")}


def to_fetch(options: Mapping[str, Any], variables: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return, for the tasks of the role, where to fetch the previous report from and to; nothing for a file.

    `aside` matches the reports of this run, whose prefix no earlier report has, and those that a join is made of.
    """
    objects = objects_of(options.get("previous") or "")
    if not objects:
        return {}
    of_join = (options.get("report_objects") or {}).get("prefix")
    aside = [report_objects("", None, variables)["prefix"], *([of_join.strip("/")] if of_join else [])]
    return {
        "previous": {
            **objects,
            "aside": "|".join(f"{re.escape(prefix)}/" for prefix in aside),
            "to": os.path.join(constants.DEFAULT_LOCAL_TMP, f"cloudtrail-kms-previous-{name}.json"),
        }
    }


def previous_of(run_options: Mapping[str, Any], play: str = "") -> Previous | None:
    """Return the report in the options of a run; None without one.

    Batches and loops of one play are compared with the report that the first of them read, because the play may have
    replaced it since.
    """
    name = run_options["previous"]
    if not name:
        return None
    now = datetime.now(timezone.utc)
    # What an earlier play has fetched stays among the facts of its hosts.
    fetched = (run_options["previous_fetched"] or {}) if name.startswith(IN_BUCKET) else {}
    name = fetched.get("name") or name

    def read() -> dict[str, Any]:
        try:
            return {"name": name, "report": _report(name, fetched, now)}
        except FileNotFoundError:
            return {"name": name, "why": printable(f"There is no previous report yet: {name} does not exist.")}
        except _UnusableError as error:
            return {"name": name, "why": _unused(name, str(error))}

    kept = _once(f"{play} previous {run_options['previous']}", read) if play else read()
    if "report" not in kept:
        return Previous(name=kept["name"], why=kept["why"])
    return Previous(name=kept["name"], earlier=earlier(kept["report"]))


def _once(name: str, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what was read when this ansible-playbook first asked for it."""
    with file_of_run(name).open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if text := file.read():
            kept: dict[str, Any] = json.loads(text)
            return kept
        kept = read()
        json.dump(kept, file)
        return kept


def _unused(name: str, why: str) -> str:
    return printable(f"The previous report {name} is not used: {why}")


def _report(name: str, fetched: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the report, checked as far as a comparison needs it. Raises FileNotFoundError and _UnusableError."""
    if fetched.get("why") or (name.startswith(IN_BUCKET) and not fetched):
        raise _UnusableError(fetched.get("why") or _NOT_FETCHED)
    try:
        report: dict[str, Any] = read_report(fetched.get("path") or name, Room(_report_file.MOST_BYTES))
        check_earlier(report)
        refuse_empty_or_later(report, now)
        _refuse_newer(report["collection_version"])
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not fetched:
            raise
        raise _UnusableError(f"it cannot be read: {error.strerror}.") from None
    except TooMuchError as error:
        raise _UnusableError(f"it has {error}.") from None
    except NoJsonError as error:
        raise _UnusableError(f"it is no JSON: {error}.") from None
    except ShapeError as error:
        raise _UnusableError(str(error)) from None
    return report


def _refuse_newer(version: str) -> None:
    """Raise ShapeError for a newer version, which may mean something else by what it writes."""
    of_report, ours = (_NUMBERS.match(each) for each in (version, VERSION))
    if not of_report or not ours or _parts(of_report[0]) > _parts(ours[0]):
        raise ShapeError(f"{shown(version)}, but this is {VERSION}.", "collection_version")


def _parts(numbers: str) -> tuple[int, ...]:
    return tuple(int(number[:9]) for number in numbers.split("."))

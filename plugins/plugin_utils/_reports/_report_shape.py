# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shape of a JSON report, as docs/cloudtrail-kms.schema.json has it, checked without a library.

Beyond the schema it checks what every report of this version has: each account, trail and rule once, a finding of every
rule that was not off, and the controls of each rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from reprlib import Repr
from typing import Any, TypeAlias, get_args, get_type_hints, is_typeddict

from ...module_utils._checks import RULES, Evidence, ReaderEvidence, Settings
from ...module_utils._facts import VERDICTS
from ...module_utils._model import KEY_ARN, TRAIL_ARN, Ownership, Status
from ._compared import LISTS, contradictions, earlier
from ._typed import are_for_older_logs, is_command

# What the entries of a list are called in a message, and the field that each is known by.
ENTRIES: Mapping[str, tuple[str, str]] = {
    "accounts": ("account", "account_id"),
    "trails": ("trail", "arn"),
    "findings": ("finding", "rule"),
    "kms_keys": ("key", "arn"),
    "buckets": ("bucket", "name"),
}
# Of these every trail has a finding where they are not off; of the others only where an option asks.
_ALWAYS_ASKED = frozenset(name for name, rule in RULES.items() if rule.is_asked(Settings()))
_shown = Repr()
_shown.maxstring = _shown.maxother = 80

Check: TypeAlias = Callable[[Any], None]


class ShapeError(ValueError):
    """What no report holds: where it stands, from the outermost part to the field, and why."""

    def __init__(self, why: str, *where: str) -> None:
        super().__init__(": ".join([*([", ".join(where)] if where else []), why]))
        self.why, self.where = why, where

    def inside(self, part: str) -> ShapeError:
        """The same, with the part around it."""
        return ShapeError(self.why, part, *self.where)


class _EntryError(ShapeError):
    """An error that already names the entry of a list, so that the list need not be named."""


def check_report(report: object) -> None:
    """Raise ShapeError for anything but an audit of this version of the collection; enforcements are not read."""
    _report(report)


def check_earlier(report: object) -> None:
    """Raise ShapeError for a report, of this version or an older one, that lacks what a comparison needs."""
    _earlier(report)


def shown(value: object) -> str:
    """Return the value for a message: short, and printable."""
    return _shown.repr(value)


def named(entries: str, entry: object, index: int) -> str:
    """Return the name of an entry of a list for messages: by its identifying field, else by its place."""
    noun, name = ENTRIES.get(entries, (entries, ""))
    known = entry.get(name) if isinstance(entry, dict) else None
    return f"{noun} {shown(known)[1:-1]}" if isinstance(known, str) and known else f"{noun} number {index + 1}"


def _where(fits: Callable[[Any], object], meaning: str) -> Check:
    def check(value: Any) -> None:
        if not fits(value):
            raise ShapeError(f"{shown(value)} is not {meaning}.")

    return check


def _one_of(*choices: str) -> Check:
    return _where(lambda value: isinstance(value, str) and value in choices, f"one of {', '.join(choices)}")


def _matching(pattern: re.Pattern[str], meaning: str) -> Check:
    return _where(lambda value: isinstance(value, str) and pattern.fullmatch(value), meaning)


def _or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _object(
    needed: Mapping[str, Check],
    other: Mapping[str, Check] | None = None,
    more: Check | None = None,
    *,
    is_open: bool = False,
) -> Check:
    """An object with the fields `needed`, optionally those of `other`, and no third; `more` checks it as a whole.

    An object that `is_open` may have more fields, which are not checked.
    """
    known = {**needed, **(other or {})}

    def check(value: Any) -> None:
        if not isinstance(value, dict):
            raise ShapeError(f"{shown(value)} is no object.")
        for name in sorted(needed.keys() - value.keys()):
            raise ShapeError("is missing.", name)
        for name, content in value.items():
            if name not in known:
                if is_open:
                    continue
                raise ShapeError("no report has this field.", shown(name)[1:-1])
            try:
                known[name](content)
            except _EntryError:
                raise
            except ShapeError as error:
                raise error.inside(name) from None
        if more:
            more(value)

    return check


def _entries(name: str, check_entry: Check) -> Check:
    """A list whose entries have an identifying field, each with another value."""
    known_by = ENTRIES[name][1]

    def check(value: Any) -> None:
        if not isinstance(value, list):
            raise ShapeError(f"{shown(value)} is no list.")
        seen: set[str] = set()
        for index, entry in enumerate(value):
            try:
                check_entry(entry)
            except ShapeError as error:
                raise _EntryError(error.why, named(name, entry, index), *error.where) from None
            if entry[known_by] in seen:
                raise _EntryError("is there twice.", named(name, entry, index))
            seen.add(entry[known_by])

    return check


def _list(check_entry: Check) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, list):
            raise ShapeError(f"{shown(value)} is no list.")
        for entry in value:
            check_entry(entry)

    return check


def _is_moment(value: object) -> bool:
    """Whether it is a time in the one form in which reports write it, so that times compare as texts."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return bool(moment and moment.utcoffset() == timedelta() and moment.isoformat(timespec="seconds") == value)


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_flag = _where(lambda value: isinstance(value, bool), "true or false")
_text = _where(lambda value: isinstance(value, str), "a text")
_words = _where(lambda value: isinstance(value, str) and value, "a text with something in it")
_moment = _where(_is_moment, "a time such as 2026-11-23T12:00:00+00:00")
_or_never = _or_null(_moment)
_day = _where(_is_day, "a day such as 2027-03-31")
# JSON's true is an int to Python, which counts nothing.
_count = _where(
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    "a number of accounts or trails",
)
_texts = _list(_words)
_rule = _one_of(*RULES)
# One of an older version may have another name; so many names are shown in a row at most.
_rule_name = _matching(re.compile("[a-z][a-z0-9_]{0,63}"), "the name of a rule")
_MOST_RULES = 100
# Of the fields of evidence those that say more than their type.
_NARROWER: Mapping[str, Check] = {
    "encrypted_since": _moment,
    "outcome": _one_of("allowed", "implicit_deny", "explicit_deny", "indeterminate"),
    "status": _one_of("fail", "unknown"),
    "latest_delivery_time": _or_never,
    "valid_to": _moment,
    "expires": _day,
}
_TYPES: Mapping[object, Check] = {str: _text, bool: _flag, list[str]: _list(_text), str | None: _or_null(_text)}


def _fields(kind: type) -> dict[str, Check]:
    """The checks for the fields of a typed dictionary."""
    return {
        name: _NARROWER.get(name) or (_object(_fields(hint)) if is_typeddict(hint) else _TYPES[hint])
        for name, hint in get_type_hints(kind).items()
    }


# What key_is_usable says of a key.
_OF_KEY = frozenset({"state", "usage", "spec"})
_EVIDENCE, _OF_READER = _fields(Evidence), _fields(ReaderEvidence)
_reader = _object({name: _OF_READER[name] for name in ReaderEvidence.__required_keys__}, _OF_READER)
_READER = re.compile("arn:aws[a-z-]*:.*", re.DOTALL)


def _evidence(value: Any) -> None:
    """Check the evidence by its fields, and that of each reader by the ARN."""
    readers = [name for name in value if _READER.fullmatch(name)] if isinstance(value, dict) else []
    _object({}, {**_EVIDENCE, **dict.fromkeys(readers, _reader)})(value)


def _finding_agrees(finding: Mapping[str, Any]) -> None:
    if (finding["status"] == "excepted") != ("exception" in finding["evidence"]):
        raise ShapeError("a finding that is excepted, and no other, has the exception in its evidence.", "status")
    controls = {name: list(numbers) for name, numbers in RULES[finding["rule"]].frameworks.items()}
    if finding["frameworks"] != controls:
        raise ShapeError("not the controls that ask for this rule.", "frameworks")


def _trail_agrees(trail: Mapping[str, Any]) -> None:
    """Check the benchmark's question, whether a key is set, and the commands for people to type."""
    for finding in trail["findings"]:
        evidence = finding["evidence"]
        if "command" in finding and not is_command(finding["command"], trail):
            raise ShapeError(f"{shown(finding['command'])} is not a command of an audit.", finding["rule"], "command")
        of_key = _OF_KEY & evidence.keys()
        if of_key and (of_key != _OF_KEY or not trail["kms_key_arn"]):
            raise ShapeError("state, usage and spec stand together, and only of a trail with a key.", finding["rule"])
        older, since = evidence.get("older_logs"), evidence.get("encrypted_since")
        if older is not None and not (since and older and are_for_older_logs(older, since, trail)):
            raise ShapeError("these are not the commands of an audit.", finding["rule"], "older_logs")
        if finding["rule"] == "trail_has_kms_key":
            status = finding["evidence"].get("exception", finding)["status"]
            if status != ("pass" if trail["kms_key_arn"] else "fail"):
                raise ShapeError(f"{status}, but kms_key_arn is {shown(trail['kms_key_arn'])}.", "trail_has_kms_key")


def _account_agrees(account: Mapping[str, Any]) -> None:
    """Check that owned trails are its own, that rules were judged unless off, and that an unused account is empty."""
    narrowed = account["narrowed_by"] or {}
    for index, trail in enumerate(account["trails"]):
        where = named("trails", trail, index)
        if (trail["ownership"] == "owned") != (trail["arn"].split(":")[4] == account["account_id"]):
            raise ShapeError(f"{trail['ownership']}, which the ARN contradicts.", where, "ownership")
        judged = {finding["rule"] for finding in trail["findings"]}
        missing = sorted(_ALWAYS_ASKED - judged - {*narrowed.get("rules_off", ())})
        if missing:
            raise ShapeError(f"there is no finding of {', '.join(missing)}.", where, "findings")
    if account["verdict"] == "not_applicable":
        read = any(account[each] for each in ("trails", "kms_keys", "buckets", "regions"))
        if read or narrowed or any(error["operation"] != "AssumeRole" for error in account["errors"]):
            raise ShapeError("not_applicable is an account that could not be entered, but it was read.", "verdict")


def _narrowing_agrees(narrowed: Mapping[str, Any]) -> None:
    if not any(narrowed.values()):
        raise ShapeError("null says that nothing was left out.")


_status = _one_of(*get_args(Status))
_error = _object(dict.fromkeys(("service", "operation", "iam_action", "region", "code", "message"), _text))
_settings = _list(
    _where(
        lambda value: isinstance(value, dict) and all(each is True or isinstance(each, str) for each in value.values()),
        "options, each true or in words",
    )
)
_finding = _object(
    {
        "rule": _rule,
        "status": _status,
        "level": _one_of("required", "advised"),
        "severity": _one_of("critical", "high", "medium", "low"),
        "message": _words,
        "evidence": _evidence,
        "remediation": _text,
        "frameworks": _where(lambda value: isinstance(value, dict), "the controls that ask for the rule"),
    },
    {"settings": _settings, "command": _text, "unread": _error, "statements": _list(_text)},
    more=_finding_agrees,
)
_key_arn = _matching(KEY_ARN, "the ARN of a key")
_trail = _object(
    {
        "arn": _matching(TRAIL_ARN, "the ARN of a trail"),
        **dict.fromkeys(("name", "home_region", "bucket_name"), _words),
        **dict.fromkeys(("multi_region", "organization_trail"), _flag),
        "ownership": _one_of(*get_args(Ownership)),
        "kms_key_arn": _or_null(_key_arn),
        "verdict": _one_of("compliant", "non_compliant", "unknown"),
        "cis_3_5": _one_of("pass", "fail"),
        "findings": _entries("findings", _finding),
    },
    more=_trail_agrees,
)
_key = _object(
    {
        "arn": _words,
        "aliases": _or_null(_list(_text)),
        **dict.fromkeys(("manager", "state", "spec", "usage"), _text),
        "multi_region": _flag,
        "rotation_enabled": _or_null(_flag),
        "policy": _or_null(_text),
    }
)
_bucket = _object({"name": _words, "region": _text, "bucket_key_enabled": _or_null(_flag)})
_old_key = _object({"arn": _key_arn, "trail": _words, "state": _words, "since": _moment, "deletion_date": _or_never})
_account_id = _matching(re.compile("[0-9]{12}"), "the id of an account")
_account = _object(
    {
        "account_id": _account_id,
        "partition": _matching(re.compile("aws[a-z-]*"), "a partition of AWS"),
        "verdict": _one_of(*VERDICTS),
        "cis_3_5": _one_of("pass", "fail", "unknown", "no_trails", "not_applicable"),
        "complete": _flag,
        **dict.fromkeys(("audited_by", "organization"), _or_null(_words)),
        "regions": _texts,
        "trails": _entries("trails", _trail),
        "kms_keys": _entries("kms_keys", _key),
        "buckets": _entries("buckets", _bucket),
        "errors": _list(_error),
        "narrowed_by": _or_null(
            _object(
                {"regions": _texts, "trails": _texts, **dict.fromkeys(("rules_off", "rules_lowered"), _list(_rule))},
                more=_narrowing_agrees,
            )
        ),
    },
    {"account_name": _text, "former_keys": _list(_old_key)},
    more=_account_agrees,
)
_of_comparison = _object(
    {
        "account_id": _account_id,
        "trail": _or_null(_matching(TRAIL_ARN, "the ARN of a trail")),
        "rule": _or_null(_rule_name),
        "before": _or_null(_status),
        "after": _or_null(_status),
        "since": _or_null(_day),
    }
)
_expiring = _object(
    {
        "account_id": _account_id,
        "trail": _matching(TRAIL_ARN, "the ARN of a trail"),
        "rules": _texts,
        "expires": _day,
        "owner": _text,
        "reason": _text,
    }
)
_comparison = _object(
    {
        "previous": _or_null(_object({"generated_at": _moment})),
        "why": _or_null(_words),
        "sentence": _words,
        **dict.fromkeys(LISTS, _list(_of_comparison)),
        "expiring": _list(_expiring),
    }
)
_report = _object(
    {
        "generated_at": _moment,
        "collection_version": _text,
        "summary": _object(dict.fromkeys(("accounts", "trails", *VERDICTS, "excepted"), _count)),
        "accounts": _entries("accounts", _account),
    },
    {"comparison": _comparison},
)


def _earlier_agrees(report: Mapping[str, Any]) -> None:
    for name, why in contradictions(report):
        raise ShapeError(why, "comparison", name)
    if len({finding.rule for finding in earlier(report).standings}) > _MOST_RULES:
        raise ShapeError(f"there are more than {_MOST_RULES} rules.", "findings")


_earlier = _object(
    {
        "generated_at": _moment,
        "collection_version": _text,
        "accounts": _entries(
            "accounts",
            _object(
                {
                    "account_id": _account_id,
                    "verdict": _words,
                    "complete": _flag,
                    "organization": _or_null(_words),
                    "trails": _entries(
                        "trails",
                        _object(
                            {
                                "arn": _matching(TRAIL_ARN, "the ARN of a trail"),
                                "verdict": _words,
                                "findings": _entries(
                                    "findings",
                                    _object({"rule": _rule_name, "status": _status, "level": _words}, is_open=True),
                                ),
                            },
                            is_open=True,
                        ),
                    ),
                },
                is_open=True,
            ),
        ),
    },
    {"comparison": _comparison},
    more=_earlier_agrees,
    is_open=True,
)

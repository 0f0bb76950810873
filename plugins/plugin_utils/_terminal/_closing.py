# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of a run: its outcome in one sentence, where its files are, and the command that goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ansible import constants, context
from ansible.utils.helpers import pct_to_int

from ...module_utils._facts import unrefused
from ...module_utils._options import named
from ...module_utils._printable import count, first_of, unforeseen
from .._reports import FORMATS, accounts_of, is_excepted, verdict_words
from ._commands import (
    PREFIX,
    credentials,
    from_here,
    next_command,
    our_playbook,
    typed_inventory,
    undo,
    without_green,
)
from ._decisions import decisions, is_left_to_owners
from ._enforcement import DONE
from ._proven import delivered, proven, proven_trails

# Of a run of many accounts the report says the others.
MOST_REFUSED = 5
_IN_FULL = tuple(FORMATS[name].file_name for name in ("html", "json"))
# What a restore undoes.
_GOES_BACK = frozenset({"UpdateTrail", "PutKeyPolicy"})
_FOR_GOOD = "none of these changes can go back"
_WORKED = (
    "a restore puts back keys and key policies that worked, not those that failed before; a trail that had no key "
    "keeps its new one"
)
_BUCKET = "a bucket policy"
# AWX sets these for its jobs: nobody has typed their command.
_OF_A_JOB = frozenset({"awx_job_id", "tower_job_id"})
# What a plan says to set where an account was entered by a role that seems to be that of an audit.
_WRITER = "assume_role"
# The group of the hosts that the inventory plugin makes.
_OF_ACCOUNTS = "aws_accounts"
# Accounts of these verdicts need nothing.
_FINE = frozenset({"compliant", "not_applicable"})
_OWNERS = "act on what To do says, or pass it on to the owner"


def closing_lines(
    result: Mapping[str, Any],
    registered: Mapping[str, Any],
    folders: Sequence[str],
    variables: Mapping[str, Any],
    *,
    is_plan: bool,
    is_restore: bool = False,
    serial: Sequence[Any] = (),
) -> list[str]:
    """Return the last lines of a run, after an empty one; `result` is that of its module.

    `registered` is what the task returns; `folders` are the folders of a bucket that receive the reports; `serial` is
    that of the play. Raises nothing: the run may have written, and its result counts.
    """
    audit = result.get("ansible_facts", {}).get("cloudtrail_kms")
    in_batches = _has_batches(serial, len(variables.get("ansible_play_hosts_all", ())))
    kind = {"is_plan": is_plan, "is_restore": is_restore, "in_batches": in_batches}
    parts = [
        _compared(registered.get("comparison")),
        _enforced(result, registered, **kind) if audit is None else _audited(audit, registered, folders),
        _left_out(context.CLIARGS, variables),
        _files(result, registered, folders),
        _no_backup(result, variables, is_plan=is_plan),
        _undo(context.CLIARGS, result, variables, **kind),
    ]
    if variables.keys().isdisjoint(_OF_A_JOB):
        parts.append(_commands(context.CLIARGS, audit, result, variables))
    lines = [line for part in parts for line in _contained(part)]
    return ["", *lines] if lines else []


def _has_batches(serial: Sequence[Any], hosts: int) -> bool:
    """Return whether a play has several batches (ansible.executor.playbook_executor, _get_serialized_batches)."""
    return bool(serial) and 0 < pct_to_int(serial[0], hosts) < hosts


def _contained(lines: Iterator[str]) -> Iterator[str]:
    """Yield these lines; a fault ends them with a line that says so."""
    try:
        yield from lines
    except Exception as error:
        yield f"A line cannot be shown: {unforeseen(error)}"


def _audited(audit: Mapping[str, Any], registered: Mapping[str, Any], folders: Sequence[str]) -> Iterator[str]:
    """Yield how many accounts of an audit fail, what would keep them from it, and how many trails are proven."""
    if number := registered["failing"]:
        accounts = count(len(audit["accounts"]), "account")
        yield f"Failing   {number} of {accounts}; with -e {PREFIX}fail_on=never the run ends green all the same"
    yield from proven_trails(audit, _trail_by_trail(registered, folders))


def _enforced(
    result: Mapping[str, Any],
    registered: Mapping[str, Any],
    *,
    is_plan: bool,
    is_restore: bool,
    in_batches: bool,
) -> Iterator[str]:
    """Yield what came of an enforcement or a restore, or would, and what was delivered since."""
    is_restored = is_restore and not is_plan and not registered.get("failing")
    sentence = restored(result) if is_restored else outcome(result, is_plan=is_plan)
    yield sentence.replace(":", " in this batch:", 1) if in_batches else sentence
    if is_restore and _is_in_vain(result):
        yield "Restore   nothing of this backup can go back as things are"
    if not is_restore:
        yield from _not_fixed(result)
    if not is_plan:
        yield from delivered(result)
        yield from proven(result)


def _not_fixed(enforcement: Mapping[str, Any]) -> Iterator[str]:
    """Yield which of several accounts are not compliant afterwards, though nothing was refused and nothing failed."""
    rows = (enforcement["after"] or {"accounts": ()})["accounts"]
    said = {each["account_id"] for each in (*enforcement["refusals"], *enforcement["errors"])}
    left = [row["account_id"] for row in rows if row["verdict"] not in _FINE and row["account_id"] not in said]
    if left and len(rows) > 1 and not _is_stuck(enforcement):
        yield f"Not fixed {named(left)}: {_OWNERS}"


def _left_out(arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield that a playbook of ours read this host alone, where an inventory has accounts; joining reads reports."""
    others, is_chosen = accounts_of(variables), variables.get(f"{PREFIX}hosts") or arguments.get("subset")
    if others and our_playbook(arguments) not in ("", "join") and not is_chosen:
        chosen = _OF_ACCOUNTS if variables["groups"].get(_OF_ACCOUNTS) else "all"
        yield f"Left out  {count(len(others), 'account')} of the inventory: take them in with -e {PREFIX}hosts={chosen}"


def _compared(comparison: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what changed since the previous report, in a sentence, or why nobody can tell."""
    if comparison:
        yield f"Compared  {comparison['sentence']}"
        if comparison["why"]:
            yield f"          {comparison['why']}"


def _reports(registered: Mapping[str, Any], folders: Sequence[str]) -> list[str]:
    """Return where the reports are; those in a folder that is gone with ansible-playbook are not."""
    kept = [path for path in registered.get("reports", ()) if not path.startswith(constants.DEFAULT_LOCAL_TMP)]
    replaced = dict.fromkeys(registered.get("replaced", ()), " (replaced the one of before)")
    return [*(from_here(path) + replaced.get(path, "") for path in kept), *(f"{folder}/" for folder in folders)]


def _trail_by_trail(registered: Mapping[str, Any], folders: Sequence[str]) -> list[str]:
    """Return where the reports are that say what proves each trail, if any was written."""
    written = [path for path in registered.get("reports", ()) if path.endswith(_IN_FULL)]
    return _reports({"reports": written}, folders) if written else []


def _files(result: Mapping[str, Any], registered: Mapping[str, Any], folders: Sequence[str]) -> Iterator[str]:
    """Yield where the reports and the backup are."""
    if reports := _reports(registered, folders):
        yield f"Reports   {', '.join(reports)}"
    if backup := result.get("backup_path"):
        yield f"Backup    {from_here(backup)}"
        yield from (f"          The earlier backup is now {from_here(path)}" for path in result["earlier_backups"])


def _no_backup(result: Mapping[str, Any], variables: Mapping[str, Any], *, is_plan: bool) -> Iterator[str]:
    """Yield that a run has kept no backup, though a file is named for it."""
    if variables.get(f"{PREFIX}backup_path") and "backup" in result and not (is_plan or result["backup"]):
        yield "Backup    none written: nothing was replaced"


def _commands(
    arguments: Mapping[str, Any],
    audit: Mapping[str, Any] | None,
    result: Mapping[str, Any],
    variables: Mapping[str, Any],
) -> Iterator[str]:
    """Yield the command that goes on, and what is to be decided before."""
    if our_playbook(arguments) == "restore" and _is_in_vain(result):
        return
    if _is_refused(arguments, result):
        with_choice = any(each["settings"] for each in result["refusals"])
        adding = ", with -e for each variable that you decide to set" if with_choice else ""
        again = f"run the same command again{adding}: until then it is refused"
        yield f"Decide    what to do about each REFUSED above, and {again}"
        return
    if next_command(arguments, audit, result):
        open_ones = decisions(audit, variables) if audit else None
        needed = open_ones.variables if open_ones else (*_backup(variables), *without_green(arguments, variables))
        if audit and is_left_to_owners(audit):
            yield f"Next      An enforcement would change nothing here: {_OWNERS}"
            return
        lines = open_ones.lines if open_ones else _left_alone(result)
        yield from (f"Decide    {line}" for line in (*lines, *_role(arguments, audit, result)))
        yield f"Next      {next_command(arguments, audit, result, needed)}"
        yield from credentials()


def _left_alone(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield of how many accounts a plan changes nothing, because they were refused or failed."""
    rows = {mark: plan[name] for mark, name in (("REFUSED", "refusals"), ("FAILED", "errors")) if plan[name]}
    if accounts := {each["account_id"] for group in rows.values() for each in group}:
        them = "it as it is" if len(accounts) == 1 else "them as they are"
        which = f"{count(len(accounts), 'account')} {' or '.join(rows)}"
        yield f"what to do about the {which} above: until then the command below leaves {them}"


def _role(arguments: Mapping[str, Any], audit: Mapping[str, Any] | None, result: Mapping[str, Any]) -> Iterator[str]:
    """Yield whether the inventory names a role that may write: after an audit, and where a plan doubts it."""
    doubted = (name for each in result.get("refusals", ()) for options in each["settings"] for name in options)
    if (audit or _WRITER in doubted) and (inventory := typed_inventory(arguments)):
        yield (
            f"whether {', '.join(inventory)} enters by a role that may write: if it only audits, name the inventory "
            "of the role that enforces below"
        )


def _undo(
    arguments: Mapping[str, Any],
    result: Mapping[str, Any],
    variables: Mapping[str, Any],
    *,
    is_plan: bool,
    is_restore: bool,
    in_batches: bool,
) -> Iterator[str]:
    """Yield what a restore puts back of a run, or of a plan, by which command, and why the rest stays."""
    # The backup holds what earlier batches wrote as well, of which this one predicts nothing.
    planned = None if in_batches and not is_plan else result.get("undo")
    is_any = not planned or bool(planned["resources"])
    name = _namer(result, planned)
    if result.get("backup_path"):
        if variables.keys().isdisjoint(_OF_A_JOB):
            yield from _restoring(arguments, result, planned) if is_any else [f"Undo      {_FOR_GOOD}"]
            yield from _staying(result, planned, name)
    elif result.get("backup"):
        before = f"set {PREFIX}backup_path before a run that you may want to undo"
        forward = "to go forward again, run the enforcement: it fixes what it can, perhaps by other keys"
        yield from [f"Undo      none, as no backup was kept: {forward if is_restore else before}"] if is_any else []
    elif is_plan and not is_restore and any(each["status"] == "planned" for each in result.get("changes", ())):
        back = first_of(list(map(name, planned["resources"])), MOST_REFUSED) if planned else ""
        yield f"Undo      {f'a restore could put back {back}' if back else _FOR_GOOD if planned else _WORKED}"
        yield from _staying(result, planned, name) if planned else []


def _restoring(
    arguments: Mapping[str, Any], result: Mapping[str, Any], planned: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield the command that restores the backup, and what is to be known before."""
    yield f"Undo      {undo(arguments, result['backup_path'])}"
    yield from credentials()
    if planned and planned["refusals"]:
        yield "          The restore is refused: its plan (--check) says which rows to remove from the backup"
    if _is_narrowed(result["before"]["accounts"]):
        yield "          The restore reads all trails of each account, and may refuse for one that this run left out"


def _staying(result: Mapping[str, Any], planned: Mapping[str, Any] | None, name: Callable[[str], str]) -> Iterator[str]:
    """Yield a line for each resource that stays as it is, or for those that do so for the same reasons."""
    alike: dict[str, dict[str, None]] = {}
    for arn, why in _stays(result["changes"], planned).items():
        alike.setdefault("; ".join(why), {}).update({name(arn): None} if arn else {})
    for reasons, names in list(alike.items())[:MOST_REFUSED]:
        which = f"{first_of([*names], MOST_REFUSED)} {'stay' if len(names) > 1 else 'stays'}: " if names else ""
        yield f"          - {which}{reasons}"
    if len(alike) > MOST_REFUSED:
        yield f"          - and so on, for {count(len(alike) - MOST_REFUSED, 'more reason')}"


def _stays(changes: Iterable[Mapping[str, Any]], planned: Mapping[str, Any] | None) -> dict[str, dict[str, None]]:
    """Return what stays, by resource: why a restore would refuse it, and what it does not undo.

    `planned` is what a restore would do, if that is known. A bucket goes by no ARN, and a whole account by nothing.
    """
    stays: dict[str, dict[str, None]] = {}
    for each in planned["refusals"] if planned else ():
        arns = each["trails"] or [each["key"] or (each["subject"] and _BUCKET)]
        why = each["reason"] if arns[0] else each["reason"].replace(each["account_id"], "an account of this run")
        for arn in arns:
            stays.setdefault(arn, {})[why] = None
    moved = {*planned["resources"], *stays, *(each["key"] for each in planned["refusals"])} if planned else None
    done: dict[str, dict[str, None]] = {}
    for each in changes:
        operation, arn = each["operation"], each["resource"]
        goes_back = operation in _GOES_BACK and (moved is None or arn in moved)
        if each["status"] in DONE and not goes_back:
            done.setdefault(arn, {})[operation] = None
    for arn, operations in done.items():
        is_new = any(operation.startswith("Create") for operation in operations)
        why = "a restore deletes nothing" if is_new else f"a restore does not undo {', '.join(operations)}"
        stays.setdefault(arn, {})[why] = None
    return stays


def _namer(result: Mapping[str, Any], planned: Mapping[str, Any] | None) -> Callable[[str], str]:
    """Return what names a resource: of several accounts with its account."""
    changed = [each["resource"] for each in result.get("changes", ())]
    arns = [
        *changed,
        *(arn for each in (planned or {"refusals": ()})["refusals"] for arn in (*each["trails"], each["key"])),
    ]
    return partial(_name, is_alone=len({arn.split(":")[4] for arn in arns if arn} - {""}) <= 1)


def _name(arn: str, *, is_alone: bool) -> str:
    account, name = arn.split(":", 5)[4:] if arn != _BUCKET else ("", _BUCKET)
    return name if is_alone or not account else f"{name} of {account}"


def _is_in_vain(restore: Mapping[str, Any]) -> bool:
    """Return whether a restore is refused all that it is about, and no option would allow any of it."""
    refusals = restore.get("refusals", ())
    left = unrefused((each["resource"] for each in restore.get("changes", ())), refusals)
    return bool(refusals) and not left and not any(each["settings"] for each in refusals)


def _is_refused(arguments: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    """Return whether a playbook of ours was refused and left nothing to go on with."""
    planned = any(change["status"] == "planned" for change in result.get("changes", ()))
    return bool(result.get("refusals") and not planned and our_playbook(arguments))


def _backup(variables: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the variable that the run after a plan needs to be undone, where none names the file.

    The run may replace what the plan does not, since somebody has resolved a refusal or changed something meanwhile.
    """
    return () if variables.get(f"{PREFIX}backup_path") else (f"{PREFIX}backup_path=backup.json",)


def outcome(enforcement: Mapping[str, Any], *, is_plan: bool) -> str:
    """Return the sentence that an enforcement ends with.

    Such as `Plan: 4 changes in 1 account; it would be compliant. Nothing was changed.`
    """
    would = is_plan and any(each["status"] == "planned" for each in enforcement["changes"])
    why = f" No enforcement fixes what fails: {_OWNERS}." if _is_stuck(enforcement) else ""
    ending = f"{_verdict(enforcement, would=would)}.{why}{' Nothing was changed.' if is_plan else ''}"
    return f"{'Plan' if is_plan else 'Run'}: {_counted(enforcement, is_plan=is_plan)}; {ending}"


def _counted(enforcement: Mapping[str, Any], *, is_plan: bool) -> str:
    """Say how many changes there are, and how many failed or were refused."""
    changes = [each for each in enforcement["changes"] if each["status"] == ("planned" if is_plan else "applied")]
    accounts = len({each["account_id"] for each in changes})
    where = f" in {count(accounts, 'account')}" if changes else ""
    parts = [f"{count(len(changes), 'change')}{where}"]
    statuses = Counter(each["status"] for each in enforcement["changes"])
    parts += [f"{count(statuses['failed'], 'change')} failed"] if statuses["failed"] else []
    parts += [f"{statuses['not_attempted']} not attempted"] if statuses["not_attempted"] else []
    if failed := {each["account_id"] for each in enforcement["errors"]}:
        parts.append(f"{count(len(failed), 'account')} failed")
    if refusals := enforcement["refusals"]:
        refused = len({each["account_id"] for each in refusals})
        why = f" for {len(refusals)} reasons" if len(refusals) > refused else ""
        parts.append(f"{count(refused, 'account')} refused{why}")
    return ", ".join(parts)


def _is_stuck(enforcement: Mapping[str, Any]) -> bool:
    """Whether there was nothing to change, though required rules fail."""
    nothing = not (enforcement["changes"] or enforcement["refusals"] or enforcement["errors"])
    return nothing and bool(enforcement["after"]) and is_left_to_owners(enforcement["after"])


def restored(enforcement: Mapping[str, Any]) -> str:
    """Return the sentence that a restore ends with which no verdict fails.

    Such as `Restored: 1 change in 1 account. The account was non_compliant before and still is; that does not fail a
    restore.`
    """
    before, after = (
        [row for row in (enforcement[which] or {"accounts": ()})["accounts"] if row["verdict"] != "not_applicable"]
        for which in ("before", "after")
    )
    if enforcement["refusals"] or enforcement["errors"] or not after:
        return outcome(enforcement, is_plan=False)
    done = f"Restored: {_counted(enforcement, is_plan=False)}"
    if all(row["verdict"] == "compliant" for row in after):
        return f"{done}; {_verdict(enforcement, would=False)}."
    if len(after) > 1:
        good = sum(row["verdict"] == "compliant" for row in before)
        verdicts = f"{good} of {len(before)} accounts were compliant before, {_verdict(enforcement, would=False)} now"
    else:
        was, now = before[0]["verdict"], after[0]["verdict"]
        verdicts = f"The account was {was} before and {'still is' if was == now else f'is {now} now'}"
    return f"{done}. {verdicts}; that does not fail a restore."


def _verdict(enforcement: Mapping[str, Any], *, would: bool) -> str:
    """Say what the accounts are afterwards, or would be, of the trails that were judged."""
    if not enforcement["after"]:
        return "the verdict afterwards is not known"
    rows = [row for row in enforcement["after"]["accounts"] if row["verdict"] != "not_applicable"]
    narrowed = ", judged by the trails of this run alone" if _is_narrowed(rows) else ""
    if len(rows) == 1:
        ending = narrowed if rows[0]["verdict"] == "compliant" else ""
        return f"it {'would be' if would else 'is'} {verdict_words(rows[0])}{ending}"
    good = [row for row in rows if row["verdict"] == "compliant"]
    excepted = sum(map(is_excepted, good))
    more = f" ({excepted} by exception)" if excepted else ""
    in_use = "" if len(rows) == len(enforcement["after"]["accounts"]) else " in use"
    are = "would be" if would else "are"
    return f"{len(good)} of {count(len(rows), 'account')}{in_use} {are} compliant{more}{narrowed}"


def _is_narrowed(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether the run has left out trails of these accounts, or may have."""
    return any((row.get("narrowed_by") or {}).get(name) for row in rows for name in ("trails", "regions"))

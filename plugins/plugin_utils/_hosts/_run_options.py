# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a run: its own, and those that it hands to a module, by its mode."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.path import unfrackpath

from ...module_utils._options import AUDIT_ACCOUNT_OPTIONS, ENFORCE_ACCOUNT_OPTIONS
from ...module_utils._printable import no_template
from .._reports import objects_of, passing_directory
from ._variables import AUDIT_SPEC, ENFORCE_SPEC, OF_A_RUN, PREFIX, SPEC, options, refuse_unknown

MODULES = {"audit": "cloudtrail_kms_facts", "enforce": "cloudtrail_kms_enforce"}
JOIN = "join"
AUDIT_OPTIONS = frozenset(AUDIT_SPEC)
# Left aside in an audit, so that one set of options, and of variables of the role, serves both modes.
ENFORCE_OPTIONS = frozenset(ENFORCE_SPEC)
OWN_OPTIONS: dict[str, Any] = {
    **OF_A_RUN,
    "hosts": {"type": "str"},
    "new_bucket": {"type": "bool"},
    "made": {"type": "list", "elements": "dict", "default": []},
    "previous_fetched": {"type": "dict"},
    "variables": {"type": "str", "choices": [PREFIX]},
}
# How tasks of the role work together, beside the options that a person gives.
OF_THE_TASKS = frozenset({"hosts", "made", "new_bucket", "previous_fetched", "variables"})
# Which key trails are to have, a backup says; and any trail may need what a key policy would lose, so all are read.
_NARROWING = ("trails", "regions")
NOT_RESTORED = frozenset({"create_trail", "key", "key_id", *_NARROWING})


def variables_of(mode: str) -> frozenset[str]:
    """Return the options that a run of this mode takes from the variables of the role."""
    of_run = frozenset(OF_A_RUN) - {"mode"}
    of_modes = {"audit": of_run | AUDIT_OPTIONS, JOIN: of_run}
    return of_modes.get(mode, of_run | AUDIT_OPTIONS | ENFORCE_OPTIONS & SPEC.keys())


def from_variables(arguments: Mapping[str, Any], task_vars: Mapping[str, Any], templar: Any) -> dict[str, Any]:
    """Return the options of a task; if it takes `variables` of the role, these go before its own.

    Only the mode is that of the task, if it has one: an entry point of the role is for one thing. Raises VariablesError
    for a variable that cannot be meant.
    """
    if not arguments.get("variables"):
        return {**arguments}
    mode = arguments.get("mode") or options(task_vars, templar, ["mode"]).get("mode", "audit")
    refuse_unknown(task_vars)
    return {**arguments, **options(task_vars, templar, variables_of(mode)), "mode": mode}


def of_accounts(mode: str) -> frozenset[str]:
    """Return the options that may differ between the accounts of one run of this mode, beside the role to assume."""
    of_both = frozenset(ENFORCE_ACCOUNT_OPTIONS if mode == "enforce" else AUDIT_ACCOUNT_OPTIONS)
    return of_both - {"assume_role"}


def options_of_run(arguments: Mapping[str, Any], modes: Sequence[str] = (*MODULES, "restore")) -> dict[str, Any]:
    """Return the options of the run itself, in one of these modes; the module checks the others.

    Raises AnsibleActionFail for what cannot be meant, and for a directory that takes no reports.
    """
    spec = {**OWN_OPTIONS, "mode": {**OWN_OPTIONS["mode"], "choices": [*modes]}}
    checked = ArgumentSpecValidator(spec).validate({n: v for n, v in arguments.items() if n in spec})
    if checked.error_messages:
        raise AnsibleActionFail(" ".join(checked.error_messages))
    run_options: dict[str, Any] = checked.validated_parameters
    _refuse_templates({**run_options, "backup_path": arguments.get("backup_path")})
    # From where ansible-playbook was called: tasks that take these later look elsewhere.
    run_options["report_dir"] = run_options["report_dir"] and _from_here(run_options["report_dir"])
    run_options["ignored"] = {n: arguments[n] for n in _NARROWING if arguments.get("restore") and arguments.get(n)}
    run_options["audits"] = [*map(_from_here, run_options["audits"])]
    if run_options["previous"] and not objects_of(run_options["previous"]):
        run_options["previous"] = _from_here(run_options["previous"])
    if run_options["mode"] == "restore":
        if not arguments.get("restore"):
            name = f"{run_options['variables'] or ''}restore"
            raise AnsibleActionFail(f"No backup to restore is named: set {name} to the file that a run wrote.")
        run_options["mode"] = "enforce"
    if run_options["reports"] and run_options["report_bucket"] and not run_options["report_dir"]:
        run_options["report_dir"] = passing_directory()
    if run_options["reports"]:
        # Found out now, not when all accounts have been read, or changed.
        _make_directory(run_options["report_dir"], run_options["reports"][0])
    return run_options


def _make_directory(path: str | None, first: str) -> None:
    """Make the directory of the reports where its parent exists. Raises AnsibleActionFail where it takes no files."""
    if not path:
        raise AnsibleActionFail(f"Set cloudtrail_kms_report_dir, a directory, for the {first} report.")
    with suppress(OSError):
        os.mkdir(path, 0o750)
    if not os.access(path, os.W_OK | os.X_OK) or not os.path.isdir(path):
        parent = os.path.dirname(path)
        why = "It is not a writable directory." if os.path.exists(path) else f"It cannot be made in {parent}."
        raise AnsibleActionFail(f"No report can be written to {path}. {why} Correct cloudtrail_kms_report_dir.")


def _refuse_templates(run_options: Mapping[str, Any]) -> None:
    """Raise AnsibleActionFail for a place of reports, or a backup, that would be evaluated where it is handed on.

    The role leaves them as artifacts: set_stats of ansible-core before 2.19 evaluates them once more, and so do the
    later nodes of a workflow in AWX, whose variables they become. The command that undoes a run names the backup. The
    name of an account may be part of one.
    """
    for name in ("report_dir", "report_bucket", "report_prefix", "backup_path"):
        if run_options[name] and no_template(run_options[name]) != run_options[name]:
            raise AnsibleActionFail(
                f"Option {name}: {run_options[name]!r} would be evaluated as a template when it is passed on. Use "
                "one without {{, {% and {#; a name or tag of an account may have brought them."
            )


def of_hosts(arguments: Mapping[str, Any], mode: str) -> frozenset[str]:
    """Return the options that a run takes from the variables of each host for its account."""
    return of_accounts(mode) - (NOT_RESTORED if arguments.get("restore") else frozenset())


def module_options(arguments: Mapping[str, Any], mode: str, *, new_bucket: bool | None = None) -> dict[str, Any]:
    """Return the options of the mode's module, with files named from where ansible-playbook was called.

    A module runs beside the playbook. A restore leaves out what NOT_RESTORED names, and the backup path of the
    enforcement that it undoes.
    """
    aside = OWN_OPTIONS.keys() | ENFORCE_OPTIONS if mode == "audit" else OWN_OPTIONS.keys()
    aside |= NOT_RESTORED if arguments.get("restore") else set()
    kept = {name: value for name, value in arguments.items() if name not in aside}
    if new_bucket is not None and "create_trail" in kept:
        kept["create_trail"] = {**kept["create_trail"], "new_bucket": new_bucket}
    if kept.get("backup_path"):
        kept["backup_path"] = _from_here(kept["backup_path"])
    if kept.get("restore"):
        paths = kept["restore"]
        kept["restore"] = [_from_here(path) for path in (paths.split(",") if isinstance(paths, str) else paths)]
        if kept.get("backup_path") in kept["restore"]:
            del kept["backup_path"]
    return kept


def beyond_narrowing(ignored: Mapping[str, Sequence[str]], result: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning for each variable that a restore has ignored, though it changed more than that names.

    `ignored` are the trails and regions of the enforcement, and `result` is that of the module.
    """
    changes, trails = result.get("changes", ()), {*ignored.get("trails", ())}
    documents = (result.get("before"), result.get("after"))
    rows = [trail for each in documents if each for account in each["accounts"] for trail in account["trails"]]
    named = [trail for trail in rows if trails & {trail["name"], trail["arn"]}]
    resources = {trail[name] for trail in named for name in ("arn", "kms_key_arn", "bucket_name")}
    within = {
        "trails": all(resources & {each["resource"], each["resource"].rpartition(":")[2]} for each in changes),
        "regions": all(each["region"] in ignored.get("regions", ()) for each in changes),
    }
    for name in ignored:
        if not within[name]:
            yield (
                f"The restore puts back all that its files hold: {PREFIX}{name} is ignored. To leave something as it "
                "is, delete it from the file."
            )


def warnings_of_restore(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning if a restore ignores the path of a backup."""
    if arguments.get("restore") and "backup_path" in arguments.keys() - module_options(arguments, "enforce").keys():
        yield (
            f"The restore writes no backup: {PREFIX}backup_path is a file that it puts back. An enforcement fixes "
            "again what it can, perhaps by other keys."
        )


def _from_here(path: object) -> str:
    whole: str = unfrackpath(str(path), follow=False)
    return whole

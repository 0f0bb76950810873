# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs an audit or an enforcement, shows it, reports it, judges it. Its documentation stands in plugins/modules/."""

from __future__ import annotations

import gc
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, cast

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleTemplateError
from ansible.plugins.action import ActionBase

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._printable import printable
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._destination import refuse_one_place, uploads
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._follow import following
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._judgement import (
    failures,
    joined,
    last_read,
    without_organization_trail,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._members import (
    Member,
    MembersError,
    are_swept,
    by_use,
    host_failures,
    is_plain,
    member,
    of_account,
    refuse_another_account,
    refuse_another_role,
    refuse_strategy,
    with_names,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._of_the_run import OfTheRun, connection_variables
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._on_demand import on_demand
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._per_account import (
    OptionsOfHosts,
    refuse_disagreement,
    sweep_options,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._files import ReportError, write_reports
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reserved import ReservedError, places, reserved
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._results import leave
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._run_options import (
    JOIN,
    MODULES,
    OPTIONS,
    SWEEPING,
    from_variables,
    module_options,
    of_accounts,
    own_options,
    variables_of,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._screen import Table, display, is_for_people, show
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._selection import ACCOUNT, ROLE
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._shared_key import (
    key_options,
    shares_of,
    waits,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._shield import shielded
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._table import render
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._task_variables import TaskVariables
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._variables import (
    SPEC,
    VariablesError,
    come_to,
    refuse_unknown,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._variables import options as taken

# What the role registers the result of a run under.
RESULT = "__cloudtrail_kms_run"
REPORT_DIR = "cloudtrail_kms_report_dir"


class ActionModule(ActionBase):
    """Run a module and tell of it: tables for the person who runs it, files for the machines that read it.

    The audit of many accounts is large. It stays in this action: registered, or handed to another task, it would be
    copied and templated for each host of the play.
    """

    _requires_connection = False
    _interrupted: Callable[[], bool] = staticmethod(lambda: False)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result, an audit less its facts, with `summary`, `reports`, `verdicts` and `failures`."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            return {**result, **self._run(task_vars or {})}
        except (AnsibleActionFail, AnsibleTemplateError, MembersError, ReservedError, VariablesError) as error:
            raise AnsibleActionFail(printable(str(error))) from None  # Ansible would say it twice

    def _run(self, variables: dict[str, Any]) -> dict[str, Any]:
        given = self._given(variables)
        own = own_options(given)
        options = module_options(given, own["mode"], new_bucket=own["new_bucket"])
        if own["mode"] == OPTIONS:
            return {"changed": False, "options": {name: given[name] for name in own["names"] if name in given}}
        refuse_one_place(own, options)
        if own["mode"] == "enforce" and own["reports"]:
            self._refuse_one_directory_for_all(variables)
        if own["mode"] == "share":
            return self._share(options, variables)
        if own["mode"] == "look":
            return {"changed": False, "looked": self._look(own, given, options, variables)}
        members = self._members(own, variables)
        with ExitStack() as stack:
            writes = own["mode"] == "enforce" and self._connection.transport == "local"
            self._interrupted = stack.enter_context(shielded(needed=writes))
            whose = self._whose(own, members, options, variables)
            keep = stack.enter_context(reserved(places(own, variables), whose))
            told = self._ask_and_tell(own, members, options, variables)
            if told.get("reports"):
                keep()
        return told

    def _ask_and_tell(
        self, own: Mapping[str, Any], members: list[Member], options: dict[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        """The module's answer with what comes of it, or the answer alone where the module has failed."""
        told = self._ask(own, members, options, variables)
        told.pop("invocation", None)
        facts = told.pop("ansible_facts", {}).get("cloudtrail_kms")
        if facts is None and "before" not in told:
            return told
        if facts is None:
            # What was refused or failed has its result as well: it is shown first, and stands in `failures`.
            told["failed"] = False
        if told.get("backup") and options.get("backup_path"):
            told["backup_path"] = options["backup_path"]
        for audit in (facts, told.get("before"), told.get("after")):
            with_names(audit, members)
        return {**told, **self._outcome(own, members, facts, told, variables)}

    def _whose(
        self, own: Mapping[str, Any], members: list[Member], options: Mapping[str, Any], variables: Mapping[str, Any]
    ) -> list[str]:
        """The accounts that the reports will be on, by their ids, or what stands for that of the credentials."""
        if own["mode"] == JOIN:
            return []
        if members and are_swept(members):
            return [f"account {each.account_id}" for each in members]
        entered = Member(host="", role=options.get("assume_role") or {}).account_id
        if entered:
            return [f"account {entered}"]
        given = {name: value for name, value in options.items() if name not in SPEC and not name.endswith("region")}
        asked = json.dumps([given, self._task.environment], sort_keys=True, default=str)
        found = hashlib.sha256(asked.encode()).hexdigest()[:8]
        return [f"the account of the credentials of the host {variables.get('inventory_hostname')} ({found})"]

    def _given(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """The options of the task, with those that it takes from the variables of the role."""
        given: dict[str, Any] = self._task.args
        if not given.get("variables"):
            return given
        return from_variables(given, task_vars, self._templar)

    def _refuse_one_directory_for_all(self, task_vars: Mapping[str, Any]) -> None:
        """Raise AnsibleActionFail where the enforcements of hosts would replace each other's reports."""
        directory, host = task_vars.get(REPORT_DIR), task_vars.get("inventory_hostname")
        other = next((each for each in task_vars.get("ansible_play_hosts_all", ()) if each != host), None)
        if directory is None or other is None or self._templar.is_template(directory):
            return
        if task_vars["hostvars"].raw_get(other).get(REPORT_DIR, directory) == directory:
            raise AnsibleActionFail(
                f"The enforcement of each host writes its own reports, and the hosts {host} and {other} have the same "
                f"{REPORT_DIR}, {directory}. Give each its own, such as {directory}/{{{{ inventory_hostname }}}}, or "
                "audit all hosts after the enforcement for one report on all."
            )

    def _outcome(
        self,
        own: Mapping[str, Any],
        members: list[Member],
        facts: Mapping[str, Any] | None,
        told: dict[str, Any],
        task_vars: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Show it, report it, judge it. Where a report fails, what was changed and its backup are told all the same."""
        reasons = self._tell(facts, told)
        judged = facts or last_read(told)
        try:
            reports = write_reports(judged, own["reports"], Path(own["report_dir"] or "."), own["cis_version"])
        except ReportError as error:
            return {"failed": True, "msg": printable(str(error))}
        failing = joined(
            failures(judged, own["fail_on"], reasons),
            without_organization_trail(judged) if own["require_organization_trail"] else {},
        )
        return {
            "reports": reports,
            **uploads(own, [*reports, *filter(None, [told.get("backup_path")])], task_vars, self._connection),
            "summary": judged["summary"],
            "failing": len(failing),
            "results": leave(self._parts(own, members, judged, failing, task_vars)),
        }

    def _parts(
        self,
        own: Mapping[str, Any],
        members: Sequence[Member],
        judged: Mapping[str, Any],
        failing: Mapping[str, str],
        task_vars: Mapping[str, Any],
    ) -> dict[str, dict[str, Any]]:
        """What each host is told of its account; without hosts, what that of the task is told of all accounts."""
        hosts = members or [Member(host=str(task_vars.get("inventory_hostname")))]
        verdicts = {account["account_id"]: account["verdict"] for account in judged["accounts"]}
        swept = bool(members) and are_swept(members)
        reasons = host_failures(hosts, judged, failing)
        missing = on_demand("_joined").missing(judged, task_vars) if own["mode"] == JOIN else ""
        return {
            each.host: {
                "reason": " ".join(filter(None, [reasons[each.host], missing])),
                "verdicts": {str(each.account_id): verdicts[str(each.account_id)]} if swept else verdicts,
            }
            for each in hosts
        }

    def _members(self, own: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[Member]:
        """The accounts of the hosts, each with its own options. Raises MembersError where one run cannot serve them."""
        hosts = own["hosts"]
        if not hosts:
            return []
        if own["mode"] in SWEEPING and len(hosts) > 1:
            refuse_strategy(self._task.get_play().strategy)
        known = TaskVariables(self._task, task_vars)
        options = self._options_of_hosts(own)
        run = self._of_the_run(own)
        members = []
        for host in hosts:
            variables = known.of(host)
            refuse_unknown(variables if own["variables"] else (), f" of the host {host}")
            if len(hosts) > 1:
                run.compare(host, variables)
            of_host = module_options(options.of(host, variables), own["mode"], new_bucket=own["new_bucket"])
            members.append(replace(member(host, self._of_account(host, variables)), options=of_host))
        refuse_disagreement(members)
        return members

    def _options_of_hosts(self, own: Mapping[str, Any]) -> OptionsOfHosts:
        """What reads the options that each account has of its own; without variables those of the task, for all."""
        names = of_accounts(own["mode"])
        given = {name: value for name, value in self._task.args.items() if name in names}
        return OptionsOfHosts(self._templar, names if own["variables"] else (), given)

    def _of_the_run(self, own: Mapping[str, Any]) -> OfTheRun:
        names = variables_of(own["mode"]) - of_accounts(own["mode"]) - {"assume_role"}
        connection = frozenset() if self._task.delegate_to else connection_variables(self._connection)
        return OfTheRun(self._task, self._templar, names if own["variables"] else (), connection)

    def _of_account(self, host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """What the variables of a host that say which account it stands for come to.

        Ansible takes longer for the templates of a host than all else here does; an inventory plugin writes none.
        """
        said = of_account(variables)
        if is_plain(said) and not self._templar.is_template(said):
            return said
        templar = self._templar.copy_with_new_env(available_variables=variables)
        whose = f" of the host {host}"
        role = taken(variables, templar, ["assume_role"], whose).get("assume_role")
        return {ACCOUNT: come_to(ACCOUNT, variables, templar, whose), ROLE: role}

    def _ask(
        self,
        own: Mapping[str, Any],
        members: Sequence[Member],
        options: dict[str, Any],
        task_vars: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """What the module answers; of accounts that are not in use nothing is asked, and to join asks nobody."""
        if own["mode"] == JOIN:
            return {"changed": False, "ansible_facts": {"cloudtrail_kms": _of_reports(own["audits"])}}
        if not members:
            return self._ask_module(own, options, task_vars)
        active, unused = by_use(members)
        if active and own["mode"] in SWEEPING and are_swept(members):
            refuse_another_role(options.get("assume_role"), members, (task_vars or {})["inventory_hostname"])
            options = {**_of_run(options, own["mode"]), **sweep_options(members)}
        if own["mode"] == "enforce":
            refuse_another_account(options.get("assume_role"), members[0])
        told = self._ask_module(own, options, task_vars) if active else {"changed": False}
        if told.get("failed") or not unused:
            return told
        with_all: dict[str, Any] = on_demand("_unused").with_unused(told, unused)
        return with_all

    def _ask_module(
        self, own: Mapping[str, Any], options: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """What the module of the mode answers; what would enforce is asked where a look does not answer for it."""
        done = self._done_already(own["looked"], options, task_vars) if own["mode"] == "enforce" else None
        return done or self._execute(MODULES[own["mode"]], options, task_vars)

    def _done_already(
        self, looked: str | None, options: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """What an enforcement comes to that has nothing to do, or None where that takes its module to tell."""
        look = on_demand("_look")
        if not look.can_tell(options):
            return None
        if looked:
            account_id = Member(host="", role=options.get("assume_role") or {}).account_id
            return cast("dict[str, Any] | None", look.done_already(options, look.kept(looked, account_id)))
        if options.get("key_is_shared"):
            return None  # the hosts that share it have been looked at together
        told = self._execute(MODULES["look"], module_options(options, "look"), task_vars)
        facts = told.pop("ansible_facts", {}).get("cloudtrail_kms")
        done = look.done_already(options, facts)
        return {**told, **done} if done else None

    def _look(
        self, own: Mapping[str, Any], given: Mapping[str, Any], options: dict[str, Any], task_vars: dict[str, Any]
    ) -> str:
        """The directory with the audits of the hosts' accounts, so far as one sweep can make them.

        What cannot be looked at together is left to the enforcement of each host, which says what is wrong.
        """
        directory: str = tempfile.mkdtemp(dir=constants.DEFAULT_LOCAL_TMP)
        with suppress(AnsibleError, MembersError, VariablesError):
            if on_demand("_look").can_tell(given):
                told = self._ask(own, self._members(own, task_vars), options, task_vars)
                on_demand("_keep").keep(told.get("ansible_facts", {}).get("cloudtrail_kms", {}), directory)
        return directory

    def _execute(self, name: str, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Run the module; while it sweeps, show how far it is, where it runs on this machine."""
        # Ansible looks for what the module imports: collecting garbage meanwhile would go through all that this
        # process has inherited from ansible-playbook, which takes as long as a quarter of the search.
        gc.freeze()
        with ExitStack() as stack:
            if "accounts" in options and self._connection.transport == "local":
                with suppress(OSError):
                    path = stack.enter_context(tempfile.NamedTemporaryFile(dir=constants.DEFAULT_LOCAL_TMP)).name
                    stack.enter_context(following(Path(path), self._say))
                    options = {**options, "progress_path": path}
            told: dict[str, Any] = self._execute_module(f"aws_baseline.cloudtrail.{name}", options, task_vars=task_vars)
            return told

    def _tell(self, facts: Mapping[str, Any] | None, told: Mapping[str, Any]) -> tuple[str, ...]:
        """Show what came of it; return why an enforcement has not done what it should."""
        waiting = () if self._task.check_mode else told.get("shared_keys", ())
        if waiting:
            reason = waits(told["before"]["accounts"][0]["account_id"], waiting)
            self._say(reason)
            return (reason,)
        self._show(partial(render, facts) if facts else partial(on_demand("_enforcement").render_enforcement, told))
        return (*told.get("refusals", ()), *told.get("errors", ()))

    def _show(self, table: Table) -> None:
        if is_for_people(no_log=self._task.no_log) and not self._interrupted():
            show(table)

    def _say(self, text: str) -> None:
        if is_for_people(no_log=self._task.no_log) and not self._interrupted():
            display.display(printable(text))

    def _share(self, options: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Have the keys changed for which this host is the first to wait, each for all the hosts that wait for it."""
        hostvars = variables["hostvars"]
        results = {host: hostvars[host].get(RESULT, {}) for host in variables["ansible_play_batch"]}
        waiting = {host: result.get("shared_keys", []) for host, result in results.items()}
        told: dict[str, Any] = {"changed": False, "changes": [], "diff": [], "key_arns": []}
        for share in shares_of(variables["inventory_hostname"], waiting):
            one = self._execute(MODULES["share"], key_options(options, share), variables)
            if "changes" not in one:
                return {**told, **one}
            self._show(partial(on_demand("_enforcement").render_key, {**one, "trails": share["trails"]}))
            told["changed"] = told["changed"] or one["changed"]
            told["changes"] += one["changes"]
            told["diff"] += one["diff"]
            told["key_arns"].append(one["key_arn"])
            if one.get("failed"):
                return {**told, "failed": True, "msg": one["msg"]}
        return told


def _of_run(options: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """The options that belong to the run, and to no account."""
    return {name: value for name, value in options.items() if name not in of_accounts(mode)}


def _of_reports(paths: Sequence[str]) -> dict[str, Any]:
    """The audit that the reports come to. Raises AnsibleActionFail where they come to none."""
    joining = on_demand("_joined")
    try:
        audit: dict[str, Any] = joining.joined_reports(paths, now := datetime.now(timezone.utc))
    except joining.JoinError as error:
        raise AnsibleActionFail(str(error)) from None
    if old := joining.age(audit, now):
        display.warning(old)
    return audit

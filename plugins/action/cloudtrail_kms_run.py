# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs an audit or an enforcement, shows it, reports it, judges it. Its documentation stands in plugins/modules/."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleTemplateError
from ansible.plugins.action import ActionBase

from ..module_utils._printable import printable
from ..plugin_utils._hosts import (
    MODULES,
    OPTIONS,
    Member,
    MembersError,
    SealError,
    VariablesError,
    accounts_of_run,
    by_use,
    counts,
    failures,
    from_variables,
    joined,
    last_read,
    leave,
    module_options,
    options_of_module,
    own_options,
    parts_of_hosts,
    passed,
    reasons,
    refuse_slice,
    reported_on,
    unmark,
    with_names,
    with_unused,
    without_organization_trail,
)
from ..plugin_utils._reports import (
    ReservedError,
    folders,
    places,
    publish,
    refuse_one_place,
    reserved,
)
from ..plugin_utils._terminal import (
    Table,
    display,
    following,
    is_for_people,
    render,
    render_enforcement,
    shielded,
    show,
    with_after,
)

_REFUSED = (AnsibleActionFail, AnsibleTemplateError, MembersError, ReservedError, SealError, VariablesError)


class ActionModule(ActionBase):
    """Run a module and tell of it: tables for the person who runs it, files for the machines that read it.

    What is found of many accounts is large. It stays in this action, and what each host is to know of it lies in a
    file: registered, or handed to another task, it would be copied and templated for each host of the play.
    """

    _requires_connection = False
    _interrupted: Callable[[], bool] = staticmethod(lambda: False)

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return whether anything changed, the counts, the reports, and where what was found of each host lies."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            return {**result, **self._run(task_vars or {})}
        except _REFUSED as error:
            raise AnsibleActionFail(printable(str(error))) from None  # Ansible would say it twice

    def _run(self, variables: dict[str, Any]) -> dict[str, Any]:
        given = self._given(variables)
        own = own_options(given)
        options = module_options(given, own["mode"], new_bucket=own["new_bucket"])
        if own["mode"] == OPTIONS:
            return {"changed": False, "options": {name: given[name] for name in own["names"] if name in given}}
        refuse_one_place(own, options)
        members = accounts_of_run(self, own, given, variables)
        if own["mode"] == "enforce":
            refuse_slice(options, members, variables)
        play = str(self._task.get_play()._uuid)
        with ExitStack() as stack:
            writes = own["mode"] == "enforce" and self._connection.transport == "local"
            self._interrupted = stack.enter_context(shielded(needed=writes))
            whose = reported_on(members, options, self._task.environment, variables)
            keep = stack.enter_context(reserved(places(own, variables), whose, play))
            told = self._ask_and_tell(own, members, options, variables)
            if told.get("reports"):
                keep()
        if own["hosts"] and not told.get("failed"):
            unmark(passed(own, variables), [each.host for each in members])
        return told

    def _ask_and_tell(
        self, own: Mapping[str, Any], members: list[Member], options: dict[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        """What comes of the module's answer, or the answer alone where the module has failed."""
        told = self._ask(own, members, options, variables)
        told.pop("invocation", None)
        facts = told.pop("ansible_facts", {}).get("cloudtrail_kms")
        if facts is None and "before" not in told:
            return told
        for audit in (facts, told.get("before"), told.get("after")):
            with_names(audit, members)
        for warning in () if self._task.no_log or self._interrupted() else told.get("warnings", ()):
            display.warning(printable(warning))
        if told.get("backup") and options.get("backup_path"):
            told["backup_path"] = options["backup_path"]
        small: dict[str, Any] = {name: told[name] for name in ("changed", "backup_path") if name in told}
        return {**small, **self._outcome(own, members, facts, told, variables)}

    def _given(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """The options of the task, with those that it takes from the variables of the role."""
        given: dict[str, Any] = self._task.args
        if not given.get("variables"):
            return given
        return from_variables(given, task_vars, self._templar)

    def _outcome(
        self,
        own: Mapping[str, Any],
        members: list[Member],
        facts: Mapping[str, Any] | None,
        told: dict[str, Any],
        task_vars: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Show it, report it, judge it. Where a report fails, what was changed and its backup are told all the same."""
        self._show(partial(render, facts) if facts else partial(render_enforcement, told))
        judged = facts or last_read(told)
        failing = joined(
            failures(judged, own["fail_on"], {} if facts else reasons(told)),
            without_organization_trail(judged) if own["require_organization_trail"] else {},
        )
        parts = parts_of_hosts(members or [_alone(task_vars)], judged, failing, told)
        found = {
            "summary": judged["summary"],
            "failing": len(failing),
            **({} if facts else {"counts": counts(told)}),
            "results": leave(parts),
        }
        play = str(self._task.get_play()._uuid)
        found |= publish(own, judged, task_vars, self._connection, play=play, backup=told.get("backup_path"))
        for folder in folders(own, task_vars)[1:]:
            self._say(f"Reports   {folder}/")
        return found

    def _ask(
        self,
        own: Mapping[str, Any],
        members: Sequence[Member],
        options: dict[str, Any],
        task_vars: dict[str, Any],
    ) -> dict[str, Any]:
        """What the module answers; of accounts that are not in use nothing is asked."""
        active, unused = by_use(members)
        if members and not active:
            return {
                "changed": False,
                "ansible_facts": {"cloudtrail_kms": with_unused(None, unused)},
            }
        asked = options_of_module(self, own["mode"], members, options, task_vars)
        told = self._execute(MODULES[own["mode"]], asked, task_vars, unread=len(unused))
        if "before" in told:
            missing = with_unused(None, unused) if unused else None
            enforced: dict[str, Any] = with_after(told, missing)
            # What was refused or failed has its result as well: it is shown first, and fails its hosts.
            return {**enforced, "failed": False}
        if unused and "ansible_facts" in told:
            audit = with_unused(told["ansible_facts"]["cloudtrail_kms"], unused)
            return {**told, "ansible_facts": {"cloudtrail_kms": audit}}
        return told

    def _execute(
        self, name: str, options: dict[str, Any], task_vars: dict[str, Any] | None, *, unread: int = 0
    ) -> dict[str, Any]:
        """Run the module; while it audits many, show how far it is, where it runs on this machine.

        `unread` accounts are hosts too, and the module does not count them.
        """
        # Ansible looks for what the module imports: collecting garbage meanwhile would go through all that this
        # process has inherited from ansible-playbook, which takes as long as a quarter of the search.
        gc.freeze()
        with ExitStack() as stack:
            if name == MODULES["audit"] and "accounts" in options and self._connection.transport == "local":
                with suppress(OSError):
                    path = stack.enter_context(tempfile.NamedTemporaryFile(dir=constants.DEFAULT_LOCAL_TMP)).name
                    aside = f" ({unread} not active, not read)" if unread else ""
                    stack.enter_context(following(Path(path), lambda line: self._say(f"{line}{aside}")))
                    options = {**options, "progress_path": path}
            told: dict[str, Any] = self._execute_module(f"aws_baseline.cloudtrail.{name}", options, task_vars=task_vars)
            return told

    def _show(self, table: Table) -> None:
        if is_for_people(no_log=self._task.no_log) and not self._interrupted():
            show(table)

    def _say(self, text: str) -> None:
        if is_for_people(no_log=self._task.no_log) and not self._interrupted():
            display.display(printable(text))


def _alone(task_vars: Mapping[str, Any]) -> Member:
    """The host of the task, which is told of all that a run without hosts has found."""
    return Member(host=str(task_vars.get("inventory_hostname")))

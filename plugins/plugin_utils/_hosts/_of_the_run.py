# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What belongs to a run and not to an account: it has to be the same for every host that the run serves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible import constants

from ._members import MembersError
from ._task_variables import environment_of, module_defaults_of
from ._variables import PREFIX, come_to

_ONE_NAME = re.compile(r"\{\{ *([a-z_]+) *\}\}")
_OF_EVERY_CONNECTION = ("ansible_connection", "ansible_python_interpreter", "ansible_become", "ansible_become_user")


def connection_variables(connection: Any) -> frozenset[str]:
    """Return the variables that lead to where the module runs, by the connection that Ansible has made."""
    by_plugin = constants.config.get_plugin_vars("connection", connection._load_name)
    return frozenset({*_OF_EVERY_CONNECTION, *by_plugin})


class OfTheRun:
    """Compares each host of a run with the first of them."""

    def __init__(self, task: Any, templar: Any, options: Iterable[str], connection: frozenset[str]) -> None:
        """`options` are those of the run that variables of the role set; `connection` are names of variables."""
        self._templar = templar
        self._names = frozenset({*(PREFIX + name for name in options), *connection})
        of_task = {"environment": environment_of(task), "module_defaults": module_defaults_of(task)}
        # What has no template is the same for every host.
        self._of_task = {name: value for name, value in of_task.items() if templar.is_template(value)}
        # A host is reached by its own name where no variable gives another.
        self._reached_by_name = "ansible_host" in connection
        self._first: tuple[str, dict[str, Any]] | None = None
        # Hosts have the very same value of a variable of the play or of a group: it is asked once what it is.
        self._known: dict[str, tuple[Any, bool]] = {}

    def compare(self, host: str, variables: Mapping[str, Any]) -> None:
        """Raise MembersError where something differs between the first host and this one, by its name."""
        found = self._come_to(host, variables)
        first, expected = self._first = self._first or (host, found)
        if found != expected:
            name = next(name for name in sorted({*found, *expected}) if found.get(name) != expected.get(name))
            raise MembersError(
                f"One run serves all its hosts, and {name} belongs to the run, but it differs between the hosts "
                f"{first} and {host}. Make it the same for both, or run them apart, each with its hosts in "
                "cloudtrail_kms_hosts."
            )

    def _come_to(self, host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        written = {name: variables[name] for name in self._names & variables.keys() if variables[name] is not None}
        if self._reached_by_name:
            written["ansible_host"] = variables.get("ansible_host", host)
        written.pop("inventory_hostname", None)
        written.update(self._of_task)
        templates = [name for name, value in written.items() if self._is_template(name, value)]
        come = {name: self._meant(written[name], variables) for name in templates}
        left = [name for name, value in come.items() if value is None]
        if left:
            templar = self._templar.copy_with_new_env(available_variables=variables)
            found = {**variables, **written}
            come.update({name: come_to(name, found, templar, f" of the host {host}") for name in left})
        return {name: value for name, value in {**written, **come}.items() if value is not None}

    def _meant(self, value: Any, variables: Mapping[str, Any]) -> Any:
        """The one variable that a template names, as most do, or None where it takes more to tell what it comes to."""
        named = _ONE_NAME.fullmatch(value) if isinstance(value, str) else None
        meant = variables.get(named[1]) if named else None
        return meant if isinstance(meant, str) and not self._is_template(f"in {value}", meant) else None

    def _is_template(self, name: str, value: Any) -> bool:
        if name not in self._known or self._known[name][0] is not value:
            self._known[name] = (value, self._templar.is_template(value))
        return self._known[name][1]

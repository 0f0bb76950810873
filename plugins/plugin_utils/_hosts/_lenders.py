# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The play's hosts that a run is not about: an enforcement may read the keys and buckets that their accounts own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ._members import Member, MembersError, is_plain, member, of_account
from ._request import said_of
from ._variables import VariablesError


def lenders(task: Any, variables: Mapping[str, Any], templar: Any, written: Iterable[str]) -> list[Member]:
    """Return the accounts of the play's hosts that are not among those `written`.

    No task runs on these hosts, so their variables are those of the play. One that they leave undefined, as the item of
    a loop, makes a host that lends nothing: what is not read is unknown, and is told.
    """
    others = [host for host in variables.get("ansible_play_hosts_all", ()) if host not in {*written}]
    found = []
    for host in others:
        with suppress(MembersError, VariablesError):
            found.append(member(host, _said(_variables(task, variables, host), templar)))
    return found


def _said(variables: Mapping[str, Any], templar: Any) -> dict[str, Any]:
    """Ansible takes longer for the templates of a host than for all else here; an inventory plugin writes none."""
    said = of_account(variables)
    if is_plain(said) and not templar.is_template(said):
        return said
    return said_of(variables, templar.copy_with_new_env(available_variables=variables))


def _variables(task: Any, variables: Mapping[str, Any], host: str) -> dict[str, Any]:
    """Those of a task on a host, with what the play and its roles set, which hostvars leaves out."""
    hostvars = variables["hostvars"]
    found: dict[str, Any] = hostvars._variable_manager.get_vars(
        play=task.get_play(),
        host=hostvars._inventory.get_host(host),
        task=task,
        include_hostvars=False,
        # Without these it would look up the hosts of the play anew for each of them.
        _hosts=variables.get("ansible_play_batch"),
        _hosts_all=variables.get("ansible_play_hosts_all"),
    )
    return found

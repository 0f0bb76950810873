# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The play's hosts that a run is not about.

An enforcement may read the keys and buckets that their accounts own, and the trails that others inherit from these are
judged by what they ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...module_utils._options import JUDGING
from ._host_accounts import HostAccount, HostsError, host_account, is_plain, of_account
from ._request import Request, refuse_wrong_values, said_of
from ._selection import ACCOUNT
from ._variables import PREFIX, VariablesError, options


def lenders(task: Any, variables: Mapping[str, Any], templar: Any, written: Iterable[str]) -> list[HostAccount]:
    """Return the accounts of the play's hosts that are not among those `written`.

    No task runs on these hosts, so their variables are those of the play. One that they leave undefined, as the item of
    a loop, makes a host that lends nothing: what is not read is unknown, and is told.
    """
    others = [host for host in variables.get("ansible_play_hosts_all", ()) if host not in {*written}]
    return _accounts(task, variables, templar, others)


def left_out(task: Any, variables: Mapping[str, Any], templar: Any) -> list[HostAccount]:
    """Return the accounts of the hosts that would be of the play if no limit left them out.

    Nobody inherits a trail from an account that the inventory has read as no management account: Ansible is not asked
    for the variables of its host, which takes it long.
    """
    inventory, limited = variables["hostvars"]._inventory, {*variables.get("ansible_play_hosts_all", ())}
    if inventory._subset is None:
        return []
    pattern = templar.template(task.get_play().hosts)
    whole = inventory.get_hosts(pattern, ignore_limits=True, ignore_restrictions=True)
    owners = [host.name for host in whole if host.name not in limited and not _is_a_member(host.vars.get(ACCOUNT))]
    return _accounts(task, variables, templar, owners)


def _is_a_member(account: Any) -> bool:
    return isinstance(account, Mapping) and account.get("management") is False


def _accounts(task: Any, variables: Mapping[str, Any], templar: Any, hosts: Iterable[str]) -> list[HostAccount]:
    accounts = []
    of_play = variables.get("ansible_play_hosts_all", ())
    failed = {*of_play} - {*variables.get("ansible_play_hosts", of_play)}
    for host in hosts:
        with suppress(HostsError, VariablesError):
            of_host = _variables(task, variables, host)
            judging = options(of_host, templar.copy_with_new_env(available_variables=of_host), _judging(of_host))
            if host in failed:  # a value that is wrong is told by its own host, and is not to stop the others
                refuse_wrong_values(Request(said={}, options=judging, of_the_run={}), "audit")
            accounts.append(replace(host_account(host, _said(of_host, templar)), options=judging))
    return accounts


def _judging(variables: Mapping[str, Any]) -> list[str]:
    """Return the options that the variables set of how trails are judged; nobody inherits one from a member."""
    if _is_a_member(variables.get(ACCOUNT)):
        return []
    return [name for name in JUDGING if variables.get(PREFIX + name) is not None]


def _said(variables: Mapping[str, Any], templar: Any) -> dict[str, Any]:
    """Ansible takes longer for the templates of a host than for all else here; an inventory plugin writes none."""
    said = of_account(variables)
    if is_plain(said) and not templar.is_template(said):
        return said
    return said_of(variables, templar.copy_with_new_env(available_variables=variables))


def _variables(task: Any, variables: Mapping[str, Any], host: str) -> dict[str, Any]:
    """Return those of a task on a host, with what the play and its roles set, which hostvars leaves out."""
    hostvars = variables["hostvars"]
    result: dict[str, Any] = hostvars._variable_manager.get_vars(
        play=task.get_play(),
        host=hostvars._inventory.get_host(host),
        task=task,
        include_hostvars=False,
        # Without these it would look up the hosts of the play anew for each of them.
        _hosts=variables.get("ansible_play_batch"),
        _hosts_all=variables.get("ansible_play_hosts_all"),
    )
    return result

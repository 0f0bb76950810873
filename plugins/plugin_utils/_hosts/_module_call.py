# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options with which a run calls its module, the accounts that are reported on, and the whole result of it.

The accounts of the play's hosts that a run is not about go along: an enforcement may read the keys and buckets that
they own, and the trails that others inherit from them are judged by their options.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ...module_utils._checks import Settings, assess
from ...module_utils._facts import facts, join, replace_accounts
from ...module_utils._model import Snapshot
from ...module_utils._options import JUDGING
from ._host_accounts import HostAccount, HostsError, are_swept, host_account, is_plain, of_account, with_names
from ._per_account import sweep_options
from ._request import Request, refuse_wrong_values, said_of
from ._run_options import of_accounts
from ._selection import ACCOUNT
from ._variables import PREFIX, SPEC, VariablesError, options


def options_of_module(
    action: Any, mode: str, hosts: Sequence[HostAccount], options: dict[str, Any], variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of the module: one account is that of the credentials, or of the role, and many are swept.

    `options` are those of the task for its module. An enforcement reads the keys and buckets of the play's other hosts.
    """
    enforces = mode == "enforce"
    play = {"backup_play": str(action._task.get_play()._uuid)} if enforces and options.get("backup_path") else {}
    others, unread = _others(action, hosts, variables)
    lending, owners = (others, unread) if enforces else ([], [*others, *unread])
    if hosts and (are_swept(hosts) or any(each.account_id for each in (*lending, *owners))):
        of_run = {name: value for name, value in options.items() if name not in of_accounts(mode)}
        return {**of_run, **sweep_options(hosts, lending, owners), **play}
    return {**options, **play}


def _others(
    action: Any, hosts: Sequence[HostAccount], variables: Mapping[str, Any]
) -> tuple[list[HostAccount], list[HostAccount]]:
    """Return the accounts of the play's other hosts, and of those that a limit leaves out, if all of ours are known."""
    if not hosts or not all(each.account_id for each in hosts):
        return [], []
    others = lenders(action._task, variables, action._templar, [each.host for each in hosts])
    return others, left_out(action._task, variables, action._templar)


def reported_on(
    hosts: Sequence[HostAccount], options: Mapping[str, Any], environment: Any, variables: Mapping[str, Any]
) -> list[str]:
    """Return the accounts that the reports will be on, or what stands for the account of the credentials."""
    if hosts and are_swept(hosts):
        return [f"account {each.account_id}" for each in hosts]
    entered = HostAccount(host="", role=options.get("assume_role") or {}).account_id
    if entered:
        return [f"account {entered}"]
    credentials = {name: value for name, value in options.items() if name not in SPEC and not name.endswith("region")}
    text = json.dumps([credentials, environment], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return [f"the account of the credentials of the host {variables.get('inventory_hostname')} ({digest})"]


def complete(result: dict[str, Any], hosts: Sequence[HostAccount], unused: Sequence[HostAccount]) -> dict[str, Any]:
    """Return the result of a module with the accounts that are not in use, and with the names that hosts have for them.

    An enforcement that was refused or has failed is no failure of the run: it is shown first, and fails its hosts.
    """
    result = {name: value for name, value in result.items() if name != "invocation"}
    audit = result.get("ansible_facts", {}).get("cloudtrail_kms")
    if "before" in result:
        result = {**with_after(result, _not_in_use(unused) if unused else None), "failed": False}
    elif audit and unused:
        audit = join([audit, _not_in_use(unused)])
        result["ansible_facts"] = {"cloudtrail_kms": audit}
    for each in (audit, result.get("before"), result.get("after")):
        with_names(each, hosts)
    return result


def audit_of_unused(hosts: Sequence[HostAccount], unused: Sequence[HostAccount]) -> dict[str, Any]:
    """Return the result of an audit in which no account is in use."""
    return complete({"changed": False, "ansible_facts": {"cloudtrail_kms": _not_in_use(unused)}}, hosts, ())


def with_after(result: Mapping[str, Any], unused: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the result of cloudtrail_kms_enforce with an `after` of all accounts, and with those not in use.

    Of many accounts the module repeats only those that differ from `before`: they are the `changed_accounts`.
    """
    before = replace_accounts(unused, result["before"]) if unused else result["before"]
    if result["after"] is None:
        return {**result, "before": before, "changed_accounts": []}
    changed = [row["account_id"] for row in result["after"]["accounts"]]
    whole = len(changed) == len(before["accounts"])
    after = result["after"] if whole else replace_accounts(before, result["after"])
    return {**result, "before": before, "after": after, "changed_accounts": changed}


def _not_in_use(unused: Sequence[HostAccount]) -> dict[str, Any]:
    """Return the audit of accounts of which nothing is asked, each `not_applicable`."""
    now = datetime.now(timezone.utc)
    return facts(
        [
            assess(
                Snapshot(str(each.account_id), each.partition, now, state=each.state, account_name=each.name),
                Settings(),
            )
            for each in unused
        ]
    )


def lenders(task: Any, variables: Mapping[str, Any], templar: Any, written: Iterable[str]) -> list[HostAccount]:
    """Return the accounts of the play's hosts that are not among those `written`.

    No task runs on these hosts, so their variables are those of the play. A host with an undefined variable, such as
    the item of a loop, lends nothing: what is not read is reported as unknown.
    """
    others = [host for host in variables.get("ansible_play_hosts_all", ()) if host not in {*written}]
    return _accounts(task, variables, templar, others)


def left_out(task: Any, variables: Mapping[str, Any], templar: Any) -> list[HostAccount]:
    """Return the accounts of the hosts that would be of the play if no limit left them out.

    Accounts that the inventory knows not to be management accounts are passed over: nobody inherits a trail from them,
    and Ansible takes long to give the variables of a host.
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
    """Return what the variables of a host say of its account; Ansible evaluates them only if there is a template."""
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

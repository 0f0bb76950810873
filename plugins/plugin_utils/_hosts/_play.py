# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a play of this collection has in its lines; none has no host and no task, and then ends green."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible.inventory.manager import InventoryManager, split_host_pattern

from .._playbook import playbook_of_ours
from ._extra_variables import refuse_extra
from ._host_accounts import HostsError, is_slice
from ._selection import UNREAD
from ._variables import PREFIX, VariablesError, come_to, from_json

_BATCH = re.compile(r"[0-9]+%?")
_PERCENTAGE = re.compile(r"(100|[0-9]{1,2}(\.[0-9]+)?)%?")
_ALL_AT_ONCE = ["100%"]
_NEVER_TOO_MANY = 100
# With these a run leaves out tasks that are tagged always.
_SKIPPING = ("always", "tagged")


def patterns(
    pattern: str | None, variables: Mapping[str, Any], templar: Any, loader: Any, arguments: Mapping[str, Any]
) -> list[str]:
    """Return the patterns of the play's hosts: `pattern`, those of cloudtrail_kms_hosts, or localhost.

    `arguments` are those of ansible-playbook. Raises HostsError where they leave no host, or no task, and
    VariablesError where its extra variables are not what they are meant to be.
    """
    refuse_extra(arguments, loader)
    wanted = [pattern] if pattern else _chosen(variables, templar)
    if arguments.get("syntax"):
        return wanted  # nothing is audited, and no inventory need be there
    limit = arguments.get("subset")
    nobody = ", so no account would be audited."
    if not _left(wanted, limit, variables, loader):
        within = f" within --limit {limit}" if limit else ""
        raise HostsError(
            f"The inventory has no host {','.join(wanted) or '(none is named)'}{within}{nobody} If a warning above "
            "says that an inventory could not be read or parsed, fix that first: check that the file is there, and "
            f"that the name of one for the plugin aws_accounts ends in aws_accounts.yml. Else correct {PREFIX}hosts or "
            "--limit."
        )
    _refuse_unread()
    if skipped := set(_SKIPPING).intersection(arguments.get("skip_tags") or ()):
        raise HostsError(f"--skip-tags {','.join(sorted(skipped))} skips every task{nobody} Run it without.")
    # Where Ansible finds no such task, it runs none and ends green. A playbook of others may have it before ours.
    task, playbooks = arguments.get("start_at_task"), arguments.get("args") or ("",)
    if task and all(map(playbook_of_ours, playbooks)):
        raise HostsError(f"--start-at-task {task} skips tasks of the role{nobody} Run it without.")
    return wanted


def refuse_unseen(play: Any, variables: Mapping[str, Any], templar: Any) -> None:
    """Raise VariablesError where a playbook of ours has taken another value than a variable has for its tasks.

    A play chooses its hosts before it reads the variables of any host or group. In check mode it has one batch anyway.
    A play of one's own takes none of these by itself, and does not ask whether an inventory was read.
    """
    _refuse_unread()
    if "__cloudtrail_kms_of_the_play" not in variables:
        _refuse_untaken(play, variables, templar)
    elif variables.get(f"{PREFIX}hosts") is None:
        _refuse_elsewhere(variables)
    for variable in variables.get("__cloudtrail_kms_of_the_play", ()):
        name = variable.removeprefix(PREFIX)
        wanted = {"hosts": _chosen, "serial": batches, "max_fail_percentage": _percentage}[name](variables, templar)
        if [*map(str, _flat([getattr(play, name)]))] != [*map(str, wanted)]:
            raise VariablesError(
                f"The play does not see {variable} as its tasks do, since it chooses its hosts before it reads the "
                "variables of any host or group. Set it with -e, or among the vars of import_playbook, to a value that "
                "needs none of these."
            )


def _refuse_elsewhere(variables: Mapping[str, Any]) -> None:
    """Raise VariablesError where a group that localhost is not in has a variable of the play, which took localhost."""
    for host in dict.fromkeys(hosts[0] for hosts in variables["groups"].values() if hosts):
        of_group = variables["hostvars"].raw_get(host)
        for variable in variables["__cloudtrail_kms_of_the_play"]:
            if of_group.get(variable) is not None and variables.get(variable) is None:
                raise VariablesError(
                    f"The play does not see {variable}, which {host} has in the inventory, and took localhost. "
                    "Set it with -e."
                )


def _refuse_unread() -> None:
    for path, why in UNREAD.items():
        raise HostsError(f"The inventory {path} could not be read, so its accounts would be missing: {why}")


def _refuse_untaken(play: Any, variables: Mapping[str, Any], templar: Any) -> None:
    for name in ("hosts", "serial", "max_fail_percentage"):
        value = from_json(come_to(f"{PREFIX}{name}", variables, templar), "list")
        if value is not None and _texts(getattr(play, name)) != _texts(value):
            raise VariablesError(
                f"{PREFIX}{name} is for the playbooks of this collection: this play has {name} of its own. Leave the "
                "variable out; --limit narrows the hosts of any play."
            )


def _texts(value: Any) -> list[str]:
    """Return the parts of a value in one form: a play makes a number with a point of its percentage."""
    return [str(each).removesuffix(".0") for each in _flat([value])]


def _percentage(variables: Mapping[str, Any], templar: Any) -> list[float]:
    return [float(str(most_failures(variables, templar)).rstrip("%"))]


def _chosen(variables: Mapping[str, Any], templar: Any) -> list[str]:
    """Return the patterns of cloudtrail_kms_hosts, or localhost."""
    chosen = from_json(come_to(f"{PREFIX}hosts", variables, templar), "list")
    return ["localhost"] if chosen is None else [text for each in _flat(chosen) if (text := str(each).strip())]


def _flat(value: Any) -> list[Any]:
    return [each for item in value for each in _flat(item)] if isinstance(value, list) else [value]


def _left(wanted: list[str], limit: str | None, variables: Mapping[str, Any], loader: Any) -> bool:
    """Return whether Ansible finds a host by these patterns within the limit, in the inventory that it has read.

    Raises HostsError where it finds one, but passes over a part that names none: that is perhaps to be left out.
    """
    inventory = InventoryManager(loader, parse=False)
    for group, hosts in variables["groups"].items():
        inventory.add_group(group)
        for host in hosts:
            inventory.add_host(host, group=group)
    inventory.subset(limit)
    if not (wanted and inventory.get_hosts(wanted)):  # of no pattern Ansible makes all
        return False
    parts = [*split_host_pattern(wanted), *(each for each in split_host_pattern(limit or "") if each[:1] in ("!", "&"))]
    for part in (each.lstrip("!&") for each in parts if not is_slice(variables)):
        if part and part not in variables["groups"] and not inventory.get_hosts(part, ignore_limits=True):
            raise HostsError(f"No host or group of the inventory is {part}. Correct {PREFIX}hosts or --limit.")
    return True


def batches(variables: Mapping[str, Any], templar: Any) -> list[Any]:
    """Return the batches of cloudtrail_kms_serial, in check mode and where it is not set one.

    Raises VariablesError where it is none that Ansible takes; it would take that for a fault of its own.
    """
    value = from_json(come_to(f"{PREFIX}serial", variables, templar), "list")
    sizes = value if isinstance(value, list) else [value]
    if value is not None and not (sizes and all(_BATCH.fullmatch(str(size)) for size in sizes)):
        raise VariablesError(
            f"{PREFIX}serial is a number of hosts, a percentage of them, or a list of these, not {value}."
        )
    # A plan is of all hosts at once, and shows each of them whatever is refused in one.
    return _ALL_AT_ONCE if value is None or variables.get("ansible_check_mode") else sizes


def most_failures(variables: Mapping[str, Any], templar: Any) -> Any:
    """Return the percentage of cloudtrail_kms_max_fail_percentage, in check mode and where it is not set all.

    Raises VariablesError where it is none.
    """
    value = come_to(f"{PREFIX}max_fail_percentage", variables, templar)
    if value is not None and not _PERCENTAGE.fullmatch(str(value)):
        raise VariablesError(f"{PREFIX}max_fail_percentage is a number from 0 to 100, not {value}.")
    return _NEVER_TOO_MANY if value is None or variables.get("ansible_check_mode") else value

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accounts of a run: those of the hosts that Ansible lets reach it, or that of the one host it runs for.

Only Ansible knows which hosts a `when`, a rescue, or the items of a loop leave, and which values each has there. So a
task that Ansible runs on exactly these hosts marks each with its request. What tells one pass from another is the task
itself: each include, iteration of a loop and use of the role loads its tasks anew, under identifiers of their own.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible import constants

from ._host_accounts import HostAccount, HostsError
from ._per_account import refuse_disagreement
from ._request import Request, read_request, refuse_another_task, refuse_difference
from ._sealed import KEY, SealedFiles


def accounts_of_run(
    action: Any, run_options: Mapping[str, Any], arguments: Mapping[str, Any], variables: Mapping[str, Any]
) -> list[HostAccount]:
    """Return the accounts that a run is about, with their options. Raises HostsError where one run cannot serve them.

    `arguments` are all options of the task with those of the variables of the role. Without these the run is about the
    account of the task's own options, which is no host's: then there is none.
    """
    if run_options["hosts"] and not run_options["variables"]:
        raise HostsError("Option hosts: each host has options of its own, so give variables as well.")
    if not run_options["variables"]:
        return []
    host = str(variables["inventory_hostname"])
    request = read_request(action, arguments, variables, action._templar)
    if not run_options["hosts"]:
        return [request.host_account(host)]
    place = _passed(run_options, variables)
    requests = marked(place, variables["ansible_play_batch"])
    _refuse_each_host_for_itself(action, host, requests)
    # A mark counts for one run, also where that fails and a handler passes again; `until` would try the same run again.
    for each in () if action._task.until else requests:
        _files(place).remove(each)
    refuse_difference(requests)
    refuse_another_task(host, request, requests[host])
    hosts = [each.host_account(name) for name, each in requests.items()]
    refuse_disagreement(hosts)
    return hosts


def _passed(run_options: Mapping[str, Any], variables: Mapping[str, Any]) -> str:
    """Return the pass in which the hosts of a run are marked. Raises HostsError where this host was not."""
    registered = variables.get(run_options["hosts"])
    identifier = registered.get("pass") if isinstance(registered, Mapping) else None
    if not identifier:
        raise HostsError(
            f"Option hosts: {run_options['hosts']} holds no result of cloudtrail_kms_host on the host "
            f"{variables['inventory_hostname']}. Let a task of cloudtrail_kms_host, without run_once, go before this "
            "one, and name the variable that it registers: the run is about the hosts that reach that task."
        )
    return str(identifier)


def _refuse_each_host_for_itself(action: Any, host: str, requests: Mapping[str, Request]) -> None:
    """Raise HostsError where the run would begin anew on each host, or this host is in no pass."""
    if host not in requests:
        raise HostsError(
            f"The host {host} has reached this run, but its mark is gone: a mark of cloudtrail_kms_host counts for one "
            "run. Let a task of cloudtrail_kms_host go before each run."
        )
    if len(requests) > 1 and not action._task.run_once:
        raise HostsError(
            f"One run serves {len(requests)} hosts, but its task would begin it on each of them. Set "
            "run_once: true for the task."
        )


@contextmanager
def turn(*, needed: bool) -> Iterator[None]:
    """Wait until no other host of this ansible-playbook writes: hosts that have a run each may use one key.

    KMS writes a key's policy without conditions, and two runs would create one key each.
    """
    if not needed:
        yield
        return
    with (Path(constants.DEFAULT_LOCAL_TMP) / "cloudtrail-kms-turn").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def mark(passed: str, host: str, request: Request) -> None:
    """Mark a host in a pass, by the identifier of the task that marks."""
    _files(passed).write(host, asdict(request))


def marked(passed: str, hosts: Iterable[str]) -> dict[str, Request]:
    """Return the requests of those of the hosts that are marked in a pass. Raises SealError."""
    files = _files(passed)
    contents = {host: files.read(host) for host in hosts}
    return {host: Request(**content) for host, content in contents.items() if content is not None}


def _files(passed: str) -> SealedFiles:
    directory = Path(constants.DEFAULT_LOCAL_TMP) / f"cloudtrail-kms-hosts-{passed}"
    directory.mkdir(mode=0o700, exist_ok=True)
    return SealedFiles(str(directory), KEY)

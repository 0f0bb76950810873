# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host requests of a run: its account with the options of its own, and what has to be the same for all hosts."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible import constants
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import check_mutually_exclusive

from ...module_utils._options import EITHER, ArgumentError, to_request, to_scope, to_settings
from ._host_accounts import HostAccount, HostsError, host_account
from ._per_account import different
from ._run_options import OF_THE_TASKS, module_options, of_accounts, of_hosts
from ._sealed import KEY, as_text
from ._selection import ACCOUNT, ROLE
from ._variables import AUDIT_SPEC, ENFORCE_SPEC, PREFIX, SPEC, VariablesError, come_to, options, sentences

# A template may give a keyword another value on each host; the run has that of one of them.
_KEYWORDS = ("become", "become_user", "check_mode", "delegate_to", "environment", "no_log", "remote_user")
_OF_EVERY_CONNECTION = ("ansible_connection", "ansible_python_interpreter", "ansible_become", "ansible_become_user")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the variables of a host come to in a task.

    `said` says which account it stands for, `options` are those of this account. `of_the_run` is all else, by its
    names: only digests, since there may be secrets among the options and the environment.
    """

    said: Mapping[str, Any]
    options: Mapping[str, Any]
    of_the_run: Mapping[str, str]

    def host_account(self, host: str) -> HostAccount:
        """Return the account of the host, with its options. Raises HostsError where its variables contradict."""
        return replace(host_account(host, self.said), options=self.options)


def read_request(action: Any, arguments: Mapping[str, Any], variables: Mapping[str, Any], templar: Any) -> Request:
    """Return the request of the host for which Ansible runs a task.

    `action` is the task's action, `arguments` are its options with those of the variables of the role. Raises
    VariablesError for a variable that cannot be meant.
    """
    mode = "enforce" if arguments["mode"] == "restore" else arguments["mode"]
    of_host = of_hosts(arguments, mode)
    of_module = module_options(arguments, mode, new_bucket=arguments.get("new_bucket"))
    aside = {*of_accounts(mode), *OF_THE_TASKS, "assume_role"}
    of_the_run = {_name(name): value for name, value in arguments.items() if name not in aside}
    of_the_run |= {name: getattr(action._task, name) or None for name in _KEYWORDS}
    of_the_run |= _connection(action, variables, templar)
    return Request(
        said=_plain(said_of(variables, templar)),
        options=_plain({name: value for name, value in of_module.items() if name in of_host}),
        of_the_run={name: _digest(value) for name, value in of_the_run.items() if value is not None},
    )


def refuse_wrong_values(request: Request, mode: str) -> None:
    """Raise VariablesError where the module would refuse options of the account, and with them all other accounts."""
    enforces = mode != "audit"
    spec = {**AUDIT_SPEC, **ENFORCE_SPEC} if enforces else AUDIT_SPEC
    checked = ArgumentSpecValidator(spec).validate({**request.options, "assume_role": request.said.get(ROLE)})
    if checked.error_messages:
        raise VariablesError(sentences(checked.errors))
    _refuse_either(request.options)
    try:
        to_scope(checked.validated_parameters)
        to_settings(checked.validated_parameters)
        if enforces:
            to_request(checked.validated_parameters)
    except ArgumentError as error:
        names = " and ".join(PREFIX + option for option in error.options)
        raise VariablesError(f"The value of {names} cannot be used: {error.why}") from None


def _refuse_either(values: Mapping[str, Any]) -> None:
    either = [[PREFIX + option for option in options] for options in EITHER]
    try:
        check_mutually_exclusive(either, {PREFIX + name: value for name, value in values.items()})
    except TypeError as error:
        raise VariablesError(f"{error}.") from None


def said_of(variables: Mapping[str, Any], templar: Any) -> dict[str, Any]:
    """Return what the variables that say which account a host stands for come to. Raises VariablesError."""
    role = options(variables, templar, ["assume_role"]).get("assume_role")
    account = come_to(ACCOUNT, variables, templar)
    return {name: value for name, value in {ACCOUNT: account, ROLE: role}.items() if value is not None}


def refuse_difference(requests: Mapping[str, Request]) -> None:
    """Raise HostsError where something that belongs to the run differs between two hosts, by its name."""
    first = next(iter(requests), "")
    for host, request in requests.items():
        if name := different(requests[first].of_the_run, request.of_the_run):
            raise HostsError(
                f"One run serves all its hosts, and {name} belongs to the run, but it differs between the hosts "
                f"{first} and {host}. Make it the same for both, or run them apart, each with its hosts in "
                "cloudtrail_kms_hosts. What holds the time differs as well: set it once for all, by -e or set_fact."
            )


def refuse_another_task(host: str, here: Request, marked: Request) -> None:
    """Raise HostsError where the run has other options than the task that marked its hosts."""
    if here != marked:
        name = different(marked.of_the_run, here.of_the_run) or different(marked.options, here.options) or ROLE
        raise HostsError(
            f"The host {host} has another {name} in the task of cloudtrail_kms_run than in that of "
            "cloudtrail_kms_host. Give both the same mode, vars and keywords, such as check_mode, environment and "
            "module_defaults, as a block around them does."
        )


def _name(option: str) -> str:
    return f"{PREFIX}{option}" if option in SPEC else option


def _connection(action: Any, variables: Mapping[str, Any], templar: Any) -> dict[str, Any]:
    """Return the variables that lead to where the module runs, by the connection that Ansible has made."""
    if action._task.delegate_to:
        return {}
    by_plugin = constants.config.get_plugin_vars("connection", action._connection._load_name)
    names = {*_OF_EVERY_CONNECTION, *by_plugin} - {"inventory_hostname"}
    values = {name: come_to(name, variables, templar) for name in names & variables.keys()}
    if "ansible_host" in names:  # a host is reached by its own name where no variable gives another
        values["ansible_host"] = values.get("ansible_host") or variables["inventory_hostname"]
    return values


def _plain(value: Any) -> Any:
    """Return the value as it comes back from a file."""
    return json.loads(json.dumps(value, default=as_text))


def _digest(value: Any) -> str:
    text = json.dumps(value, default=as_text, sort_keys=True)
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()

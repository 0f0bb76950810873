# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accounts that the hosts of a play stand for, and why each host fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ...module_utils._model import NOT_IN_USE
from ...module_utils._options import named
from ._selection import ACCOUNT, ACCOUNT_ID, ROLE

# The strategies of ansible-core that know no run_once.
_HOST_BY_HOST = frozenset({"free", "host_pinned"})
# Of more accounts a message only says how many there are.
_TOLD = 5
_ROLE_ARN = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/(.+)")


class HostsError(ValueError):
    """Hosts that cannot be read in one sweep; the message names them, and what to do."""


@dataclass(frozen=True, kw_only=True)
class HostAccount:
    """A host and its account.

    `role` is the host's `cloudtrail_kms_assume_role`, `named` that it has an account id, `options` are those of the run
    that an account may have of its own, as they are for this host.
    """

    host: str
    role: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    state: str | None = None
    named: bool = False

    @property
    def account_id(self) -> str | None:
        """The account that the host stands for, or None where it is that of the credentials."""
        return self._part(2)

    @property
    def partition(self) -> str:
        return self._part(1) or "aws"

    @property
    def account_options(self) -> dict[str, Any]:
        """The options that the account has of its own in a sweep: the role by its name, which most have alike."""
        others = {name: value for name, value in self.role.items() if name != "role_arn" and value is not None}
        return {**self.options, "assume_role": {"role_name": self._part(3), **others}}

    @property
    def active(self) -> bool:
        """Whether the account is in use, so far as is known; nothing is asked of one that is not."""
        return self.state not in NOT_IN_USE

    def _part(self, number: int) -> str | None:
        match = _ROLE_ARN.fullmatch(str(self.role.get("role_arn")))
        return match[number] if match else None


def of_account(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a host's variables that say which account it stands for."""
    return {name: variables[name] for name in (ROLE, ACCOUNT) if name in variables}


def is_plain(said: Mapping[str, Any]) -> bool:
    """Return whether the role to assume is one as the inventory plugin writes it, a dictionary of texts, or none."""
    role = said.get(ROLE) or {}
    return isinstance(role, Mapping) and all(isinstance(value, str) for value in role.values())


def host_account(host: str, variables: Mapping[str, Any]) -> HostAccount:
    """Return what a host's variables say of its account. Raises HostsError where they contradict themselves.

    The state is believed only beside the ARN that the organization gave the account: the inventory plugin reads both
    together, and an account that is not in use is not audited.
    """
    account: Any = variables.get(ACCOUNT)
    if account is None:
        result = HostAccount(host=host, role=variables.get(ROLE) or {})
        _refuse_another_name(result)
        return result
    if not isinstance(account, Mapping) or "id" not in account:
        raise HostsError(
            f"{ACCOUNT} of the host {host} is {account!r}, not a dictionary with the id of its account. The inventory "
            "plugin aws_baseline.cloudtrail.aws_accounts sets it; remove yours."
        )
    is_read = str(account.get("arn")).endswith(f"/{account['id']}")
    result = HostAccount(
        host=host,
        role=variables.get(ROLE) or {},
        name=account.get("name"),
        state=account.get("state") if is_read else None,
        named=True,
    )
    if result.account_id != str(account["id"]):
        raise HostsError(
            f"The host {host} stands for account {account['id']}, but {ROLE} names no role there. Give role_name in "
            f"the file of the inventory, or set {ROLE} for the host."
        )
    return result


def _refuse_another_name(host: HostAccount) -> None:
    """Raise HostsError for a host that is named by an account's id and enters another account, or an unknown one.

    A role that was forgotten, or null, would change the account of the credentials under the name of another one.
    """
    if ACCOUNT_ID.fullmatch(host.host) and host.account_id != host.host:
        entered = f"account {host.account_id}" if host.account_id else "the account of the credentials"
        raise HostsError(
            f"The host {host.host} is named by the id of an account, but {entered} would be entered: {ROLE} names no "
            f"role of account {host.host}. Set it for the host, or name the host otherwise."
        )


def by_use(hosts: Iterable[HostAccount]) -> tuple[list[HostAccount], list[HostAccount]]:
    """Return the hosts that stand for accounts in use, and the others, each account once.

    An account is in use if one of its hosts says so.
    """
    accounts = {each.account_id: each for each in sorted(hosts, key=lambda each: each.active)}
    active = [each for each in accounts.values() if each.active]
    return active, [each for each in accounts.values() if not each.active]


def are_swept(hosts: Sequence[HostAccount]) -> bool:
    """Return whether accounts are read by their ids; one host without an id is that of the credentials or role."""
    return len(hosts) > 1 or hosts[0].named


def refuse_strategy(strategy: str) -> None:
    """Raise HostsError if the play's strategy runs each host by itself: a run is one for all hosts."""
    if strategy.rpartition(".")[2] in _HOST_BY_HOST:
        raise HostsError(
            f"One run reads the accounts of all hosts, but the strategy {strategy} of the play starts it once for "
            "each. Take the strategy out of the play, or set linear."
        )


def is_slice(variables: Mapping[str, Any]) -> bool:
    """Return whether this is a slice of a job of AWX, whose inventory has a part of the hosts.

    AWX tells no job that it is a slice. It makes of a sliced template a workflow of the template's own name
    (JobTemplate.create_unified_job), and tells each job the names of both (AWX user guide, "Extra Variables").
    """
    template = variables.get("awx_job_template_name")
    return template is not None and variables.get("awx_workflow_job_name") == template


def refuse_slice(options: Mapping[str, Any], hosts: Iterable[HostAccount], variables: Mapping[str, Any]) -> None:
    """Raise HostsError where a slice of a job of AWX would write a key that its other slices write at the same time."""
    if not is_slice(variables):
        return
    keys = [options.get("key"), *(each.options.get("key") for each in hosts)]
    if options.get("key_assume_role") or any((key or {}).get("account") for key in keys):
        raise HostsError(
            f"This job is a slice of the job template {variables['awx_job_template_name']}: its other slices would "
            "write the key that their accounts share at the same time. Set the template's job slicing to 1. If the job "
            "is no slice, give its workflow another name than the template."
        )


def host_failures(hosts: Sequence[HostAccount], audit: Mapping[str, Any], failing: Mapping[str, str]) -> dict[str, str]:
    """Return why each host fails, an empty text where it does not. `failing` says so of accounts, by their ids.

    A host of a sweep is judged by its own account, every other by all of the audit. Raises HostsError where an
    account is not in the audit: it must not pass unseen.
    """
    if not hosts or not are_swept(hosts):
        return {each.host: _in_short(audit, failing) for each in hosts}
    audited = {row["account_id"] for row in audit["accounts"]}
    missing = [each.host for each in hosts if each.account_id not in audited]
    if missing:
        raise HostsError(f"The audit does not hold the account of {named(missing, 'host')}.")
    return {each.host: failing.get(str(each.account_id), "") for each in hosts}


def _in_short(audit: Mapping[str, Any], failing: Mapping[str, str]) -> str:
    if len(failing) <= _TOLD:
        return " ".join(failing.values())
    verdicts = Counter(row["verdict"] for row in audit["accounts"] if row["account_id"] in failing)
    counted = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
    return f"{len(failing)} of {len(audit['accounts'])} accounts fail: {counted}. The table and the reports name each."


def with_names(audit: Mapping[str, Any] | None, hosts: Iterable[HostAccount]) -> None:
    """Give the accounts of an audit the names that the inventory has for them."""
    names = {each.account_id: each.name for each in hosts if each.name}
    for row in cast("list[dict[str, Any]]", (audit or {}).get("accounts", [])):
        if row["account_id"] in names:
            row["account_name"] = names[row["account_id"]]

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that each account of a run may have of its own: from the variables of hosts into one sweep's options."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...module_utils._options import JUDGING, named
from ._host_accounts import HostAccount, HostsError, by_use
from ._selection import ROLE
from ._variables import PREFIX

# What an account asks that asks nothing; an entry for it says so.
_NOTHING_ASKED: Mapping[str, Any] = {"readers": [], "rules": {}, "exceptions": []}


def refuse_disagreement(hosts: Iterable[HostAccount]) -> None:
    """Raise HostsError where two hosts stand for one account, and want different things of it."""
    first: dict[str | None, HostAccount] = {}
    for each in hosts:
        other = first.setdefault(each.account_id, each) if each.account_id else each
        if other.account_options != each.account_options:
            name = different(other.account_options, each.account_options)
            raise HostsError(
                f"The hosts {other.host} and {each.host} both stand for account {each.account_id}, but their "
                f"{PREFIX}{name} differ. Make them the same, or leave one of the hosts out."
            )


def sweep_options(
    hosts: Sequence[HostAccount], lenders: Iterable[HostAccount] = (), owners: Iterable[HostAccount] = ()
) -> dict[str, Any]:
    """Return the options with which one sweep reads all accounts in use, each once, and each by its own options.

    What all accounts set is an option of the run, as the first account has it; an entry holds what an account sets
    otherwise. `lenders` are entered only to read the keys and buckets that they own. `owners` are not entered: by their
    options the trails are judged that others inherit from them. Raises HostsError for a host that names no account.
    """
    nameless = [each.host for each in hosts if each.account_id is None]
    if nameless:
        raise HostsError(
            f"No account is known for {named(nameless, 'host')}. Set {ROLE}.role_arn, the role "
            "to assume there, for each host; the inventory plugin aws_baseline.cloudtrail.aws_accounts does so."
        )
    swept = by_use(hosts)[0]
    lending = _beside(lenders, hosts)
    unread = _beside(owners, [*hosts, *lending])
    account_options = [each.account_options for each in swept]
    run = {name: value for name, value in account_options[0].items() if all(name in each for each in account_options)}
    # What one of them does not ask the run cannot say either: an entry takes nothing back.
    others = [each.options for each in (*lending, *unread)]
    run = {name: value for name, value in run.items() if name not in JUDGING or all(name in each for each in others)}
    differing = [
        (each, {name: value for name, value in each.account_options.items() if name not in run or run[name] != value})
        for each in (*swept, *lending)
    ]
    differing += [(each, {**_NOTHING_ASKED, **each.options}) for each in unread]
    entries = _entries(differing)
    return {
        **run,
        "accounts": [each.account_id for each in swept],
        **({"account_options": entries} if entries else {}),
        **({"lending_accounts": [each.account_id for each in lending]} if lending else {}),
    }


def _beside(others: Iterable[HostAccount], hosts: Iterable[HostAccount]) -> list[HostAccount]:
    """Return the accounts in use that are not those of the hosts."""
    known = {each.account_id for each in hosts}
    return [each for each in by_use(others)[0] if each.account_id and each.account_id not in known]


def different(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Return the first name under which the two have something else, or None."""
    return next((name for name in sorted({*one, *other}) if one.get(name) != other.get(name)), None)


def _entries(differing: Iterable[tuple[HostAccount, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return one entry for all accounts that want the same."""
    alike: dict[str, dict[str, Any]] = {}
    for each, account_options in differing:
        if account_options:
            entry = alike.setdefault(json.dumps(account_options, sort_keys=True), {"accounts": [], **account_options})
            entry["accounts"].append(each.account_id)
    return [*alike.values()]

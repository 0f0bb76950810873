# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module of a run is asked, and on whom that makes its reports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ._lenders import left_out, lenders
from ._members import Member, are_swept
from ._per_account import sweep_options
from ._run_options import of_accounts
from ._variables import SPEC


def options_of_module(
    action: Any, mode: str, members: Sequence[Member], options: dict[str, Any], variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of the module: one account is that of the credentials, or of the role, and many are swept.

    `options` are those of the task for its module. An enforcement reads the keys and buckets of the play's other hosts.
    """
    enforces = mode == "enforce"
    play = {"backup_play": str(action._task.get_play()._uuid)} if enforces and options.get("backup_path") else {}
    others, unread = _others(action, members, variables)
    lending, owners = (others, unread) if enforces else ([], [*others, *unread])
    if members and (are_swept(members) or any(each.account_id for each in (*lending, *owners))):
        of_run = {name: value for name, value in options.items() if name not in of_accounts(mode)}
        return {**of_run, **sweep_options(members, lending, owners), **play}
    return {**options, **play}


def _others(action: Any, members: Sequence[Member], variables: Mapping[str, Any]) -> tuple[list[Member], list[Member]]:
    """The accounts of the play's other hosts, and of those that a limit leaves out, where each of ours is known."""
    if not members or not all(each.account_id for each in members):
        return [], []
    others = lenders(action._task, variables, action._templar, [each.host for each in members])
    return others, left_out(action._task, variables, action._templar)


def reported_on(
    members: Sequence[Member], options: Mapping[str, Any], environment: Any, variables: Mapping[str, Any]
) -> list[str]:
    """Return the accounts that the reports will be on, or what stands for that of the credentials."""
    if members and are_swept(members):
        return [f"account {each.account_id}" for each in members]
    entered = Member(host="", role=options.get("assume_role") or {}).account_id
    if entered:
        return [f"account {entered}"]
    credentials = {name: value for name, value in options.items() if name not in SPEC and not name.endswith("region")}
    text = json.dumps([credentials, environment], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return [f"the account of the credentials of the host {variables.get('inventory_hostname')} ({digest})"]

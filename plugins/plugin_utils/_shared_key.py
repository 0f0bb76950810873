# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys that hosts of a play share: which host has them changed, and for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def shares_of(host: str, waiting: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return what a host does for all: the keys of which it is the first to wait, with everybody's trails and readers.

    `waiting` has the `shared_keys` of each host of the batch, in one order for all hosts: so each key has one host.
    """
    shares: dict[tuple[str, str | None], dict[str, Any]] = {}
    for other, keys in waiting.items():
        for key in keys:
            share = shares.setdefault(
                (key["key_arn"], key["alias"]), {**key, "host": other, "trails": [], "readers": [], "needed": {}}
            )
            share["needed"].update(key["needed"])
            for name in ("trails", "readers"):
                share[name] = list(dict.fromkeys([*share[name], *key[name]]))
    return [share for share in shares.values() if share["host"] == host]


def key_options(given: Mapping[str, Any], share: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of cloudtrail_kms_central_key for a share; `given` are those that all shares have.

    A key without an alias of ours is given by its ARN; its backup stands beside that of the account.
    """
    options = {
        **given,
        "trails": share["trails"],
        "readers": share["readers"],
        "needed": share["needed"],
        "region": share["key_arn"].split(":")[3],
    }
    if share["alias"] is None:
        options.pop("key", None)
        options["key_id"] = share["key_arn"]
    if given.get("backup_path"):
        path = Path(given["backup_path"])
        options["backup_path"] = str(path.with_name(f"{path.stem}-central-key{path.suffix}"))
    return options


def waits(account_id: str, shared_keys: Sequence[Mapping[str, Any]]) -> str:
    """Say that nothing was done to an account yet, and why."""
    keys = ", ".join(key["key_arn"] for key in shared_keys)
    return f"Account {account_id} waits for {keys}, which is changed once for all the accounts that share it."

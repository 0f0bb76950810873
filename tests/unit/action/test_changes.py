# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes of an enforcement as a person reads them."""

from __future__ import annotations

from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._changes import render_changes

KEY = "arn:aws:kms:eu-west-1:111111111111:key/11111111-2222-3333-4444-555555555555"


def change(operation: str, resource: str, status: str = "applied", **fields: Any) -> dict[str, Any]:
    """A change in the shape that the module returns."""
    return {"operation": operation, "resource": resource, "region": "eu-west-1", "status": status, **fields}


CHANGES = [
    change("CreateKey", KEY, before=None, after={}),
    change("CreateAlias", f"{KEY.rpartition(':')[0]}:alias/logs", before=None, after={"key_arn": KEY}),
    change(
        "UpdateTrail",
        "arn:aws:cloudtrail:eu-west-1:111111111111:trail/main",
        "failed",
        before={"kms_key_arn": None},
        after={"kms_key_arn": KEY},
    ),
    change("EnableKeyRotation", KEY, "not_attempted", before={}, after={}),
]


def test_no_changes_are_one_line() -> None:
    assert render_changes([], width=100) == "Changes   0"


def test_changes_are_listed_in_their_order_with_what_became_of_them() -> None:
    assert (
        render_changes(CHANGES, width=120)
        == """\
Changes   4: 2 applied, 1 failed, 1 not_attempted
    applied        CreateKey          eu-west-1  key/11111111-2222-3333-4444-555555555555
    applied        CreateAlias        eu-west-1  alias/logs -> key/11111111-2222-3333-4444-555555555555
    failed         UpdateTrail        eu-west-1  trail/main: no key -> key/11111111-2222-3333-4444-555555555555
    not_attempted  EnableKeyRotation  eu-west-1  key/11111111-2222-3333-4444-555555555555"""
    )


def test_a_narrow_terminal_wraps_what_is_changed() -> None:
    lines = render_changes(CHANGES[2:3], width=70).splitlines()
    assert lines[1:] == [
        "    failed  UpdateTrail  eu-west-1  trail/main: no key ->",
        "                                    key/11111111-2222-3333-4444-",
        "                                    555555555555",
    ]


def test_names_cannot_forge_lines() -> None:
    forged = change("EnableKey", "arn:aws:kms:eu-west-1:1:key/x\nChanges   0", before={}, after={})
    assert r"key/x\nChanges 0" in render_changes([forged], width=100)

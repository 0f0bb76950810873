# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is published breaks with a major version only: what is there is compared with the last release."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.unit.shapes import RELEASED, ROOT, broken, shapes

RELEASE = json.loads(RELEASED.read_text(encoding="utf-8"))
OPTION = "module/m/option/o"


def test_nothing_breaks_without_a_major_version() -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    if version.split(".")[0] == RELEASE["version"].split(".")[0]:
        assert [*broken(RELEASE["shapes"], shapes())] == [], "raise the major version, and say so in a fragment"


def test_the_shapes_kept_are_those_of_the_last_release() -> None:
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))["releases"]
    assert not releases or RELEASE["version"] == [*releases][-1]


@pytest.mark.parametrize(
    "place",
    [
        "module/cloudtrail_kms_enforce/option/key/option/alias",
        "module/cloudtrail_kms_judge/return/verdicts",
        "filter/cloudtrail_kms_decide/option/reader",
        "inventory/aws_accounts/option/profile",
        "role/cloudtrail_kms/restore/option/cloudtrail_kms_restore",
        "rule/trail_has_kms_key",
        "report/account/trails",
        "report file/html",
        "playbook/playbooks/audit.yml",
        "playbook/extensions/eda/rulebooks/cloudtrail_kms_drift.yml",
        "action group/cloudtrail",
        "artifacts",
        "backup/Backup",
        "csv",
        "event",
    ],
)
def test_shapes_of_every_kind_are_kept(place: str) -> None:
    assert place in RELEASE["shapes"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"type": "str"}, {"type": "str"}, []),
        ({"type": "str"}, {"type": "int"}, ['type was "str" and is "int"']),
        ({"type": "str"}, {"required": True, "type": "str"}, ["required was null and is true"]),
        ({"required": True}, {}, []),
        ({"choices": ["a"]}, {"choices": ["b", "a"]}, []),
        ({"choices": ["a", "b"]}, {"choices": ["a"]}, ['choices was ["a", "b"] and is ["a"]']),
        ({}, {"choices": ["a"]}, ['choices was null and is ["a"]']),
        ({"default": "a"}, {}, ['default was "a" and is null']),
        ({"default": ["a"]}, {"default": ["a", "b"]}, ['default was ["a"] and is ["a", "b"]']),
        ({}, {"aliases": ["a"]}, []),
        ({"names": ["a", "b"]}, {"names": ["b"]}, ['names was ["a", "b"] and is ["b"]']),
        (
            {"positional": ["0 a", "1 b"]},
            {"positional": ["0 b", "1 a"]},
            ['positional was ["0 a", "1 b"] and is ["0 b", "1 a"]'],
        ),
        ({"always": ["a"]}, {}, ['always was ["a"] and is null']),
    ],
)
def test_what_breaks_is_told(before: dict[str, Any], after: dict[str, Any], told: list[str]) -> None:
    assert [*broken({OPTION: before}, {OPTION: after})] == [f"{OPTION}: {each}" for each in told]


def test_what_is_gone_or_newly_required_is_told_and_what_is_new_is_not() -> None:
    before: dict[str, dict[str, Any]] = {"module/m": {}, OPTION: {}}
    assert [*broken(before, {"module/m": {}})] == [f"{OPTION} is gone"]
    new = {**before, f"{OPTION}/option/p": {"type": "str"}, "module/n": {}, "module/n/option/o": {"required": True}}
    assert [*broken(before, new)] == []
    demanded = f"{OPTION}/option/p"
    assert [*broken(before, {**before, demanded: {"required": True}})] == [f"{demanded} is new and required"]

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A playbook of ours is known by its name and by its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._playbook import playbook_of_ours

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["audit", "enforce", "join", "provision_account", "restore"])
def test_ours_is_known_however_it_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "collection"
    link.symlink_to(ROOT)
    monkeypatch.chdir(ROOT)
    named = (f"aws_baseline.cloudtrail.{name}", f"aws_baseline.cloudtrail.{name}.yml")
    for playbook in (*named, f"playbooks/{name}.yml", f"{ROOT}/playbooks/{name}.yml", f"{link}/playbooks/{name}.yml"):
        assert playbook_of_ours(playbook) == name


@pytest.mark.parametrize("playbook", ["audit.yml", "/elsewhere/playbooks/audit.yml", "other.collection.audit", ""])
def test_one_of_others_is_none_of_ours(playbook: str) -> None:
    assert playbook_of_ours(playbook) == ""

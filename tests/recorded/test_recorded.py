# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The AWS calls that the last `make test` made, as the fake AWS recorded them, are those that are declared."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import DEPENDENT_ACTIONS, IAM_ACTIONS

RECORDED = Path(__file__).parents[2] / ".cache" / "recorded"  # where the Makefile has FAKEAWS_RECORD lead


def test_every_call_is_declared_and_every_declared_call_is_made() -> None:
    recorded = {line for path in RECORDED.glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines()}
    assert recorded == {f"{service}:{operation} {action}" for (service, operation), action in IAM_ACTIONS.items()}


def test_every_action_that_a_call_needs_beside_names_its_page() -> None:
    assert [action for needed in DEPENDENT_ACTIONS.values() for action, page in needed.items() if not page] == []

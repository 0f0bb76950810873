# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of an enforcement of many accounts name those that nothing else is said of."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._module_call import with_after
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal import closing_lines
from tests.unit.action.audits import audit
from tests.unit.action.test_enforce_many import ONE, THREE, TWO, bare, change, enforced
from tests.unit.action.test_enforcement import refusal


@pytest.mark.parametrize("is_plan", [True, False])
def test_accounts_that_are_neither_fixed_nor_refused_are_named(is_plan: bool) -> None:
    def shown(*rows: dict[str, Any], is_restore: bool = False, **fields: Any) -> list[str]:
        run = with_after(enforced(change(ONE, "planned" if is_plan else "applied"), after=audit(*rows), **fields))
        lines = closing_lines(run, {"failing": 1}, [], {}, is_plan=is_plan, is_restore=is_restore)
        return [line for line in lines if line.startswith("Not fixed")]

    good, second, third = bare(ONE, "compliant"), bare(TWO), bare(THREE, "unknown")
    refused: dict[str, Any] = {"refusals": [refusal("No.", account_id=TWO)]}
    to_do = "act on what To do says, or pass it on to the owner"
    assert shown(good, second, third, **refused) == [f"Not fixed account {THREE}: {to_do}"]
    assert shown(good, second, third) == [f"Not fixed accounts {TWO}, {THREE}: {to_do}"]
    assert shown(good, second, bare(THREE, "not_applicable"), **refused) == []
    assert shown(good, second, third, is_restore=True) == []
    assert shown(second, hosts=(ONE,)) == []

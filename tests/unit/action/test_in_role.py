# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the role runs, what is to be set is named by its variables."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._variables import PREFIX
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._in_role import by_variables
from tests.unit.action.audits import account, audit, finding, trail
from tests.unit.action.running import NEVER_ASKED, enforcement, facts_of, run
from tests.unit.action.test_enforce_many import enforce

ASKS = "Set key_assume_role to a role there, or set allow_enable_key."
ASKED = "Set cloudtrail_kms_key_assume_role to a role there, or set cloudtrail_kms_allow_enable_key=true."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ASKS, ASKED),
        ("give another by key_id, with replace_compliant_key.",
         "give another by cloudtrail_kms_key_id, with cloudtrail_kms_replace_compliant_key=true."),
        ("Enter it by assume_role, in the role cloudtrail_kms_assume_role, or by -i.",
         "Enter it by cloudtrail_kms_assume_role, or by -i."),
        ("Option regions: 'x' is not a region.", "Option cloudtrail_kms_regions: 'x' is not a region."),
        ("key_id|key|restore", "cloudtrail_kms_key_id|cloudtrail_kms_key|cloudtrail_kms_restore"),
        ("allow_enable_key-1 arn:aws:iam::1:role/key_id my.key_id cloudtrail_kms_key_id regions", None),
    ],
)  # fmt: skip
def test_options_are_named_as_variables(text: str, told: str | None) -> None:
    assert by_variables(text) == (told or text)


RED = audit(account("non_compliant", trail("main", "non_compliant", finding("key_is_usable", remediation=ASKS))))


@pytest.mark.parametrize("form", ["full", "short"])
def test_the_tables_name_variables_where_the_role_runs(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    for told in (facts_of(RED), enforcement("not_attempted", before=RED, after=RED, refusals=[ASKS], errors=[ASKS])):
        mode = "enforce" if "before" in told else "audit"
        for role, words in (({"variables": PREFIX}, ASKED), ({}, ASKS)):
            run(told, mode=mode, table=form, **role)
            printed = " ".join(capsys.readouterr().out.split())
            assert printed.count(words) == (1 if mode == "audit" else 3)


def test_a_host_whose_options_exclude_each_other_is_told_its_variables() -> None:
    both = {"key": {"alias": "alias/a"}, "key_id": "alias/b"}
    with pytest.raises(AnsibleActionFail, match=r"mutually exclusive: cloudtrail_kms_key_id\|cloudtrail_kms_key"):
        enforce(NEVER_ASKED, variables=both)


def test_a_module_that_fails_names_variables_too() -> None:
    failed = {"failed": True, "msg": "Option key_id: no key."}
    assert run(failed, variables=PREFIX)["msg"] == "Option cloudtrail_kms_key_id: no key."
    assert run(failed)["msg"] == "Option key_id: no key."

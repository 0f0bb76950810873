# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters: one for each format, with its documentation, and plain about what is no audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.aws_baseline.cloudtrail.plugins.doc_fragments.reporting import ModuleDocFragment
from ansible_collections.aws_baseline.cloudtrail.plugins.filter.cloudtrail_kms_reports import FilterModule
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import CIS_VERSIONS, FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._compared import uncompared
from tests.unit.action.audits import account, audit, change, finding, trail

ROOT = Path(__file__).parents[3]
FILTERS = FilterModule().filters()
AUDIT = audit(account("non_compliant", trail("main", "non_compliant", finding("key_is_usable"))))


def test_each_format_has_its_filter_and_its_documentation() -> None:
    assert list(FILTERS) == [f"cloudtrail_kms_{name}" for name in FORMATS]
    for name in FILTERS:
        told = yaml.safe_load((ROOT / "plugins" / "filter" / f"{name}.yml").read_text(encoding="utf-8"))[
            "DOCUMENTATION"
        ]
        assert (told["name"], told["positional"]) == (name, "cis_version")
        assert told["extends_documentation_fragment"] == ["aws_baseline.cloudtrail.reporting.filters"]


def test_the_versions_of_the_documentation_are_all_that_there_are() -> None:
    options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert options["cis_version"]["choices"] == list(CIS_VERSIONS)


@pytest.mark.parametrize("place", ["doc_fragments/reporting.py", "../roles/cloudtrail_kms/meta/argument_specs.yml"])
def test_all_formats_can_be_asked_for(place: str) -> None:
    text = (ROOT / "plugins" / place).read_text(encoding="utf-8")
    assert f"choices: [{', '.join(FORMATS)}]\n" in text


def test_the_versions_are_those_that_the_rules_are_mapped_to() -> None:
    prefix = "cis_aws_foundations_"
    mapped = [name.removeprefix(prefix) for name in RULES["trail_has_kms_key"].frameworks if name.startswith(prefix)]
    assert list(CIS_VERSIONS) == mapped


@pytest.mark.parametrize("name", FORMATS)
def test_gives_the_report_of_its_format(name: str) -> None:
    assert FILTERS[f"cloudtrail_kms_{name}"](AUDIT, "1.4") == FORMATS[name].render(AUDIT, cis_version="1.4")


def test_takes_a_version_that_yaml_read_as_a_number() -> None:
    assert json.loads(FILTERS["cloudtrail_kms_json"](AUDIT, cis_version=5.0)) == AUDIT


@pytest.mark.parametrize(
    ("given", "version", "message"),
    [
        (
            "{}",
            "3.0",
            r"^cloudtrail_kms_json takes an audit: .*a saved cloudtrail-kms\.json that was read with from_json",
        ),
        ({"accounts": None}, "3.0", "^cloudtrail_kms_json takes an audit"),
        (AUDIT, "8.0", r"^cis_version is 8\.0; the rules are mapped to the versions 1\.2, .*, 7\.0\.$"),
    ],
)
def test_says_what_is_wrong_with_its_input(given: Any, version: str, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        FILTERS["cloudtrail_kms_json"](given, version)


ENTRY = {"account_id": "111111111111", "trail": "no ARN", "rule": None, "before": None, "after": None, "since": None}
COMPARISON = {**uncompared("", AUDIT), "gone": [ENTRY]}
CHANGE = change("UpdateTrail", {"kms_key_arn": None}, status="no status")


@pytest.mark.parametrize(
    "fields",
    [{"comparison": COMPARISON}, {"enforcement": {"changes": [CHANGE], "refusals": [], "errors": []}}],
)
def test_says_that_a_part_has_not_the_shape_of_one(fields: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^The audit has not the shape of one: "):
        FILTERS["cloudtrail_kms_html"]({**AUDIT, **fields})

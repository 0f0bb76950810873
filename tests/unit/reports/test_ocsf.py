# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OCSF events: valid by the published schema, and true to the audit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._ocsf import OCSF_VERSION
from tests.unit.action.audits import NARROWED, account, audit, finding, trail

OCSF = get_ocsf_schema(version=OCSF_VERSION)
SCHEMA = OcsfJsonSchemaEmbedded(OCSF).get_class_schema(class_name="compliance_finding", profiles=["cloud"])


def read(document: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(FORMATS["ocsf"].render(document))
    return events


def test_every_event_is_valid(audits: dict[str, dict[str, Any]], hostile: dict[str, Any]) -> None:
    validator = Draft202012Validator(SCHEMA)
    for document in (*audits.values(), hostile):
        for event in read(document):
            assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)] == []


def deprecated(attributes: dict[str, Any], event: dict[str, Any]) -> list[str]:
    """The deprecated attributes that an event, or an object in it, has."""
    found = []
    for name, value in event.items():
        attribute = attributes.get(name, {})
        found += [name] if "@deprecated" in attribute else []
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and attribute.get("object_type", "object") != "object":
                found += deprecated(OCSF["objects"][attribute["object_type"]]["attributes"], one)
    return found


def test_no_attribute_is_deprecated_and_ids_go_with_their_captions(audits: dict[str, dict[str, Any]]) -> None:
    attributes = OCSF["classes"]["compliance_finding"]["attributes"]
    assert deprecated(attributes, {"resource": {}, "cloud": {"project_uid": "x"}}) == ["resource", "project_uid"]
    for event in read(audits["mixed"]):
        assert deprecated(attributes, event) == []
        for name in ("activity", "severity", "status"):
            caption = attributes[f"{name}_id"]["enum"][str(event[f"{name}_id"])]["caption"]
            assert event.get(name, event.get(f"{name}_name")) == caption
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]


@pytest.mark.parametrize(
    ("status", "compliance", "severity", "finding_status"),
    [
        ("pass", (1, "Pass"), "Informational", "New"),
        ("fail", (3, "Fail"), "High", "New"),
        # The schema: "The compliance check did not yield a result due to missing information."
        ("unknown", (2, "Warning"), "High", "New"),
        ("not_applicable", (99, "Not Applicable"), "Informational", "New"),
        ("excepted", (99, "Excepted"), "Informational", "Suppressed"),
    ],
)
def test_status(status: str, compliance: tuple[int, str], severity: str, finding_status: str) -> None:
    _own, event = read(audit(account("unknown", trail("main", "unknown", finding("key_is_usable", status)))))
    assert (event["compliance"]["status_id"], event["compliance"]["status"]) == compliance
    assert (event["severity"], event["status"]) == (severity, finding_status)


def test_an_event_says_of_what_by_whom_and_when() -> None:
    found = finding("key_is_usable", "excepted", frameworks={"cis_aws_foundations_3.0": ["3.5"]})
    own, event = read(audit(account("compliant", trail("main", "compliant", found), account_name="logs")))
    assert event["cloud"] == {
        "account": {"name": "logs", "type": "AWS Account", "type_id": 10, "uid": "111111111111"},
        "cloud_partition": "aws",
        "provider": "AWS",
        "region": "us-east-1",
    }
    assert event["time"] == 1_795_420_800_000
    assert event["finding_info"]["uid"] == (
        "111111111111/arn:aws:cloudtrail:us-east-1:111111111111:trail/main/key_is_usable"
    )
    assert event["compliance"]["standards"] == ["CIS AWS Foundations Benchmark 3.0"]
    assert event["metadata"] == {
        "product": {"name": "aws_baseline.cloudtrail", "vendor_name": "aws_baseline", "version": "0.1.0"},
        "profiles": ["cloud"],
        "version": "1.5.0",
    }
    assert event["unmapped"]["exception"]["owner"] == "security"
    assert event["resources"][0]["data"]["exceptions"] == 1
    assert own["unmapped"]["evidence"]["exceptions"] == 1
    assert own["resources"] == [
        {"cloud_partition": "aws", "name": "logs", "type": "AWS::Organizations::Account", "uid": "111111111111"}
    ]


def test_every_event_of_a_narrowed_account_says_so() -> None:
    row = account("compliant", trail("main", "compliant", finding("key_is_usable")))
    for narrowed, told in ((None, None), (NARROWED, "only regions us-east-1; rules off: key_is_usable")):
        events = read(audit({**row, "narrowed_by": narrowed}))
        assert [event["unmapped"].get("narrowed_by") for event in events] == [told, told]

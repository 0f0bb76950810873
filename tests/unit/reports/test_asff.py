# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The findings for Security Hub: what its service model asks for, within the limits that it documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.session import get_session
from botocore.validate import ParamValidator

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from tests.unit.action.audits import KEY, NARROWED, account, audit, error, finding, trail

MODEL = get_session().get_service_model("securityhub")
FINDING = MODEL.shape_for("AwsSecurityFinding")
# ProductFields has its limits in words.
KEY_LIMIT, VALUE_LIMIT, FIELD_LIMIT = 128, 2048, 50


def read(document: dict[str, Any]) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = json.loads(FORMATS["asff"].render(document))
    return findings


def problems(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """What botocore leaves to the service: patterns, enums, and the limits that stand in the documentation."""
    longest = re.search(r"(?:Maximum(?: length)? of|Maximum number of|^.*Length Constraints:) (\d+)", text_of(shape))
    if longest and len(value) > int(longest[1]):
        yield f"{path} is longer than {longest[1]}"
    if isinstance(value, str) and shape.metadata.get("enum", [value]).count(value) == 0:
        yield f"{path} is {value}"
    if isinstance(value, str) and not re.search(shape.metadata.get("pattern", ""), value):
        yield f"{path} does not match"
    for part, one, name in parts(shape, value):
        yield from problems(part, one, f"{path}.{name}")


def parts(shape: Shape, value: Any) -> Iterator[tuple[Shape, Any, str]]:
    """The shapes within a shape, each with its part of the value and its name."""
    if isinstance(shape, StructureShape):
        yield from ((shape.members[name], one, name) for name, one in value.items())
    elif isinstance(shape, ListShape):
        yield from ((shape.member, one, str(position)) for position, one in enumerate(value))
    elif isinstance(shape, MapShape):
        for name, one in value.items():
            yield from ((shape.key, name, name), (shape.value, one, name))


def text_of(shape: Shape) -> str:
    """The documentation of a shape without its markup."""
    return " ".join(re.sub("<[^>]*>", " ", shape.documentation or "").split())


def refused(found: dict[str, Any]) -> list[str]:
    report = ParamValidator().validate(found, FINDING).generate_report()
    fields = found["ProductFields"]
    too_long = len(fields) > FIELD_LIMIT or any(
        len(name) > KEY_LIMIT or len(value) > VALUE_LIMIT for name, value in fields.items()
    )
    return [*filter(None, [report]), *problems(FINDING, found), *(["ProductFields"] if too_long else [])]


def test_the_check_of_the_limits_sees_what_is_wrong() -> None:
    (found,) = read(audit(account("no_trails")))
    wrong = {
        "Title": "x" * 257,
        "Description": "x" * 1025,
        "Id": "x" * 513,
        "AwsAccountId": "1" * 13,
        "Compliance": {"Status": "GREEN", "RelatedRequirements": ["x"] * 33},
        "Remediation": {"Recommendation": {"Text": "x" * 513}},
        "Resources": [{"Type": "\n", "Id": "x"}],
        "SchemaVersion": 1,
        "ProductFields": {"x": "x" * 2049},
    }
    for name, value in wrong.items():
        assert len(refused({**found, name: value})) == (2 if name == "Compliance" else 1), name
    del found["Resources"]
    assert refused(found)


def test_every_finding_is_accepted(audits: dict[str, dict[str, Any]], hostile: dict[str, Any]) -> None:
    for document in (*audits.values(), hostile):
        for found in read(document):
            assert refused(found) == []


def test_long_texts_are_cut() -> None:
    long = finding("key_is_usable", message="m" * 5000, remediation="r" * 5000)
    long["evidence"] = {"reason": "e" * 5000}
    name = "n" * 5000
    _own, found = read(audit(account("non_compliant", trail(name, "non_compliant", long))))
    assert refused(found) == []
    assert found["Description"] == "m" * 1021 + "..."
    assert found["Remediation"]["Recommendation"]["Text"] == "r" * 509 + "..."


@pytest.mark.parametrize(
    ("status", "compliance", "label", "record"),
    [
        ("pass", "PASSED", "INFORMATIONAL", "ACTIVE"),
        ("fail", "FAILED", "HIGH", "ACTIVE"),
        ("unknown", "WARNING", "HIGH", "ACTIVE"),
        ("excepted", "WARNING", "INFORMATIONAL", "ACTIVE"),
        ("not_applicable", "NOT_AVAILABLE", "INFORMATIONAL", "ARCHIVED"),
    ],
)
def test_status(status: str, compliance: str, label: str, record: str) -> None:
    _own, found = read(audit(account("unknown", trail("main", "unknown", finding("key_is_usable", status)))))
    assert found["Compliance"]["Status"] == compliance
    assert found["FindingProviderFields"]["Severity"] == {"Label": label, "Original": "high"}
    assert found["RecordState"] == record
    # What an import could not take back, and what Security Hub wants in FindingProviderFields.
    assert not found.keys() & {"Workflow", "Note", "UserDefinedFields", "VerificationState", "Severity", "Types"}


def test_only_the_rules_of_the_control_name_it(audits: dict[str, dict[str, Any]]) -> None:
    controls = {
        found["GeneratorId"].partition("/")[2]: found["Compliance"].get("SecurityControlId")
        for found in read(audits["mixed"])
    }
    assert {rule for rule, control in controls.items() if control == "CloudTrail.2"} == {
        "trail_has_kms_key",
        "key_is_customer_managed",
    }
    assert set(controls.values()) == {"CloudTrail.2", None}


def test_a_finding_names_the_trail_its_account_and_its_region() -> None:
    _own, found = read(audit(account("non_compliant", trail("main", "non_compliant", finding("key_is_usable")))))
    arn = "arn:aws:cloudtrail:us-east-1:111111111111:trail/main"
    assert found["Id"] == f"aws_baseline.cloudtrail/111111111111/{arn}/key_is_usable"
    assert found["ProductArn"] == "arn:aws:securityhub:us-east-1:111111111111:product/111111111111/default"
    assert (found["CreatedAt"], found["UpdatedAt"]) == ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z")
    assert found["Resources"] == [
        {
            "Type": "AwsCloudTrailTrail",
            "Id": arn,
            "Partition": "aws",
            "Region": "us-east-1",
            "Details": {
                "AwsCloudTrailTrail": {
                    "HomeRegion": "us-east-1",
                    "IsMultiRegionTrail": True,
                    "IsOrganizationTrail": False,
                    "KmsKeyId": KEY,
                    "Name": "main",
                    "S3BucketName": "logs",
                    "TrailArn": arn,
                }
            },
        }
    ]


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "us-east-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ],
)
def test_an_account_is_a_resource_of_the_partition(partition: str, region: str) -> None:
    (found,) = read(audit(account("unknown", complete=False, partition=partition, errors=[error(region)])))
    assert found["ProductArn"].startswith(f"arn:{partition}:securityhub:{region}:")
    assert found["Resources"] == [{"Type": "AwsAccount", "Id": "AWS::::Account:111111111111", "Partition": partition}]


def test_every_finding_of_a_narrowed_account_says_so() -> None:
    row = account("compliant", trail("main", "compliant", finding("key_is_usable", "pass")))
    for narrowed, told in ((None, None), (NARROWED, "only regions us-east-1; rules off: key_is_usable")):
        found = read(audit({**row, "narrowed_by": narrowed}))
        assert [one["ProductFields"].get("aws_baseline.cloudtrail/NarrowedBy") for one in found] == [told, told]
        assert not any(map(refused, found))

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit in the AWS Security Finding Format 2018-10-08, as BatchImportFindings of AWS Security Hub takes it.

Source of fields and limits: Security Hub API reference, AwsSecurityFinding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ._entries import Entry, entries, read_at
from ._frameworks import requirements

_PREFIX = "aws_baseline.cloudtrail"
# WARNING: "Some information is missing or this check is not supported for your configuration."
_COMPLIANCE = {
    "pass": "PASSED",
    "fail": "FAILED",
    "unknown": "WARNING",
    "excepted": "WARNING",
    "not_applicable": "NOT_AVAILABLE",
}
# Where AWS itself records what is of a whole account; these partitions have no us-east-1.
_GLOBAL_REGIONS = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1"}
_CIS_TYPE = "Software and Configuration Checks/Industry and Regulatory Standards/CIS AWS Foundations Benchmark"
_OTHER_TYPE = "Software and Configuration Checks/AWS Security Best Practices"


def render(audit: Mapping[str, Any], *, cis_version: str) -> str:
    """Return a JSON array of findings, in ASCII."""
    time = read_at(audit).strftime("%Y-%m-%dT%H:%M:%SZ")
    findings = [_finding(entry, time) for entry in entries(audit, cis_version)]
    return json.dumps(findings, indent=2, sort_keys=True) + "\n"


def _finding(entry: Entry, time: str) -> dict[str, Any]:
    """Return one finding.

    Workflow is left out, because it belongs to the customer and an import cannot take it back: a finding that an
    exception had suppressed would stay hidden after the exception ends.
    """
    account_id, partition = entry.account["account_id"], entry.account["partition"]
    rule, status = entry.finding["rule"], entry.finding["status"]
    region = entry.trail["home_region"] if entry.trail else _GLOBAL_REGIONS.get(partition, "us-east-1")
    return {
        "SchemaVersion": "2018-10-08",
        "Id": _fit(f"{_PREFIX}/{entry.uid}", 512),
        "ProductArn": f"arn:{partition}:securityhub:{region}:{account_id}:product/{account_id}/default",
        "GeneratorId": f"{_PREFIX}/{rule}",
        "AwsAccountId": account_id,
        "CreatedAt": time,
        "UpdatedAt": time,
        "Title": _fit(entry.title, 256),
        "Description": _fit(entry.message, 1024),
        "FindingProviderFields": {"Severity": _severity(entry), "Types": _types(entry)},
        "Compliance": _compliance(entry),
        **_remediation(entry),
        "ProductFields": {f"{_PREFIX}/{name}": _fit(value, 2048) for name, value in _details(entry).items()},
        "Resources": [_resource(entry)],
        "RecordState": "ARCHIVED" if status == "not_applicable" else "ACTIVE",
    }


def _fit(text: str, limit: int) -> str:
    """Return the text, cut to the length that AWS takes. The JSON report has it whole."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _severity(entry: Entry) -> dict[str, str]:
    severity = entry.finding["severity"]
    return {"Label": severity.upper() if entry.counts else "INFORMATIONAL", "Original": severity}


def _types(entry: Entry) -> list[str]:
    in_cis = any(name.startswith("cis_") for name in entry.finding["frameworks"])
    return [_CIS_TYPE if in_cis else _OTHER_TYPE]


def _compliance(entry: Entry) -> dict[str, Any]:
    """Return the status and, for rules that stand for a control of Security Hub, that control."""
    frameworks = entry.finding["frameworks"]
    related = {"RelatedRequirements": requirements(frameworks)[:32]} if frameworks else {}
    control = {"SecurityControlId": frameworks["aws_security_hub"][0]} if "aws_security_hub" in frameworks else {}
    return {"Status": _COMPLIANCE[entry.finding["status"]], **related, **control}


def _remediation(entry: Entry) -> dict[str, Any]:
    text = _fit(entry.finding["remediation"], 512)
    return {"Remediation": {"Recommendation": {"Text": text}}} if text.strip() else {}


def _details(entry: Entry) -> dict[str, str]:
    """Return what the format has no field for."""
    exception = {f"Exception.{name.capitalize()}": value for name, value in (entry.exception or {}).items()}
    details = {
        "Status": entry.finding["status"],
        "Level": entry.finding["level"],
        "Evidence": json.dumps(entry.finding["evidence"], sort_keys=True),
        **exception,
        "NarrowedBy": entry.narrowed_by,
    }
    return {name: value for name, value in details.items() if value.strip()}


def _resource(entry: Entry) -> dict[str, Any]:
    partition = {"Partition": entry.account["partition"]}
    if entry.trail is None:
        return {**partition, "Type": "AwsAccount", "Id": f"AWS::::Account:{entry.account['account_id']}"}
    trail = entry.trail
    texts = {
        "HomeRegion": trail["home_region"],
        "KmsKeyId": trail["kms_key_arn"],
        "Name": trail["name"],
        "S3BucketName": trail["bucket_name"],
        "TrailArn": trail["arn"],
    }
    flags = {"IsMultiRegionTrail": trail["multi_region"], "IsOrganizationTrail": trail["organization_trail"]}
    details = {name: text for name, text in texts.items() if text and text.strip()}
    return {
        **partition,
        "Type": "AwsCloudTrailTrail",
        "Id": trail["arn"],
        "Region": trail["home_region"],
        "Details": {"AwsCloudTrailTrail": {**details, **flags}},
    }

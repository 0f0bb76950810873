# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit in the Open Cybersecurity Schema Framework 1.5.0: a Compliance Finding (class 2003) for each finding.

Source of the attributes and their values: schema.ocsf.io, version 1.5.0, class compliance_finding, profile cloud.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ._entries import Entry, entries, read_at
from ._frameworks import requirements, title
from ._verdicts import exceptions

OCSF_VERSION = "1.5.0"
_SEVERITIES = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical")}
_INFORMATIONAL = (1, "Informational")
# Warning: "The compliance check did not yield a result due to missing information."
_COMPLIANCE = {
    "pass": (1, "Pass"),
    "unknown": (2, "Warning"),
    "fail": (3, "Fail"),
    "not_applicable": (99, "Not Applicable"),
    "excepted": (99, "Excepted"),
}
_NEW = (1, "New")
_SUPPRESSED = (3, "Suppressed")


def render(audit: Mapping[str, Any], *, cis_version: str) -> str:
    """Return a JSON array of events, in ASCII."""
    time = int(read_at(audit).timestamp() * 1000)
    version = audit["collection_version"]
    events = [_event(entry, time, version) for entry in entries(audit, cis_version)]
    return json.dumps(events, indent=2, sort_keys=True) + "\n"


def _event(entry: Entry, time: int, version: str) -> dict[str, Any]:
    finding = entry.finding
    severity_id, severity = _SEVERITIES[finding["severity"]] if entry.counts else _INFORMATIONAL
    status_id, status = _SUPPRESSED if finding["status"] == "excepted" else _NEW
    return {
        "activity_id": 1,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Compliance Finding",
        "class_uid": 2003,
        "cloud": _cloud(entry),
        "compliance": _compliance(entry),
        "finding_info": _finding_info(entry, time),
        "message": entry.message,
        "metadata": _metadata(version),
        **({"remediation": {"desc": finding["remediation"]}} if finding["remediation"] else {}),
        "resources": [_resource(entry)],
        "severity": severity,
        "severity_id": severity_id,
        "status": status,
        "status_id": status_id,
        "time": time,
        "type_name": "Compliance Finding: Create",
        "type_uid": 200301,
        "unmapped": _unmapped(entry),
    }


def _metadata(version: str) -> dict[str, Any]:
    product = {"name": "aws_baseline.cloudtrail", "vendor_name": "aws_baseline", "version": version}
    return {"product": product, "profiles": ["cloud"], "version": OCSF_VERSION}


def _finding_info(entry: Entry, time: int) -> dict[str, Any]:
    return {
        "created_time": time,
        "desc": entry.message,
        "title": entry.title,
        "types": [entry.finding["rule"]],
        "uid": entry.uid,
    }


def _cloud(entry: Entry) -> dict[str, Any]:
    account = {"type": "AWS Account", "type_id": 10, "uid": entry.account["account_id"]}
    name = entry.account.get("account_name")
    region = {"region": entry.trail["home_region"]} if entry.trail else {}
    return {
        "account": {**account, "name": name} if name else account,
        "cloud_partition": entry.account["partition"],
        "provider": "AWS",
        **region,
    }


def _compliance(entry: Entry) -> dict[str, Any]:
    finding = entry.finding
    status_id, status = _COMPLIANCE[finding["status"]]
    return {
        "control": finding["rule"],
        "requirements": requirements(finding["frameworks"]),
        "standards": [title(name) for name in finding["frameworks"]],
        "status": status,
        "status_code": finding["status"],
        "status_details": [entry.message],
        "status_id": status_id,
    }


def _resource(entry: Entry) -> dict[str, Any]:
    """Return the trail, or the account, by AWS CloudFormation's resource types."""
    partition = {"cloud_partition": entry.account["partition"]}
    if entry.trail is None:
        name = entry.account.get("account_name", entry.account["account_id"])
        return {**partition, "name": name, "type": "AWS::Organizations::Account", "uid": entry.account["account_id"]}
    shown = ("bucket_name", "kms_key_arn", "multi_region", "organization_trail", "ownership", "verdict", "cis_3_5")
    return {
        **partition,
        "data": {**{name: entry.trail[name] for name in shown}, "exceptions": exceptions([entry.trail])},
        "name": entry.trail["name"],
        "region": entry.trail["home_region"],
        "type": "AWS::CloudTrail::Trail",
        "uid": entry.trail["arn"],
    }


def _unmapped(entry: Entry) -> dict[str, Any]:
    """Return everything for which the schema has no attribute."""
    exception = {"exception": entry.exception} if entry.exception else {}
    names = ("evidence", "frameworks", "level", "severity")
    narrowed = {"narrowed_by": entry.narrowed_by} if entry.narrowed_by else {}
    return {**{name: entry.finding[name] for name in names}, **exception, **narrowed}

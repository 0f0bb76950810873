# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Code of Terraform and CloudFormation, read by their own parsers."""

from __future__ import annotations

import json
from typing import Any

import hcl2
from cfnlint import lint
from cfnlint.config import ManualArgs

_PARTS = {"actions": "Action", "not_actions": "NotAction", "resources": "Resource", "not_resources": "NotResource"}
_PRINCIPALS = {"principals": "Principal", "not_principals": "NotPrincipal"}


def blocks_of_terraform(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The blocks of the code, by their type and their label; strings as Terraform would have them."""
    found = hcl2.loads(f"{text}\n")
    return {
        (_string(kind), _string(label)): _plain(block)
        for each in (*found.get("data", ()), *found.get("resource", ()))
        for kind, labelled in each.items()
        for label, block in labelled.items()
    }


def policy_of_terraform(block: dict[str, Any]) -> dict[str, Any]:
    """The policy that a block aws_iam_policy_document gives (AWS provider, that data source)."""
    return {"Version": "2012-10-17", "Statement": [_statement(each) for each in block["statement"]]}


def _statement(block: dict[str, Any]) -> dict[str, Any]:
    found = {"Effect": block.get("effect", "Allow"), **({"Sid": block["sid"]} if "sid" in block else {})}
    found |= {element: block[argument] for argument, element in _PARTS.items() if argument in block}
    for argument, element in _PRINCIPALS.items():
        named = {each["type"]: each["identifiers"] for each in block.get(argument, ())}
        found |= {element: "*" if named == {"*": ["*"]} else named} if named else {}
    for each in block.get("condition", ()):
        found.setdefault("Condition", {}).setdefault(each["test"], {})[each["variable"]] = each["values"]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name != "__is_block__"}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return _string(value) if isinstance(value, str) else value


def _string(value: str) -> str:
    """A string without its quotes and escapes; an expression as it is."""
    if not value.startswith('"'):
        return value
    return str(json.loads(value)).replace("$${", "${").replace("%%{", "%{")


def problems_of_cloudformation(text: str) -> list[str]:
    """What cfn-lint has against a template."""
    matches = lint(text, config=ManualArgs(regions=["us-east-1"]))
    return [f"{match.rule.id} {match.message}" for match in matches]

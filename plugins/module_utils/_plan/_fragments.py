# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to add to the code of the tool that owns a resource, so that it makes the changes by itself.

The forms: `json`, properties as CloudFormation names them; `cloudformation`, the same in a template; `hcl`, blocks of
Terraform (AWS provider, aws_kms_key, aws_cloudtrail, aws_iam_policy_document).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._model import PLACEHOLDER, Change, Form
from .._operations import WRITES
from .._policy import meaning, parse

_NEW_KEY = "NewKey"
_VERSION = "2012-10-17"
# By the field of a change, what Terraform and CloudFormation call it.
_SETTINGS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "trail": {
        "kms_key_arn": ("kms_key_id", "KMSKeyId"),
        "multi_region": ("is_multi_region_trail", "IsMultiRegionTrail"),
        "log_file_validation": ("enable_log_file_validation", "EnableLogFileValidation"),
        "is_logging": ("enable_logging", "IsLogging"),
    },
    "key": {
        "description": ("description", "Description"),
        "multi_region": ("multi_region", "MultiRegion"),
        "state": ("is_enabled", "Enabled"),
        "rotation_enabled": ("enable_key_rotation", "EnableKeyRotation"),
        "rotation_period_in_days": ("rotation_period_in_days", "RotationPeriodInDays"),
    },
    "bucket": {},
}
# By the kind of a resource: its name in a template, its type, and the property that holds its policy.
_TEMPLATE: Mapping[str, tuple[str, str, str]] = {
    "trail": ("Trail", "AWS::CloudTrail::Trail", ""),
    "key": ("Key", "AWS::KMS::Key", "KeyPolicy"),
    "bucket": ("BucketPolicy", "AWS::S3::BucketPolicy", "PolicyDocument"),
}


@dataclass
class _Resource:
    """What is added to one resource: settings by their fields, and statements."""

    arn: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    statements: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.arn.endswith(PLACEHOLDER)


def fragment(form: Form, changes: Iterable[Change]) -> str:
    """Return what the changes add, in a form. A statement whose Sid is there already takes the place of that one.

    A key that is to be created is part of it, with its whole policy.
    """
    resources: dict[str, _Resource] = {}
    for change in changes:
        kind = WRITES[change.operation].resource
        if kind != "alias":
            _add(resources.setdefault(change.resource, _Resource(change.resource, kind)), change)
    return _FORMS[form](list(resources.values()))


def _add(resource: _Resource, change: Change) -> None:
    after = change.after
    names = _SETTINGS[resource.kind]
    resource.settings |= {name: value == "Enabled" if name == "state" else value for name, value in after.items()}
    resource.settings = {name: value for name, value in resource.settings.items() if name in names}
    policy = after.get("policy")
    if isinstance(policy, str):
        resource.statements += _added((change.before or {}).get("policy"), policy)


def _added(before: object, after: str) -> Iterator[Mapping[str, Any]]:
    """Yield the statements that a policy gets, or that change."""
    present = parse(before).statements if isinstance(before, str) else ()
    known = {meaning(each.document) for each in present}
    return (each.document for each in parse(after).statements if meaning(each.document) not in known)


def _properties(resource: _Resource, new_key: str | None) -> dict[str, Any]:
    """Return the properties of a resource as CloudFormation names them; `new_key` is the key to be created."""
    names = _SETTINGS[resource.kind]
    found: dict[str, Any] = {names[name][1]: value for name, value in resource.settings.items()}
    if new_key and found.get("KMSKeyId") == new_key:
        found["KMSKeyId"] = {"Fn::GetAtt": [_NEW_KEY, "Arn"]}
    if resource.kind == "bucket":
        found["Bucket"] = resource.arn.rpartition(":")[2]
    if resource.statements:
        found[_TEMPLATE[resource.kind][2]] = {"Version": _VERSION, "Statement": resource.statements}
    return found


def _named(resources: Sequence[_Resource]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the type and the properties of the resources, by their names in a template."""
    new = next((each.arn for each in resources if each.is_new), None)
    return {
        _NEW_KEY if each.is_new else _TEMPLATE[each.kind][0]: (_TEMPLATE[each.kind][1], _properties(each, new))
        for each in resources
    }


def _json(resources: Sequence[_Resource]) -> str:
    return _laid_out({name: properties for name, (_type, properties) in _named(resources).items()})


def _cloudformation(resources: Sequence[_Resource]) -> str:
    rows = _named(resources).items()
    return _laid_out({"Resources": {name: {"Type": of, "Properties": properties} for name, (of, properties) in rows}})


def _laid_out(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _hcl(resources: Sequence[_Resource]) -> str:
    new = next((each.arn for each in resources if each.is_new), None)
    return "\n\n".join(block for each in resources for block in _blocks(each, new))


def _blocks(resource: _Resource, new_key: str | None) -> Iterator[str]:
    """Yield the blocks of one resource: its policy, and its settings. Labels are those of the user."""
    label = "new_key" if resource.is_new else resource.kind
    if resource.statements:
        statements = [_block("statement", _of(each)) for each in resource.statements]
        yield _block(f'data "aws_iam_policy_document" "{label}"', statements)
    names = _SETTINGS[resource.kind]
    lines = [f"{names[name][0]} = {_expression(value, new_key)}" for name, value in resource.settings.items()]
    if resource.is_new:
        lines.append(f"policy = data.aws_iam_policy_document.{label}.json")
    if lines:
        yield _block(f'resource "aws_{"kms_key" if resource.kind == "key" else "cloudtrail"}" "{label}"', lines)


def _expression(value: object, new_key: str | None) -> str:
    return "aws_kms_key.new_key.arn" if new_key and value == new_key else _literal(value)


def _of(statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a statement says, as arguments and blocks of aws_iam_policy_document."""
    if "Sid" in statement:
        yield f"sid = {_literal(statement['Sid'])}"
    yield f"effect = {_literal(statement['Effect'])}"
    for element, argument in (("Action", "actions"), ("Resource", "resources")):
        for prefix, before in (("", ""), ("Not", "not_")):
            if prefix + element in statement:
                yield f"{before}{argument} = {_literal(_listed(statement[prefix + element]))}"
    for element, name in (("Principal", "principals"), ("NotPrincipal", "not_principals")):
        principals = statement.get(element, {})
        for kind, who in (principals if isinstance(principals, Mapping) else {"*": principals}).items():
            yield _block(name, [f"type = {_literal(kind)}", f"identifiers = {_literal(_listed(who))}"])
    for test, keys in statement.get("Condition", {}).items():
        for variable, values in keys.items():
            lines = [f"test = {_literal(test)}", f"variable = {_literal(variable)}"]
            yield _block("condition", [*lines, f"values = {_literal(list(map(_text, _listed(values))))}"])


def _block(head: str, parts: Iterable[str]) -> str:
    inside = "\n".join(parts).replace("\n", "\n  ")
    return f"{head} {{\n  {inside}\n}}"


# Escapes of JSON that HCL has not, in its form (HCL native syntax, "Quoted Templates").
_NOT_OF_HCL = {r"\b": r"\u0008", r"\f": r"\u000c"}


def _literal(value: object) -> str:
    """Return a value as HCL has it: in its strings `${` and `%{` begin templates (HCL, "Template Literals")."""
    if isinstance(value, list):
        inside = ",\n  ".join(map(_literal, value))
        return f"[\n  {inside},\n]" if len(value) > 1 else f"[{inside}]"
    if not isinstance(value, str):
        return json.dumps(value)
    escaped = re.sub(r"\\.", lambda pair: _NOT_OF_HCL.get(pair[0], pair[0]), json.dumps(value, ensure_ascii=False))
    return escaped.replace("${", "$${").replace("%{", "%%{")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


_FORMS: Mapping[Form, Callable[[Sequence[_Resource]], str]] = {
    "json": _json,
    "cloudformation": _cloudformation,
    "hcl": _hcl,
}

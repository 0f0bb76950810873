# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What KMS would refuse in a key policy: the strict counterpart of reading, for the policies that we write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ._comparison import meaning
from ._conditions import QUANTIFIERS, are_texts
from ._document import VERSIONS, Policy, PolicyError, Statement, parse, to_json
from ._operators import OPERATORS
from ._principals import KINDS, ONE_PRINCIPAL, ORPHAN
from ._undocumented import ELEMENTS, OF_POLICIES

MAX_BYTES = 32_768
# KMS refuses ForAllValues on these single-valued keys as OverlyPermissiveCondition ("AWS KMS condition keys").
_SINGLE_VALUED = ("kms:encryptioncontext:", "aws:requesttag/")
# Printable Latin-1 with tab, line feed and carriage return ("Key policy format").
_FORBIDDEN_CHARACTER = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\xff]")
_DELETED = "is the unique id of a deleted user or role"
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
# Every condition operator by its name in lower case.
_SPELLINGS = {"null": "Null"} | {
    name.lower(): name
    for quantifier in ("", *(f"{each}:" for each in QUANTIFIERS))
    for operator in OPERATORS
    for name in (f"{quantifier}{operator}", f"{quantifier}{operator}IfExists")
}


def validate(policy: Policy | Mapping[str, Any] | str, *, accepted: Policy | None = None) -> list[str]:
    """Everything that PutKeyPolicy would refuse, each naming the statement; empty for a good policy.

    A statement that merely has no effect, such as one without Resource, is a warning of `parse` and not refused.
    `accepted` is a policy that KMS returned: KMS takes what it accepted once, except principals that were deleted
    since.
    Sources: KMS developer guide "Creating a key policy" and "AWS KMS condition keys"; IAM user guide, grammar.
    """
    if not isinstance(policy, Policy):
        try:
            policy = parse(policy)
        except PolicyError as error:
            return [str(error)]
    found = [f"The element {name} appears twice in the policy." for name in policy.repeated]
    halved = policy.halved if not accepted or policy.halved != accepted.halved else None
    found += [f"The policy has {halved}, half a character; KMS accepts only Latin-1."] if halved else []
    found += _top_level(policy.document, accepted.document if accepted else {})
    known = {meaning(each.document) for each in accepted.statements} if accepted else set()
    for statement, text in zip(policy.statements, policy.written_statements(), strict=True):
        is_known = meaning(statement.document) in known
        found.extend(f"{statement.label}: {name} appears twice in it." for name in statement.repeated)
        strange = (f"it {problem}" for problem in _characters(text))
        problems = _orphans(statement) if is_known else (*_statement(statement), *strange)
        found.extend(f"{statement.label}: {problem}." for problem in problems)
    return found + _size(policy)


def _top_level(document: Mapping[str, Any], accepted: Mapping[str, Any]) -> Iterator[str]:
    for name in document:
        if name not in (*OF_POLICIES, *accepted):
            yield f"The policy has an unknown element {name}."
    version = document.get("Version")
    if version not in (*VERSIONS, *([accepted.get("Version")] if accepted else ())):
        yield f"The Version must be one of {' and '.join(VERSIONS)}."
    if not document["Statement"]:
        yield "The policy has no statements."
    if "Id" in document and document["Id"] != accepted.get("Id"):
        yield from (f"The policy {problem}." for problem in _characters(to_json(document["Id"])))


def _orphans(statement: Statement) -> Iterator[str]:
    for name in statement.principals.orphans if statement.principals else ():
        yield f"the principal {name} {_DELETED}"


def _characters(text: str) -> Iterator[str]:
    strange = _FORBIDDEN_CHARACTER.search(text)
    if strange:
        yield f"holds the character {strange.group()!r}; KMS accepts only Latin-1"


def _size(policy: Policy) -> list[str]:
    size = len(policy.to_json().encode())
    if size <= MAX_BYTES:
        return []
    sizes = zip(map(len, map(str.encode, policy.written_statements())), policy.statements, strict=True)
    longest = [
        f"{label}: it alone has {length} bytes." for length, label in sorted((n, s.label) for n, s in sizes)[-1:]
    ]
    return [f"The policy has {size} bytes; KMS accepts {MAX_BYTES}.", *longest]


def _statement(statement: Statement) -> Iterator[str]:
    document = statement.document
    if not isinstance(document, Mapping):
        yield "it is not an object"
        return
    for name in document:
        if name not in ELEMENTS:
            yield f"the element {name} is unknown"
    if not isinstance(document.get("Sid", ""), str):
        yield "its Sid is not text"
    if document.get("Effect") not in ("Allow", "Deny"):
        yield "its Effect must be Allow or Deny"
    yield from _elements(document)
    yield from _condition_element(document.get("Condition", {}))


def _elements(document: Mapping[str, Any]) -> Iterator[str]:
    for name in ("Principal", "Action", "Resource"):
        if name in document and f"Not{name}" in document:
            yield f"it has both {name} and Not{name}"
        elif name != "Resource" and name not in document and f"Not{name}" not in document:
            yield f"it has no {name}"
    if "NotPrincipal" in document and document.get("Effect") == "Allow":
        yield "NotPrincipal with Allow would let in everybody else"
    for name in ("Principal", "NotPrincipal"):
        if name in document:
            yield from _principal_element(document[name])
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        values = document.get(name, ["*"])
        if not values or not all(isinstance(v, str) and v for v in (values if isinstance(values, list) else [values])):
            yield f"its {name} must be text or a list of texts"


def _principal_element(written: Any) -> Iterator[str]:
    if written == "*":
        return
    if not isinstance(written, Mapping) or not written:
        kinds = ", ".join(KINDS)
        yield f"the principal {to_json(written)} must be an asterisk or listed under {kinds}"
        return
    for kind, names in written.items():
        if kind not in KINDS:
            yield f"the kind of principal {kind} is unknown"
            continue
        for name in names if isinstance(names, list) else [names]:
            problem = _principal(kind, name)
            if problem:
                yield f"the principal {name} {problem}"


def _principal(kind: str, name: Any) -> str | None:
    """What is wrong with one name."""
    if not isinstance(name, str):
        return "is not text"
    if ORPHAN.fullmatch(name):
        return _DELETED
    if name != "*" and ("*" in name or "?" in name):
        return "has a wildcard in a part of its name"
    if kind == "AWS" and name != "*" and not ONE_PRINCIPAL.fullmatch(name):
        return "is a service: list it under Service" if _SERVICE.fullmatch(name) else "is not an account, user or role"
    if kind == "Service" and not _SERVICE.fullmatch(name):
        return "is not a service name"
    return None


def _condition_element(block: Any) -> Iterator[str]:
    if not isinstance(block, Mapping):
        yield "its Condition is not an object"
        return
    for operator, keys in block.items():
        meant = _SPELLINGS.get(operator.lower())
        if meant is None:
            yield f"the condition operator {operator} is unknown"
        elif meant != operator:
            yield f"the condition operator {operator} is spelt {meant}"
        if not isinstance(keys, Mapping):
            yield f"the condition operator {operator} holds no keys"
            continue
        for key, value in keys.items():
            if operator.startswith("ForAllValues:") and key.lower().startswith(_SINGLE_VALUED):
                yield f"{operator} on {key} also matches requests without it; KMS refuses that: remove ForAllValues"
            if not are_texts(value):
                yield f"the values of {key} must be texts"

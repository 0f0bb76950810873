# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our statements: how they are written, recognized, and extended.

Anybody can give a statement our Sid. A statement is ours if we would have written it ourselves: everything in it except
its lists of ARNs is as we write it, and each list holds only what we put there, one by one and without wildcards.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from .._model import TRAIL_ARN
from ._comparison import Says, says
from ._context_facts import SERVICE, TRAIL_KEY
from ._principals import ONE_PRINCIPAL

USE = "AwsBaselineCloudTrailUse"
DESCRIBE = "AwsBaselineCloudTrailDescribe"
READERS = "AwsBaselineCloudTrailReaders"
ADMINISTRATORS = "AwsBaselineCloudTrailAdministrators"
# What an administrator may do with a key, and not use it (KMS guide, "Default key policy", "Allows key administrators
# to administer the KMS key").
ADMINISTRATION = (
    "kms:Create*",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Revoke*",
    "kms:Disable*",
    "kms:Get*",
    "kms:Delete*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
)
Form = Literal["strict", "cis"]
# The lists that we extend, by what stands in them.
_EXTENDED = {
    "trails": TRAIL_ARN,
    "trails of accounts": re.compile(r"arn:aws[a-z-]*:cloudtrail:\*:[0-9]{12}:trail/\*"),
    "principals": ONE_PRINCIPAL,
    "folders of logs": re.compile(r"arn:aws[a-z-]*:s3:::[^*?$]+/AWSLogs/[^*?$/]+/\*"),
}


def root_statement(key_arn: str) -> dict[str, Any]:
    """The key's account as its administrator ("Default key policy")."""
    _arn, partition, _service, _region, account = key_arn.split(":")[:5]
    return _allow("Enable IAM User Permissions", {"AWS": f"arn:{partition}:iam::{account}:root"}, "kms:*")


def use_statement(trails: Sequence[str], form: Form) -> dict[str, Any]:
    """CloudTrail encrypts for these trails; in the `cis` form for all trails of their accounts."""
    condition: dict[str, Any] = {"StringLike": {TRAIL_KEY: list(dict.fromkeys(map(_account_trails, trails)))}}
    if form == "strict":
        condition = {"StringEquals": {"aws:SourceArn": list(trails)}, **condition}
    return _allow(USE, {"Service": SERVICE}, ["kms:GenerateDataKey*", "kms:Decrypt"], condition)


def describe_statement() -> dict[str, Any]:
    """CloudTrail describes the key."""
    return _allow(DESCRIBE, {"Service": SERVICE}, "kms:DescribeKey")


def readers_statement(readers: Sequence[str]) -> dict[str, Any]:
    """The readers decrypt logs of CloudTrail."""
    return _allow(READERS, {"AWS": list(readers)}, "kms:Decrypt", {"Null": {TRAIL_KEY: "false"}})


def administrators_statement(administrators: Sequence[str]) -> dict[str, Any]:
    """The administrators of a key that we create."""
    return _allow(ADMINISTRATORS, {"AWS": list(administrators)}, list(ADMINISTRATION))


def _allow(sid: str, principal: Any, action: Any, condition: Any = None) -> dict[str, Any]:
    statement = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return statement if condition is None else {**statement, "Condition": condition}


def _account_trails(trail_arn: str) -> str:
    """All trails of the trail's account, in any region."""
    _arn, partition, _service, _region, account = trail_arn.split(":")[:5]
    return f"arn:{partition}:cloudtrail:*:{account}:trail/*"


@cache
def _merged() -> tuple[dict[str, Any], ...]:
    """One of each of the statements that merging writes."""
    trail = ["arn:aws:cloudtrail:us-east-1:000000000000:trail/any"]
    readers = readers_statement(["000000000000"])
    return use_statement(trail, "strict"), use_statement(trail, "cis"), describe_statement(), readers


def is_ours(document: Any) -> bool:
    """Whether a statement of a key policy is one that merging writes there."""
    return any(_is_like(document, each) for each in _merged())


def is_readers(document: Any) -> bool:
    """Whether it is our statement of readers."""
    return _is_like(document, readers_statement(["000000000000"]))


def is_administrators(document: Any) -> bool:
    """Whether it is our statement of administrators."""
    return _is_like(document, administrators_statement(["000000000000"]))


def beyond(document: Mapping[str, Any], others: Iterable[Any]) -> frozenset[str]:
    """What one of our statements in a key policy allows beyond the most similar one of others, or all that it says."""
    kind = next(each for each in _merged() if _is_like(document, each))
    alike = [says(other) for other in others if _is_like(other, kind)]
    said = says(document)
    return min((_more(said, other) for other in alike or [{}]), key=len)


def _more(said: Says, other: Says) -> frozenset[str]:
    parts = ((part, other.get(place, frozenset())) for place, part in said.items())
    return frozenset().union(
        *(one - two for one, two in parts if isinstance(one, frozenset) and isinstance(two, frozenset))
    )


def add_statement(documents: list[Any], addition: dict[str, Any]) -> None:
    """Extend our own statement of this kind, or append a new one under a Sid that is free."""
    for index, document in enumerate(documents):
        if _is_like(document, addition):
            documents[index] = {**_joined(document, addition), "Sid": document["Sid"]}
            return
    # KMS takes text alone, but a Sid that is something else may have got here: it takes no name.
    taken = [document.get("Sid") for document in documents if isinstance(document, Mapping)]
    numbered = (f"{addition['Sid']}{number}" for number in range(2, len(taken) + 3))
    free = next(name for name in (addition["Sid"], *numbered) if name not in taken)
    documents.append({**addition, "Sid": free})


def _is_like(document: Any, ours: Mapping[str, Any]) -> bool:
    """Whether a statement has our shape and our Sid, perhaps with the number that we add if the Sid is taken."""
    return (
        isinstance(document, Mapping)
        and re.fullmatch(rf"{ours['Sid']}[0-9]*", str(document.get("Sid"))) is not None
        and _shape(document) == _shape(ours)
    )


def _shape(document: Mapping[str, Any]) -> dict[tuple[str, ...], Hashable]:
    """What a statement says without its Sid, with only the kinds of the entries in the lists that we extend."""
    said = says(document)
    return {place: _kind(part) or part for place, part in said.items() if place != ("Sid",)}


def _kind(part: Hashable) -> str | None:
    """The kind of the entries in a list that we extend; None for any other list."""
    if not isinstance(part, frozenset) or not part:
        return None
    return next((kind for kind, each in _EXTENDED.items() if all(each.fullmatch(str(text)) for text in part)), None)


def _joined(ours: Any, addition: Any) -> Any:
    """Our statement with the entries of the addition that its lists lack. Its spelling may differ from ours."""
    if isinstance(ours, Mapping) and isinstance(addition, Mapping):
        more = {name.lower(): part for name, part in addition.items()}
        return {name: _joined(part, more.get(name.lower(), part)) for name, part in ours.items()}
    if isinstance(addition, Mapping) or _kind(frozenset(_listed(addition))) is None:
        return ours
    new = [each for each in _listed(addition) if each not in _listed(ours)]
    return [*_listed(ours), *new] if new else ours


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests to judge policies by: CloudTrail's own, and those of the readers of its logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ._context_facts import (
    BUCKET_FACTS,
    CRYPTOGRAPHIC_FACTS,
    DELIVERY_FACTS,
    KMS_FACTS,
    OBJECT_READER_FACTS,
    ORGANIZATION_FACTS,
    READER_FACTS,
    SERVICE,
    SERVICE_FACTS,
    SSE_KMS_FACTS,
    SSE_S3_FACTS,
    WRITER_FACTS,
    Fact,
)
from ._locations import Locations
from ._patterns import ANY_LETTER_OR_DIGIT, has_unknown
from ._principals import Caller
from ._request import NOTHING_KNOWN, Filling, Known, Request


class _Table:
    """The rows of one kind of request, as they are needed to make one. The last row of a key counts."""

    def __init__(self, *tables: Iterable[Fact]) -> None:
        rows = {fact.key: fact for table in tables for fact in table}.values()
        texts = [fact for fact in rows if isinstance(fact.value, str)]
        self.filled = [(fact.key, *_parts(str(fact.value)), fact.missing) for fact in texts if "{" in str(fact.value)]
        self.unknown = frozenset(fact.key for fact in rows if fact.value is None)
        self.constant: dict[str, str | tuple[str, ...]] = {
            fact.key: fact.value for fact in rows if fact.value is not None and "{" not in fact.value
        }


def _parts(template: str) -> tuple[str, str, str]:
    """The text before the name in braces, the name, and the text after it."""
    before, _brace, rest = template.partition("{")
    name, _brace, after = rest.partition("}")
    return before, name, after


_DESCRIBE = _Table(SERVICE_FACTS, KMS_FACTS)
_CRYPTOGRAPHIC = _Table(SERVICE_FACTS, KMS_FACTS, CRYPTOGRAPHIC_FACTS)
_ACL = _Table(SERVICE_FACTS, BUCKET_FACTS)
_READER = _Table(READER_FACTS)
_OBJECT_READER = _Table(OBJECT_READER_FACTS)
_WRITER = _Table(WRITER_FACTS)
# By whether the file is encrypted under a key, and whether it is known of which organization the trail is.
_UPLOADS = {
    (under_key, of_organization): _Table(
        SERVICE_FACTS,
        BUCKET_FACTS,
        DELIVERY_FACTS,
        SSE_KMS_FACTS if under_key else SSE_S3_FACTS,
        ORGANIZATION_FACTS if of_organization else (),
    )
    for under_key in (True, False)
    for of_organization in (True, False)
}
_TYPES = {"root": "Account", "user": "User", "federated-user": "FederatedUser"}


def service_request(action: str, *, trail_arn: str, key_arn: str, known: Known = NOTHING_KNOWN) -> Request:
    """CloudTrail's own call of `kms:GenerateDataKey`, `kms:Decrypt` or `kms:DescribeKey` for a trail."""
    table = _DESCRIBE if action == "kms:DescribeKey" else _CRYPTOGRAPHIC
    return _request(table, SERVICE, action, key_arn, known, trail_arn=trail_arn)


def upload_request(locations: Locations, key_arn: str | None) -> Request:
    """CloudTrail's `s3:PutObject` of a file under a key, or with SSE-S3 if there is none; `at` says which file."""
    organization_id = locations.organization_id or ""
    is_known = bool(organization_id) and not has_unknown(organization_id)
    return _request(
        _UPLOADS[key_arn is not None, is_known],
        SERVICE,
        "s3:PutObject",
        locations.bucket_arn,
        locations.known,
        trail_arn=locations.trail_arn,
        key_arn=key_arn,
        source_org_id=organization_id,
    )


def acl_request(locations: Locations) -> Request:
    """CloudTrail's `s3:GetBucketAcl`, which it calls before it delivers (CloudTrail guide, bucket policy page)."""
    asked = locations.bucket_arn, locations.known
    return _request(_ACL, SERVICE, "s3:GetBucketAcl", *asked, trail_arn=locations.trail_arn)


def plain_request(bucket_arn: str) -> Request:
    """Anybody's `s3:GetObject` of any object without TLS; nothing else is known, and policies name neither."""
    return Request(
        principal=ANY_LETTER_OR_DIGIT,
        action="s3:GetObject",
        resource=f"{bucket_arn}/{ANY_LETTER_OR_DIGIT}",
        context={"aws:SecureTransport": "false"},
        account="",
        unknown_keys=frozenset({"*"}),
    )


def reader_request(
    reader_arn: str,
    *,
    trail_arn: str,
    key_arn: str,
    bucket_region: str,
    object_arn: str | None,
    identity_allows: bool | None = None,
    known: Known = NOTHING_KNOWN,
) -> Request:
    """A reader's `kms:Decrypt` of a trail's log files through S3.

    `reader_arn` is the ARN of a user, role, session or root user, or an account id, which stands for its root.
    `object_arn` is the aws:s3:arn that the files are encrypted with, None if it is unknown.
    """
    partition = key_arn.split(":")[1]
    reader_arn = f"arn:{partition}:iam::{reader_arn}:root" if reader_arn.isdigit() else reader_arn
    return _request(
        _READER,
        reader_arn,
        "kms:Decrypt",
        key_arn,
        known,
        identity_allows=identity_allows,
        trail_arn=trail_arn,
        bucket_region=bucket_region,
        object_arn=object_arn,
        **_principal(reader_arn, known),
    )


def object_request(reader_arn: str, locations: Locations, *, identity_allows: bool | None = None) -> Request:
    """A reader's `s3:GetObject` of a file of a trail; `at` says which.

    `reader_arn` is the ARN of a user, role, session or root user. The owner of the bucket is that in `locations.known`.
    """
    return _request(
        _OBJECT_READER,
        reader_arn,
        "s3:GetObject",
        locations.bucket_arn,
        locations.known,
        identity_allows=identity_allows,
        trail_arn=locations.trail_arn,
        **_principal(reader_arn, locations.known),
    )


def write_request(principal: str, action: str, *, key_arn: str) -> Request:
    """A write to a key by a principal, the ARN of a user, role or session with unknown IAM policies."""
    return _request(
        _WRITER,
        principal,
        action,
        key_arn,
        NOTHING_KNOWN,
        identity_allows=None,
        trail_arn=key_arn,
        **_principal(principal, NOTHING_KNOWN),
    )


def _principal(arn: str, known: Known) -> dict[str, Filling]:
    """What the ARN of an IAM principal tells. That of a session does not show the path of its role."""
    caller = Caller(arn)
    is_role = caller.kind not in _TYPES
    return {
        **known.of_account("principal", caller.account),
        "principal_account": caller.account,
        "principal_arn": None if caller.kind == "assumed-role" else caller.name,
        "principal_type": _TYPES.get(caller.kind, "AssumedRole"),
        "principal_tags": () if caller.kind == "root" else None,
        "user_id": caller.account if caller.kind == "root" else None,
        "user_name": caller.friendly_name if caller.kind == "user" else (),
        "role_session": None if is_role or caller.kind == "federated-user" else (),
    }


def _request(
    table: _Table,
    principal: str,
    action: str,
    resource: str,
    known: Known,
    *,
    trail_arn: str,
    identity_allows: bool | None = None,
    **fillings: Filling,
) -> Request:
    region, account = resource.split(":")[3:5]
    trail_account, owner = trail_arn.split(":")[4], account or known.bucket_owner
    filled = _Filled(
        table,
        {
            **known.fillings,
            **known.of_account("trail", trail_account),
            **known.of_account("owner", owner),
            "trail_arn": trail_arn,
            "trail_account": trail_account,
            "owner": owner,
            "region": region or known.bucket_region,
            **fillings,
        },
    )
    return Request(
        principal=principal,
        action=action,
        resource=resource,
        context=filled.context,
        # A bucket's ARN does not name its owner.
        account=owner or "",
        identity_allows=identity_allows,
        unknown_keys=frozenset(filled.unknown),
        perhaps=filled.perhaps,
    )


class _Filled:
    """The rows of a table with what is known filled in."""

    def __init__(self, table: _Table, fillings: Mapping[str, Filling]) -> None:
        self.context: dict[str, str | tuple[str, ...]] = dict(table.constant)
        self.perhaps: dict[str, str] = {}
        self.unknown = set(table.unknown)
        for key, before, name, after, missing in table.filled:
            filling = fillings[name]
            if filling is None:
                self.unknown.add(key)
            elif isinstance(filling, tuple):
                self.context[key] = filling
            elif missing:
                self.perhaps[key] = before + filling + after
            else:
                self.context[key] = before + filling + after

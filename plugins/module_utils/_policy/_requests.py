# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the requests of CloudTrail and of the readers of its logs carry: one table, key by key, with sources.

Each key is present (with its value), absent, or unknown. Unknown is what AWS does not document; a policy whose
outcome hangs on such a key is answered with INDETERMINATE, never with a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._locations import Locations
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import has_unknown
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Request

SERVICE = "cloudtrail.amazonaws.com"
TRAIL_KEY = "kms:EncryptionContext:aws:cloudtrail:arn"
OBJECT_KEY = "kms:EncryptionContext:aws:s3:arn"

ABSENT: tuple[str, ...] = ()
UNKNOWN = None


@dataclass(frozen=True)
class Fact:
    """One row: `value` is what the key holds (`{names}` are filled in), ABSENT or UNKNOWN.

    Several values are those of a multivalued key, or all that a single-valued key may hold: a condition that
    they answer alike is settled, one that tells them apart is not.
    """

    key: str
    value: str | tuple[str, ...] | None
    source: str


_KEYS = "IAM user guide, AWS global condition context keys"
_KMS_KEYS = "KMS developer guide, AWS KMS condition keys"
_HOW = "KMS developer guide, How AWS CloudTrail uses AWS KMS"
_POLICY = "CloudTrail user guide, Configure AWS KMS key policies for CloudTrail"
_BUCKET = "CloudTrail user guide, Amazon S3 bucket policy for CloudTrail"
_BEST = "CloudTrail user guide, Security best practices in AWS CloudTrail"

# Every call that CloudTrail makes under its own name.
SERVICE_FACTS = (
    Fact("aws:PrincipalIsAWSService", "true", f"{_KEYS}: true for calls of a service principal"),
    Fact("aws:PrincipalServiceName", SERVICE, f"{_KEYS}: the name of the calling service principal"),
    Fact("aws:PrincipalServiceNamesList", (SERVICE,), f"{_KEYS}: multivalued, all names of the service"),
    Fact("aws:SourceArn", "{trail_arn}", f"{_POLICY}: always the ARN of the trail; on DescribeKey likely"),
    Fact("aws:SourceAccount", "{trail_account}", f"{_POLICY}: the trail's owner or the management account"),
    Fact("aws:SecureTransport", "true", f"{_KEYS}: always there; AWS services call each other over TLS"),
    Fact("aws:username", ABSENT, f"{_KEYS}: only for IAM users"),
    Fact("aws:*", UNKNOWN, f"{_KEYS}: organization, network and other keys are not described for CloudTrail"),
)
# Its calls to KMS, beside those. The rest of kms: speaks of grants, key creation or key material, and is absent.
KMS_FACTS = (
    Fact("kms:ViaService", UNKNOWN, f"{_KMS_KEYS}: CloudTrail is not in its list, but S3 calls for it"),
    Fact("kms:CallerAccount", UNKNOWN, f"{_KMS_KEYS}: not described for service principals"),
    Fact("kms:Key*", UNKNOWN, f"{_KMS_KEYS}: properties of the key"),
    Fact("kms:CustomerMasterKey*", UNKNOWN, f"{_KMS_KEYS}: properties of the key, older names"),
    Fact("kms:Multi*", UNKNOWN, f"{_KMS_KEYS}: properties of the key"),
    Fact("kms:PrimaryRegion", UNKNOWN, f"{_KMS_KEYS}: property of the key"),
    Fact("kms:Resource*", UNKNOWN, f"{_KMS_KEYS}: aliases of the key"),
    Fact("kms:Request*", UNKNOWN, f"{_KMS_KEYS}: alias in the request"),
    Fact("kms:Grant*", ABSENT, f"{_KMS_KEYS}: only for grant operations"),
)
# Its GenerateDataKey and Decrypt, beside those; DescribeKey has no encryption context.
CRYPTOGRAPHIC_FACTS = (
    Fact(TRAIL_KEY, "{trail_arn}", f"{_HOW}: in the encryption context of every call"),
    Fact(OBJECT_KEY, UNKNOWN, f"{_HOW}: bucket and path, or the log file's ARN: its value varies"),
    Fact("kms:EncryptionContextKeys", ("aws:cloudtrail:arn", "aws:s3:arn"), f"{_HOW}: the whole context"),
    Fact("kms:EncryptionContext:*", ABSENT, f"{_HOW}: no other pair than these two"),
    Fact("kms:EncryptionAlgorithm", UNKNOWN, f"{_KMS_KEYS}: SYMMETRIC_DEFAULT where the key is symmetric"),
)
# Its delivery of a file to S3, beside those of every call and those of the file's encryption.
DELIVERY_FACTS = (
    Fact("s3:x-amz-acl", "bucket-owner-full-control", f"{_BUCKET}: CloudTrail sends this ACL"),
    Fact("s3:x-amz-server-side-encryption-customer-algorithm", ABSENT, "S3 guide, SSE-C: excludes SSE-KMS"),
    Fact("s3:x-amz-copy-source", ABSENT, "S3 API reference: only CopyObject has it, and delivery is a PutObject"),
    Fact("s3:TlsVersion", ("1.2", "1.3"), "AWS endpoints speak TLS 1.2 and 1.3 only"),
    Fact("s3:*", UNKNOWN, "Service authorization reference, Amazon S3: not described for CloudTrail"),
)
SSE_KMS_FACTS = (
    Fact("s3:x-amz-server-side-encryption", "aws:kms", f"{_HOW}: SSE-KMS"),
    Fact("s3:x-amz-server-side-encryption-aws-kms-key-id", "{key_arn}", "UpdateTrail: KmsKeyId becomes the key ARN"),
)
SSE_S3_FACTS = (
    Fact("s3:x-amz-server-side-encryption", "AES256", f"{_BEST}: digest files have SSE-S3"),
    Fact("s3:x-amz-server-side-encryption-aws-kms-key-id", ABSENT, "S3 API reference, PutObject: only with SSE-KMS"),
)
# The same of an organization trail, beside those, where it is known of which organization.
ORGANIZATION_FACTS = (
    Fact(
        "aws:SourceOrgID",
        "{source_org_id}",
        "Control Tower user guide, Amazon S3 bucket policy in the audit account: CloudTrail's writes carry it",
    ),
)
# A user or role that reads a log file. It may call Decrypt itself, but reading goes through S3, so that is judged.
READER_FACTS = (
    Fact("aws:PrincipalArn", "{principal_arn}", f"{_KEYS}: always there; for a session the ARN of its role"),
    Fact("aws:PrincipalAccount", "{principal_account}", f"{_KEYS}: always there"),
    Fact("aws:PrincipalIsAWSService", "false", f"{_KEYS}: the principal is none"),
    Fact("aws:SecureTransport", "true", "KMS developer guide, Infrastructure security: TLS is required"),
    Fact("aws:SourceArn", ABSENT, f"{_KEYS}: only for calls of a service principal"),
    Fact("aws:SourceAccount", ABSENT, f"{_KEYS}: only for calls of a service principal"),
    Fact("aws:SourceOrgID", ABSENT, f"{_KEYS}: only for calls of a service principal"),
    Fact("aws:SourceOrgPaths", ABSENT, f"{_KEYS}: only for calls of a service principal"),
    Fact("aws:PrincipalServiceName", ABSENT, f"{_KEYS}: only for calls of a service principal"),
    Fact("aws:PrincipalServiceNamesList", ABSENT, f"{_KEYS}: only for calls of a service principal"),
    Fact("kms:CallerAccount", "{principal_account}", f"{_KMS_KEYS}: the account of the caller"),
    Fact("kms:ViaService", "s3.{bucket_region}.amazonaws.com", f"{_KMS_KEYS}: S3 calls KMS for the reader"),
    Fact(TRAIL_KEY, "{trail_arn}", f"{_HOW}: Decrypt repeats the encryption context of delivery"),
    Fact(OBJECT_KEY, "{object_arn}", "S3 user guide, S3 Bucket Keys: with one the bucket, else the object"),
    Fact("kms:EncryptionContextKeys", ("aws:cloudtrail:arn", "aws:s3:arn"), f"{_HOW}: the whole context"),
    Fact("*", UNKNOWN, f"{_KEYS}: network, tags, organization, MFA and the rest differ from call to call"),
)


def service_request(action: str, *, trail_arn: str, key_arn: str) -> Request:
    """CloudTrail's own call of `kms:GenerateDataKey`, `kms:Decrypt` or `kms:DescribeKey` for a trail."""
    facts = SERVICE_FACTS + KMS_FACTS + (() if action == "kms:DescribeKey" else CRYPTOGRAPHIC_FACTS)
    return _request(facts, SERVICE, action, key_arn, trail_arn=trail_arn)


def upload_request(locations: Locations, key_arn: str | None) -> Request:
    """CloudTrail's `s3:PutObject` of a file encrypted under a key, or without one by SSE-S3; `at` says which file."""
    organization_id = locations.organization_id or ""
    told = organization_id and not has_unknown(organization_id)
    encryption = SSE_S3_FACTS if key_arn is None else SSE_KMS_FACTS
    facts = (*SERVICE_FACTS, *encryption, *DELIVERY_FACTS, *(ORGANIZATION_FACTS if told else ()))
    return _request(
        facts,
        SERVICE,
        "s3:PutObject",
        locations.bucket_arn,
        trail_arn=locations.trail_arn,
        key_arn=key_arn or "",
        source_org_id=organization_id,
    )


def acl_request(locations: Locations) -> Request:
    """CloudTrail's `s3:GetBucketAcl`, which it calls before it delivers (CloudTrail guide, bucket policy page)."""
    facts = (*SERVICE_FACTS, Fact("s3:*", UNKNOWN, "Service authorization reference, Amazon S3"))
    return _request(facts, SERVICE, "s3:GetBucketAcl", locations.bucket_arn, trail_arn=locations.trail_arn)


def plain_request(bucket_arn: str) -> Request:
    """Anybody's `s3:GetObject` without TLS, of which nothing else is known."""
    return Request(
        principal=f"arn:{bucket_arn.split(':')[1]}:iam::000000000000:root",
        action="s3:GetObject",
        resource=f"{bucket_arn}/object",
        context={"aws:SecureTransport": "false"},
        account="000000000000",
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
) -> Request:
    """A reader's `kms:Decrypt` of a trail's log files through S3.

    `reader_arn` is the ARN of a user, role, session or root user, or an account's id, which stands for its root;
    `object_arn` the aws:s3:arn that the files are encrypted with, None where it is not known.
    """
    partition = key_arn.split(":")[1]
    reader_arn = f"arn:{partition}:iam::{reader_arn}:root" if reader_arn.isdigit() else reader_arn
    return _request(
        _reader_facts(reader_arn, partition, object_arn),
        reader_arn,
        "kms:Decrypt",
        key_arn,
        identity_allows=identity_allows,
        trail_arn=trail_arn,
        principal_account=reader_arn.split(":")[4],
        principal_arn=reader_arn,
        bucket_region=bucket_region,
        object_arn=object_arn or "",
    )


# What a call to KMS of a user or role carries that comes through no other service; of other keys nothing is known.
WRITER_FACTS = (
    Fact("aws:PrincipalAccount", "{principal_account}", _KEYS),
    Fact("kms:CallerAccount", "{principal_account}", "KMS guide, AWS KMS condition keys"),
    Fact("aws:PrincipalIsAWSService", "false", _KEYS),
    Fact("aws:SourceArn", ABSENT, _KEYS),
    Fact("aws:SourceAccount", ABSENT, _KEYS),
    Fact("kms:ViaService", ABSENT, "KMS guide, AWS KMS condition keys"),
    Fact("kms:EncryptionContext:*", ABSENT, "KMS guide, AWS KMS condition keys"),
    Fact("kms:BypassPolicyLockoutSafetyCheck", "false", "KMS guide, AWS KMS condition keys"),
    Fact("*", UNKNOWN, _KEYS),
)


def write_request(principal: str, action: str, *, key_arn: str) -> Request:
    """A write to a key by a principal, the ARN of a user, role or session, whose own IAM policies are not known."""
    account = principal.split(":")[4]
    facts = [*WRITER_FACTS]
    if ":assumed-role/" not in principal:
        facts.insert(0, Fact("aws:PrincipalArn", principal, _KEYS))
    return _request(facts, principal, action, key_arn, trail_arn=key_arn, principal_account=account)


def _reader_facts(reader_arn: str, partition: str, object_arn: str | None) -> list[Fact]:
    """The rows without those of which nothing is known in this case; the last row makes these keys unknown."""
    unknown = {
        "aws:PrincipalArn": ":assumed-role/" in reader_arn,  # a session's ARN does not show the path of its role
        "kms:ViaService": partition not in ("aws", "aws-us-gov"),  # the suffix of service names is documented here only
        OBJECT_KEY: object_arn is None,
    }
    return [fact for fact in READER_FACTS if not unknown.get(fact.key)]


def _request(
    facts: Sequence[Fact],
    principal: str,
    action: str,
    resource: str,
    *,
    identity_allows: bool | None = None,
    **names: str,
) -> Request:
    names["trail_account"] = names["trail_arn"].split(":")[4]
    return Request(
        principal=principal,
        action=action,
        resource=resource,
        context={fact.key: _filled(fact.value, names) for fact in facts if fact.value is not UNKNOWN},
        # A bucket's ARN does not name its owner; for a service's request nothing hangs on it.
        account=resource.split(":")[4],
        identity_allows=identity_allows,
        unknown_keys=frozenset(fact.key for fact in facts if fact.value is UNKNOWN),
    )


def _filled(value: str | tuple[str, ...] | None, names: Mapping[str, str]) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value.format_map(names)
    return tuple(each.format_map(names) for each in value or ABSENT)

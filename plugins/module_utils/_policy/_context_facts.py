# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the requests of CloudTrail and of the readers of its logs carry: one table, key by key, with sources.

Each key is present (with its value), absent, or unknown. Unknown is what AWS does not document; a policy whose
outcome hangs on such a key is answered with INDETERMINATE, never with a guess. The rows on keys that begin with `aws:`
follow the order of the page "AWS global condition context keys", and a test holds them to its list.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICE = "cloudtrail.amazonaws.com"
TRAIL_KEY = "kms:EncryptionContext:aws:cloudtrail:arn"
OBJECT_KEY = "kms:EncryptionContext:aws:s3:arn"
# In lower case.
TIME_KEYS = frozenset(("aws:currenttime", "aws:epochtime"))
# A request carries one value of these, and a table has all that it may be.
ALTERNATIVES = frozenset(("s3:tlsversion",))

ABSENT: tuple[str, ...] = ()
UNKNOWN = None


@dataclass(frozen=True)
class Fact:
    """One row: `value` is what the key holds, ABSENT or UNKNOWN; `{name}` is filled in, where it is known.

    Several values are those of a multivalued key, or all possible values of a single-valued key of ALTERNATIVES. A
    condition is settled if all of these give the same answer, whatever its set operator. If `missing`, the value is
    known, but not whether the request carries the key. An asterisk at the end makes it a row about all keys with this
    beginning.
    """

    key: str
    value: str | tuple[str, ...] | None
    source: str
    missing: bool = False


def _rows(value: tuple[str, ...] | None, source: str, *keys: str) -> tuple[Fact, ...]:
    return tuple(Fact(key, value, source) for key in keys)


_KEYS = "IAM user guide, AWS global condition context keys"
_VALUES = "IAM user guide, Policy elements: Variables and tags, Principal key values"
_KMS_KEYS = "KMS developer guide, AWS KMS condition keys"
_HOW = "KMS developer guide, How AWS CloudTrail uses AWS KMS"
_POLICY = "CloudTrail user guide, Configure AWS KMS key policies for CloudTrail"
_BUCKET = "CloudTrail user guide, Amazon S3 bucket policy for CloudTrail"
_BEST = "CloudTrail user guide, Security best practices in AWS CloudTrail"
_TOWER = "Control Tower user guide, Amazon S3 bucket policy in the audit account"

_NETWORK_KEYS = (
    "aws:SourceIp",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:VpcSourceIp",
)
# They tell from where the credentials of a role session came, and no user has them, nor a root user.
_ROLE_KEYS = (
    "aws:FederatedProvider",
    "aws:ChatbotSourceArn",
    "aws:Ec2InstanceSourceVpc",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:SourceIdentity",
    "ec2:RoleDelivery",
    "ec2:SourceInstanceArn",
    "glue:RoleAssumedBy",
    "glue:CredentialIssuingService",
    "codebuild:BuildArn",
    "codebuild:ProjectArn",
    "lambda:SourceFunctionArn",
    "ssm:SourceInstanceArn",
)
# Temporary credentials have them, no matter who got these.
_SESSION_KEYS = (
    "aws:AssumedRoot",
    "aws:TokenIssueTime",
    "aws:SignInSessionArn",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "identitystore:UserId",
)
_CHAIN_KEYS = (
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:CalledViaAWSMCP",
    "aws:ViaAWSMCPService",
)
_ALWAYS_THERE = (
    Fact("aws:CurrentTime", "{time}", f"{_KEYS}: always there; when the account was read"),
    Fact("aws:EpochTime", "{epoch}", f"{_KEYS}: always there; when the account was read"),
    Fact("aws:SecureTransport", "true", f"{_KEYS}: always there; KMS requires TLS, services and SDKs call over it"),
    Fact("aws:UserAgent", UNKNOWN, f"{_KEYS}: always there; its value is the caller's"),
    Fact("aws:RequestedRegion", "{region}", f"{_KEYS}: always there; the region of the key or bucket is called"),
    Fact("aws:IsMcpServiceAction", ABSENT, f"{_KEYS}: only when the MCP service authorizes an action of its own"),
)
_RESOURCE = (
    Fact("aws:ResourceAccount", "{owner}", f"{_KEYS}: always there; the account that owns the resource"),
    Fact("aws:ResourceOrgID", "{owner_org}", f"{_KEYS}: where the owner is a member of an organization"),
    Fact("aws:ResourceOrgPaths", "{owner_org_paths}", f"{_KEYS}: where the owner is a member of an organization"),
    Fact("aws:ResourceTag/*", UNKNOWN, f"{_KEYS}: the tags of the resource, which are not read for this"),
)

# Every call that CloudTrail makes under its own name.
SERVICE_FACTS = (
    Fact("aws:PrincipalArn", UNKNOWN, f"{_KEYS}: in all signed requests; of which value for a service is not said"),
    Fact("aws:PrincipalAccount", UNKNOWN, f"{_KEYS}: in all requests; of which value for a service is not said"),
    *_rows(
        ABSENT,
        f"{_KEYS}: only for members of an organization; a note says that a condition on it shuts out CloudTrail",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
    ),
    Fact("aws:PrincipalTag/*", ABSENT, f"{_KEYS}: only for IAM users and roles with tags"),
    Fact("aws:PrincipalIsAWSService", "true", f"{_KEYS}: true for calls of a service principal"),
    Fact("aws:PrincipalServiceName", SERVICE, f"{_KEYS}: the name of the calling service principal"),
    Fact("aws:PrincipalServiceNamesList", (SERVICE,), f"{_KEYS}: multivalued, all names of the service"),
    Fact("aws:PrincipalType", UNKNOWN, f"{_KEYS}: in all requests; {_VALUES}: nothing on services"),
    Fact("aws:userid", UNKNOWN, f"{_KEYS}: in all requests; {_VALUES}: nothing on services"),
    Fact("aws:username", ABSENT, f"{_KEYS}: only for IAM users"),
    *_rows(ABSENT, f"{_KEYS}: only with credentials of a role session or federated user", *_SESSION_KEYS, *_ROLE_KEYS),
    *_rows(UNKNOWN, f"{_KEYS}: redacted in calls of services, in what way is not said", *_NETWORK_KEYS),
    *_RESOURCE,
    *_rows(ABSENT, f"{_KEYS}: only when a service uses the credentials of an IAM principal", *_CHAIN_KEYS),
    Fact("aws:ViaAWSService", "false", f"{_KEYS}: always there; true only on behalf of an IAM principal"),
    *_ALWAYS_THERE,
    Fact("aws:referer", ABSENT, f"{_KEYS}: not for programmatic requests"),
    *_rows(UNKNOWN, f"{_KEYS}: where tags are passed in the request", "aws:RequestTag/*", "aws:TagKeys"),
    Fact("aws:SourceAccount", "{trail_account}", f"{_POLICY}: the trail's owner or the management account"),
    Fact("aws:SourceArn", "{trail_arn}", f"{_POLICY}: always the ARN of the trail; on DescribeKey likely"),
    Fact(
        "aws:SourceOrgID",
        "{trail_org}",
        f"{_KEYS}: passed where the trail's owner is a member of an organization; not every service does so",
        missing=True,
    ),
    Fact("aws:SourceOrgPaths", "{trail_org_paths}", f"{_KEYS}: where the trail's owner is a member of an organization"),
    Fact("aws:*", UNKNOWN, f"{_KEYS}: nothing on others"),
)
# Its calls to KMS, beside those. The rest of kms: speaks of grants, key creation or key material, and is absent.
_KEY_FACTS = (
    Fact("kms:KeySpec", "{key_spec}", f"{_KMS_KEYS}: property of the key"),
    Fact("kms:KeyUsage", "{key_usage}", f"{_KMS_KEYS}: property of the key"),
    Fact("kms:KeyOrigin", "{key_origin}", f"{_KMS_KEYS}: property of the key"),
    Fact("kms:CustomerMasterKeySpec", "{key_spec}", f"{_KMS_KEYS}: older name of kms:KeySpec"),
    Fact("kms:CustomerMasterKeyUsage", "{key_usage}", f"{_KMS_KEYS}: older name of kms:KeyUsage"),
    Fact("kms:MultiRegion", "{multi_region}", f"{_KMS_KEYS}: property of the key"),
    Fact("kms:MultiRegionKeyType", "{multi_region_type}", f"{_KMS_KEYS}: PRIMARY or REPLICA for multi-Region keys"),
    Fact("kms:ResourceAliases", UNKNOWN, f"{_KMS_KEYS}: aliases of the key, which may change at any time"),
    Fact("kms:RequestAlias", UNKNOWN, f"{_KMS_KEYS}: whether the request names the key by an alias"),
    *_rows(ABSENT, f"{_KMS_KEYS}: KMS operations that pass tags are others", "aws:RequestTag/*", "aws:TagKeys"),
)
KMS_FACTS = (
    *_KEY_FACTS,
    Fact("kms:ViaService", UNKNOWN, f"{_KMS_KEYS}: CloudTrail is not in its list, but S3 calls for it"),
    Fact("kms:CallerAccount", UNKNOWN, f"{_KMS_KEYS}: not described for service principals"),
)
# Its GenerateDataKey and Decrypt, beside those; DescribeKey has no encryption context.
CRYPTOGRAPHIC_FACTS = (
    Fact(TRAIL_KEY, "{trail_arn}", f"{_HOW}: in the encryption context of every call"),
    Fact(OBJECT_KEY, UNKNOWN, f"{_HOW}: bucket and path, or the log file's ARN: its value varies"),
    Fact("kms:EncryptionContextKeys", ("aws:cloudtrail:arn", "aws:s3:arn"), f"{_HOW}: the whole context"),
    Fact("kms:EncryptionContext:*", ABSENT, f"{_HOW}: no other pair than these two"),
    Fact("kms:EncryptionAlgorithm", UNKNOWN, f"{_KMS_KEYS}: SYMMETRIC_DEFAULT where the key is symmetric"),
)
# Its calls to S3, beside those of every call.
BUCKET_FACTS = (
    Fact("s3:ResourceAccount", "{owner}", "Service authorization reference, Amazon S3: the account of the bucket"),
    Fact("s3:TlsVersion", ("1.2", "1.3"), "AWS endpoints speak TLS 1.2 and 1.3 only"),
    Fact("s3:*", UNKNOWN, "Service authorization reference, Amazon S3: not described for CloudTrail"),
)
# Its delivery of a file to S3, beside those, and those of the file's encryption.
DELIVERY_FACTS = (
    Fact("s3:x-amz-acl", "bucket-owner-full-control", f"{_BUCKET}: CloudTrail sends this ACL"),
    Fact("s3:x-amz-server-side-encryption-customer-algorithm", ABSENT, "S3 guide, SSE-C: excludes SSE-KMS"),
    Fact("s3:x-amz-copy-source", ABSENT, "S3 API reference: only CopyObject has it, and delivery is a PutObject"),
)
SSE_KMS_FACTS = (
    Fact("s3:x-amz-server-side-encryption", "aws:kms", f"{_HOW}: SSE-KMS"),
    Fact("s3:x-amz-server-side-encryption-aws-kms-key-id", "{key_arn}", "UpdateTrail: KmsKeyId becomes the key ARN"),
)
SSE_S3_FACTS = (
    Fact("s3:x-amz-server-side-encryption", "AES256", f"{_BEST}: digest files have SSE-S3"),
    Fact("s3:x-amz-server-side-encryption-aws-kms-key-id", ABSENT, "S3 API reference, PutObject: only with SSE-KMS"),
)
# The same of an organization trail, in place of the row above, where it is known of which organization.
ORGANIZATION_FACTS = (Fact("aws:SourceOrgID", "{source_org_id}", f"{_TOWER}: CloudTrail's writes carry it"),)
# Every call of a user, role, session or root user.
_PRINCIPAL_FACTS = (
    Fact("aws:PrincipalArn", "{principal_arn}", f"{_KEYS}: always there; for a session the ARN of its role"),
    Fact("aws:PrincipalAccount", "{principal_account}", f"{_KEYS}: always there"),
    Fact("aws:PrincipalOrgID", "{principal_org}", f"{_KEYS}: where the principal is a member of an organization"),
    Fact(
        "aws:PrincipalOrgPaths", "{principal_org_paths}", f"{_KEYS}: where the principal is a member of an organization"
    ),
    Fact("aws:PrincipalTag/*", "{principal_tags}", f"{_KEYS}: only for IAM users and roles with tags"),
    Fact("aws:PrincipalIsAWSService", "false", f"{_KEYS}: the principal is none"),
    *_rows(
        ABSENT,
        f"{_KEYS}: only for calls of a service principal",
        "aws:PrincipalServiceName",
        "aws:PrincipalServiceNamesList",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceOrgID",
        "aws:SourceOrgPaths",
    ),
    Fact("aws:PrincipalType", "{principal_type}", _VALUES),
    Fact("aws:userid", "{user_id}", f"{_VALUES}: of the root user the account, of others a unique id"),
    Fact("aws:username", "{user_name}", f"{_VALUES}: only for IAM users"),
    *(Fact(key, "{role_session}", f"{_KEYS}: only for sessions of certain roles") for key in _ROLE_KEYS),
    *_rows(UNKNOWN, f"{_KEYS}: only with temporary credentials, of one kind or another", *_SESSION_KEYS),
)
# A user or role that reads a log file. It may call Decrypt itself, but reading goes through S3, so that is judged.
READER_FACTS = (
    *_PRINCIPAL_FACTS,
    *_rows(UNKNOWN, f"{_KEYS}: the network of the reader is not kept where S3 calls for it", *_NETWORK_KEYS),
    *_RESOURCE,
    *_rows(UNKNOWN, f"{_KEYS}: whether S3 is among the services that set them is not said", *_CHAIN_KEYS),
    Fact("aws:ViaAWSService", "true", f"{_KEYS}: S3 calls KMS on behalf of the reader (aws:Ec2InstanceSourceVpc)"),
    *_ALWAYS_THERE,
    Fact("aws:referer", UNKNOWN, f"{_KEYS}: where a link on a web page leads to a file"),
    *_KEY_FACTS,
    Fact("kms:CallerAccount", "{principal_account}", f"{_KMS_KEYS}: the account of the caller"),
    Fact("kms:ViaService", "s3.{bucket_region}.amazonaws.com", f"{_KMS_KEYS}: S3 calls KMS for the reader"),
    Fact(TRAIL_KEY, "{trail_arn}", f"{_HOW}: Decrypt repeats the encryption context of delivery"),
    Fact(OBJECT_KEY, "{object_arn}", "S3 user guide, S3 Bucket Keys: with one the bucket, else the object"),
    Fact("kms:EncryptionContextKeys", ("aws:cloudtrail:arn", "aws:s3:arn"), f"{_HOW}: the whole context"),
    Fact("*", UNKNOWN, f"{_KEYS}: nothing on others"),
)
# A user or role that fetches a log file or digest file: by itself, or through a service that queries logs.
OBJECT_READER_FACTS = (
    *_PRINCIPAL_FACTS,
    *_rows(UNKNOWN, f"{_KEYS}: from where the reader calls is not known", *_NETWORK_KEYS),
    *_RESOURCE,
    *_rows(UNKNOWN, f"{_KEYS}: where a service such as Athena calls for the reader", *_CHAIN_KEYS, "aws:ViaAWSService"),
    *_ALWAYS_THERE,
    Fact("aws:referer", UNKNOWN, f"{_KEYS}: where a link on a web page leads to a file"),
    *BUCKET_FACTS,
    Fact("*", UNKNOWN, f"{_KEYS}: nothing on others"),
)
# A user or role that writes to a key, which it does through no other service.
WRITER_FACTS = (
    *_PRINCIPAL_FACTS,
    *_rows(ABSENT, f"{_KEYS}: not when the principal makes the call directly", *_CHAIN_KEYS),
    Fact("aws:ViaAWSService", "false", f"{_KEYS}: always there; false when the principal makes the call directly"),
    Fact("kms:CallerAccount", "{principal_account}", f"{_KMS_KEYS}: the account of the caller"),
    Fact("kms:ViaService", ABSENT, f"{_KMS_KEYS}: only where a service calls for the principal"),
    Fact("kms:EncryptionContext:*", ABSENT, f"{_KMS_KEYS}: only for operations that take one"),
    Fact("kms:BypassPolicyLockoutSafetyCheck", "false", f"{_KMS_KEYS}: it is not sent from here"),
    Fact("*", UNKNOWN, f"{_KEYS}: nothing on others"),
)

# By what operators keys are compared whose values these tables know: "the condition operator that you can use depends
# on the condition key" (IAM user guide, "Condition operators"; the types are those of the pages above).
_TABLES = (SERVICE_FACTS, KMS_FACTS, CRYPTOGRAPHIC_FACTS, BUCKET_FACTS, DELIVERY_FACTS, SSE_KMS_FACTS, READER_FACTS)
_TEXTS = {fact.key for table in (*_TABLES, WRITER_FACTS) for fact in table if fact.value}.difference(_ROLE_KEYS)
_ARNS = ("aws:PrincipalArn", "aws:SourceArn", TRAIL_KEY, OBJECT_KEY, "s3:x-amz-server-side-encryption-aws-kms-key-id")
_BOOLEANS = (
    "aws:SecureTransport",
    "aws:PrincipalIsAWSService",
    "aws:ViaAWSService",
    "kms:MultiRegion",
    "kms:BypassPolicyLockoutSafetyCheck",
)
_OPERATORS = {
    **{key.lower(): ("String",) for key in _TEXTS},
    **{key.lower(): ("String", "Arn") for key in _ARNS},
    **{key.lower(): ("String", "Bool") for key in _BOOLEANS},
    **dict.fromkeys(TIME_KEYS, ("Date", "Numeric")),
    "s3:tlsversion": ("String", "Numeric"),
}


def fits(operator: str, folded_key: str) -> bool:
    """Whether AWS documents how an operator compares values of a key. A key of unknown type fits every operator."""
    return operator.startswith(_OPERATORS.get(folded_key, ""))

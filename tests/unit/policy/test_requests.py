# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of what requests carry: every key present, absent or unknown, with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _context_facts as table
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._locations import (
    ANY_MEMBER,
    ANY_ORGANIZATION,
    Locations,
    folder_of,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import has_unknown, readable
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import (
    acl_request,
    plain_request,
    reader_request,
    service_request,
    upload_request,
)
from tests.unit.policy.golden_tables import KEY, TRAIL

UNKNOWN = None
ABSENT = ()
ROLE = "arn:aws:iam::444455556666:role/path/reader"
# IAM user guide, "AWS global condition context keys", and KMS guide, "AWS KMS condition keys": multivalued.
MULTIVALUED = {"aws:principalservicenameslist", "kms:encryptioncontextkeys"}
LOG_FILE = (
    "arn:aws:s3:::logs/audit/AWSLogs/111122223333/CloudTrail/us-east-1/YYYY/MM/DD/"
    "111122223333_CloudTrail_us-east-1_YYYYMMDDTHHmmZ_UniqueString.json.gz"
)
TABLES = [
    table.SERVICE_FACTS,
    table.KMS_FACTS,
    table.CRYPTOGRAPHIC_FACTS,
    table.BUCKET_FACTS,
    table.DELIVERY_FACTS,
    table.SSE_KMS_FACTS,
    table.SSE_S3_FACTS,
    table.ORGANIZATION_FACTS,
    table.READER_FACTS,
    table.WRITER_FACTS,
]


def service(action: str) -> Request:
    """CloudTrail's call."""
    return service_request(action, trail_arn=TRAIL, key_arn=KEY)


def reader(arn: str = ROLE, key_arn: str = KEY, object_arn: str | None = LOG_FILE) -> Request:
    """A reader's call."""
    return reader_request(arn, trail_arn=TRAIL, key_arn=key_arn, object_arn=object_arn, bucket_region="us-east-1")


def locations(**fields: Any) -> Locations:
    """Where the files of a trail lie."""
    ours = {"bucket_name": "logs", "bucket_prefix": "audit", "regions": ("us-east-1",), "has_digests": True}
    return Locations(**{"trail_arn": TRAIL, **ours, **fields})


def delivery(key_arn: str | None = KEY, **fields: Any) -> Request:
    """CloudTrail's upload."""
    place = locations(**fields)
    return upload_request(place, key_arn).at(next(place.logs()).file)


COMMON = {
    "aws:principalisawsservice": ("true",),
    "aws:principalservicename": ("cloudtrail.amazonaws.com",),
    "aws:principalservicenameslist": ("cloudtrail.amazonaws.com",),
    "aws:sourcearn": (TRAIL,),
    "aws:sourceaccount": ("111122223333",),
    "aws:securetransport": ("true",),
    "aws:username": ABSENT,
    "aws:sourceorgid": UNKNOWN,
    "aws:principalorgid": ABSENT,
    "aws:principaltag/team": ABSENT,
    "aws:principaltag": UNKNOWN,
    "aws:calledvia": ABSENT,
    "aws:viaawsservice": ("false",),
    "aws:principalaccount": UNKNOWN,
    "aws:sourcevpce": UNKNOWN,
}


@pytest.mark.parametrize(
    ("make", "carries"),
    [
        *[
            (
                partial(service, action),
                {
                    **COMMON,
                    "kms:viaservice": UNKNOWN,
                    "kms:calleraccount": UNKNOWN,
                    "kms:keyspec": UNKNOWN,
                    "kms:resourcealiases": UNKNOWN,
                    "kms:grantoperations": ABSENT,
                    "kms:encryptioncontext:aws:cloudtrail:arn": (TRAIL,),
                    "kms:encryptioncontext:aws:s3:arn": UNKNOWN,
                    "kms:encryptioncontext:other": ABSENT,
                    "kms:encryptioncontextkeys": ("aws:cloudtrail:arn", "aws:s3:arn"),
                    "kms:encryptionalgorithm": UNKNOWN,
                    "s3:x-amz-acl": ABSENT,
                },
            )
            for action in ("kms:GenerateDataKey", "kms:Decrypt")
        ],
        (
            partial(service, "kms:DescribeKey"),
            {
                **COMMON,
                "kms:viaservice": UNKNOWN,
                "kms:encryptioncontext:aws:cloudtrail:arn": ABSENT,
                "kms:encryptioncontext:aws:s3:arn": ABSENT,
                "kms:encryptioncontextkeys": ABSENT,
                "kms:encryptionalgorithm": ABSENT,
            },
        ),
        (
            delivery,
            {
                **COMMON,
                "s3:x-amz-acl": ("bucket-owner-full-control",),
                "s3:x-amz-server-side-encryption": ("aws:kms",),
                "s3:x-amz-server-side-encryption-aws-kms-key-id": (KEY,),
                "s3:tlsversion": ("1.2", "1.3"),
                "s3:signatureversion": UNKNOWN,
                "kms:viaservice": ABSENT,
            },
        ),
        (
            partial(delivery, None),
            {
                **COMMON,
                "s3:x-amz-acl": ("bucket-owner-full-control",),
                "s3:x-amz-server-side-encryption": ("AES256",),
                "s3:x-amz-server-side-encryption-aws-kms-key-id": ABSENT,
            },
        ),
        (
            partial(delivery, organization_id=ANY_ORGANIZATION[0]),
            {**COMMON, "s3:x-amz-server-side-encryption-aws-kms-key-id": (KEY,)},
        ),
        (
            partial(delivery, organization_id="o-exampleorg1"),
            {
                **COMMON,
                "aws:sourceorgid": ("o-exampleorg1",),
                "aws:sourceorgpaths": UNKNOWN,
                "s3:x-amz-acl": ("bucket-owner-full-control",),
                "s3:x-amz-server-side-encryption-aws-kms-key-id": (KEY,),
            },
        ),
        (
            reader,
            {
                "aws:principalarn": (ROLE,),
                "aws:principalaccount": ("444455556666",),
                "aws:principalisawsservice": ("false",),
                "aws:securetransport": ("true",),
                "aws:sourcearn": ABSENT,
                "aws:sourceaccount": ABSENT,
                "aws:sourceorgid": ABSENT,
                "aws:sourceorgpaths": ABSENT,
                "aws:principalservicename": ABSENT,
                "aws:principalservicenameslist": ABSENT,
                "kms:calleraccount": ("444455556666",),
                "kms:viaservice": ("s3.us-east-1.amazonaws.com",),
                "kms:encryptioncontext:aws:cloudtrail:arn": (TRAIL,),
                "kms:encryptioncontext:aws:s3:arn": (LOG_FILE,),
                "kms:encryptioncontextkeys": ("aws:cloudtrail:arn", "aws:s3:arn"),
                "aws:sourceip": UNKNOWN,
                "aws:principaltag/team": UNKNOWN,
                "aws:viaawsservice": ("true",),
                "aws:principaltype": ("AssumedRole",),
                "aws:requesttag/team": ABSENT,
            },
        ),
    ],
)
def test_what_a_request_carries(make: Callable[[], Request], carries: dict[str, tuple[str, ...] | None]) -> None:
    """Present with its value, absent or unknown."""
    request_ = make()
    assert {key: request_.keys.get(key) for key in carries} == carries


@pytest.mark.parametrize(
    ("make", "principal", "action", "resource", "account"),
    [
        (partial(service, "kms:Decrypt"), "cloudtrail.amazonaws.com", "kms:Decrypt", KEY, "111122223333"),
        (delivery, "cloudtrail.amazonaws.com", "s3:PutObject", LOG_FILE, ""),
        (
            partial(delivery, bucket_prefix=None),
            "cloudtrail.amazonaws.com",
            "s3:PutObject",
            LOG_FILE.replace("/audit", ""),
            "",
        ),
        (reader, ROLE, "kms:Decrypt", KEY, "111122223333"),
        (partial(reader, "444455556666"), "arn:aws:iam::444455556666:root", "kms:Decrypt", KEY, "111122223333"),
    ],
)
def test_who_asks_for_what(
    make: Callable[[], Request], principal: str, action: str, resource: str, account: str
) -> None:
    """Principal, action, resource and its owner."""
    request_ = make()
    assert (request_.principal, request_.action) == (principal, action)
    assert (readable(request_.resource), request_.account) == (resource, account)
    assert request_.identity_allows is None


def test_what_is_not_known_of_some_readers() -> None:
    """A session hides its role's path, a bucket may be unknown."""
    session = "arn:aws:sts::444455556666:assumed-role/reader/alice"
    assert reader(session).keys.get("aws:principalarn") is UNKNOWN
    assert reader(session).keys.get("aws:principalaccount") == ("444455556666",)
    assert reader(object_arn=None).keys.get("kms:encryptioncontext:aws:s3:arn") is UNKNOWN
    china = reader(key_arn=KEY.replace("arn:aws:", "arn:aws-cn:"))
    assert china.keys.get("kms:viaservice") == ("s3.us-east-1.amazonaws.com",)
    assert china.keys.get("aws:principalarn") == (ROLE,)
    government = reader(key_arn=KEY.replace("arn:aws:", "arn:aws-us-gov:"))
    assert government.keys.get("kms:viaservice") == ("s3.us-east-1.amazonaws.com",)
    assert (
        reader("444455556666", KEY.replace("arn:aws:", "arn:aws-cn:")).principal == "arn:aws-cn:iam::444455556666:root"
    )


def test_identity_is_passed_on() -> None:
    """Whoever knows the reader's IAM policies may say so."""
    known = reader_request(
        ROLE, trail_arn=TRAIL, key_arn=KEY, object_arn=None, bucket_region="us-east-1", identity_allows=False
    )
    assert known.identity_allows is False


@pytest.mark.parametrize(
    ("fields", "logs", "digests", "spare"),
    [
        ({"has_digests": False}, ["audit/AWSLogs/111122223333/CloudTrail/us-east-1"], [], []),
        (
            {"bucket_prefix": None, "regions": ("eu-west-1", "us-east-1")},
            ["AWSLogs/111122223333/CloudTrail/eu-west-1", "AWSLogs/111122223333/CloudTrail/us-east-1"],
            ["AWSLogs/111122223333/CloudTrail-Digest/eu-west-1", "AWSLogs/111122223333/CloudTrail-Digest/us-east-1"],
            [],
        ),
        (
            {"organization_id": "o-a"},
            [f"audit/AWSLogs/o-a/{owner}/CloudTrail/us-east-1" for owner in ("111122223333", ANY_MEMBER)],
            [f"audit/AWSLogs/o-a/{owner}/CloudTrail-Digest/us-east-1" for owner in ("111122223333", ANY_MEMBER)],
            ["audit/AWSLogs/111122223333/CloudTrail/us-east-1"],
        ),
    ],
)
def test_where_the_files_of_a_trail_lie(
    fields: dict[str, Any], logs: list[str], digests: list[str], spare: list[str]
) -> None:
    """The folders of "CloudTrail log file name format" and "Finding your CloudTrail digest files"."""
    place = locations(**fields)
    found = [[folder.path for folder in folders] for folders in (place.logs(), place.digests(), place.spare())]
    assert found == [logs, digests, spare]
    for folder in (*place.logs(), *place.digests(), *place.spare()):
        assert folder.file.startswith(f"arn:aws:s3:::logs/{folder.path}/20")
        assert folder_of(folder.file) == f"logs/{folder.path}"
        assert f"_{folder.region}_" in folder.file
    assert list(place.encryption_contexts(bucket_key=True)) == ["arn:aws:s3:::logs"]
    assert list(place.encryption_contexts(bucket_key=False)) == [folder.file for folder in place.logs()]


def test_cloudtrail_asks_for_the_acl_of_a_bucket_in_the_partition_of_its_trail() -> None:
    """As CloudTrail itself, for the trail; what else S3 is told is not known."""
    call = acl_request(locations(trail_arn=TRAIL.replace("arn:aws:", "arn:aws-cn:")))
    assert (call.principal, call.action, call.resource) == (table.SERVICE, "s3:GetBucketAcl", "arn:aws-cn:s3:::logs")
    assert call.keys.get("aws:sourcearn") == (TRAIL.replace("arn:aws:", "arn:aws-cn:"),)
    assert (call.keys.get("s3:any"), call.keys.get("aws:username"), call.keys.get("kms:any")) == (
        UNKNOWN,
        ABSENT,
        ABSENT,
    )


def test_a_stranger_without_tls_reads_an_object() -> None:
    """Of whom nothing else is known, nor of what it reads: no policy names either."""
    call = plain_request("arn:aws-cn:s3:::logs")
    assert has_unknown(call.principal)
    assert (call.action, call.resource) == ("s3:GetObject", f"arn:aws-cn:s3:::logs/{call.principal}")
    assert (call.keys.get("aws:securetransport"), call.keys.get("aws:sourceip")) == (("false",), UNKNOWN)


def test_a_request_asks_for_another_action_in_the_same_context() -> None:
    asked = service("kms:Decrypt")
    other = asked.asking("kms:Encrypt")
    assert (asked.action, other.action) == ("kms:Decrypt", "kms:Encrypt")
    assert (other.caller, other.keys) == (asked.caller, asked.keys)
    assert other == replace(asked, action="kms:Encrypt")


def test_a_changed_request_is_prepared_anew() -> None:
    """Rules ask the same for another action or context."""
    changed = replace(service("kms:Decrypt"), principal=ROLE, context={"AWS:SourceArn": "x"})
    assert changed.keys.get("aws:sourcearn") == ("x",)
    assert changed.caller.account == "444455556666"


@pytest.mark.parametrize("facts", TABLES)
def test_several_values_are_a_set_or_alternatives(facts: tuple[table.Fact, ...]) -> None:
    several = {fact.key.lower() for fact in facts if isinstance(fact.value, tuple) and fact.value}
    assert several <= MULTIVALUED | table.ALTERNATIVES


@pytest.mark.parametrize("facts", TABLES)
def test_rows_have_sources_and_do_not_contradict(facts: tuple[table.Fact, ...]) -> None:
    """Each key once; a row about all keys that begin alike is not overruled by a longer one that says the contrary."""
    assert len({fact.key for fact in facts}) == len(facts)
    assert all(fact.source for fact in facts)
    absent = [fact.key.removesuffix("*") for fact in facts if fact.value == () and fact.key.endswith("*")]
    unknown = [fact.key for fact in facts if fact.value is None and fact.key.endswith("*")]
    assert not [each for each in unknown for prefix in absent if each.startswith(prefix)]


# The table of the page "AWS global condition context keys" (IAM user guide), its five columns from left to right.
GLOBAL_KEYS = [
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalOrgID",
    "aws:PrincipalTag/*",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:PrincipalType",
    "aws:userid",
    "aws:username",
    "aws:AssumedRoot",
    "aws:FederatedProvider",
    "aws:TokenIssueTime",
    "aws:SignInSessionArn",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
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
    "identitystore:UserId",
    "aws:SourceIp",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:VpcSourceIp",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:ResourceTag/*",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:CalledViaAWSMCP",
    "aws:ViaAWSService",
    "aws:ViaAWSMCPService",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:referer",
    "aws:RequestedRegion",
    "aws:RequestTag/*",
    "aws:TagKeys",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:UserAgent",
    "aws:IsMcpServiceAction",
]


@pytest.mark.parametrize("facts", [table.SERVICE_FACTS, table.READER_FACTS], ids=["CloudTrail", "a reader"])
def test_every_global_key_has_its_row(facts: tuple[table.Fact, ...]) -> None:
    """None is left to what is said of all others, and no row is about a key that the page does not have."""
    rows = [fact.key for fact in facts if fact.key.partition(":")[0] not in ("kms", "s3") and ":*" not in fact.key]
    assert sorted(set(rows) - {"*"}) == sorted(GLOBAL_KEYS)

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From HTTP to a call and back: the request forms and the reply and error forms of each service.

Source: the service models of botocore (`protocol`: query for STS, ec2 for EC2, json 1.1 for KMS,
CloudTrail and Organizations, rest-xml for S3) and the Smithy pages on these protocols.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

from tests.fakeaws.errors import AwsError

Answer: TypeAlias = Mapping[str, Any]

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_NAMESPACES = {
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "ec2": "http://ec2.amazonaws.com/doc/2016-11-15/",
    "s3": "http://s3.amazonaws.com/doc/2006-03-01/",
}
# Operations on a bucket, by method and by the sub-resource that stands in the query string.
_S3_OPERATIONS = {
    ("HEAD", ""): "HeadBucket",
    ("PUT", ""): "CreateBucket",
    ("DELETE", ""): "DeleteBucket",
    ("GET", ""): "ListObjects",
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "policy"): "GetBucketPolicy",
    ("PUT", "policy"): "PutBucketPolicy",
    ("DELETE", "policy"): "DeleteBucketPolicy",
    ("GET", "encryption"): "GetBucketEncryption",
    ("PUT", "encryption"): "PutBucketEncryption",
    ("DELETE", "encryption"): "DeleteBucketEncryption",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "tagging"): "GetBucketTagging",
    ("PUT", "tagging"): "PutBucketTagging",
    ("GET", "versioning"): "GetBucketVersioning",
    ("PUT", "versioning"): "PutBucketVersioning",
    ("GET", "publicAccessBlock"): "GetPublicAccessBlock",
    ("PUT", "publicAccessBlock"): "PutPublicAccessBlock",
    ("GET", "object-lock"): "GetObjectLockConfiguration",
    ("PUT", "object-lock"): "PutObjectLockConfiguration",
    ("GET", "lifecycle"): "GetBucketLifecycleConfiguration",
    ("PUT", "lifecycle"): "PutBucketLifecycleConfiguration",
    ("GET", "ownershipControls"): "GetBucketOwnershipControls",
    ("GET", "requestPayment"): "GetBucketRequestPayment",
    ("GET", "accelerate"): "GetBucketAccelerateConfiguration",
    ("GET", "inventory"): "ListBucketInventoryConfigurations",
    ("GET", "logging"): "GetBucketLogging",
    ("GET", "acl"): "GetBucketAcl",
}
_READS = ("Get", "List", "Describe", "Head", "Lookup", "Simulate")


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """One HTTP request; header names are in lower case, `target` is the path with its query string."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The decoded path."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The decoded query string; a bare name has an empty value."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """One HTTP reply."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One API call as the client meant it; `parameters` are in the words of the service model."""

    service: str
    action: str
    region: str
    parameters: Mapping[str, Any]
    access_key: str
    token: str | None
    request: HttpRequest

    @property
    def name(self) -> str:
        """Service and operation, such as `kms:DescribeKey`."""
        return f"{self.service}:{self.action}"

    @property
    def kind(self) -> str:
        """`read` or `write`; AssumeRole changes nothing and counts as a read."""
        return "read" if self.action.startswith(_READS) or self.action == "AssumeRole" else "write"


def parse(request: HttpRequest) -> Call:
    """Read the call out of the request; AwsError MissingAuthenticationToken if it is not signed."""
    match = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if match is None:
        raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", status=403)
    access_key, region, service = match.groups()
    action, parameters = _operation(service, request)
    return Call(
        service=service,
        action=action,
        region=region,
        parameters=parameters,
        access_key=access_key,
        token=request.headers.get("x-amz-security-token"),
        request=request,
    )


def _operation(service: str, request: HttpRequest) -> tuple[str, dict[str, Any]]:
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2], json.loads(request.body or b"{}")
    if service == "s3":
        return _s3_operation(request)
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    return form.pop("Action", "Unknown"), form


def _s3_operation(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    bucket, _slash, key = request.path.removeprefix("/").partition("/")
    if not bucket:
        return "ListBuckets", {}
    parameters: dict[str, Any] = {"Bucket": bucket}
    owner = request.headers.get("x-amz-expected-bucket-owner")
    if owner:
        parameters["ExpectedBucketOwner"] = owner
    if key:
        return f"{request.method.title()}Object", {**parameters, "Key": key}
    if request.body:
        parameters["Body"] = request.body.decode(errors="replace")
    subresource = next((name for name in request.query if (request.method, name) in _S3_OPERATIONS), "")
    return _S3_OPERATIONS.get((request.method, subresource), "Unknown"), parameters


def reply(call: Call, answer: Answer | HttpReply) -> HttpReply:
    """The answer of an operation in the form of its service."""
    if isinstance(answer, HttpReply):
        return answer
    request_id = str(uuid4())
    if call.service in ("sts", "iam"):
        body = _xml({f"{call.action}Result": answer, "ResponseMetadata": {"RequestId": request_id}})
        return _xml_reply(f"{call.action}Response", _NAMESPACES[call.service], body)
    if call.service == "ec2":
        return _xml_reply(f"{call.action}Response", _NAMESPACES["ec2"], _xml({"requestId": request_id, **answer}))
    return HttpReply(
        headers={"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": request_id},
        body=json.dumps(answer, separators=(",", ":")).encode(),
    )


def error_reply(service: str, method: str, error: AwsError) -> HttpReply:
    """A refusal in the form of its service."""
    request_id = str(uuid4())
    if service == "s3":
        return _s3_error(method, error, request_id)
    details = {"Code": error.code, "Message": error.message}
    if service in ("sts", "iam"):
        body = _xml({"Error": {"Type": "Sender", **details}, "RequestId": request_id})
        return _xml_reply("ErrorResponse", _NAMESPACES[service], body, status=error.status)
    if service == "ec2":
        body = _xml({"Errors": {"Error": details}, "RequestID": request_id})
        return _xml_reply("Response", None, body, status=error.status)
    return HttpReply(
        status=error.status,
        headers={"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": request_id},
        body=json.dumps({"__type": error.code, "message": error.message}).encode(),
    )


def _s3_error(method: str, error: AwsError, request_id: str) -> HttpReply:
    headers = {"x-amz-request-id": request_id, **error.headers}
    if method == "HEAD":  # The reply to a HEAD request has no body (HeadBucket, API reference).
        return HttpReply(status=error.status, headers={"content-type": "application/xml", **headers})
    body = _xml({"Code": error.code, "Message": error.message, "RequestId": request_id})
    replied = _xml_reply("Error", None, body, status=error.status)
    return HttpReply(status=replied.status, headers={**replied.headers, **headers}, body=replied.body)


def s3_xml(root: str, content: Answer, headers: Mapping[str, str]) -> HttpReply:
    """An S3 answer as XML."""
    replied = _xml_reply(root, _NAMESPACES["s3"], _xml(content))
    return HttpReply(status=replied.status, headers={**replied.headers, **headers}, body=replied.body)


def _xml_reply(root: str, namespace: str | None, content: str, *, status: int = 200) -> HttpReply:
    attribute = f' xmlns="{namespace}"' if namespace else ""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{content}</{root}>'
    return HttpReply(status=status, headers={"content-type": "text/xml"}, body=text.encode())


def _xml(value: Any) -> str:
    """Mappings become elements, a list repeats its element."""
    if isinstance(value, Mapping):
        return "".join(_elements(name, content) for name, content in value.items())
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def _elements(name: str, content: Any) -> str:
    return "".join(f"<{name}>{_xml(item)}</{name}>" for item in (content if isinstance(content, list) else [content]))

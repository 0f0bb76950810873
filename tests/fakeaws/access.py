# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what: credentials, allow-lists and deny-lists, service control policies, and their wording.

The wording of refusals is that of the IAM user guide, "Troubleshoot access denied error messages";
which code and status each service answers is likely, from recorded errors, where its model has none.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from tests.fakeaws.conditions import matches_pattern
from tests.fakeaws.errors import AwsError
from tests.fakeaws.policy import Verdict, evaluate_identity
from tests.fakeaws.rules.identity_context import identity_context, request_context
from tests.fakeaws.wire import Call
from tests.fakeaws.world import Identity, Rule, World

# IAM actions that are not named as their operation (Service Authorization Reference, Amazon S3).
_ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:ListBucketInventoryConfigurations": "s3:GetInventoryConfiguration",
}
# What a service control policy that closes regions leaves open (Organizations user guide, "Deny
# access to AWS based on the requested Region"): global services, and looking up the regions.
_OPEN_EVERYWHERE = ("sts:*", "iam:*", "organizations:*", "s3:*", "ec2:DescribeRegions")
_INVALID = "The security token included in the request is invalid."


def iam_action(call: Call) -> str:
    """The IAM action of a call."""
    return _ACTIONS.get(call.name, call.name)


def authenticate(world: World, call: Call) -> Identity:
    """Who makes the call; AwsError in the service's form for unknown, expired or foreign credentials."""
    credentials = world.credentials.get(call.access_key)
    if credentials is None or credentials.token != call.token:
        raise _unknown_credentials(call.service)
    if credentials.expires is not None and credentials.expires <= time.time():
        raise _expired_credentials(call.service)
    # A region that is not enabled knows no credentials of the account (Account Management guide,
    # "Enable or disable Regions"); S3 and STS have a global endpoint.
    account = world.accounts[credentials.identity.account]
    if call.region not in account.regions and call.service not in ("s3", "sts", "organizations"):
        raise _unknown_credentials(call.service)
    return credentials.identity


def _unknown_credentials(service: str) -> AwsError:
    if service == "sts":
        return AwsError("InvalidClientTokenId", _INVALID, status=403)
    if service == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", status=401)
    if service == "s3":
        message = "The AWS Access Key Id you provided does not exist in our records."
        return AwsError("InvalidAccessKeyId", message, status=403)
    return AwsError("UnrecognizedClientException", _INVALID)


def _expired_credentials(service: str) -> AwsError:
    if service == "sts":
        return AwsError("ExpiredToken", "The security token included in the request is expired", status=403)
    if service == "ec2":
        return AwsError("RequestExpired", "Request has expired.")
    if service == "s3":
        return AwsError("ExpiredToken", "The provided token has expired.")
    return AwsError("ExpiredTokenException", "The security token included in the request is expired")


def permit(world: World, identity: Identity, call: Call, resource: str | None) -> None:
    """Refuse what an SCP or the identity's own lists deny; the resource's policy is another matter."""
    action = iam_action(call)
    if action == "sts:GetCallerIdentity":  # Needs no permission, even where it is denied (STS API reference).
        return
    reason = identity_refusal(world, identity, action, call, resource or "*")
    if reason:
        raise denied(call.service, identity, action, resource, reason)


def identity_refusal(world: World, identity: Identity, action: str, call: Call, resource: str) -> str | None:
    """Why the identity's side refuses an action on a resource (its ARN, or `*`), or None if it allows it."""
    closed = world.accounts[identity.account].closed_regions
    if call.region in closed and not _listed_action(action, _OPEN_EVERYWHERE):
        return "with an explicit deny in a service control policy"
    verdict = _identity_verdict(world, identity, action, call, resource)
    if verdict is Verdict.DENIED:
        return "with an explicit deny in an identity-based policy"
    if verdict is Verdict.NONE:
        return f"because no identity-based policy allows the {action} action"
    return None


def _identity_verdict(world: World, identity: Identity, action: str, call: Call, resource: str) -> Verdict:
    """What the identity's IAM policy says, or the lists of actions that stand for one."""
    if identity.policy is not None:
        context = {**identity_context(world, identity, call.region), **request_context(call, resource)}
        return evaluate_identity(identity.policy, action, resource, context)
    if _matches(identity.deny, action, call.region):
        return Verdict.DENIED
    return Verdict.ALLOWED if _matches(identity.allow, action, call.region) else Verdict.NONE


def _matches(rules: Iterable[Rule], action: str, region: str) -> bool:
    return any(
        matches_pattern(rule.action, action, fold=True) and (not rule.regions or region in rule.regions)
        for rule in rules
    )


def _listed_action(action: str, patterns: Iterable[str]) -> bool:
    return any(matches_pattern(pattern, action, fold=True) for pattern in patterns)


def denied(service: str, identity: Identity, action: str, resource: str | None, reason: str | None) -> AwsError:
    """Access denied, in the words and form of the service."""
    shown = f'"{resource}"' if service == "s3" else resource
    target = f" on resource: {shown}" if resource else ""
    because = f" {reason}" if reason else ""
    message = f"User: {identity.arn} is not authorized to perform: {action}{target}{because}"
    if service == "ec2":
        text = f"You are not authorized to perform this operation. {message}"
        return AwsError("UnauthorizedOperation", text, status=403)
    if service in ("sts", "s3"):
        return AwsError("AccessDenied", message, status=403)
    return AwsError("AccessDeniedException", message)

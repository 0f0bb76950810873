# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be done is refused before the first write, with trail, key, reason and next step."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _calls
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings, TrailException
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.unit.enforce.lab import Lab, alone, given, new_key
from tests.unit.modules import replace_everywhere

HOME = "eu-central-1"
STAGING, SECURITY = "333333333333", "555555555555"


class Asked(NamedTuple):
    """What is asked for, by whom (by default the scenario's first account), and names for the message."""

    task: Task
    names: Mapping[str, str] = MappingProxyType({})
    account: str | None = None


class Bad(NamedTuple):
    """Something that cannot be done: how it comes about, and the one refusal, word for word."""

    name: str
    scenario: str
    ask: Callable[[Lab], Asked]
    message: str


TRAIL = f"The trail arn:aws:cloudtrail:{HOME}:111111111111:trail/main"
SERVING = "Set key_id to one, or key to another alias."
CANNOT_SERVE = f"{TRAIL}: The key {{key}} cannot serve the trails with buckets in {HOME}: "
BY_ALIAS = CANNOT_SERVE.replace("{key}", "{key}, to which {alias} points,")
NO_POLICY = f"{TRAIL}: Nothing can be added to the policy of {{key}}: The policy is not JSON: "


def with_key(
    region: str = HOME, *, alias: str | None = None, request: EnforceRequest | None = None, **fields: Any
) -> Any:
    """Somebody's key is given for a trail that has none: by its alias, where it gets one, else by its ARN."""

    def ask(lab: Lab) -> Asked:
        arn = new_key(lab, region, **fields)
        if alias:
            lab.client("kms", region).create_alias(AliasName=alias, TargetKeyId=arn)
        return Asked(
            Task(request=request or EnforceRequest(key=None, key_id=alias or arn)), {"key": arn, "alias": alias or ""}
        )

    return ask


def with_the_trails_own_key(lab: Lab) -> Asked:
    """The key that the trail has is given for it."""
    (arn,) = lab.keys(HOME)
    return Asked(given(arn), {"key": arn})


def with_a_strangers_key(lab: Lab, *, alias: bool = False) -> Asked:
    """The key of another account is given, by its ARN or the ARN of its alias, without a role of its account."""
    kms = lab.of(SECURITY).client("kms", HOME)
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/central", TargetKeyId=arn)
    name = f"arn:aws:kms:{HOME}:{SECURITY}:alias/central" if alias else arn
    scope = Scope(trails=("staging-trail",))
    return Asked(Task(scope, request=EnforceRequest(key=None, key_id=name)), {"key": arn, "name": name}, STAGING)


def with_a_key_whose_policy_is_a_strangers(lab: Lab) -> Asked:
    """The key of another account whose policy shows the key, and not the policy."""
    arn = new_key(lab.of(SECURITY))
    show = {**SHOWN, "Principal": {"AWS": f"arn:aws:iam::{STAGING}:root"}}
    own = {**show, "Sid": "Own", "Principal": {"AWS": f"arn:aws:iam::{SECURITY}:root"}, "Action": "kms:*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [own, show]})
    lab.of(SECURITY).client("kms", HOME).put_key_policy(KeyId=arn, PolicyName="default", Policy=policy)
    task = Task(Scope(trails=("staging-trail",)), request=EnforceRequest(key=None, key_id=arn))
    return Asked(task, {"key": arn}, STAGING)


SHOWN = {"Sid": "Show", "Effect": "Allow", "Action": "kms:DescribeKey", "Resource": "*"}


def with_a_denying_bucket(lab: Lab) -> Asked:
    """The bucket of a trail without a key takes no encrypted logs."""
    s3, name = lab.client("s3", HOME), "logs-111111111111"
    policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    deny = {
        "Sid": "Only AES256",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
    }
    policy["Statement"].append(deny)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    return Asked(Task())


def asking(task: Task, account: str | None = None) -> Callable[[Lab], Asked]:
    """The scenario as it is, and a task."""
    return lambda _lab: Asked(task, account=account)


def unread(action: str, ask: Callable[[Lab], Asked]) -> Callable[[Lab], Asked]:
    """What is asked for while an action is denied."""

    def asked(lab: Lab) -> Asked:
        done = ask(lab)
        lab.aws.add_fault(action=action, code="AccessDeniedException", message="No.", times=-1)
        return done

    return asked


def denied(action: str) -> str:
    """How AWS denies a key to another account, and what to do."""
    return (
        f"User: arn:aws:iam::{STAGING}:user/administrator is not authorized to perform: {action} on resource: {{key}} "
        f"because no resource-based policy allows the {action} action). Set key_assume_role to a role in account "
        f"{SECURITY}, which owns the key, that may {action}."
    )


STAGING_TRAIL = f"The trail arn:aws:cloudtrail:eu-west-1:{STAGING}:trail/staging-trail"
REFUSED = [
    Bad(
        "key in the wrong region",
        "fresh",
        with_key("us-east-1"),
        CANNOT_SERVE + f"it is in us-east-1. CloudTrail uses only keys in the bucket's region. Set key_id to a key "
        f"in {HOME}.",
    ),
    Bad(
        "asymmetric key",
        "fresh",
        with_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"),
        CANNOT_SERVE + "it is RSA_2048 for SIGN_VERIFY. CloudTrail uses only keys of spec SYMMETRIC_DEFAULT and usage "
        f"ENCRYPT_DECRYPT. {SERVING}",
    ),
    Bad(
        "key for MACs",
        "fresh",
        with_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"),
        CANNOT_SERVE
        + "it is HMAC_256 for GENERATE_VERIFY_MAC. CloudTrail uses only keys of spec SYMMETRIC_DEFAULT and usage "
        f"ENCRYPT_DECRYPT. {SERVING}",
    ),
    Bad(
        "key without material",
        "fresh",
        with_key(Origin="EXTERNAL"),
        f"{TRAIL}: The key {{key}} is PendingImport, so CloudTrail cannot use it. Bring it back to the state "
        "Enabled, leave the trail out with the option exceptions or the option trails, or set trails to the trail, "
        "key_id to another key and replace_compliant_key: true.",
    ),
    Bad(
        "key managed by AWS",
        "aws-managed-key",
        with_the_trails_own_key,
        CANNOT_SERVE + "it is managed by AWS, so its policy cannot be written. Set key_id to a customer managed "
        "key, or key to another alias.",
    ),
    Bad(
        "key that is not there",
        "fresh",
        asking(given(f"arn:aws:kms:{HOME}:111111111111:key/00000000-0000-0000-0000-000000000000")),
        f"{TRAIL}: There is no key arn:aws:kms:{HOME}:111111111111:key/00000000-0000-0000-0000-000000000000 (Key "
        f"'arn:aws:kms:{HOME}:111111111111:key/00000000-0000-0000-0000-000000000000' does not exist). Set "
        "key_id to a key that exists.",
    ),
    Bad(
        "alias that is not there",
        "fresh",
        asking(given("alias/none")),
        f"{TRAIL}: There is no key alias/none in {HOME} (Alias arn:aws:kms:{HOME}:111111111111:alias/none is not "
        "found.). Set key_id to a key that exists.",
    ),
    Bad(
        "given alias that points elsewhere",
        "fresh",
        with_key(alias="alias/mine", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"),
        BY_ALIAS + "it is RSA_2048 for SIGN_VERIFY. CloudTrail uses only keys of spec SYMMETRIC_DEFAULT and usage "
        f"ENCRYPT_DECRYPT. {SERVING}",
    ),
    Bad(
        "alias to create a key by that points elsewhere",
        "fresh",
        with_key(alias=KeyRequest.alias, request=EnforceRequest(), KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"),
        BY_ALIAS + "it is RSA_2048 for SIGN_VERIFY. CloudTrail uses only keys of spec SYMMETRIC_DEFAULT and usage "
        f"ENCRYPT_DECRYPT. {SERVING}",
    ),
    Bad(
        "key of another account",
        "organization",
        with_a_strangers_key,
        f"{STAGING_TRAIL}: The key {{key}} cannot be read: DescribeKey in {HOME} answered AccessDeniedException ("
        + denied("kms:DescribeKey"),
    ),
    Bad(
        "alias of another account",
        "organization",
        partial(with_a_strangers_key, alias=True),
        f"{STAGING_TRAIL}: The key {{name}} cannot be read: DescribeKey in {HOME} answered AccessDeniedException ("
        + denied("kms:DescribeKey"),
    ),
    Bad(
        "key of another account that shows itself",
        "organization",
        with_a_key_whose_policy_is_a_strangers,
        f"{STAGING_TRAIL}: The policy of {{key}} cannot be read (AccessDeniedException: " + denied("kms:GetKeyPolicy"),
    ),
    Bad(
        "inherited organization trail",
        "organization",
        asking(
            Task(Scope(trails=("organization-trail",)), request=EnforceRequest(trails=("organization-trail",))), STAGING
        ),
        f"The trail arn:aws:cloudtrail:{HOME}:111111111111:trail/organization-trail: it belongs to account "
        "111111111111, and a member of its organization cannot change it. Run this with the credentials of that "
        "account, or remove it from trails. If this account administers CloudTrail for the organization, allow the "
        "caller organizations:ListDelegatedServicesForAccount, which shows it.",
    ),
    Bad(
        "policy of a key that cannot be read",
        "fresh",
        unread("kms:GetKeyPolicy", with_key()),
        f"{TRAIL}: The policy of {{key}} cannot be read (AccessDeniedException: No.). Allow the caller "
        "kms:GetKeyPolicy.",
    ),
    Bad(
        "policy of a key that denies",
        "policy-denying",
        with_the_trails_own_key,
        f'{TRAIL}: The policy of {{key}} is left as it is: Statement "Deny data keys" denies kms:GenerateDataKey '
        'to cloudtrail.amazonaws.com. No Allow overrides a Deny: statement "Deny data keys" targets '
        "cloudtrail.amazonaws.com, and its author decides whether that is intended. If it stays, leave the trail "
        "out with the option exceptions or the option trails, or set trails to the trail, key_id to another key and "
        "replace_compliant_key: true.",
    ),
    Bad(
        "bucket policy that denies",
        "fresh",
        with_a_denying_bucket,
        f"{TRAIL}: with the key arn:aws:kms:{HOME}:111111111111:key/to-be-created: The policy of the bucket "
        "logs-111111111111 does not let CloudTrail upload logs encrypted under this key to "
        'logs-111111111111/AWSLogs/111111111111/CloudTrail/ap-southeast-2. Statement "Only AES256" denies '
        "s3:PutObject to cloudtrail.amazonaws.com: its condition StringNotEquals s3:x-amz-server-side-encryption "
        '= "AES256" holds: the request has "aws:kms". No Allow overrides a Deny: in statement "Only '
        'AES256", add "aws:kms" to the values of s3:x-amz-server-side-encryption.',
    ),
    Bad(
        "exception that has expired",
        "fresh",
        asking(
            Task(
                settings=Settings(
                    exceptions=(TrailException("main", ("trail_has_kms_key",), "migration", "ops", date(2020, 1, 1)),)
                )
            )
        ),
        f"{TRAIL}: an exception has expired, and what it covered would be changed now: trail_has_kms_key, "
        "excepted until 2020-01-01 by ops (migration). Renew it, or remove it from exceptions.",
    ),
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_it_is_refused_before_the_first_write(load: Callable[[str], Lab], bad: Bad) -> None:
    lab = load(bad.scenario)
    asked = bad.ask(lab)
    lab.aws.clear_calls()
    for check_mode in (True, False):
        task = replace(asked.task, check_mode=check_mode)
        outcome = alone(lab.of(asked.account or "111111111111").access, task, lab.clock.pace())
        assert (*map(str, outcome.refusals),) == (bad.message.format(**asked.names),)
        assert (outcome.errors, outcome.after) == ((), outcome.before)
    assert lab.writes() == []


ORPHANED = "AIDACKCEVSQ6C2EXAMPLE"
# What KMS would never answer, and what it answers and would not take back.
UNUSABLE = {
    "no JSON": (
        "no JSON",
        "{trail}: Nothing can be added to the policy of {key}: The policy is not JSON: Expecting value: line 1 "
        "column 1 (char 0). Fix it, or set key_id to another key.",
    ),
    "a deleted user": (
        json.dumps({"Statement": [{**SHOWN, "Principal": {"AWS": ORPHANED}}]}),
        '{trail}: The policy of {key} is left as it is: statement "Show" names '
        + ORPHANED
        + ", the id of a user or role that was deleted",
    ),
}


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_a_policy_that_cannot_be_written_back(
    load: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, unusable: str
) -> None:
    policy, message = UNUSABLE[unusable]
    lab = load("fresh")
    arn = new_key(lab)
    lab.aws.clear_calls()
    replace_everywhere(monkeypatch, _calls.key_policy, lambda *_called: policy)
    for check_mode in (True, False):
        (refused,) = map(str, lab.enforce(given(arn), check_mode=check_mode).refusals)
        assert refused.startswith(message.format(trail=TRAIL, key=arn))
    assert lab.writes() == []


def test_a_reached_quota_of_keys_is_told_and_nothing_is_written(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.aws.add_fault("kms:CreateKey", code="LimitExceededException", message="Too many keys.", times=-1)
    outcome = lab.enforce()
    assert outcome.errors == (
        f"CreateKey of arn:aws:kms:{HOME}:111111111111:key/to-be-created in {HOME} failed: LimitExceededException: "
        "Too many keys. A quota of the account is reached: delete what is not needed, or request a higher quota. "
        "Then run again.",
    )
    assert [change.status for change in outcome.changes] == ["failed", *["not_attempted"] * 3]
    assert [call["result"] for call in lab.aws.calls() if call["kind"] == "write"] == ["LimitExceededException"]


def test_a_reader_that_does_not_exist_is_told_of_as_what_may_be_wrong(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    lab.aws.add_fault("iam:GetRole", code="AccessDenied", status=403, times=-1)
    outcome = lab.enforce(settings=Settings(readers=("arn:aws:iam::111111111111:role/Nobody",)))
    (told,) = map(str, outcome.errors)
    assert "MalformedPolicyDocumentException" in told
    assert told.endswith(
        "KMS accepts only principals that exist. Correct or remove the one that is named above. Then run again."
    )


def test_a_trail_that_is_not_there(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    with pytest.raises(AwsError, match="has no trail absent"):
        lab.enforce(scope=Scope(trails=("absent",)))


def test_an_exception_is_never_applied_without_a_word(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    until = TrailException("main", ("trail_has_kms_key",), "migration", "ops", date.max)
    other = TrailException("mian", ("trail_has_kms_key",), "migration", "ops", date.max)
    outcome = lab.enforce(settings=Settings(exceptions=(until, other)))
    assert (outcome.changes, outcome.refusals) == ((), ())
    unused, left = map(str, outcome.warnings)
    assert unused.startswith("The exception for trail mian matches no trail that was read in account 111111111111. ")
    assert left.startswith("Not changed, because of an exception: trail_has_kms_key of arn:aws:cloudtrail:")
    expired = TrailException("main", ("trail_has_kms_key",), "migration", "ops", date(2020, 1, 1))
    assert lab.enforce(settings=Settings(exceptions=(expired,))).refusals
    assert lab.writes() == []

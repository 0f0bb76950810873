# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trails, keys and buckets of another tool are changed only with change_managed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import CREATED_FOR_TAG
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Task
from tests.unit.enforce.creating import ACCOUNT, ALL, BUCKET, HOME, TRAIL, TRAIL_ARN, create, with_bucket
from tests.unit.enforce.lab import Lab
from tests.unit.enforce.many import REQUEST, TRAILS, operations, served, troubles
from tests.unit.enforce.test_other_accounts import SANDBOX, SECURITY

READER = f"arn:aws:iam::{ACCOUNT}:role/LogAuditor"
LACKS_READER = Task(settings=Settings(readers=(READER,)))
DENIED = {"code": "AccessDenied", "status": 403, "message": "No.", "times": -1}


def allowing(task: Task) -> Task:
    return replace(task, request=replace(task.request, change_managed=True))


def tag_key(lab: Lab, arn: str, **tags: str) -> None:
    rows = [{"TagKey": name.replace("_", "-"), "TagValue": value} for name, value in tags.items()]
    lab.client("kms", HOME).tag_resource(KeyId=arn, Tags=rows)
    lab.aws.clear_calls()


def key_of_the_trail(lab: Lab) -> str:
    (trail,) = lab.trails().values()
    return str(trail["KmsKeyId"])


def tool_of(done: Outcome) -> list[str]:
    return [each.tool for change in done.changes for each in change.to_add]


def refused(lab: Lab, task: Task) -> Outcome:
    """The outcome of check mode and of a run, which say the same and write nothing."""
    told, done = lab.enforce(task, check_mode=True), lab.enforce(task)
    assert (told.refusals, lab.writes()) == (done.refusals, [])
    assert {change.status for change in done.changes} == {"not_attempted"}
    return done


def test_a_key_of_terraform_is_changed_only_if_allowed(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")
    key = key_of_the_trail(lab)
    tag_key(lab, key, managed_by="terraform")
    done = refused(lab, LACKS_READER)
    (refusal,) = done.refusals
    assert str(refusal).endswith("Or set change_managed: true.")
    assert (refusal.key, tool_of(done)) == (key, ["Terraform"])
    assert f'identifiers = ["{READER}"]' in refusal.to_add[0].text

    done = lab.enforce(allowing(LACKS_READER))
    assert (done.refusals, lab.writes(), tool_of(done)) == ((), ["PutKeyPolicy"], ["Terraform"])
    assert [each for each in map(str, done.warnings) if "make the change there too" in each] == [
        f"{key} carries the tags of Terraform, which may revert the change: make the change there too."
    ]
    lab.aws.clear_calls()
    assert (lab.enforce(LACKS_READER).refusals, lab.writes()) == ((), [])


def test_tags_are_read_of_what_changes_and_of_nothing_else(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")

    def reads_of_tags(task: Task) -> Counter[str]:
        lab.aws.clear_calls()
        lab.enforce(task, check_mode=True)
        asked = Counter(call["action"] for call in lab.aws.calls())
        return Counter({name: asked[name] for name in ("ListTags", "ListResourceTags", "GetBucketTagging")})

    assert reads_of_tags(Task()).total() == 0
    assert reads_of_tags(LACKS_READER) == {"ListTags": 0, "ListResourceTags": 1, "GetBucketTagging": 0}


def test_a_key_that_we_have_created_is_ours(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")
    tag_key(lab, key_of_the_trail(lab), managed_by="terraform", **{CREATED_FOR_TAG: "alias/cloudtrail"})
    assert (lab.enforce(LACKS_READER).refusals, lab.writes()) == ((), ["PutKeyPolicy"])


def test_a_trail_of_a_stack_gets_no_key(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    (arn,) = lab.trails()
    tags = [{"Key": "aws:cloudformation:stack-name", "Value": "baseline"}]
    lab.client("cloudtrail", HOME).add_tags(ResourceId=arn, TagsList=tags)
    lab.aws.clear_calls()
    done = refused(lab, Task())
    (refusal,) = done.refusals
    assert (refusal.trails, '"Fn::GetAtt"' in refusal.to_add[0].text) == ((arn,), True)
    done = lab.enforce(allowing(Task()))
    assert lab.writes() == ["CreateKey", "CreateAlias", "UpdateTrail", "EnableKeyRotation"]
    assert key_of_the_trail(lab) in done.changes[2].to_add[0].text


def test_a_bucket_of_the_cdk_gets_no_policy(load: Callable[[str], Lab]) -> None:
    lab = with_bucket(load("no-trails"))
    tags = {"TagSet": [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}]}
    lab.client("s3", HOME).put_bucket_tagging(Bucket=BUCKET, Tagging=tags)
    lab.aws.clear_calls()
    done = create(lab)
    (refusal,) = done.refusals
    assert str(refusal).startswith(f"The bucket arn:aws:s3:::{BUCKET} carries the tags of CDK, ")
    assert (tool_of(done), lab.writes()) == (["CDK"], [])
    request = replace(Task().request, create_trail=TRAIL, change_managed=True)
    assert (lab.enforce(request=request).errors, lab.writes()) == ((), ALL)


@pytest.mark.parametrize("call", ["kms:ListResourceTags", "s3:GetBucketTagging"])
def test_tags_that_cannot_be_read_are_told(load: Callable[[str], Lab], call: str) -> None:
    lab = with_bucket(load("no-trails"))
    kms = lab.client("kms", HOME)
    alias, key = "alias/aws-baseline-cloudtrail", kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    lab.aws.clear_calls()
    lab.aws.add_fault(call, **DENIED)
    done = create(lab)
    (warning,) = (each for each in map(str, done.warnings) if "It is unknown whether another tool owns" in each)
    assert call in warning
    assert (done.refusals, TRAIL_ARN in lab.trails()) == ((), True)


def test_a_restore_goes_back_to_what_the_tool_knows(load: Callable[[str], Lab]) -> None:
    lab = load("reader-missing")
    backup = lab.enforce(LACKS_READER).backup
    tag_key(lab, key_of_the_trail(lab), terraform="1")
    done = lab.enforce(restore=backup)
    assert (done.refusals, lab.writes()) == ((), ["PutKeyPolicy"])
    assert any("carries the tags of Terraform" in each for each in map(str, done.warnings))


def test_a_shared_key_of_a_tool_stops_all_that_need_it(load: Callable[[str], Lab]) -> None:
    lab = load("central-key")
    served(lab, SANDBOX)
    kms = lab.of(SECURITY).client("kms", HOME)
    key = kms.describe_key(KeyId="alias/aws-baseline-cloudtrail")["KeyMetadata"]["Arn"]
    kms.untag_resource(KeyId=key, TagKeys=[CREATED_FOR_TAG])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "Terraform", "TagValue": "1"}])
    lab.aws.clear_calls()
    done = served(lab)
    others = [account for account in TRAILS if account != SANDBOX]
    assert {each: len(told) for each, told in troubles(done).items()} == dict.fromkeys(others, 1)
    assert all(f"The key {key} carries the tags of Terraform" in told[0] for told in troubles(done).values())
    assert lab.writes() == []
    done = served(lab, request=replace(REQUEST, change_managed=True))
    assert (troubles(done), operations(done)[f"key of {SECURITY}"]) == ({}, ["PutKeyPolicy"])

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a key policy can name, and who can write it, is known in check mode as in the run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from tests.unit.enforce.lab import HOME, Lab

ACCOUNT = "111111111111"
NOBODY = f"arn:aws:iam::{ACCOUNT}:role/Nobody"
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:user/administrator"
ELSEWHERE = "arn:aws:iam::999999999999:role/Nobody"


def refused(lab: Lab, task: Task) -> str:
    """The one refusal, of check mode and of the run alike; nothing is written."""
    told = [lab.enforce(task, check_mode=check_mode).refusals for check_mode in (True, False)]
    assert (told[0], lab.writes()) == (told[1], [])
    (refusal,) = map(str, told[0])
    return refusal


@pytest.mark.parametrize(
    ("scenario", "task"),
    [
        ("fresh", Task(settings=Settings(readers=(NOBODY,)))),
        ("healthy", Task(settings=Settings(readers=(NOBODY,)))),
        ("fresh", Task(request=EnforceRequest(key=KeyRequest(administrators=(NOBODY,))))),
        ("fresh", Task(settings=Settings(readers=(NOBODY.replace("role", "user"),)))),
    ],
)
def test_a_principal_that_does_not_exist_is_refused(scenario: str, task: Task, load: Callable[[str], Lab]) -> None:
    why = "Nobody, which key policies would name, does not exist; KMS accepts only principals that exist"
    assert why in refused(load(scenario), task)


def test_a_reader_of_another_partition_is_refused(load: Callable[[str], Lab]) -> None:
    task = Task(settings=Settings(readers=(NOBODY.replace("arn:aws:", "arn:aws-cn:"),)))
    assert "is of the partition aws-cn" in refused(load("fresh"), task)


def test_what_cannot_be_asked_is_left_to_kms(load: Callable[[str], Lab]) -> None:
    """A reader of an account that no credential opens; and one of which the caller may not ask."""
    lab = load("fresh")
    outcome = lab.enforce(Task(settings=Settings(readers=(ELSEWHERE,))), check_mode=True)
    assert (outcome.refusals, [call for call in lab.aws.calls() if call["service"] == "iam"]) == ((), [])
    lab.aws.add_fault("iam:GetRole", code="AccessDenied", status=403, times=-1)
    assert lab.enforce(Task(settings=Settings(readers=(NOBODY,))), check_mode=True).refusals == ()


def test_only_principals_that_a_policy_would_newly_name_are_asked_for(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    task = Task(settings=Settings(readers=(ADMINISTRATOR,)))
    lab.enforce(task)
    assert "UpdateTrail" in lab.writes()
    lab.aws.clear_calls()
    lab.enforce(task)
    assert {call["action"] for call in lab.aws.calls() if call["service"] == "iam"} == {"SimulatePrincipalPolicy"}


def test_a_reader_whom_the_bucket_policy_keeps_out_keeps_no_trail_from_its_key(load: Callable[[str], Lab]) -> None:
    lab = load("fresh")
    done = lab.enforce(Task(settings=Settings(readers=(ELSEWHERE,))))
    assert (done.refusals, "UpdateTrail" in lab.writes()) == ((), True)
    assert done.after is not None
    assert {each.rule for trail in done.after.trails for each in trail.findings if each.status == "fail"} == {
        "readers_can_read"
    }


def test_a_policy_that_only_another_may_write_is_refused_with_who_may(load: Callable[[str], Lab]) -> None:
    lab = load("policy-lacking")
    (arn,) = lab.keys(HOME)
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    read = {"Effect": "Allow", "Principal": root, "Action": ["kms:Describe*", "kms:Get*", "kms:List*"], "Resource": "*"}
    own = {"Effect": "Allow", "Principal": {"AWS": ELSEWHERE}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [read, own]})
    lab.client("kms", HOME).put_key_policy(
        KeyId=arn, PolicyName="default", Policy=policy, BypassPolicyLockoutSafetyCheck=True
    )
    lab.aws.clear_calls()
    refusal = refused(lab, Task())
    assert f"The key {arn} cannot be changed: its policy does not let {ADMINISTRATOR} call kms:PutKeyPolicy" in refusal
    assert f"Its policy names {ELSEWHERE}: run with one of these." in refusal

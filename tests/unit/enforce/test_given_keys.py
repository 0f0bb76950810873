# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key that a user names, by any of its names, whoever owns it, and what its alias leads to afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role, Scope
from tests.unit.access import caller
from tests.unit.enforce.lab import Lab, given, new_key

HOME = "eu-central-1"
SECURITY = "555555555555"


def test_no_alias_is_pointed_to_another_key(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    arn = new_key(lab)
    lab.client("kms", HOME).create_alias(AliasName=KeyRequest.alias, TargetKeyId=arn)
    lab.aws.clear_calls()
    assert (lab.enforce().changes, lab.writes()) == ((), [])
    lab.enforce(Task(request=EnforceRequest(replace_compliant_key=True)))
    assert lab.writes() == ["PutKeyPolicy", "UpdateTrail", "EnableKeyRotation"]
    assert lab.client("kms", HOME).describe_key(KeyId=KeyRequest.alias)["KeyMetadata"]["Arn"] == arn


@pytest.mark.parametrize("form", ["{arn}", "{id}", "alias/mine", "{head}:alias/mine"])
def test_a_key_serves_by_any_of_its_names(load: Callable[[str], Lab], form: str) -> None:
    lab = load("fresh")
    arn = new_key(lab)
    lab.client("kms", HOME).create_alias(AliasName="alias/mine", TargetKeyId=arn)
    lab.aws.clear_calls()
    head, key_id = arn.rpartition(":")[0], arn.rpartition("/")[2]
    outcome = lab.enforce(given(form.format(arn=arn, id=key_id, head=head)))
    assert lab.writes() == ["PutKeyPolicy", "UpdateTrail"]
    assert outcome.changes[1].parameters["KmsKeyId"] == arn


def test_the_owner_of_a_central_key_opens_it(load: Callable[[str], Lab]) -> None:
    lab = load("organization")
    (arn,) = lab_keys(lab, SECURITY)
    role = Role(f"arn:aws:iam::{SECURITY}:role/CloudTrailKmsAudit", "audit-2026")
    task = Task(
        Scope(trails=("organization-trail",), key_role=role, regions=(HOME,)),
        request=EnforceRequest(key=None, key_id=arn, replace_compliant_key=True, trails=("organization-trail",)),
    )
    outcome = lab.enforce(task)
    assert (outcome.refusals, outcome.changes) == ((), ())


def lab_keys(lab: Lab, account_id: str) -> list[str]:
    """The ARNs of an account's keys in the home region."""
    access = caller(lab.aws, account_id)
    return [row["KeyArn"] for row in access.send("kms", HOME, "ListKeys")["Keys"]]

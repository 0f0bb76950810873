# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key that comes back from its deletion: whether it rotates then is not told before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Key, ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, KeyRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Task
from tests.unit.enforce.lab import HOME, Lab, comparable, comparable_changes, statuses
from tests.unit.enforce.many import REQUEST, served, troubles
from tests.unit.enforce.test_other_accounts import SECURITY, of_security

OURS = Task(
    request=EnforceRequest(key=KeyRequest(alias="alias/cloudtrail"), allow_enable_key=True, allow_cancel_deletion=True)
)
KEPT = ["CancelKeyDeletion", "EnableKey"]


def scheduled(lab: Lab, *, rotating: bool) -> str:
    """Schedule the deletion of the trail's key, which is ours by its alias; its ARN."""
    kms = lab.client("kms", HOME)
    arn = str(kms.describe_key(KeyId="alias/cloudtrail")["KeyMetadata"]["Arn"])
    if not rotating:
        kms.disable_key_rotation(KeyId=arn)
    kms.schedule_key_deletion(KeyId=arn)
    lab.aws.clear_calls()
    return arn


@pytest.mark.parametrize("rotating", [True, False])
def test_rotation_comes_back_as_it_was_and_is_turned_on_only_if_it_was_off(
    load: Callable[[str], Lab], rotating: bool
) -> None:
    lab = load("healthy")
    arn = scheduled(lab, rotating=rotating)
    told = lab.enforce(OURS, check_mode=True)
    assert [change.operation for change in told.changes] == KEPT
    assert f"KMS does not show whether {arn} rotates while its deletion is scheduled." in str(told.warnings[0])
    assert told.after is not None
    key = told.after.snapshot.keys[arn]
    assert isinstance(key, Key)
    assert isinstance(key.rotation_enabled, ReadError)
    done = lab.enforce(OURS)
    operations = KEPT if rotating else [*KEPT, "EnableKeyRotation"]
    assert statuses(done) == [(operation, "applied") for operation in operations]
    assert (done.errors, lab.writes()) == ((), operations)
    if rotating:
        assert comparable(done) == comparable(told)
    assert lab.client("kms", HOME).get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"] is True
    assert (lab.enforce(OURS).changes, lab.writes()) == ((), operations)


def test_the_rotation_of_somebody_else_s_key_is_no_matter_of_ours(load: Callable[[str], Lab]) -> None:
    lab = load("healthy")
    arn = scheduled(lab, rotating=False)
    task = replace(OURS, request=replace(OURS.request, key=KeyRequest()))
    told, done = lab.enforce(task, check_mode=True), lab.enforce(task)
    assert [warning for warning in map(str, told.warnings) if "rotates" in warning] == []
    assert (statuses(done), lab.writes()) == ([(operation, "applied") for operation in KEPT], KEPT)
    assert lab.client("kms", HOME).get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"] is False


@pytest.mark.parametrize(
    ("scheduled", "expected"), [(False, ["EnableKey", "EnableKeyRotation"]), (True, [*KEPT, "EnableKeyRotation"])]
)
def test_a_key_of_many_accounts_that_comes_back_needs_no_second_run(
    load: Callable[[str], Lab], scheduled: bool, expected: list[str]
) -> None:
    lab = load("central-key")
    served(lab)
    ((arn, _key),) = of_security(lab).items()
    kms = lab.of(SECURITY).client("kms", HOME)
    kms.disable_key_rotation(KeyId=arn)
    if scheduled:
        kms.schedule_key_deletion(KeyId=arn)
    else:
        kms.disable_key(KeyId=arn)
    lab.aws.clear_calls()
    told, done = (served(lab, request=OURS_CENTRAL, check_mode=check_mode) for check_mode in (True, False))
    assert (troubles(done), lab.writes()) == ({}, expected)
    ((_owner, key),) = done.keys
    assert [change.status for change in key.changes] == ["applied"] * len(expected)
    if not scheduled:
        assert comparable_changes(told.keys[0][1].changes) == comparable_changes(key.changes)
    assert (served(lab, request=OURS_CENTRAL).keys, lab.writes()) == ((), expected)


OURS_CENTRAL = replace(REQUEST, allow_enable_key=True, allow_cancel_deletion=True)

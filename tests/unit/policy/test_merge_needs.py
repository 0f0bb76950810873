# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merging for a trail that needs only a part, for log files that are known by name, and with what was read besides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _merge
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import Budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Known
from tests.unit.policy.golden_tables import OWNER, ROLE, TRAIL
from tests.unit.policy.merging import DESCRIBE, READERS, ROOT, SERVICE, USE, document, merged, required

ENCRYPT, DESCRIBES = "kms:GenerateDataKey", "kms:DescribeKey"
THEIRS = {**DESCRIBE, "Sid": "Theirs"}
NEVER = {**THEIRS, "Sid": "Never", "Effect": "Deny"}


@pytest.mark.parametrize(
    ("before", "needs", "added"),
    [
        # DescribeKey comes along with what CloudTrail gets anyway, unless it has it, or somebody denies it.
        ([ROOT], {ENCRYPT}, [USE, DESCRIBE]),
        ([ROOT, THEIRS], {ENCRYPT}, [USE]),
        ([ROOT, NEVER], {ENCRYPT}, [USE]),
        ([ROOT, {**THEIRS, "Condition": {"StringEquals": {"aws:SourceOrgID": "o-a"}}}], {ENCRYPT}, [USE, DESCRIBE]),
        ([ROOT, USE], {ENCRYPT}, []),
        ([ROOT, USE], {ENCRYPT, DESCRIBES}, [DESCRIBE]),
        # A reader is nothing that CloudTrail gets.
        ([ROOT], {ROLE}, [READERS]),
        ([ROOT], set(), []),
    ],
)
def test_a_trail_gets_what_it_needs(before: list[Any], needs: set[str], added: list[Any]) -> None:
    """The policy lacks more than that, and for other trails all of it would be added."""
    wanted = replace(required(readers=(ROLE,)), needed={TRAIL: frozenset(needs)})
    assert merged(document(*before), wanted) == [*before, *added]


OF_LOGS = {**READERS, "Sid": "Logs", "Condition": {"StringLike": {"kms:EncryptionContext:aws:s3:arn": "*/AWSLogs/*"}}}


@pytest.mark.parametrize(
    ("files", "added"),
    [
        (["arn:aws:s3:::logs/AWSLogs/1"], []),
        (["arn:aws:s3:::logs/AWSLogs/1", "arn:aws:s3:::logs/AWSLogs/2"], []),
        (["arn:aws:s3:::logs/AWSLogs/1", "arn:aws:s3:::logs/else"], [READERS]),
        (["arn:aws:s3:::logs/else", "arn:aws:s3:::logs/AWSLogs/1"], [READERS]),
        ([], [READERS]),
    ],
)
def test_a_reader_decrypts_each_log_file_that_is_known(files: list[str], added: list[Any]) -> None:
    """Where none is, the policy has to let it decrypt any."""
    wanted = replace(required(readers=(ROLE,)), log_contexts={TRAIL: tuple(files)})
    before = [ROOT, USE, DESCRIBE, OF_LOGS]
    assert merged(document(*before), wanted) == [*before, *added]


def test_what_was_read_settles_conditions_on_it() -> None:
    """So that nothing is added beside them."""
    at_home = {"StringEquals": {"aws:ResourceOrgID": "o-own"}}
    theirs = {"Effect": "Allow", "Principal": {**SERVICE, "AWS": ROLE}, "Action": "kms:*", "Resource": "*"}
    policy = parse(document(ROOT, {**theirs, "Condition": at_home}))
    wanted = required(readers=(ROLE,))
    assert _merge.merge(policy, replace(wanted, known=Known(organizations={OWNER: "o-own"}))) is policy
    assert len(_merge.merge(policy, wanted).statements) == 5


def test_a_policy_that_takes_too_many_steps_is_left_as_it_is() -> None:
    """All calls share the steps of one question; when these are spent nothing is proven."""
    complete = parse(document(ROOT, USE, DESCRIBE))
    refused = pytest.raises(_merge.MergeRefusedError, match="is left as it is: Deciding whether the policy allows")
    with patch.object(_merge, "_budget_of", return_value=Budget(0)), refused:
        _merge.merge(complete, required())

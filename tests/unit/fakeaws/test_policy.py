# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fake AWS's own policy evaluator: principals, actions, resources, and Deny over Allow."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakeaws.policy import Requester, Verdict, evaluate

KEY = "arn:aws:kms:eu-central-1:111111111111:key/k"
SERVICE = Requester(service="cloudtrail.amazonaws.com")
ROLE = Requester(
    account="111111111111",
    arns=frozenset({"arn:aws:iam::111111111111:role/R", "arn:aws:sts::111111111111:assumed-role/R/s"}),
)
TRAIL = {"Service": "cloudtrail.amazonaws.com"}


def statement(principal: Any, action: Any = "kms:Decrypt", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", **more}


def ask(requester: Requester, *statements: dict[str, Any], action: str = "kms:Decrypt") -> Verdict:
    return evaluate({"Statement": list(statements)}, requester, action, KEY, {"aws:SourceAccount": "1"})


@pytest.mark.parametrize(
    ("requester", "principal", "expected"),
    [
        (SERVICE, TRAIL, Verdict.ALLOWED),
        (SERVICE, {"Service": ["s3.amazonaws.com", "cloudtrail.amazonaws.com"]}, Verdict.ALLOWED),
        (SERVICE, {"Service": "s3.amazonaws.com"}, Verdict.NONE),
        (SERVICE, "*", Verdict.ALLOWED),
        (SERVICE, {"AWS": "*"}, Verdict.ALLOWED),
        (SERVICE, {"AWS": "111111111111"}, Verdict.NONE),
        (ROLE, TRAIL, Verdict.NONE),
        (ROLE, {"AWS": "arn:aws:iam::111111111111:role/R"}, Verdict.ALLOWED),
        (ROLE, {"AWS": "arn:aws:sts::111111111111:assumed-role/R/s"}, Verdict.ALLOWED),
        (ROLE, {"AWS": "arn:aws:iam::111111111111:role/Other"}, Verdict.NONE),
        (ROLE, {"AWS": "111111111111"}, Verdict.ALLOWED_TO_ACCOUNT),
        (ROLE, {"AWS": "arn:aws:iam::111111111111:root"}, Verdict.ALLOWED_TO_ACCOUNT),
        (ROLE, {"AWS": "arn:aws:iam::222222222222:root"}, Verdict.NONE),
        (ROLE, {"AWS": ["111111111111", "arn:aws:iam::111111111111:role/R"]}, Verdict.ALLOWED),
        (ROLE, None, Verdict.NONE),
    ],
)
def test_principals(requester: Requester, principal: Any, expected: Verdict) -> None:
    assert ask(requester, statement(principal)) is expected


def test_not_principal_reaches_all_others() -> None:
    other = {"Effect": "Deny", "NotPrincipal": TRAIL, "Action": "kms:*", "Resource": "*"}
    assert ask(SERVICE, statement(TRAIL), other) is Verdict.ALLOWED
    assert ask(ROLE, statement("*"), other) is Verdict.DENIED


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"Action": "KMS:decrypt"}, Verdict.ALLOWED),
        ({"Action": ["kms:Encrypt", "kms:De*"]}, Verdict.ALLOWED),
        ({"Action": "kms:Encrypt"}, Verdict.NONE),
        ({"NotAction": "kms:Encrypt"}, Verdict.ALLOWED),
        ({"NotAction": "kms:*"}, Verdict.NONE),
        ({}, Verdict.NONE),
    ],
)
def test_actions(elements: dict[str, Any], expected: Verdict) -> None:
    assert ask(SERVICE, {"Effect": "Allow", "Principal": TRAIL, "Resource": "*", **elements}) is expected


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"Resource": KEY}, Verdict.ALLOWED),
        ({"Resource": ["arn:aws:s3:::x", "arn:aws:kms:*"]}, Verdict.ALLOWED),
        ({"Resource": KEY.upper()}, Verdict.NONE),
        ({"NotResource": "arn:aws:s3:::*"}, Verdict.ALLOWED),
        ({"Resource": "arn:aws:kms:*:${aws:SourceAccount}:*"}, Verdict.NONE),
        ({}, Verdict.NONE),
    ],
)
def test_resources(elements: dict[str, Any], expected: Verdict) -> None:
    assert ask(SERVICE, {"Effect": "Allow", "Principal": TRAIL, "Action": "kms:*", **elements}) is expected


def test_deny_wins_wherever_it_stands() -> None:
    deny = statement("*", "kms:*", "Deny")
    assert ask(SERVICE, statement(TRAIL), deny) is Verdict.DENIED
    assert ask(SERVICE, deny, statement(TRAIL)) is Verdict.DENIED


def test_direct_permission_is_kept_beside_that_of_the_account() -> None:
    direct, account = statement({"AWS": "arn:aws:iam::111111111111:role/R"}), statement({"AWS": "111111111111"})
    assert ask(ROLE, direct, account) is Verdict.ALLOWED
    assert ask(ROLE, account, direct) is Verdict.ALLOWED


def test_condition_limits_the_statement() -> None:
    limited = statement(TRAIL, Condition={"StringEquals": {"aws:SourceAccount": "2"}})
    assert ask(SERVICE, limited) is Verdict.NONE


def test_single_statement_needs_no_list() -> None:
    assert evaluate({"Statement": statement(TRAIL)}, SERVICE, "kms:Decrypt", KEY, {}) is Verdict.ALLOWED

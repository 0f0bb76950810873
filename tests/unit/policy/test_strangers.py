# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a Principal element names outside of an account."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._principals import Principals
from tests.unit.policy.golden_tables import OWNER, ROLE

OTHER = "444455556666"
FEDERATED = "arn:aws:iam::111122223333:saml-provider/idp"


@pytest.mark.parametrize(
    ("principal", "strangers"),
    [
        ("*", ["everybody"]),
        ({"AWS": "*"}, ["everybody"]),
        ({"AWS": [OWNER, f"arn:aws:iam::{OWNER}:root", ROLE]}, []),
        ({"AWS": [OTHER, ROLE, f"arn:aws:iam::{OTHER}:root"]}, [OTHER, f"arn:aws:iam::{OTHER}:root"]),
        ({"AWS": [f"arn:aws:sts::{OTHER}:assumed-role/a/b"]}, [f"arn:aws:sts::{OTHER}:assumed-role/a/b"]),
        # Nobody is behind the id of a principal that was deleted, and AWS's services are no strangers.
        ({"AWS": "AIDACKCEVSQ6C2EXAMPLE", "Service": "config.amazonaws.com"}, []),
        ({"Federated": "accounts.google.com", "CanonicalUser": "79a5"}, ["accounts.google.com", "79a5"]),
        # What cannot be read may be anybody.
        ({"AWS": ROLE, "Aws": ROLE}, [ROLE]),
        ("111122223333", ["111122223333"]),
    ],
)
def test_who_is_outside_of_the_account(principal: Any, strangers: list[str]) -> None:
    assert Principals(principal, negated=False).strangers(OWNER) == strangers


def test_all_but_some_are_everybody() -> None:
    assert Principals({"AWS": ROLE}, negated=True).strangers(OWNER) == ["everybody"]

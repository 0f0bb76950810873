# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules that make sure of a new account's bucket are refused without each of their actions, by its name.

They run in this process as the role's tasks/bucket.yml calls them, each time under another role of the account and for
a bucket of its own: once to make it, and once to find it made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.amazon.aws.plugins.modules import s3_bucket
from ansible_collections.community.aws.plugins.modules import s3_lifecycle

from tests.fakeaws.client import FakeAws
from tests.unit.enforce.lab import Clock, Lab
from tests.unit.modules import answer, connection
from tools.permissions import BUCKET_ACTIONS, BUCKET_LOOKS, actions, policy

ROOT = Path(__file__).parents[2]
GRANTED: Mapping[str, list[str]] = {
    **{
        f"lacks-{name.partition(':')[2]}": [each for each in actions("provision") if each != name]
        for name in BUCKET_ACTIONS
    },
    "as-shipped": actions("provision"),
    "quiet": [*actions("provision"), *BUCKET_LOOKS],
}
LOCK = {"object_lock_enabled": True, "object_lock_default_retention": {"mode": "GOVERNANCE", "days": 1}}


@dataclass(frozen=True)
class Vending:
    """A fake AWS whose new account has a role for each of GRANTED."""

    lab: Lab

    def provision(self, role: str, *, lock: bool = True) -> list[dict[str, Any]]:
        """What the modules answer, one after the other, as far as they come."""
        arn = f"arn:aws:iam::{self.lab.account}:role/{role}"
        sts = self.lab.client("sts", self.lab.aws.scenario["region"])
        keys = sts.assume_role(RoleArn=arn, RoleSessionName="vending")["Credentials"]
        session = {
            **connection(self.lab.aws),
            "access_key": keys["AccessKeyId"],
            "secret_key": keys["SecretAccessKey"],
            "session_token": keys["SessionToken"],
        }
        bucket = {
            "name": f"logs-{role.lower()}",
            "tags": {"team": "a"},
            **asked_by_the_role(),
            **(LOCK if lock else {}),
        }
        lifecycle = {"name": bucket["name"], "rule_id": "aws-baseline-cloudtrail", "expiration_days": 400}
        answers: list[dict[str, Any]] = []
        for module, options in [(s3_bucket, bucket), (s3_lifecycle, lifecycle)] * 2:
            answers.append(answer(module, {**session, **options}))
            if answers[-1].get("failed"):
                break
        return answers


def asked_by_the_role() -> dict[str, Any]:
    """The options that tasks/bucket.yml gives to amazon.aws.s3_bucket, less those that are the user's."""
    tasks = yaml.safe_load((ROOT / "roles" / "cloudtrail_kms" / "tasks" / "bucket.yml").read_text(encoding="utf-8"))
    find_or_create = tasks[-1]["block"][0]["block"][0]
    options: dict[str, Any] = find_or_create["amazon.aws.s3_bucket"]
    return {name: value for name, value in options.items() if "{{" not in str(value)}


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> str:
    spec = yaml.safe_load((ROOT / "tests" / "fakeaws" / "scenarios" / "no-trails.yml").read_text(encoding="utf-8"))
    spec["roles"] = {role: {"policy": policy(names, "aws")} for role, names in GRANTED.items()}
    path = tmp_path_factory.mktemp("vending") / "no-trails.yml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return str(path)


@pytest.fixture
def vending(server: FakeAws, scenario: str) -> Vending:
    server.reset(scenario)
    return Vending(Lab(server, Clock()))


@pytest.mark.parametrize("action", [name for name in BUCKET_ACTIONS if name != "s3:ListBucket"])
def test_each_action_is_missed_by_name(vending: Vending, action: str) -> None:
    # A bucket with Object Lock is born versioned.
    answers = vending.provision(f"lacks-{action.partition(':')[2]}", lock=action != "s3:PutBucketVersioning")
    assert f"is not authorized to perform: {action} on resource" in answers[-1]["msg"]


def test_look_at_a_bucket_that_is_there_is_missed(vending: Vending) -> None:
    """Without words: the answer to a HEAD request has no body. The role adds the action's name."""
    made, _lifecycle, found = vending.provision("lacks-ListBucket")
    assert made["changed"] is True
    assert found["msg"].endswith("An error occurred (403) when calling the HeadBucket operation: Forbidden")


@pytest.mark.parametrize(
    ("role", "lock", "denied"),
    [("as-shipped", True, {*BUCKET_LOOKS}), ("as-shipped", False, {*BUCKET_LOOKS}), ("quiet", True, set())],
)
def test_policy_is_enough(vending: Vending, role: str, denied: set[str], *, lock: bool) -> None:
    answers = vending.provision(role, lock=lock)
    assert [each["changed"] for each in answers] == [True, True, False, False]
    calls = vending.lab.aws.calls()
    assert {call["iam_action"] for call in calls if "Denied" in call["result"]} == denied

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which events the rule takes: its own condition and filter, in the rule engine, on events from a local source."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest
import yaml

from tests import PATIENCE
from tests.eda.rulebook import PAGE, Rulebook, local
from tests.page import ROOT
from tests.unit.eda.events import ALIAS, BUCKET, ENFORCER, KEY, OURS, RECORDS, TRAIL, event, session

OTHER_KEY = KEY.replace("1234abcd", "9999abcd")
BY_US = {"userIdentity": session(ENFORCER), "userAgent": OURS}
TAKEN: dict[str, dict[str, Any]] = {
    **{action: event(action) for action in RECORDS},
    "the alias alone matters": event("DeleteAlias", resources=[{"ARN": ALIAS}, {"ARN": OTHER_KEY}]),
    "our user agent, but nobody's role": event("DisableKey", userAgent=OURS, userIdentity="text"),
    "our user agent, but not our role": event("DisableKey", userAgent=OURS),
    "our role, but not our user agent": event("DisableKey", userIdentity=session(ENFORCER)),
    "our session name, but not our role": event(
        "DisableKey", userAgent=OURS, userIdentity=session("arn:aws:iam::111111111111:role/Admin")
    ),
}
LEFT: dict[str, dict[str, Any]] = {
    **{f"{action} by us": event(action, **BY_US) for action in RECORDS},
    "another trail": event("StopLogging", requestParameters={"name": "other"}),
    "a trail of that name in another region": event("StopLogging", awsRegion="us-east-1"),
    "a trail of that name in another account": event("StopLogging", recipientAccountId="222222222222"),
    "another key": event("DisableKey", resources=[{"ARN": OTHER_KEY}]),
    "another alias of another key": event(
        "DeleteAlias", requestParameters={"aliasName": "alias/other"}, resources=[{"ARN": OTHER_KEY}]
    ),
    "another bucket": event("PutBucketPolicy", requestParameters={"bucketName": "other"}),
    "a refused call": event("DisableKey", errorCode="AccessDenied"),
    "a read": event("GetTrailStatus", eventSource="cloudtrail.amazonaws.com", requestParameters={"name": TRAIL}),
    "another write": event("AddTags", eventSource="cloudtrail.amazonaws.com", requestParameters={"name": TRAIL}),
    "no call": {"detail-type": "Scheduled Event", "detail": {}},
    "no record": {"detail-type": "AWS API Call via CloudTrail", "detail": ["\ud800"]},
    "no resources": event("DisableKey", resources=["text"], requestParameters="text"),
    "no account": event("DisableKey", recipientAccountId="111111111111; id"),
}


def message_id(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name)


def printing(events: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The rulebook with an action that prints, at once, what the rule has taken."""
    sent = ({"body": body, "meta": {"MessageId": message_id(name)}} for name, body in events.items())
    rulebook = local((sent, {"shutdown_after": 3}))
    (rule,) = rulebook[0]["rules"]
    del rule["throttle"]
    rule["action"] = {"print_event": {}}
    return rulebook


def test_the_template_lets_through_what_the_rule_takes_and_the_page_names_it() -> None:
    template = yaml.safe_load((ROOT / "docs" / "drift" / "events.yml").read_text(encoding="utf-8"))
    passed = template["Resources"]["Rule"]["Properties"]["EventPattern"]["detail"]["eventName"]
    assert passed == list(RECORDS)
    subprocess.run(["cfn-lint", str(ROOT / "docs" / "drift" / "events.yml")], check=True)
    table = PAGE.text.partition("| On | Calls |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == passed


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The ids of the events that the rule took, of all that it was sent."""
    folder = tmp_path_factory.mktemp("condition")
    (folder / "local.yml").write_text(yaml.safe_dump(printing(TAKEN | LEFT)), encoding="utf-8")
    variables = PAGE.file("drift.yml") | {
        "cloudtrail_kms_drift_resources": [TRAIL, KEY, ALIAS, BUCKET],
        "cloudtrail_kms_drift_enforcers": [ENFORCER],
    }
    (folder / "drift.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
    with Rulebook(folder, os.environ, rulebook="local.yml") as rulebook:
        assert rulebook.wait(PATIENCE) == 0, rulebook.output
        return set(re.findall(r"MessageId\W+([A-Za-z0-9-]+)", rulebook.output))


@pytest.mark.parametrize("name", TAKEN)
def test_takes(name: str, taken: set[str]) -> None:
    assert message_id(name) in taken


@pytest.mark.parametrize("name", LEFT)
def test_leaves(name: str, taken: set[str]) -> None:
    assert message_id(name) not in taken

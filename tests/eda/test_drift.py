# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an event in the queue to the playbook and back: the rulebook as it is, by its name, on the fake AWS."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from tests.eda.rulebook import Rulebook
from tests.fakeaws.client import FakeAws
from tests.unit.eda.events import BUCKET, OURS, TRAIL, event

ADMINISTRATOR = "arn:aws:iam::111111111111:user/administrator"
ALICE = {"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/Alice"}
WINDOW = 10  # seconds, of the rulebook
QUIET = WINDOW + 6  # enough for another burst to end, and its playbook to begin


class Cloud:
    """A fake AWS, a queue beside it, which answers while somebody waits for a message, and what tells calls apart."""

    def __init__(self, aws: FakeAws, sqs: str, scenario: str) -> None:
        aws.reset(scenario)
        self.aws, self.sqs = aws, sqs
        self.name = f"drift-of-{scenario}"
        self.queue = self.cli("sqs", "create-queue", "--queue-name", self.name)["QueueUrl"]
        trail = self.cli("cloudtrail", "describe-trails")["trailList"][0]
        self.key: str = trail["KmsKeyId"]
        aws.clear_calls()

    def cli(self, *arguments: str) -> Any:
        endpoint = self.sqs if arguments[0] == "sqs" else self.aws.endpoint
        command = ["aws", *arguments, "--output", "json", "--endpoint-url", endpoint]
        done = subprocess.run(command, env=self.aws.environment, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout or "null")

    def send(self, *events: dict[str, Any]) -> None:
        """Put events into the queue in one call, so that they are one burst however slow the machine is."""
        entries = [{"Id": str(number), "MessageBody": json.dumps(sent)} for number, sent in enumerate(events)]
        self.cli("sqs", "send-message-batch", "--queue-url", self.queue, "--entries", json.dumps(entries))

    def of_key(self, action: str, **fields: Any) -> dict[str, Any]:
        """The event of a call on the trail's key."""
        return event(action, requestParameters={"keyId": self.key}, resources=[{"ARN": self.key}], **fields)

    @property
    def runs(self) -> int:
        """How many playbooks have asked AWS: each begins by asking once who it is."""
        return sum(call["action"] == "GetCallerIdentity" for call in self.aws.calls())

    @property
    def writes(self) -> list[str]:
        return [call["action"] for call in self.aws.calls() if call["kind"] == "write"]

    @property
    def environment(self) -> dict[str, str]:
        return {**self.aws.environment, "AWS_ENDPOINT_URL_SQS": self.sqs}

    def variables(self, playbook: str) -> dict[str, Any]:
        return {
            "cloudtrail_kms_drift_queue": self.name,
            "cloudtrail_kms_drift_region": "eu-central-1",
            "cloudtrail_kms_drift_resources": [TRAIL, self.key, BUCKET],
            "cloudtrail_kms_drift_enforcers": [ADMINISTRATOR],
            "cloudtrail_kms_drift_playbook": playbook,
        }


@pytest.fixture(scope="module")
def fake_aws() -> Iterator[FakeAws]:
    with FakeAws.start("healthy") as aws:
        yield aws


@pytest.fixture(scope="module")
def sqs() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_burst_leads_to_one_audit_which_sees_all_of_it(fake_aws: FakeAws, sqs: str, tmp_path: Path) -> None:
    cloud = Cloud(fake_aws, sqs, "healthy")
    with Rulebook(tmp_path, cloud.variables("aws_baseline.cloudtrail.audit"), cloud.environment) as rulebook:
        cloud.cli("kms", "disable-key", "--key-id", cloud.key)
        cloud.send(
            event("StopLogging", requestParameters={"name": "another"}),
            cloud.of_key("PutKeyPolicy"),
            event("PutBucketPolicy"),
            cloud.of_key("DisableKey"),
        )
        rulebook.wait_for(lambda: "PLAY RECAP" in rulebook.output, 60)
        assert "1 of 1 trails fail (trail main in eu-central-1: key_is_usable" in rulebook.output
        time.sleep(QUIET)
        assert cloud.runs == 1
        assert cloud.writes == ["DisableKey"]


def test_where_it_is_allowed_drift_is_mended_and_the_mending_is_no_drift(
    fake_aws: FakeAws, sqs: str, tmp_path: Path
) -> None:
    cloud = Cloud(fake_aws, sqs, "policy-lacking")
    with Rulebook(tmp_path, cloud.variables("aws_baseline.cloudtrail.enforce"), cloud.environment) as rulebook:
        cloud.send(cloud.of_key("PutKeyPolicy", userIdentity=ALICE))
        rulebook.wait_for(lambda: "PLAY RECAP" in rulebook.output, 60)
        (write,) = [call for call in fake_aws.calls() if call["action"] == "PutKeyPolicy"]
        assert (write["principal"], write["parameters"]["KeyId"]) == (ADMINISTRATOR, cloud.key)
        identity = {"type": "IAMUser", "arn": write["principal"]}
        cloud.send(cloud.of_key("PutKeyPolicy", userIdentity=identity, userAgent=OURS))
        time.sleep(QUIET)
        assert cloud.runs == 1

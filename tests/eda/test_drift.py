# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a call in an account to the playbook: the commands, the template and the rulebook of docs/drift.md, as they are.

moto's server stands in for EventBridge and SQS, and hands on the events that are put into it; the fake AWS is the
account that they tell of.
"""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto.server import ThreadedMotoServer

from ansible_collections.aws_baseline.cloudtrail.extensions.eda.plugins.event_filter.cloudtrail_kms_change import (
    DETAIL_TYPE,
    main,
)
from tests import PATIENCE
from tests.eda.rulebook import DEPLOY, DEPLOY_ELSEWHERE, LIST_RESOURCES, PAGE, Rulebook
from tests.fakeaws.client import FakeAws
from tests.page import ROOT, typed
from tests.unit.eda.events import ALICE, BUCKET, OURS, TRAIL, event

# moto has no policies of queues, so nothing here shows that EventBridge may write there.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..SQS..QueuePolicy")

ADMINISTRATOR = "arn:aws:iam::111111111111:user/administrator"
QUIET = 16  # seconds: enough for another burst to end, and for its playbook to begin
# What the page asks for, where it may not be installed.
JQ = f"#!{sys.executable}\nimport jq, sys\nprint(jq.compile(sys.argv[2]).input_text(open(sys.argv[3]).read()).text())\n"


class Cloud:
    """The account on the fake AWS, and EventBridge and SQS beside it, which answer while somebody waits for them."""

    def __init__(self, aws: FakeAws, events: str) -> None:
        self.aws, self.events = aws, events
        self.key = ""

    def reset(self, scenario: str) -> None:
        self.aws.reset(scenario)
        self.key = self.cli("cloudtrail", "describe-trails")["trailList"][0]["KmsKeyId"]
        self.aws.clear_calls()

    @property
    def environment(self) -> dict[str, str]:
        return {**self.aws.environment, "AWS_ENDPOINT_URL_SQS": self.events}

    @property
    def of_events(self) -> dict[str, str]:
        """The environment in which the commands for EventBridge and SQS are run."""
        return {**self.aws.environment, "AWS_ENDPOINT_URL": self.events}

    def cli(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
        command = ["aws", *arguments, "--output", "json"]
        done = subprocess.run(
            command, env=environment or self.aws.environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(done.stdout or "null")

    def tell(self, *events: dict[str, Any]) -> None:
        """Let EventBridge have events, in one call, so that they are one burst however slow the machine is."""
        entries = [
            {"Source": sent["source"], "DetailType": sent["detail-type"], "Detail": json.dumps(sent["detail"])}
            for sent in events
        ]
        answer = self.cli("events", "put-events", "--entries", json.dumps(entries), environment=self.of_events)
        assert answer["FailedEntryCount"] == 0

    def send(self, *bodies: object) -> None:
        """Put messages into the queue that are not from EventBridge."""
        sqs = ("--region", "eu-central-1", "--endpoint-url", self.events, "sqs")
        queue = self.cli(*sqs, "get-queue-url", "--queue-name", "cloudtrail-kms-drift")["QueueUrl"]
        for body in bodies:
            self.cli(*sqs, "send-message", "--queue-url", queue, "--message-body", json.dumps(body))

    def of_key(self, action: str, **fields: Any) -> dict[str, Any]:
        """The event of a call on the trail's key."""
        return event(action, requestParameters={"keyId": self.key}, resources=[{"ARN": self.key}], **fields)

    @property
    def runs(self) -> int:
        """How many audits have asked AWS: each begins by asking once who it is."""
        return sum(call["action"] == "GetCallerIdentity" for call in self.aws.calls())

    @property
    def writes(self) -> list[str]:
        return [call["action"] for call in self.aws.calls() if call["kind"] == "write"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    folder = tmp_path_factory.mktemp("cloud")
    (folder / "docs").symlink_to(ROOT / "docs")
    with FakeAws.start("healthy") as aws:
        made = Cloud(aws, f"http://{host}:{port}")
        for command in (DEPLOY, DEPLOY_ELSEWHERE):
            deployed = typed(command, folder, made.of_events)
            assert deployed.returncode == 0, deployed.stdout
        yield made
    server.stop()


def test_the_rule_of_another_region_hands_on_to_the_bus(cloud: Cloud) -> None:
    targets = ("events", "list-targets-by-rule", "--rule", "cloudtrail-kms-drift", "--region", "us-east-1")
    ((target),) = cloud.cli(*targets, environment=cloud.of_events)["Targets"]
    assert target["Arn"] == "arn:aws:events:eu-central-1:111111111111:event-bus/default"
    assert ":role/" in target["RoleArn"]


def test_a_burst_leads_to_one_audit_which_sees_all_of_it(cloud: Cloud, tmp_path: Path) -> None:
    cloud.reset("healthy")
    list_what_matters(cloud, tmp_path)
    cloud.aws.clear_calls()
    cloud.send(
        "text", {"detail-type": DETAIL_TYPE, "detail": ["text"]}, cloud.of_key("DisableKey", userIdentity="text")
    )
    with Rulebook(tmp_path, cloud.environment) as rulebook:
        cloud.cli("kms", "disable-key", "--key-id", cloud.key)
        cloud.tell(
            event("StopLogging", requestParameters={"name": "another"}),
            cloud.of_key("PutKeyPolicy"),
            event("PutBucketPolicy"),
            cloud.of_key("DisableKey"),
        )
        rulebook.wait_for(lambda: "PLAY RECAP" in rulebook.output, PATIENCE)
        assert "1 of 1 trails fail (trail main in eu-central-1: key_is_usable" in rulebook.output
        time.sleep(QUIET)
        assert cloud.runs == 1
        assert cloud.writes == ["DisableKey"]


def list_what_matters(cloud: Cloud, folder: Path) -> None:
    """Write drift.yml as the page says: its own part, then the resources from the report of an audit."""
    audit = ["ansible-playbook", "aws_baseline.cloudtrail.audit", "-e", "cloudtrail_kms_reports=json"]
    audit += ["-e", f"cloudtrail_kms_report_dir={folder}"]
    subprocess.run(audit, env=cloud.environment, stdout=subprocess.DEVNULL, check=True)
    drift = folder / "drift.yml"
    drift.write_text(yaml.safe_dump(PAGE.file("drift.yml")), encoding="utf-8")
    jq = folder / "bin" / "jq"
    jq.parent.mkdir()
    jq.write_text(JQ, encoding="utf-8")
    jq.chmod(stat.S_IRWXU)
    listed = typed(LIST_RESOURCES, folder, {"PATH": f"{jq.parent}:{cloud.environment['PATH']}"})
    assert listed.returncode == 0, listed.stdout
    variables = yaml.safe_load(drift.read_text(encoding="utf-8"))
    assert sorted(variables["cloudtrail_kms_drift_resources"]) == [TRAIL, cloud.key, BUCKET]


def test_where_it_is_allowed_drift_is_mended_and_the_mending_is_no_drift(cloud: Cloud, tmp_path: Path) -> None:
    cloud.reset("policy-lacking")
    allowed = PAGE.shown("yaml", "cloudtrail_kms_drift_playbook: aws_baseline.cloudtrail.enforce")
    variables = PAGE.file("drift.yml") | yaml.safe_load(allowed) | {"cloudtrail_kms_drift_resources": [cloud.key]}
    variables["cloudtrail_kms_drift_enforcers"] = [ADMINISTRATOR]
    (tmp_path / "drift.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
    with Rulebook(tmp_path, cloud.environment) as rulebook:
        cloud.tell(cloud.of_key("PutKeyPolicy", userIdentity=ALICE))
        rulebook.wait_for(lambda: "PLAY RECAP" in rulebook.output, PATIENCE)
        (write,) = [call for call in cloud.aws.calls() if call["kind"] == "write"]
        assert (write["action"], write["principal"]) == ("PutKeyPolicy", ADMINISTRATOR)
        cloud.tell(cloud.of_key("PutKeyPolicy", userIdentity={"arn": write["principal"]}, userAgent=OURS))
        time.sleep(QUIET)
        assert rulebook.output.count("PLAY [Enforce the encryption of CloudTrail trails") == 1


def test_a_playbook_of_ones_own_audits_each_account_of_a_window_whatever_else_is_forged(
    cloud: Cloud, tmp_path: Path
) -> None:
    cloud.reset("organization")
    (tmp_path / "own" / "where.yml").parent.mkdir()
    own = PAGE.shown("yaml", "# audit-where-it-happened.yml\n")
    (tmp_path / "own" / "where.yml").write_text(own, encoding="utf-8")
    variables = {"cloudtrail_kms_drift_resources": [BUCKET], "cloudtrail_kms_drift_playbook": "own/where.yml"}
    (tmp_path / "drift.yml").write_text(yaml.safe_dump(PAGE.file("drift.yml") | variables), encoding="utf-8")
    with Rulebook(tmp_path, cloud.environment, inventory="accounts.yml") as rulebook:
        accounts = ("333333333333", "999999999999", "444444444444")
        cloud.tell(*(event("PutBucketPolicy", recipientAccountId=account) for account in accounts))
        told = (
            "The inventory has no host 999999999999, so this account is not audited.",
            "Account 333333333333 is non_compliant",
            "Account 444444444444 is unknown: 1 of 1 inherited trails",
        )
        # On a busy machine they may come in several windows, in any order.
        rulebook.wait_for(lambda: all(each in rulebook.output for each in told), PATIENCE)


def test_a_playbook_of_ones_own_is_told_no_template(cloud: Cloud, tmp_path: Path) -> None:
    cloud.reset("organization")
    mark = tmp_path / "opened"
    hostile = f"{{{{ lookup('ansible.builtin.pipe', 'touch {mark}') }}}}"
    forged = event("StopLogging", recipientAccountId="333333333333", requestParameters={"name": hostile})
    forged["detail"] |= {"userIdentity": {"arn": f"arn:aws:iam::333333333333:role/{hostile}"}, "userAgent": hostile}
    # As ansible-rulebook tells a playbook: its documentation, "run_playbook".
    handed = main({"body": forged | {"more": hostile}, "meta": {"more": hostile}})
    told = {"ansible_eda": {"event": handed}, "cloudtrail_kms_drift_calls": [handed["cloudtrail_kms"]]}
    show = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"var": "ansible_eda"}}]}
    (tmp_path / "accounts.yml").write_text(yaml.safe_dump(PAGE.file("accounts.yml")), encoding="utf-8")
    own = [show, *PAGE.file("audit-where-it-happened.yml")]
    (tmp_path / "own.yml").write_text(yaml.safe_dump(own), encoding="utf-8")
    command = ["ansible-playbook", "-i", "accounts.yml", "own.yml", "-e", json.dumps(told)]
    played = subprocess.run(
        command, cwd=tmp_path, env=cloud.environment, stdout=subprocess.PIPE, text=True, check=False
    )
    assert "Account 333333333333 is non_compliant" in played.stdout
    assert '"account": "333333333333"' in played.stdout
    assert not mark.exists()

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes from AWS is text and nothing else, and what opens AWS is told nowhere."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import PATIENCE
from tests.fakeaws.client import FakeAws

AUDIT, ENFORCE = "aws_baseline.cloudtrail.audit", "aws_baseline.cloudtrail.enforce"
ROLE = {"role_arn": "arn:aws:iam::111111111111:role/Everything", "external_id": "an-id-that-is-no-secret"}


@pytest.fixture(scope="module")
def fake_aws() -> Iterator[FakeAws]:
    with FakeAws.start("healthy") as aws:
        yield aws


def load(aws: FakeAws, folder: Path, hostile: str) -> None:
    """An account whose name, tags, statement names and principals are hostile, and a role that may do everything."""
    lacking = {"Sid": hostile, "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    spec = {
        "description": "Everything that AWS lets people write has markup in it.",
        "accounts": [{"id": "111111111111", "name": hostile, "tags": {"owner": hostile}}],
        "organization": {"management": hostile},
        "roles": {"Everything": {"external_id": ROLE["external_id"]}},
        "buckets": {"logs": {}},
        "keys": {
            "open": {"policy": {"Version": "2012-10-17", "Statement": [lacking]}, "tags": {"terraform": hostile}},
            "bare": {"policy": "lacking", "alias": "alias/bare"},
        },
        "trails": {
            "open": {"bucket": "logs", "key": "open", "tags": {"terraform": hostile}},
            "bare": {"bucket": "logs", "key": "bare", "tags": {"owner": hostile}},
        },
    }
    path = folder / "hostile.yml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    aws.reset(str(path))
    inventory = {
        "plugin": "aws_baseline.cloudtrail.aws_accounts",
        "compose": {"composed": "'of ' ~ cloudtrail_kms_account.name ~ cloudtrail_kms_account.tags.owner"},
        "strict": True,
    }
    (folder / "hostile.aws_accounts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")


def play(aws: FakeAws, folder: Path, *arguments: str) -> str:
    """Run a playbook as loudly as it can be, with a log and a cache of facts; return all that it told anywhere."""
    for name in ("reports", "cache"):
        (folder / name).mkdir(parents=True)
    variables = {
        "cloudtrail_kms_assume_role": ROLE,
        "cloudtrail_kms_reports": ["json"],
        "cloudtrail_kms_report_dir": str(folder / "reports"),
        "cloudtrail_kms_backup_path": str(folder / "backup.json"),
        # Of no use to the playbooks here, and evaluated like every variable of the role.
        "cloudtrail_kms_audits": "{{ hostvars['111111111111'].composed }}",
    }
    environment = aws.environment | {
        "ANSIBLE_LOG_PATH": str(folder / "log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "cache"),
    }
    command = [
        "ansible-playbook",
        "-vvv",
        "-i",
        str(folder.parent / "hostile.aws_accounts.yml"),
        *arguments,
        "--extra-vars",
        json.dumps(variables),
    ]
    played = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)
    told = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file()]
    return "\n".join([played.stdout, played.stderr, *told])


@pytest.mark.parametrize("arguments", [(AUDIT,), (ENFORCE, "--check", "--diff"), (ENFORCE, "--diff")], ids=" ".join)
def test_nothing_is_evaluated_and_no_secret_is_told(
    arguments: tuple[str, ...], fake_aws: FakeAws, tmp_path: Path
) -> None:
    mark, output = tmp_path / "opened", tmp_path / "output"
    hostile = f"{{{{ lookup('ansible.builtin.pipe', 'touch {mark}') }}}} {{% set x = 1 %}} !unsafe"
    load(fake_aws, tmp_path, hostile)
    refusal = f"{hostile}\x1b[2J\nPLAY RECAP forged"
    fake_aws.add_fault("kms:ListAliases", code="Denied{{ 7 * 191 }}", message=refusal, times=-1)
    fake_aws.add_fault("ec2:DescribeRegions", code="Denied{{ 7 * 191 }}", message=refusal, times=-1)
    told = play(fake_aws, output, *arguments)
    assert not mark.exists()
    assert "Denied{{ 7 * 191 }}" in told
    assert "Denied1337" not in told
    assert "lookup('ansible.builtin.pipe'" in told
    assert "\x1b[2J" not in told
    assert not any(line.startswith("PLAY RECAP forged") for line in told.splitlines())
    secrets = fake_aws.secrets()
    assert len(secrets) > 2, "the role was not assumed"
    assert [secret for secret in secrets if secret in told] == []

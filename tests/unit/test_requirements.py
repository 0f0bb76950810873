# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-doc, README and the execution environment say is needed are the oldest versions that are tested."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tools.matrix import PAIRS

ROOT = Path(__file__).parents[2]
OLDEST = PAIRS[0]
PINS = dict(re.findall(r"^(\S+)==(\S+)$", OLDEST.pins.read_text(encoding="utf-8"), re.M))
SDK = [f"{name} >= {PINS[name]}" for name in ("boto3", "botocore")]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("module", "cloudtrail_kms_facts"), ("module", "cloudtrail_kms_enforce"), ("inventory", "aws_accounts")],
)
def test_ansible_doc_names_the_oldest_versions(kind: str, name: str) -> None:
    full = f"aws_baseline.cloudtrail.{name}"
    command = ["ansible-doc", "--type", kind, "--json", full]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert shown[full]["doc"]["requirements"] == [f"python >= {OLDEST.pythons[0]}", *SDK]


def test_the_execution_environment_asks_for_them() -> None:
    asked = (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line.replace(">=", " >= ") for line in asked if not line.startswith("#")] == SDK


def test_readme_names_them() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"Python {OLDEST.pythons[0]} or later with boto3 {PINS['boto3']} or later" in text

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What says which versions are supported says what the table in docs/versions.md says, and that is what is tested."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.matrix import OLDEST_PYTHON, PAIRS, Pair

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in row.split("|")[1:-1]]
    for row in re.findall(r"^\| .*\|$", (ROOT / "docs" / "versions.md").read_text(encoding="utf-8"), re.M)
]
SUPPORTED = {row[0].strip("`"): row[1:3] for row in ROWS if len(row) == 5}
CORE, CONTROL, HOST, AMAZON, BOTO3 = (
    SUPPORTED[name]
    for name in (
        "ansible-core",
        "Python of the control node",
        "Python of a host that runs the modules",
        "amazon.aws",
        "boto3 and botocore",
    )
)


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def settings(path: str) -> Any:
    return yaml.safe_load(read(path))


def pins(pair: Pair) -> dict[str, str]:
    return dict(re.findall(r"^(\S+)==(\S+)", read(f"requirements/matrix-{pair.core}.txt"), re.M))


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def test_every_row_has_its_reasons() -> None:
    assert all(all(row) for row in ROWS if len(row) == 5)


def test_the_pairs_of_the_table_are_those_of_the_matrix() -> None:
    tested = [[pair.core, pair.amazon_aws, pins(pair)["boto3"], pair.python] for pair in PAIRS]
    assert [row for row in ROWS if len(row) == 4][1:] == tested
    assert all(number(pins(pair)["ansible-core"])[:2] == number(pair.core) for pair in PAIRS)
    named = {path.stem for path in (ROOT / "requirements").glob("matrix-*.in")} - {"matrix-target"}
    assert named == {f"matrix-{pair.core}" for pair in PAIRS}


def test_both_ends_of_every_row_are_tested() -> None:
    assert [CORE[0], CORE[1]] == [PAIRS[0].core, PAIRS[-1].core]
    pythons = sorted({pair.python for pair in PAIRS}, key=number)
    assert [CONTROL[0], CONTROL[1]] == [pythons[0], pythons[-1]]
    assert [HOST[0], HOST[1]] == [OLDEST_PYTHON, pythons[-1]]
    sdks = sorted({pins(pair)[name] for pair in PAIRS for name in ("boto3", "botocore")}, key=number)
    assert [BOTO3[0], BOTO3[1]] == [sdks[0], sdks[-1]]
    majors = {number(pair.amazon_aws)[0] for pair in PAIRS}
    assert majors == {*range(number(AMAZON[0])[0], number(AMAZON[1])[0] + 1)}


def test_ansible_core_is_what_the_collection_asks_for() -> None:
    assert settings("meta/runtime.yml")["requires_ansible"] == f">={CORE[0]}.0"
    assert settings("roles/cloudtrail_kms/meta/main.yml")["galaxy_info"]["min_ansible_version"] == CORE[0]
    built = settings("execution-environment.yml")["dependencies"]
    assert built["ansible_core"]["package_pip"] == f"ansible-core>={CORE[0]}.0"
    assert built["python_interpreter"]["package_system"].removeprefix("python") in {"3.11", "3.12", "3.13"}


def test_amazon_aws_is_what_the_collection_asks_for() -> None:
    range_ = f">={AMAZON[0]},<{number(AMAZON[1])[0] + 1}.0.0"
    assert settings("galaxy.yml")["dependencies"] == {"amazon.aws": range_}
    asked = settings("execution-environment.yml")["dependencies"]["galaxy"]["collections"]
    assert [each["version"] for each in asked if each["name"] == "amazon.aws"] == [range_]


def test_the_execution_environment_asks_for_the_oldest_sdk() -> None:
    asked = [line for line in read("meta/ee-requirements.txt").splitlines() if not line.startswith("#")]
    assert asked == [f"boto3>={BOTO3[0]}", f"botocore>={BOTO3[0]}"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("module", "cloudtrail_kms_facts"), ("module", "cloudtrail_kms_enforce"), ("inventory", "aws_accounts")],
)
def test_ansible_doc_names_the_oldest_versions(kind: str, name: str) -> None:
    full = f"aws_baseline.cloudtrail.{name}"
    command = ["ansible-doc", "--type", kind, "--json", full]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    sdk = [f"{name} >= {BOTO3[0]}" for name in ("boto3", "botocore")]
    assert shown[full]["doc"]["requirements"] == [f"python >= {HOST[0]}", *sdk]


def test_the_code_is_checked_for_the_oldest_python() -> None:
    assert settings("tests/config.yml")["modules"]["python_requires"] == f">={HOST[0]}"
    assert f'target-version = "py{HOST[0].replace(".", "")}"' in read("pyproject.toml")


def test_readme_names_them() -> None:
    text = " ".join(read("README.md").split())
    assert f"ansible-core {CORE[0]} to {CORE[1]}" in text
    assert f"Python {CONTROL[0]} to {CONTROL[1]} with boto3 {BOTO3[0]} or later" in text
    assert f"`amazon.aws`, version {number(AMAZON[0])[0]} to {AMAZON[1]}" in text


def test_the_workflow_has_the_pythons_of_the_matrix() -> None:
    steps = settings(".github/workflows/test.yml")["jobs"]["test"]["steps"]
    (versions,) = [each["with"]["python-version"].split() for each in steps if "python-version" in each.get("with", {})]
    assert {HOST[0], *(pair.python for pair in PAIRS)} <= {*versions}

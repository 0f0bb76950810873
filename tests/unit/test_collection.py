# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as it is built and installed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sysconfig
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION
from tests.fakeaws.client import FakeAws
from tools.build import build

ROOT = Path(__file__).parents[2]
# What ansible-core knows, and plugin_utils (community package requirements, "Modules & Plugins").
FOLDERS = {"action", "doc_fragments", "filter", "inventory", "lookup", "module_utils", "modules", "plugin_utils"}
NEEDED = {"meta", "playbooks", "plugins", "roles"}


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("build"))


def test_two_builds_are_the_same_bytes(tarball: Path, tmp_path: Path) -> None:
    again = build(tmp_path)
    assert again.name == tarball.name == f"aws_baseline-cloudtrail-{VERSION}.tar.gz"
    assert again.read_bytes() == tarball.read_bytes()


def test_the_bill_of_materials_names_the_tarball_and_every_dependency(tarball: Path) -> None:
    bill = json.loads(tarball.with_name(f"aws_baseline-cloudtrail-{VERSION}.cdx.json").read_text(encoding="utf-8"))
    product = bill["metadata"]["component"]
    assert product["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(tarball.read_bytes()).hexdigest()}]
    ranges = {each["name"]: each["properties"][0]["value"] for each in bill["components"]}
    assert ranges.keys() == {"ansible-core", "amazon.aws", "boto3", "botocore"}
    assert all(range_.startswith(">=") for range_ in ranges.values())
    assert bill["dependencies"] == [{"ref": product["bom-ref"], "dependsOn": [*ranges]}]


def test_the_tarball_holds_no_more_than_users_need(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = {name.split("/")[0] for name in archive.getnames()}
    documents = {"CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"}
    others = {"FILES.json", "LICENSES", "MANIFEST.json", "REUSE.toml", "changelogs", "docs", "extensions"}
    assert names == NEEDED | documents | others


def test_it_installs_whole_and_four_folders_are_enough_to_audit(tarball: Path, tmp_path: Path) -> None:
    only = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"}
    galaxy = ["ansible-galaxy", "collection"]
    called(only, *galaxy, "install", str(tarball), "--no-deps", "--collections-path", str(tmp_path))
    verified = called(only, *galaxy, "verify", "--offline", "aws_baseline.cloudtrail")
    assert "Successfully verified that checksums" in verified, verified
    for path in (tmp_path / "ansible_collections" / "aws_baseline" / "cloudtrail").iterdir():
        if path.name not in NEEDED:
            (shutil.rmtree if path.is_dir() else os.unlink)(path)
    amazon = Path(sysconfig.get_path("purelib"), "ansible_collections", "amazon")
    (tmp_path / "ansible_collections" / "amazon").symlink_to(amazon)
    with FakeAws.start("healthy") as aws:
        printed = called(aws.environment | only, "ansible-playbook", "aws_baseline.cloudtrail.audit")
    assert re.search(r"^Accounts  1 compliant$", printed, re.M), printed


def called(environment: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(command, env=os.environ | environment, cwd="/", capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_plugins_have_known_folders_and_what_is_shared_is_private() -> None:
    assert {path.name for path in (ROOT / "plugins").iterdir() if path.name != "__pycache__"} == FOLDERS
    shared = [path.name for kind in ("module_utils", "plugin_utils") for path in (ROOT / "plugins" / kind).iterdir()]
    assert [name for name in shared if not name.startswith("_")] == []


def test_there_are_no_ignore_files() -> None:
    assert [*ROOT.glob("tests/sanity/ignore-*.txt"), *ROOT.glob(".ansible-lint-ignore")] == []

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-builder makes of execution-environment.yml holds this collection, and what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.awx.page import BUILD
from tests.page import typed
from tools.build import copy_collection

OURS = "aws_baseline/cloudtrail"


class Built(NamedTuple):
    """The context of the image's build, and the collections as the build installs them from it."""

    context: Path
    collections: Path


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    checkout = copy_collection(tmp_path_factory.mktemp("checkout") / "ansible_collections")
    made = typed(BUILD, checkout, {})
    assert made.returncode == 0, made.stdout
    context = checkout / "context"
    collections = tmp_path_factory.mktemp("collections")
    # Galaxy is out of reach: amazon.aws, which the build takes from there, is here already.
    (collections / "ansible_collections" / "amazon").mkdir(parents=True)
    installed = Path(sysconfig.get_path("purelib"), "ansible_collections", "amazon", "aws")
    (collections / "ansible_collections" / "amazon" / "aws").symlink_to(installed)
    (install,) = (line for line in containerfile(context) if "ansible-galaxy collection install" in line)
    assert "-r requirements.yml" in install
    run(
        *("ansible-galaxy", "collection", "install", "--offline", "-r", "requirements.yml"),
        *("--collections-path", collections),
        cwd=context / "_build",
        ANSIBLE_COLLECTIONS_PATH=str(collections),
        ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false",
    )
    return Built(context, collections)


def containerfile(context: Path) -> list[str]:
    return (context / "Containerfile").read_text(encoding="utf-8").splitlines()


def test_the_build_installs_the_collection(built: Built) -> None:
    ours = built.collections / "ansible_collections" / OURS
    assert {"meta", "plugins", "roles", "playbooks"} <= {path.name for path in ours.iterdir()}


def test_nothing_of_the_workshop_is_in_the_image(built: Built) -> None:
    ours = built.collections / "ansible_collections" / OURS
    assert not {"tests", "tools", "benchmarks", "Makefile", "requirements"} & {path.name for path in ours.iterdir()}


def test_the_build_finds_our_python_requirements(built: Built) -> None:
    introspect = built.context / "_build" / "scripts" / "introspect.py"
    answer: dict[str, Any] = yaml.safe_load(
        run(sys.executable, introspect, "introspect", built.collections, cwd=built.context)
    )
    ours = {line.split("#")[0].strip() for line in answer["python"] if "aws_baseline.cloudtrail" in line}
    needed = (built.collections / "ansible_collections" / OURS / "meta" / "ee-requirements.txt").read_text("utf-8")
    assert ours == {line for line in needed.splitlines() if line and not line.startswith("#")}
    assert ours


def test_the_definition_names_the_tarball_and_the_amazon_aws_of_galaxy_yml() -> None:
    root = Path(__file__).parents[2]
    definition = yaml.safe_load((root / "execution-environment.yml").read_text(encoding="utf-8"))
    galaxy = yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))
    tarball = f"{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"
    assert definition["additional_build_files"] == [{"src": f"build/{tarball}", "dest": "collections"}]
    assert definition["dependencies"]["galaxy"]["collections"] == [
        {"name": f"collections/{tarball}", "type": "file"},
        *({"name": name, "version": version} for name, version in galaxy["dependencies"].items()),
    ]

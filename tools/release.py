# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the collection and sees that it can be released: python -m tools.release [--rehearse].

The tarball is installed where there is nothing but ansible-core, amazon.aws and boto3, and audits the fake AWS from
there; galaxy-importer reads it as Galaxy and Automation Hub do, with no other collection beside it, and must find
nothing wrong. The version must be the same everywhere, in the changelog too, with no fragment left, no such tag yet,
and nothing uncommitted; --rehearse only tells of these.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION
from tools.build import build
from tools.isolated import ROOT
from tools.matrix import NEWEST_STABLE, audits
from tools.venvs import Venv, run

VENV = Venv("release", ("3.12", "3.13"))
# The importer's own run of ansible-test needs a container engine; `make sanity` runs the same tests.
IMPORTER = "[galaxy-importer]\nRUN_ANSIBLE_TEST = False\n"


def unready() -> Iterator[str]:
    """What has to be done before this version can be tagged."""
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    if galaxy["version"] != VERSION:
        yield f"galaxy.yml says {galaxy['version']}, plugins/module_utils/_version.py {VERSION}."
    changelog = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))
    if VERSION not in changelog["releases"]:
        yield f"The changelog has no version {VERSION}: run `make changelog`."
    if list((ROOT / "changelogs" / "fragments").glob("*.yml")):
        yield "There are fragments that no version has: run `make changelog`."
    if run("git", "-C", ROOT, "tag", "--list", VERSION):
        yield f"There is a tag {VERSION} already: set the next version."
    if run("git", "-C", ROOT, "status", "--porcelain"):
        yield "Something is not committed."


def audits_from(tarball: Path) -> str | None:
    """Install the tarball beside nothing but what it needs and audit from there; what is wrong, if anything is."""
    NEWEST_STABLE.set_up()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ansible_collections"
        place.mkdir()
        (place / "amazon").symlink_to(NEWEST_STABLE.collections / "amazon")
        environment = {
            "PATH": NEWEST_STABLE.path,
            "ANSIBLE_COLLECTIONS_PATH": folder,
            "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        }
        run("ansible-galaxy", "collection", "install", tarball, "--no-deps", "--force", "-p", folder)
        return audits(environment)


def imported(tarball: Path) -> list[str]:
    """Return what galaxy-importer finds wrong; it exits with 0 all the same.

    Like Galaxy and Automation Hub it sees the tarball alone, with no other collection beside it.
    """
    VENV.set_up()
    shutil.rmtree(VENV.collections, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "galaxy-importer.cfg"
        configuration.write_text(IMPORTER, encoding="utf-8")
        environment = os.environ | {"PATH": VENV.path, "GALAXY_IMPORTER_CONFIG": str(configuration)}
        command = [str(VENV.folder / "bin" / "python"), "-m", "galaxy_importer.main", str(tarball)]
        log = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    told = (log.stdout + log.stderr).splitlines()
    problems = [line for line in told if re.match(r"(ERROR|WARNING|CRITICAL)\b", line)]
    return problems if log.returncode == 0 else [*problems, f"galaxy-importer ended with {log.returncode}", *told[-5:]]


def main(arguments: list[str]) -> int:
    tarball = build(ROOT / "build")
    print(
        f"{tarball.relative_to(ROOT)} is built: {tarball.stat().st_size // 1024} KB, with its bill of materials.",
        flush=True,
    )
    wrong = audits_from(tarball)
    print(
        "Installed beside ansible-core, amazon.aws and boto3 alone it "
        + ("audits." if not wrong else f"fails:\n{wrong}")
    )
    found = imported(tarball)
    print(*found, f"galaxy-importer: {len(found)} errors and warnings.", sep="\n", flush=True)
    undone = list(unready())
    print(*undone, sep="\n", end="\n" if undone else "")
    if wrong or found or (undone and arguments != ["--rehearse"]):
        return 1
    if not undone:
        print(f"Ready. To release it: git tag {VERSION} && git push origin {VERSION}, then publish {tarball.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

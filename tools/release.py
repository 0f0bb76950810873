# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the collection and sees that it can be released: python -m tools.release [--rehearse].

The tarball is installed where there is nothing but ansible-core, amazon.aws and boto3, and audits the fake AWS from
there; galaxy-importer reads it as Galaxy and Automation Hub do, with no other collection beside it, and must find
nothing wrong. The changelog must have the version, with no fragment left, and all must be committed; --rehearse
only tells of these.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION
from tools.build import build
from tools.isolated import ROOT
from tools.matrix import NEWEST_STABLE, audits, beside, run

# The importer's own run of ansible-test needs a container engine; `make sanity` runs the same tests.
SETTINGS = "[galaxy-importer]\nRUN_ANSIBLE_TEST = False\n"


def unready() -> Iterator[str]:
    """What has to be done before this version can be tagged."""
    changelog = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))
    if VERSION not in changelog["releases"] or list((ROOT / "changelogs" / "fragments").glob("*.yml")):
        yield f"The changelog has no version {VERSION} with all fragments: run `make changelog`."
    if run("git", "-C", ROOT, "status", "--porcelain"):
        yield "Something is not committed."


def audits_from(tarball: Path) -> str | None:
    """Install the tarball beside nothing but what it needs and audit from there; what is wrong, if anything is."""
    with tempfile.TemporaryDirectory() as folder:
        run("ansible-galaxy", "collection", "install", tarball, "--no-deps", "--force", "-p", folder)
        amazon = NEWEST_STABLE.collections() / "ansible_collections" / "amazon"
        (Path(folder) / "ansible_collections" / "amazon").symlink_to(amazon)
        only = {"ANSIBLE_COLLECTIONS_PATH": folder, "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"}
        return audits(NEWEST_STABLE, only)


def imported(tarball: Path) -> list[str]:
    """Return what galaxy-importer finds wrong; it exits with 0 all the same."""
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "galaxy-importer.cfg"
        configuration.write_text(SETTINGS, encoding="utf-8")
        environment = os.environ | {"GALAXY_IMPORTER_CONFIG": str(configuration)}
        command = beside("release", sys.executable, "python", "-m", "galaxy_importer.main", tarball)
        log = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    lines = (log.stdout + log.stderr).splitlines()
    problems = [line for line in lines if re.match(r"(ERROR|WARNING|CRITICAL)\b", line)]
    return problems if log.returncode == 0 else [*problems, f"galaxy-importer ended with {log.returncode}", *lines[-5:]]


def main(arguments: list[str]) -> int:
    tarball = build(ROOT / "build")
    size = tarball.stat().st_size // 1024
    print(f"{tarball.relative_to(ROOT)} is built: {size} KB, with its bill of materials.", flush=True)
    wrong, found, undone = audits_from(tarball), imported(tarball), list(unready())
    print("Beside ansible-core, amazon.aws and boto3 alone it " + (f"fails:\n{wrong}" if wrong else "audits."))
    print(*found, f"galaxy-importer: {len(found)} errors and warnings.", *undone, sep="\n")
    if wrong or found or (undone and arguments != ["--rehearse"]):
        return 1
    if not undone:
        print(f"Ready. To release it: git tag {VERSION} && git push origin {VERSION}, then publish {tarball.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

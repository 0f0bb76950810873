# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the tarball, the same bytes from the same commit, and its software bill of materials: python -m tools.build.

With a command it runs that in a copy of the collection instead: what git lists, in a folder as an installed one has it.
ansible-test wants a real folder ansible_collections/NAMESPACE/NAME; in one that git ignores it finds nothing to test
and says so with exit code 0. antsibull-docs wants a folder whose neighbours are no more than the dependencies.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.isolated import ROOT


def run_in_copy(command: Sequence[str]) -> int:
    """The exit code of the command; its variables show it the copy alone, and no git repository."""
    with tempfile.TemporaryDirectory(prefix="collections-") as folder:
        copy = copy_collection(Path(folder) / "ansible_collections")
        environment = os.environ | {"ANSIBLE_COLLECTIONS_PATH": folder, "GIT_DIR": os.devnull, "PIP_QUIET": "1"}
        return subprocess.run(command, cwd=copy, env=environment, check=False).returncode


def copy_collection(collections: Path) -> Path:
    """Copy what git lists into a folder `ansible_collections`, beside amazon.aws; return where."""
    (collections / "amazon").mkdir(parents=True)
    installed = Path(sysconfig.get_path("purelib"), "ansible_collections")
    (collections / "amazon" / "aws").symlink_to(installed / "amazon" / "aws")
    copy = collections / "aws_baseline" / "cloudtrail"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0"):
        source = ROOT / name
        if source.is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name, follow_symlinks=False)
    return copy


def build(folder: Path) -> Path:
    """Build what git lists into the folder; return the tarball, beside which lies its bill of materials.

    ansible-galaxy writes the time of the build and the order of the file system into a tarball. Both are replaced: by
    the time of the last commit, and by the order of the names.
    """
    with tempfile.TemporaryDirectory() as temporary:
        copy = copy_collection(Path(temporary) / "ansible_collections")
        command = ["ansible-galaxy", "collection", "build", str(copy), "--output-path", temporary]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        (built,) = Path(temporary).glob("*.tar.gz")
        with tarfile.open(built) as archive:
            first = {"MANIFEST.json", "FILES.json"}
            members = sorted(archive.getmembers(), key=lambda each: (each.name not in first, each.name))
            read = {each.name: archive.extractfile(each) for each in members if each.isfile()}
            contents = {name: file.read() for name, file in read.items() if file}
    files, manifest = json.loads(contents["FILES.json"]), json.loads(contents["MANIFEST.json"])
    files["files"].sort(key=lambda file: file["name"])
    contents["FILES.json"] = json.dumps(files, indent=1).encode()
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(contents["FILES.json"]).hexdigest()
    contents["MANIFEST.json"] = json.dumps(manifest, indent=1).encode()
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / built.name, members, contents)
    materials = json.dumps(bill_of_materials(manifest["collection_info"], folder / built.name), indent=1)
    (folder / built.name.replace(".tar.gz", ".cdx.json")).write_text(f"{materials}\n", encoding="utf-8")
    return folder / built.name


def _write(tarball: Path, members: Iterable[tarfile.TarInfo], contents: Mapping[str, bytes]) -> None:
    commit = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    committed = int(subprocess.run(commit, stdout=subprocess.PIPE, text=True, check=True).stdout)
    with (
        tarball.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for member in members:
            content = contents.get(member.name, b"")
            member.mtime, member.pax_headers, member.size = committed, {}, len(content)
            archive.addfile(member, io.BytesIO(content))


def bill_of_materials(collection: Mapping[str, Any], tarball: Path) -> dict[str, Any]:
    """Return what the tarball is and needs, as CycloneDX 1.6, without the time and the number of a run.

    Its files and their hashes are in its own FILES.json.
    """
    name = f"{collection['namespace']}.{collection['name']}"
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    sdk = re.findall(r"^(\w+)(>=.+)$", (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8"), re.M)
    needed = {"ansible-core": runtime["requires_ansible"], **collection["dependencies"], **dict(sdk)}
    product = {
        "bom-ref": name,
        "type": "library",
        "name": name,
        "version": collection["version"],
        "licenses": [{"license": {"id": each}} for each in collection["license"]],
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(tarball.read_bytes()).hexdigest()}],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": product},
        "components": [
            {"bom-ref": each, "type": "library", "name": each, "properties": [{"name": "range", "value": range_}]}
            for each, range_ in needed.items()
        ],
        "dependencies": [{"ref": name, "dependsOn": [*needed]}],
    }


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(run_in_copy(sys.argv[1:]))
    print(build(ROOT / "build").relative_to(ROOT))

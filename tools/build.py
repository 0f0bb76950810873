# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the tarball, the same bytes from the same commit, and its software bill of materials.

Usage: python -m tools.build
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.copied import copy_collection
from tools.isolated import ROOT


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
            members = {member.name: member for member in archive}
            contents = {
                name: file.read()
                for name, member in members.items()
                if member.isfile() and (file := archive.extractfile(member))
            }
    files = json.loads(contents["FILES.json"])
    files["files"].sort(key=lambda file: file["name"])
    contents["FILES.json"] = json.dumps(files, indent=1).encode()
    manifest = json.loads(contents["MANIFEST.json"])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(contents["FILES.json"]).hexdigest()
    contents["MANIFEST.json"] = json.dumps(manifest, indent=1).encode()
    folder.mkdir(parents=True, exist_ok=True)
    tarball = folder / built.name
    _write(tarball, members, contents)
    materials = json.dumps(bill_of_materials(manifest["collection_info"], files["files"], tarball), indent=1)
    (folder / built.name.replace(".tar.gz", ".cdx.json")).write_text(f"{materials}\n", encoding="utf-8")
    return tarball


def _write(tarball: Path, members: Mapping[str, tarfile.TarInfo], contents: Mapping[str, bytes]) -> None:
    commit = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    committed = int(subprocess.run(commit, stdout=subprocess.PIPE, text=True, check=True).stdout)
    with (
        tarball.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for name in sorted(members, key=lambda name: (name not in {"MANIFEST.json", "FILES.json"}, name)):
            members[name].mtime = committed
            members[name].pax_headers = {}
            members[name].size = len(contents.get(name, b""))
            archive.addfile(members[name], io.BytesIO(contents.get(name, b"")))


def bill_of_materials(collection: Mapping[str, Any], files: list[dict[str, Any]], tarball: Path) -> dict[str, Any]:
    """Return what the tarball holds and needs, as CycloneDX 1.6, without the time and the number of a run."""
    name, version = f"{collection['namespace']}.{collection['name']}", collection["version"]
    asked = (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8")
    core = re.search(r'requires_ansible: "(.+)"', (ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    needed = {
        "ansible-core": core[1] if core else "",
        **collection["dependencies"],
        **dict(re.findall(r"^(\w+)(>=.+)$", asked, re.M)),
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "component": {
                "bom-ref": name,
                "type": "library",
                "name": name,
                "version": version,
                "licenses": [{"license": {"id": license_}} for license_ in collection["license"]],
                "hashes": [_sha256(hashlib.sha256(tarball.read_bytes()).hexdigest())],
                "components": [
                    {"type": "file", "name": file["name"], "hashes": [_sha256(file["chksum_sha256"])]}
                    for file in files
                    if file["ftype"] == "file"
                ],
            }
        },
        "components": [
            {"bom-ref": each, "type": "library", "name": each, "properties": [{"name": "range", "value": range_}]}
            for each, range_ in needed.items()
        ],
        "dependencies": [{"ref": name, "dependsOn": [*needed]}],
    }


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


if __name__ == "__main__":
    print(build(ROOT / "build").relative_to(ROOT))

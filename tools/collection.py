# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes one collection out of a release of the package `ansible`: the rest is large, and may want another Python.

Usage: python -m tools.collection NAMESPACE.NAME RELEASE FOLDER
A second call finds the collection in FOLDER and does nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


def take(collection: str, release: str, folder: Path) -> None:
    """Unpack `ansible_collections/NAMESPACE/NAME/` of the release into the folder."""
    inside = f"ansible_collections/{collection.replace('.', '/')}/"
    with tempfile.TemporaryDirectory() as download:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", download]
        subprocess.run([*pip, f"ansible=={release}"], check=True)
        with zipfile.ZipFile(next(Path(download).glob("*.whl"))) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(inside)])


def main() -> None:
    collection, release, folder = sys.argv[1:]
    stamp = Path(folder) / f"{collection}-{release}"
    if not stamp.exists():
        take(collection, release, Path(folder))
        stamp.touch()


if __name__ == "__main__":
    main()

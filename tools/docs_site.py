# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the documentation as a site, in build/docs-site: the pages of docs/, and the reference by antsibull-docs.

A warning of Sphinx fails it: a link that leads nowhere, a page that no other names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from tools.collection import take
from tools.isolated import ROOT
from tools.matrix import NEWEST_STABLE
from tools.venvs import set_up

SITE = ROOT / "build" / "docs-site"
VENV = ROOT / ".venv-docs"
COLLECTION = "aws_baseline.cloudtrail"
REPOSITORY = "https://github.com/aws-baseline/aws_baseline.cloudtrail/blob/main"
FRONT = """# aws_baseline.cloudtrail

```{{toctree}}
:maxdepth: 1
:caption: Guides

{guides}
```

```{{toctree}}
:maxdepth: 1
:caption: Reference

index
```
"""
SETTINGS = """
extensions.append("myst_parser")
root_doc = "front"
intersphinx_mapping = {}
# Labels and variables of Ansible's own documentation, which only the network could resolve; docs-lint looks at ours.
suppress_warnings = ["ref.ref", "ref.envvar"]
myst_heading_anchors = 3
project = title = html_short_title = "aws_baseline.cloudtrail"
copyright = "Contributors to the aws_baseline.cloudtrail project"
"""


def guides() -> dict[str, str]:
    """The pages by their names, README first; what they link to beside each other lies in the repository."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {page.name: _linked(page, {*pages}) for page in pages}


def _linked(page: Path, pages: set[Path]) -> str:
    """The page with its links as they are on the site; pages of the same name may lie elsewhere."""

    def link(match: re.Match[str]) -> str:
        target, hash_, anchor = match[1].partition("#")
        if "://" in target or not target:
            return match[0]
        path = (page.parent / target).resolve()
        if path.parent.name == "pictures":
            return f"](pictures/{path.name})"
        here = path.name if path in pages else f"{REPOSITORY}/{path.relative_to(ROOT)}"
        return f"]({here}{hash_}{anchor})"

    return re.sub(r"\]\(([^)\s]+)\)", link, page.read_text(encoding="utf-8"))


def main() -> int:
    set_up(
        VENV,
        ROOT / "requirements" / "docs.txt",
        ("3.13", "3.12"),
        finish=partial(take, "amazon.aws", NEWEST_STABLE.ansible),
    )
    environment = os.environ | {"PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def tool(*command: str) -> int:
        return subprocess.run(command, cwd=SITE, env=environment, check=False).returncode

    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir(parents=True, mode=0o755)
    same = ("--use-current", "--squash-hierarchy", "--dest-dir")
    if tool("antsibull-docs", "sphinx-init", *same, ".", COLLECTION):
        return 1
    if tool("antsibull-docs", "--config-file", "antsibull-docs.cfg", "collection", *same, "rst", COLLECTION):
        return 1
    pages = guides()
    for name, text in {**pages, "front.md": FRONT.format(guides="\n".join(pages))}.items():
        (SITE / "rst" / name).write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "pictures", SITE / "rst" / "pictures")
    with (SITE / "conf.py").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    return tool("sphinx-build", "--quiet", "-b", "html", "-c", ".", "-W", "--keep-going", "rst", "html")


if __name__ == "__main__":
    sys.exit(main())

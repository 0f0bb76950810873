# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbooks/awx/configure.yml as docs/awx.md does, against a stub of AWX."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.awx.page import CONFIGURE, PAGE
from tests.awx.stub import AwxStub
from tests.page import ROOT, typed

ALL = PAGE.file("awx.yml")
LEAST = {
    name: ALL[name]
    for name in ("cloudtrail_kms_awx_image", "cloudtrail_kms_awx_region", "cloudtrail_kms_awx_credential")
}


def playbooks() -> set[str]:
    """What AWX finds in a checkout: awx/main/utils/ansible.py, could_be_playbook."""
    found = (ROOT / "playbooks").rglob("*.yml")
    starts = re.compile(r"^\s*-?\s*(hosts|(ansible\.builtin\.)?import_playbook):", re.M)
    return {str(path.relative_to(ROOT)) for path in found if starts.search(path.read_text(encoding="utf-8"))}


def configure(awx: AwxStub, folder: Path, variables: Mapping[str, Any], *arguments: str) -> str:
    """Run the command of the page on variables in the file that it names; return what it prints."""
    (folder / "awx.yml").write_text(yaml.safe_dump(dict(variables)), encoding="utf-8")
    done = typed(
        CONFIGURE, folder, awx.environment | {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "awx")}, *arguments
    )
    assert done.returncode == 0, done.stdout
    return done.stdout

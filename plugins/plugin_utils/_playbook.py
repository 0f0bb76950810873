# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of this collection, as somebody names them for ansible-playbook."""

from __future__ import annotations

import os
from pathlib import Path

PLAYBOOKS = "aws_baseline.cloudtrail."
_FOLDER = str(Path(__file__).resolve().parents[2] / "playbooks")


def playbook_of_ours(playbook: str) -> str:
    """Return which playbook of ours it is, such as `audit`, given by its name or by its path; else an empty text."""
    if playbook.startswith(PLAYBOOKS):
        file = playbook.removeprefix(PLAYBOOKS)
    else:
        folder, file = os.path.split(os.path.abspath(playbook))
        if os.path.realpath(folder) != _FOLDER:
            return ""
    return file.removesuffix(".yml").removesuffix(".yaml")

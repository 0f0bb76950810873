# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts that reach a run, each marked with its request by a task that Ansible runs on exactly these hosts.

Only Ansible knows which hosts a `when`, a rescue, or the items of a loop leave, and which values each has there. What
tells one pass from another is the task itself: each include, iteration of a loop and use of the role loads its tasks
anew, under identifiers of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from ansible import constants

from ._request import Request
from ._sealed import KEY, SealedFiles


def mark(passed: str, host: str, request: Request) -> None:
    """Mark a host in a pass, by the identifier of the task that marks."""
    _files(passed).write(host, asdict(request))


def marked(passed: str, hosts: Iterable[str]) -> dict[str, Request]:
    """Return the requests of those of the hosts that are marked in a pass. Raises SealError."""
    files = _files(passed)
    found = {host: files.read(host) for host in hosts}
    return {host: Request(**content) for host, content in found.items() if content is not None}


def unmark(passed: str, hosts: Iterable[str]) -> None:
    """Remove the marks of hosts: a mark counts for one run, also where a handler passes again."""
    files = _files(passed)
    for host in hosts:
        files.remove(host)


def _files(passed: str) -> SealedFiles:
    directory = Path(constants.DEFAULT_LOCAL_TMP) / f"cloudtrail-kms-hosts-{passed}"
    directory.mkdir(mode=0o700, exist_ok=True)
    return SealedFiles(str(directory), KEY)

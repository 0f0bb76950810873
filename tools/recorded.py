# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the AWS calls that a whole test run has made with the permissions that are declared.

Usage: python -m tools.recorded FOLDER, where FAKEAWS_RECORD=FOLDER stood in the environment of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import DEPENDENT_ACTIONS, IAM_ACTIONS

DECLARED = {f"{service}:{operation} {action}" for (service, operation), action in IAM_ACTIONS.items()}


def problems(recorded: set[str]) -> Iterator[str]:
    """Yield calls that differ from their declaration, declared calls that no test makes, and claims without a page."""
    for kind in sorted(recorded - DECLARED):
        yield f"{kind.replace(' ', ' needs ')}: made, but not so declared"
    for kind in sorted(DECLARED - recorded):
        yield f"{kind.replace(' ', ' needs ')}: declared, but no test makes the call"
    for call, needed in DEPENDENT_ACTIONS.items():
        yield from (
            f"{action}: needed by {':'.join(call)}, says no page" for action, page in needed.items() if not page
        )


def main(folder: Path) -> int:
    recorded = {line for path in folder.glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines()}
    found = list(problems(recorded))
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(recorded)} kinds of calls were made, {len(DECLARED)} are declared.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

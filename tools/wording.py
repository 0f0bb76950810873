# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds words that readers stumble over, each with a plainer one, in what users and readers of the code see.

Usage: python -m tools.wording [FILE OR FOLDER ...]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

PLACES = ("README.md", "docs", "plugins", "roles", "playbooks")
SUFFIXES = {".css", ".j2", ".js", ".md", ".py", ".yml"}
BANNED = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\b(take|takes|taken|took|taking) ([\w{}'.,]+ ){0,9}off\b": "remove",
    r"\bwhoever\b": "anyone who, the one who",
    r"\b(come|comes|came) to (nothing|none)\b": "is undefined, has no result",
    r"\bnone comes? near\b": "no statement is close",
    r"\blook(s|ed|ing)? at\b|\bnobody has looked\b|\bthe look\b": "audit, read",
    r"\bto the principal that asks\b": "allow the caller",
    r"\bby (key_id|key_assume_role|bucket_assume_role)\b": "set the option to",
    r"\bnothing tells whether\b": "it is unknown whether",
    r"\bis aimed at\b": "targets",
    r"\bstands twice\b": "appears twice",
    r"\b(get|gets) in by\b": "gets in through",
}
_WRAPPED = r"""(?: ?"?\s*\n[\s>#*"f-]*| )"""


def problems(path: Path) -> Iterator[str]:
    """Name each banned word of a file, with its line and a better one; also where a line breaks within it."""
    text = path.read_text(encoding="utf-8")
    for banned, better in BANNED.items():
        for found in re.finditer(banned.replace(" ", _WRAPPED), text, re.IGNORECASE):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{path}:{line}: {' '.join(found[0].split())!r}: write {better}"


def main(places: list[str]) -> int:
    paths = [path for place in map(Path, places) for path in ([place] if place.is_file() else sorted(place.rglob("*")))]
    found = [problem for path in paths if path.suffix in SUFFIXES for problem in problems(path)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PLACES)))

# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text of others in a form that a terminal can be shown."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Sequence

# The character without which a text commands nothing. Ansible begins its own lines by [WARNING]: and the like. GitHub
# Actions obeys `::name key=value::text` at the start of a line, after spaces too, and ##[name] anywhere
# (github.com/actions/runner, ActionCommand.cs); Azure Pipelines obeys ##vso[name] anywhere ("Logging commands").
# A line may start at any word. Within a word that is longer than a line it may start anywhere: Ansible breaks a
# message so where a terminal of 79 columns or more ends. The types of CloudFormation are no commands: AWS::KMS::Key.
_COMMANDING = re.compile(
    r"""(?<=\[)[A-Z](?=[A-Z ]+\]:)
    | \#(?<=\#\#)(?=\w*\[)
    | :(?<=::)(?: (?<!\S..) | (?=[A-Za-z-]+::)(?!(?<=AWS::)(?:KMS|S3|CloudTrail)::)
                 | (?<=\S{60}::)(?=[A-Za-z-]+(?:\s|$)) )""",
    re.VERBOSE,
)
# By what an expression, a statement or a comment begins (Jinja, "Template Designer Documentation", "Synopsis").
_TEMPLATE = re.compile(r"(?<=\{)[{%#]")
MOST_CHARACTERS = 500  # of the message of an exception that nobody foresaw


def printable(text: str) -> str:
    r"""Return the text as one that shows as it is, and that neither a terminal nor a CI system obeys.

    Names and messages from AWS are data. A line break in one of them, a terminal's control
    sequence, or a mark that turns the direction of writing could forge a line of a table, or a warning:
    they come out as `\n`, `\x1b` and `\u202e`. What begins a command of a CI system, or a line of Ansible's, comes out
    with an escape within: `:\x3aerror::`, `#\x23vso[`, `[\x57ARNING]:`.
    """
    shown = text if text.isprintable() else "".join(map(_escaped, text))
    return _COMMANDING.sub(lambda found: f"\\x{ord(found[0]):x}", shown)


def no_template(text: str) -> str:
    r"""Return the text as one that Ansible evaluates to itself, for a variable of a later play: `{\x7b`, `{\x25`."""
    return _TEMPLATE.sub(lambda found: f"\\x{ord(found[0]):x}", text)


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def in_quotes(text: str) -> str:
    """Return the text between quotes that it cannot end: as it stands in the JSON of a policy."""
    return json.dumps(text, ensure_ascii=False)


def count(number: int, noun: str) -> str:
    """Return `1 trail`, `2 trails`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def first_of(names: Sequence[str], most: int, separator: str = ", ", more: str = " more") -> str:
    """Return `a, b and 3 more`: at most so many names, and how many are left out."""
    left_out = f"{separator.rstrip(', ')} and {len(names) - most}{more}" if len(names) > most else ""
    return f"{separator.join(names[:most])}{left_out}"


def unforeseen(error: Exception) -> str:
    """Return an exception that nobody foresaw in words: its type, its message, and where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rpartition('/')[2]}:{place.lineno}, in {place.name}"
    text = f"{type(error).__name__}: {str(error)[:MOST_CHARACTERS]} ({where})"
    return text.encode(errors="backslashreplace").decode()

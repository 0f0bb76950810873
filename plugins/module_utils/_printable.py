# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text of others in a form that a terminal can be shown."""

from __future__ import annotations

import json
import re

# How Ansible begins its own lines: [WARNING]: and the like.
_OF_ANSIBLE = re.compile(r"(?<=\[)[A-Z](?=[A-Z ]+\])")


def printable(text: str) -> str:
    r"""Return the text with every character that would not show as itself written as an escape.

    Names and messages from AWS are data. A line break in one of them, a terminal's control
    sequence, or a mark that turns the direction of writing could forge a line of a table, or a warning:
    they come out as `\n`, `\x1b` and `\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def in_quotes(text: str) -> str:
    """Return the text between quotes that it cannot end: as it stands in the JSON of a policy."""
    return json.dumps(text, ensure_ascii=False)


def unlike_ansible(text: str) -> str:
    r"""Return a warning in which nothing reads as the beginning of another, to which a line break may bring it.

    Ansible breaks a warning where the terminal ends. `[WARNING]` comes out as `[\x57ARNING]`.
    """
    return _OF_ANSIBLE.sub(lambda found: f"\\x{ord(found[0]):x}", text)


def count(number: int, noun: str) -> str:
    """Return `1 trail`, `2 trails`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

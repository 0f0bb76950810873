# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report for people: one HTML file that needs no other, loads nothing, and is readable without its script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from ...module_utils._printable import printable
from ._compared import KINDS as CHANGE_KINDS
from ._html_changes import STATUSES
from ._html_trail import KINDS
from ._html_view import TONES, VERDICTS, page
from ._notes import ACCOUNT_RULE, rule_title

_FOLDER = Path(__file__).parent


def render(audit: Mapping[str, Any], *, cis_version: str) -> str:
    """Return the report of an audit, which has the shape of `ansible_facts.cloudtrail_kms`.

    Everything in the audit comes out as text: markup is escaped, and characters that are not visible, or that change
    the direction of writing, are written as escapes. The same audit gives the same report.
    """
    said = page(audit, cis_version=cis_version)
    # The layout of the matrix has to know its columns; attributes of style are what the policy below forbids.
    style = f":root {{ --rules: {max(len(said.columns), 1)}; }}\n{_file('report.css')}"
    script = _file("report.js")
    return _template().render(
        page=said,
        kinds=KINDS,
        change_kinds=CHANGE_KINDS,
        tones=TONES,
        verdicts=VERDICTS,
        statuses=STATUSES,
        account_rule=ACCOUNT_RULE,
        rule_title=rule_title,
        policy_lines=_policy_lines,
        style=style,
        script=script,
        policy=_content_security_policy(style, script),
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, finalize=_shown, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("report.html.j2"))


def _shown(value: object) -> object:
    """Make text printable; it is escaped afterwards. The result of a macro is Markup, and already safe."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return printable(value)


def _policy_lines(lines: Sequence[str], sign: str = "") -> Markup:
    """Return the lines of a policy. There may be a million, too many for expressions of the template."""
    return escape("".join(f"{printable(f'{sign}{line}')}\n" for line in lines))


def _content_security_policy(style: str, script: str) -> str:
    """Return a policy that allows no loading, and no script but ours, whatever gets into the page.

    Source: W3C, Content Security Policy Level 3, "Hash usage".
    """
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _file(name: str) -> str:
    """Return a file of this folder without the notice on top, because the report belongs to the user."""
    return (_FOLDER / name).read_text(encoding="utf-8").partition("\n\n")[2]

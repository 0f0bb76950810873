# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever names an audit holds, in the HTML report they are text; and it loads and runs nothing but its own."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._printable import printable
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._html import render
from tests.unit.action.audits import EXAMPLE
from tests.unit.reports.organization import organization
from tests.unit.reports.pages import Element, page

ORGANIZATION = organization(100)
HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"'><b>&amp;",
    "{{ 7 * 7 }}{% raw %}",
    "a\u202egpj.exe\u2066 \u200f",
    "line\nbreak\tand\x1b[31m",
    "عربي and עברית",
    "\ud800",
    "n" * 128,
)


def with_every(text: str, document: Any) -> Any:
    """The document with the text in every name, message and value that AWS or a user may choose."""
    kept = {"account_id", "cis_3_5", "expires", "frameworks", "generated_at", "level", "ownership", "rule", "severity"}
    if isinstance(document, dict):
        return {
            name: value if name in {*kept, "status", "verdict"} else with_every(text, value)
            for name, value in document.items()
        }
    if isinstance(document, list):
        return [with_every(text, value) for value in document]
    return text if isinstance(document, str) else document


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_whatever_a_name_holds_is_text(text: str) -> None:
    harmless, hostile = page(with_every("harmless", EXAMPLE)), page(with_every(text, EXAMPLE))
    assert skeleton(hostile) == skeleton(harmless)
    assert printable(text) in hostile.one("div", id="entries").text()
    assert printable(text) in hostile.one("table", id="matrix").text()


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_name_is_text(text: str) -> None:
    assert skeleton(page(with_every(text, EXAMPLE))) == skeleton(page(with_every("harmless", EXAMPLE)))


def skeleton(element: Element) -> Any:
    """The elements with their attributes, less all text."""
    inside = [skeleton(each) for each in element.inside if isinstance(each, Element)]
    return element.tag, element.attributes, inside


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_character_forges_the_page(text: str) -> None:
    """Nothing in the file turns the direction of writing or ends a line but the template's own line feeds."""
    assert render(with_every(text, EXAMPLE), cis_version="3.0").replace("\n", "").isprintable()


def test_only_the_style_and_the_script_of_the_page_may_run() -> None:
    report = page(EXAMPLE)
    (policy,) = (one.attributes["content"] for one in report.all("meta") if "http-equiv" in one.attributes)
    hashes = {
        tag: base64.b64encode(hashlib.sha256(report.one(tag).text().encode()).digest()).decode()
        for tag in ("style", "script")
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_is_loaded_and_no_attribute_holds_style_or_script() -> None:
    report = page(ORGANIZATION)
    for element in report.all():
        assert not {"src", "srcset", "style", "action", "data"} & element.attributes.keys()
        assert not [name for name in element.attributes if name.startswith("on")]
        assert element.attributes.get("href", "#").startswith("#")
    assert not re.search(r"url\(|@import|https?:", report.one("style").text())

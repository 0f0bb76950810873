# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a page of HTML, as strictly as the tests need it: every element that needs an end has one, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._html import render

VOID = {"input", "meta", "rect"}
# What stands in a line of its own, or a cell, and so apart from what follows.
BLOCKS = {"dd", "dt", "li", "td", "th"}


@dataclass(frozen=True)
class Element:
    """One element: `inside` are its elements and its pieces of text, in their order."""

    tag: str
    attributes: dict[str, str]
    inside: list[Element | str] = field(default_factory=list)

    def text(self) -> str:
        """The text of the element, with what is inside it."""
        text = "".join(each if isinstance(each, str) else each.text() for each in self.inside)
        return f"{text} " if self.tag in BLOCKS else text

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """The elements inside, at any depth, of this tag and with these attributes; `class` goes by `class_`."""
        asked = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}

        def fits(one: Element) -> bool:
            return tag in ("", one.tag) and asked.items() <= one.attributes.items()

        return list(self._walk(fits))

    def one(self, tag: str = "", **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    def _walk(self, fits: Callable[[Element], bool]) -> Iterator[Element]:
        for each in self.inside:
            if isinstance(each, Element):
                if fits(each):
                    yield each
                yield from each._walk(fits)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _value in attrs}) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].inside.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID, f"<{tag}/> has no end"
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag, f"</{tag}> ends something else"

    def handle_data(self, data: str) -> None:
        self._open[-1].inside.append(data)

    def close(self) -> None:
        super().close()
        assert self._open == [self.root], "something has no end"


def read(text: str) -> Element:
    """Return the page; AssertionError where it is not well-formed."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.root


def page(document: dict[str, Any], cis_version: str = "3.0") -> Element:
    return read(render(document, cis_version=cis_version))


def words(element: Element) -> str:
    return " ".join(element.text().split())

"""A language that nobody speaks: each message between ⟦ and ⟧, so that text which nobody marked stands out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

READ = ("title", "aria-label", "aria-description", "placeholder", "alt", "data-sent", "label")
# What people wrote, and code: no message, so nothing to translate. `prose` is Markdown of the course staff.
WRITTEN = ("bdi", "code", "pre", "kbd", "script", "style", "textarea")
WRITTEN_CLASSES = {"prose"}
EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Catalogue(dict[str, str]):
    """Has a translation of everything."""

    def get(self, message: str, default: object = None) -> str:  # type: ignore[override]
        return f"⟦{message}⟧"


def untranslated(html: str, known: re.Pattern[str]) -> list[str]:
    """What a person can read on the page and no translator has seen; `known` matches names, units and code."""
    page = _Page()
    page.feed(html)
    return [text for text in page.outside() if re.search(r"[^\W\d_]", known.sub("", text))]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []  # open elements, from the outermost that people wrote
        self.texts: list[str] = [""]
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        people_wrote = tag in WRITTEN or WRITTEN_CLASSES & set(values.get("class", "").split())
        if tag not in EMPTY and (self.written or people_wrote):
            self.written.append(tag)
        if not self.written:
            self.attributes += [values[name] for name in READ if name in values]
            if tag == "input" and values.get("type") in ("submit", "button"):
                self.attributes.append(values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if self.written:
            while self.written and self.written.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self.written:
            self.texts.append(data)

    def outside(self) -> Iterator[str]:
        """Every text, and every attribute that is read, without what stands between brackets."""
        depth = 0
        for text in self.texts:
            free, depth = _free(text, depth)
            if free.strip():
                yield free.strip()
        for value in self.attributes:
            yield _free(value, 0)[0]


def _free(text: str, depth: int) -> tuple[str, int]:
    free = []
    for character in text:
        depth += (character == "⟦") - (character == "⟧")
        if depth == 0 and character != "⟧":
            free.append(character)
    return "".join(free), depth

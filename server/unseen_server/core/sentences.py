"""Sentences for people, kept apart from what fills them, so that they can be said in another language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text for translation where it stands; it is said later."""
    return text


class Sentence:
    """A template and its values, which may be sentences themselves. `str()` says it in English.

    No dataclass, so that what writes JSON does not take it for a record but asks how it is said.
    """

    __slots__ = ("template", "values")

    def __init__(self, template: str, values: Mapping[str, Any] | None = None) -> None:
        self.template, self.values = template, values or {}

    def __str__(self) -> str:
        return self.template.format(**self.values)

    def __repr__(self) -> str:
        return f"Sentence({self.template!r}, {self.values!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and (self.template, self.values) == (other.template, other.values)

    def __hash__(self) -> int:
        return hash(self.template)


def say(template: str, /, **values: Any) -> Sentence:
    """A sentence to be said in the reader's language: `say("There is no {what}.", what=...)`."""
    return Sentence(template, values)


def packed(sentence: Sentence) -> dict[str, Any]:
    """As JSON, sentences within it too; what else is said differently in each language is said in English."""
    return {"template": sentence.template, "values": {name: _plain(value) for name, value in sentence.values.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, Sentence):
        return packed(value)
    return value if isinstance(value, str | int | float) else str(value)


def unpacked(kept: Mapping[str, Any]) -> Sentence:
    values = {name: unpacked(value) if isinstance(value, dict) else value for name, value in kept["values"].items()}
    return Sentence(kept["template"], values)


@dataclass(frozen=True, slots=True)
class Either:
    """Words of which one is meant: “Asia/Taipei or Asia/Tokyo”."""

    words: Sequence[str]

    def __str__(self) -> str:
        return " or ".join(self.words)


@dataclass(frozen=True, slots=True)
class Places:
    """Ranks in a sentence, given as runs from first to last: “2nd to 4th, 6th and 7th”."""

    runs: Sequence[tuple[int, int]]

    @property
    def said(self) -> list[tuple[int, int]]:
        """The same with two neighbours named one by one."""
        return [piece for a, b in self.runs for piece in ([(a, a), (b, b)] if b == a + 1 else [(a, b)])]

    def __str__(self) -> str:
        *most, last = [_ordinal(a) if a == b else f"{_ordinal(a)} to {_ordinal(b)}" for a, b in self.said]
        return f"{', '.join(most)} and {last}" if most else last


def _ordinal(n: int) -> str:
    return f"{n}{'th' if n % 100 in (11, 12, 13) else _ENDINGS.get(n % 10, 'th')}"


_ENDINGS = {1: "st", 2: "nd", 3: "rd"}

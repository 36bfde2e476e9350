"""Sentences for people, kept apart from what fills them, so that they can be said in another language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text for translation where it stands; it is said later."""
    return text


@dataclass(frozen=True, slots=True)
class Sentence:
    """A template and its values, which may be sentences themselves. `str()` says it in English."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.values)


def say(template: str, /, **values: Any) -> Sentence:
    """A sentence to be said in the reader's language: `say("There is no {what}.", what=...)`."""
    return Sentence(template, values)

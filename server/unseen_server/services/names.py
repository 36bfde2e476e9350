"""What a name may look like, and when two names count as the same."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from unseen_server.core.errors import BadRequest
from unseen_server.core.sentences import Sentence, say

USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")
# Who acts in the audit log where nobody in person does.
RESERVED = frozenset({"server", "visitor"})
# Letters and marks that show nothing, though no control characters: fillers, joiners, the empty Braille cell,
# variation selectors.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u200d\u2800\u3164\uffa0").union(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
_WITHOUT_INVISIBLE = dict.fromkeys(map(ord, INVISIBLE | {"\0"}))  # PostgreSQL cannot even be asked for a NUL
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


def key_of(name: str) -> str:
    """The form in which names are compared: what two that look the same may differ in does not count.

    That is compatibility characters, letter case, what shows nothing, and how much space there is.
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().translate(_WITHOUT_INVISIBLE).split())


def checked_username(name: str) -> str:
    if not USERNAME.fullmatch(name):
        raise BadRequest(
            reason=say(
                "“{name}” cannot be a user name. Use 1 to 64 letters, digits or . _ @ + -, "
                "beginning with a letter or digit.",
                name=printable(name),
            )
        )
    if key_of(name) in RESERVED:
        raise BadRequest(reason=say("“{name}” stands for this server in its records. Choose another name.", name=name))
    return name


def checked_slug(slug: str) -> str:
    if not SLUG.fullmatch(slug):
        raise BadRequest(
            reason=say(
                "“{name}” cannot be part of an address. Use 1 to 50 lower-case letters, digits and hyphens.",
                name=printable(slug),
            )
        )
    return slug


def checked_email(email: str) -> str:
    email = email.strip().lower()
    if len(email) > 254 or not email.isprintable() or not EMAIL.fullmatch(email):
        raise BadRequest(reason=say("“{text}” is not an e-mail address.", text=printable(email)))
    return email


def checked_text(text: str, what: Sentence, longest: int) -> str:
    """A line of free text for people: no control or text-direction characters, outer spaces dropped."""
    text = text.strip()
    if not set(text) - INVISIBLE or max(len(text), len(key_of(text))) > longest:
        raise BadRequest(
            reason=say("{what} should have 1 to {longest} visible characters.", what=what, longest=longest)
        )
    if any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text if character != "\u200d"
    ):
        raise BadRequest(
            reason=say("{what} holds invisible control characters. Type it again without them.", what=what)
        )
    return text


def checked_reason(reason: str) -> str:
    """Why staff did something to somebody's work; they may be asked one day."""
    return checked_text(reason, say("A reason"), 500)


def printable(text: str) -> str:
    """At most 60 characters of a text, safe to repeat in a sentence."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return shown if len(shown) <= 60 else shown[:59] + "…"


def did_you_mean(word: str, known: Iterable[str]) -> Sentence | None:
    """“Did you mean x?”, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return say("Did you mean “{name}”?", name=near[0]) if near else None


def without_controls(text: str) -> str:
    """A text without control characters, line breaks among them; what remains is kept as it was."""
    return "".join(character for character in text if unicodedata.category(character) not in ("Cc", "Cs")).strip()

"""What a receipt proves: the words that are signed, and the chain that ties each submission to all before it.

    entry = SHA-256 of the submission's number, file, time and team
    link  = SHA-256 of the link before it and the entry

Whoever holds one link holds all submissions up to it: none can be changed, dropped or slipped in without another link.
The client computes the same from the words in docs/verifying.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from unseen_server.core.digests import digest_of

START = "0" * 64  # the link before the first
NO_SEAL = "-"


@dataclass(frozen=True)
class Leaf:
    """One submission as its chain knows it; `link` is None where it was entered before there was a chain."""

    ref: int
    entry: str
    link: str | None


def instant(moment: datetime) -> str:
    """An instant in one spelling only: “2026-12-01T15:59:00.000000Z”."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry(ref: int, sha256: str, submitted_at: datetime, team: int) -> str:
    """What the chain holds of a submission; neither a name nor a score is in it."""
    return digest_of(_lines("unseen entry 1", ref, sha256, instant(submitted_at), team))


def link(previous: str, entry: str) -> str:
    return digest_of(_lines("unseen link 1", previous, entry))


def signed_text(
    *, competition: str, ref: int, sha256: str, submitted_at: datetime, seal: str | None, previous: str, link: str
) -> str:
    """The words of a receipt that the server signs, one a line; `seal` is that of the answer key at that time."""
    at = instant(submitted_at)
    return _lines("unseen receipt 1", competition, ref, sha256, at, seal or NO_SEAL, previous, link)


def key_id(public_key: str) -> str:
    """A short name for a public key (hex)."""
    return digest_of(public_key)[:16]


def first_broken(leaves: Sequence[Leaf], head: str) -> int | None:
    """The first submission whose link does not follow from those before it; None where the whole chain holds.

    0 where every link follows and yet the chain does not end in `head`: the last were taken away.
    """
    previous, begun = START, False
    for leaf in leaves:
        if leaf.link is None and not begun:
            continue
        begun = True
        previous = link(previous, leaf.entry)
        if leaf.link != previous:
            return leaf.ref
    return None if previous == head else 0


def in_order(*groups: Iterable[Leaf]) -> list[Leaf]:
    """Leaves of several kinds as one chain."""
    return sorted((leaf for group in groups for leaf in group), key=lambda leaf: leaf.ref)


def _lines(*words: object) -> str:
    return "".join(f"{word}\n" for word in words)

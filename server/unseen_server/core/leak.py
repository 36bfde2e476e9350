"""How much a competition's public scores can give away: submissions a team may make per public row."""

from __future__ import annotations

from typing import Literal

from unseen_server.core.sentences import N_, Sentence, say

Level = Literal["green", "amber", "red"]
_MEANING: dict[Level, str] = {
    "green": N_("The public scores give away little about the public rows."),
    "amber": N_("A determined team can fit the public rows noticeably: trust the private board, not the public one."),
    "red": N_("A team can fit the public rows almost at will: the public board says little about who is best."),
}

_WORD: dict[Level, str] = {"green": N_("green"), "amber": N_("amber"), "red": N_("red")}


def leak_ratio(total_submissions: int, n_public: int) -> float:
    """Submissions a team may make per public row: damage by adaptive attacks grows with it."""
    return total_submissions / n_public


def leak_level(ratio: float) -> Level:
    """Green up to .1, amber up to .3, red above."""
    return "green" if ratio <= 0.1 else "amber" if ratio <= 0.3 else "red"


def leak_meaning(ratio: float) -> Sentence:
    """One sentence for the page."""
    return say(_MEANING[leak_level(ratio)])


def level_word(level: Level) -> Sentence:
    """What the colour is called: a colour alone says nothing to many."""
    return say(_WORD[level])

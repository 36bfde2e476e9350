"""The problems of a prediction file, grouped by kind for a page, line numbers apart from what is wrong in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from unseen_server.core.errors import BadFile, Problem
from unseen_server.core.sentences import N_, say
from unseen_server.web.languages import gettext, tell

# What a kind of problem is called where many rows have it; a kind without a name needs none.
_KINDS = {
    "delimiter": N_("Separators"),
    "short_row": N_("Fields missing"),
    "long_row": N_("Too many fields"),
    "stray_quote": N_("Stray quotes"),
    "blank_line": N_("Empty lines"),
    "not_utf_8": N_("Not UTF-8"),
    "unknown_id": N_("Unknown ids"),
    "id_too_long": N_("Ids too long"),
    "duplicate_id": N_("Ids that come twice"),
    "missing_id": N_("Ids without a row"),
    "decimal_comma": N_("Decimal commas"),
    "thousands_separator": N_("Thousands separators"),
    "missing_value": N_("Predictions missing"),
    "not_finite": N_("Not finite"),
    "spaces": N_("Spaces around numbers"),
    "not_ascii": N_("Other scripts"),
    "number_too_long": N_("Numbers too long"),
    "out_of_bounds": N_("Outside the bounds"),
    "not_a_number": N_("Not a number"),
}


@dataclass(frozen=True)
class Kind:
    """All problems of one kind: how many there are, and those listed, each with its line (None: the whole file)."""

    name: str
    count: int
    listed: list[tuple[int | None, str]]


def by_kind(refusal: BadFile) -> list[Kind]:
    """In the order in which the file has them."""
    order = {code: place for place, code in reversed(list(enumerate(p.code for p in refusal.problems)))}
    grouped = groupby(sorted(refusal.problems, key=lambda p: order[p.code]), key=lambda p: p.code)
    return [_kind(code, list(problems), refusal.counts) for code, problems in grouped]


def _kind(code: str, problems: Sequence[Problem], counts: dict[str, int]) -> Kind:
    listed = [problem for problem in problems if "more" not in problem.values]  # the count says how many more
    name = gettext(_KINDS[code]) if code in _KINDS else ""
    return Kind(name, counts.get(code, len(listed)), [(p.line, _without_line(p)) for p in listed])


def _without_line(problem: Problem) -> str:
    """The sentence without the line it begins with, for beside a column of line numbers."""
    said = tell(problem)
    rest = said.removeprefix(tell(say("Line {line}:", line=problem.line))).lstrip()
    return rest[:1].upper() + rest[1:]

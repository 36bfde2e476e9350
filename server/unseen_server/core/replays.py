"""The whole competition once more, under another daily limit and another release, from what was submitted."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from unseen_server.core import meter
from unseen_server.core.ladder import Merge, merged_before
from unseen_server.core.meter import Shown, Submitted
from unseen_server.core.ranking import Direction

DAILY_LIMITS: tuple[int | None, ...] = (1, 5, None)  # None: everything that was submitted


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: the ranks on the private rows, the winner's score there, and the mean optimism of the teams."""

    ranks: Mapping[int, int]
    winning_score: float | None
    optimism: float | None

    def ranks_that_differ(self, other: Outcome) -> int:
        """Teams that end on another rank, or on one board alone."""
        teams = {*self.ranks, *other.ranks}
        return sum(self.ranks.get(team) != other.ranks.get(team) for team in teams)


def within_limit(submissions: Sequence[Submitted], merges: Sequence[Merge], limit: int | None) -> list[Submitted]:
    """A team's first `limit` submissions of each quota day, in order; `submissions` and `merges` are those of one team.

    Late and withdrawn ones take a slot as they did. Teams that merged had a limit each until then; afterwards what
    either had used the team has used.
    """
    if limit is None:
        return list(submissions)
    used: dict[int, dict[date, int]] = {}
    waiting = deque(merges)
    kept = []
    for one in submissions:
        for merge in merged_before(one.ref, waiting):
            host = used.setdefault(merge.host, {})
            for day, count in used.pop(merge.guest, {}).items():
                host[day] = host.get(day, 0) + count
        slots = used.setdefault(one.entered_as, {})
        if slots.get(one.day, 0) < limit:
            slots[one.day] = slots.get(one.day, 0) + 1
            kept.append(one)
    return kept


def outcome(
    teams: Mapping[int, Collection[Submitted]],
    shown: Shown,
    finals: int,
    direction: Direction,
    *,
    as_chosen: bool = False,
) -> Outcome:
    """Each team's submissions that count, its finals by default or, where wanted, as it chose them."""
    ends: dict[int, Submitted] = {}
    flattered: list[float | None] = []
    for team, submissions in teams.items():
        chosen = [one for one in submissions if one.chosen] if as_chosen else []
        end = meter.best_private(chosen or meter.default_finals(submissions, shown, finals, direction), direction)
        if end is not None:
            ends[team] = end
        best = meter.best_shown(submissions, shown, direction)
        if best is not None:
            flattered.append(meter.optimism(min(submissions, key=lambda one: one.ref), best, direction))
    ranks = meter.places(ends, {team: end.private for team, end in ends.items()}, direction)
    winner = next(iter(ranks), None)
    return Outcome(ranks, None if winner is None else ends[winner].private, meter.mean(flattered))

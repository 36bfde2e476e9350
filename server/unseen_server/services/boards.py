"""How old a board may be: what it is drawn of, who needs a newer one, and how often a second it is drawn again.

What a person may rely on, whichever process answers them:
- A board never shows what was true before the phase, a name, a withdrawal, a correction or the reveal changed.
- It never lacks what one's own team has submitted: who got a receipt sees that file counted.
- Of the others' submissions since, it lacks at most those of the last second. One that improves a best is shown at
  once, unless a rush of them had the board drawn `DRAWN_A_SECOND` times within this second already.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from unseen_server.core.schedule import Phase
from unseen_server.db import queries
from unseen_server.db.session import Database
from unseen_server.services import competitions, names
from unseen_server.services.principals import Principal

DRAWN_A_SECOND = 3  # times in each process, whatever others submit


class Stamp(NamedTuple):
    """What a board looks like: its phase, the version of all but submissions, and the end of the chain of those.

    So whatever changes a standing either adds to the chain or makes the version grow, as the scoring of a file that
    was accepted earlier does.
    """

    phase: str
    removed: bool
    version: int
    head: str | None

    @property
    def is_for_all(self) -> bool:
        return not self.removed and self.phase != Phase.DRAFT


class Own(NamedTuple):
    """A person's team, and what the public board has to show of it (Place.mark); None where it has no rank."""

    team_id: int
    mark: Hashable


class State(NamedTuple):
    """What boards look like now, and what of them is one's own; None for who has no team."""

    competition_id: int
    stamp: Stamp
    own: Own | None


class Moment(NamedTuple):
    """What a board looks like at this minute, as its rows say “3 min ago”."""

    stamp: Stamp
    minute: int

    @property
    def rest(self) -> Hashable:
        """All but what submissions change."""
        return *self.stamp[:-1], self.minute


def state(db: Database, *, slug: str, principal: Principal | None, now: datetime) -> State:
    """Another stamp whenever a board of this competition has changed. Whoever may not see it is refused."""
    with db.read() as session:
        user_id = principal.user_id if principal else None
        row: Any = queries.boards.board_state(session, slug, user_id) if names.SLUG.fullmatch(slug) else None
        if row is None or not competitions.is_open_to_all(row, now):
            competitions.visible(session, slug, principal, now)  # refused, but for staff
        assert row is not None  # noqa: S101 - or it would not be visible
    stamp = Stamp(competitions.phase_of(row, now), row.removed_at is not None, row.board_version, row.head)
    mark = None if row.score is None else (row.score, row.submission_id, row.entries, row.last_submission_at)
    return State(row.id, stamp, None if row.team_id is None else Own(row.team_id, mark))


def moment(stamp: Stamp, at: datetime) -> Moment:
    return Moment(stamp, int(at.timestamp() // 60))


@dataclass(frozen=True)
class _Settled:
    """The moment that a competition's boards are shown of during one second of the clock.

    `best`: the newest submission that a team stood by; `passed`: a stamp since then that brought no newer one;
    `times`: how often a moment took the place of another.
    """

    moment: Moment
    second: int
    best: int | None
    passed: Stamp
    times: int


class Pace:
    """Which moment everybody is shown the boards of: one that is drawn already, rather than each that comes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._settled: dict[int, _Settled] = {}  # by competition

    def of(self, state: State, at: datetime) -> Moment:
        """The moment to be shown to who found the boards in this state."""
        now, before = moment(state.stamp, at), self._settled.get(state.competition_id)
        if before is not None and before.moment == now:
            return now
        if before is None or before.moment.rest != now.rest or before.second != int(at.timestamp()):
            return self.settle(state, at)
        if before.times < DRAWN_A_SECOND and before.passed != state.stamp:
            if self._best(state) != before.best:
                return self.settle(state, at)
            self._settled[state.competition_id] = replace(before, passed=state.stamp)
        return before.moment

    def settle(self, state: State, at: datetime) -> Moment:
        """From now on, that of this state."""
        now, before, second = moment(state.stamp, at), self._settled.get(state.competition_id), int(at.timestamp())
        times = before.times + 1 if before and before.second == second else 1
        self._settled[state.competition_id] = _Settled(now, second, self._best(state), state.stamp, times)
        return now

    def _best(self, state: State) -> int | None:
        with self._db.read() as session:
            return queries.boards.newest_best(session, state.competition_id)

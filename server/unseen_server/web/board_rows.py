"""The rows of a leaderboard as HTML: each drawn by itself, and again only where something of it has changed."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from flask import current_app

from unseen_server.services.boards import Moment
from unseen_server.services.competitions import Shown
from unseen_server.services.standings import Entry, Order, Place
from unseen_server.web import charts, languages, present
from unseen_server.web.context import now

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Filled:
    """Places with their entries by team; `rest` is the moment's that they were read in."""

    rest: Hashable
    places: Mapping[int, Place]
    entries: Mapping[int, Entry | None]

    def has(self, place: Place) -> bool:
        return self.places.get(place.team_id) == place


@dataclass(frozen=True)
class Rows:
    """Rows (HTML) by team, best first; `look` is what each is drawn with, besides its place and its entry."""

    filled: Filled
    look: Mapping[str, Any]
    html: Mapping[int, str]

    @cached_property
    def joined(self) -> str:
        return "".join(self.html.values())

    def own(self, team: int | None) -> dict[int, str]:
        """The row of one's own team, marked; nothing where it is on another page."""
        if team is None or team not in self.html:
            return {}
        return _drawn([self.filled.places[team]], self.filled.entries, self.look, mine=True)

    def joined_with(self, own: Mapping[int, str]) -> str:
        return "".join({**self.html, **own}.values()) if own else self.joined

    def same(self, place: Place, entry: Entry | None) -> str | None:
        """The row of this team, if it was drawn of just this."""
        unchanged = self.filled.has(place) and self.filled.entries[place.team_id] == entry
        return self.html[place.team_id] if unchanged else None


def rows(filled: Filled, look: Mapping[str, Any], before: Rows | None) -> Rows:
    """What is drawn of these, with what of the rows `before` has not changed."""
    same = before if before and before.look == look else None
    return Rows(filled, look, _drawn(list(filled.places.values()), filled.entries, look, mine=False, before=same))


def look(shown: Shown, moment: Moment, order: Order, on_page: Sequence[Place]) -> dict[str, Any]:
    """What every row is drawn with, with the minute, as each says how long ago it was."""
    exact = order.board == "private" or shown.release == "full"
    scale = charts.Scale.of([place.score for place in order.places], order.direction)
    return {
        "board": order.board,
        "rest": moment.rest,
        "time_zone": shown.time_zone,
        "exact": exact,
        "places": present.decimals(place.score for place in on_page),
        "public_places": present.decimals(place.public_score for place in on_page),
        **_compared(order, on_page, exact=exact),
        "scale": scale,
        "guides": charts.guides(scale, [place.score for place in order.places if place.rank is None]),
    }


def _compared(order: Order, on_page: Sequence[Place], *, exact: bool) -> dict[str, Any]:
    """What a board says of ties and distances: of all its rows, so that each of its pages has the same columns."""
    first = next((place for place in order.places if place.rank == 1), None)
    said = first.compared if first else None
    behind = [place.compared.behind for place in on_page if place.compared and place.compared.behind]
    return {
        "tied": order.note is not None,
        "compared": said is not None and said.behind is not None,
        "with_ranks": said is not None and said.ranks is not None,
        "lead": first.score if first else None,
        "behind_places": present.decimals_of_intervals(behind) if exact else present.decimals(chain(*behind)),
    }


def _drawn(
    places: Sequence[Place],
    entries: Mapping[int, Entry | None],
    look: Mapping[str, Any],
    *,
    mine: bool,
    before: Rows | None = None,
) -> dict[int, str]:
    """Each row's HTML by team, as it was `before` where nothing of it has changed.

    What cannot be drawn says so in its own place and leaves the others alone.
    """
    template: Any = current_app.jinja_env.get_template("board_rows.html").make_module({**look, "now": now()})
    with languages.speaking(languages.current().code):  # known once for all of them
        return {
            place.team_id: (before and before.same(place, entry)) or _row(template, place, entry, mine)
            for place, entry in ((place, entries[place.team_id]) for place in places)
        }


def _row(template: Any, place: Place, entry: Entry | None, mine: bool) -> str:
    try:
        if entry is not None:
            return str(template.row(place, entry, mine))
    except Exception:
        log.exception("the row of team %s on the board cannot be drawn", place.team_id)
    return str(template.broken(place, mine))

"""The leaderboard page: its rows are drawn once for everybody who looks within a minute, and one's own once more."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, Generic, TypeVar

from flask import Response, current_app, get_flashed_messages, make_response, render_template, request, url_for
from flask.sansio.app import App
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.digests import stamp_of
from unseen_server.services import competitions, standings
from unseen_server.services.competitions import Shown
from unseen_server.services.standings import Entry, Order, Place, Progress
from unseen_server.services.submit import Receipt
from unseen_server.web import charts, languages, present
from unseen_server.web.context import csrf_token, now, parts, visitor

T = TypeVar("T")
R = TypeVar("R", bound=AnyResponse)

REFRESH_SECONDS = {"open": 15, "closed": 30}
ROWS = 100
PROJECTED_ROWS = 20
LEADERS = 5  # whose way is drawn
LONGEST_SEARCH = 100  # characters

log = logging.getLogger(__name__)


class Kept(Generic[T]):
    """The last few things made, each by the tag that says all it depends on."""

    def __init__(self, many: int) -> None:
        self._many = many
        self._things: dict[str, T] = {}
        self._lock = threading.Lock()

    def get(self, tag: str) -> T | None:
        return self._things.get(tag)

    def keep(self, tag: str, thing: T) -> T:
        with self._lock:
            if len(self._things) >= self._many:
                self._things.pop(next(iter(self._things)))
            self._things[tag] = thing
        return thing


@dataclass(frozen=True)
class Asked:
    """What the address asks for: a board (None: the one that counts now), a page of it, names with this text."""

    which: str | None
    page: int
    search: str
    projected: bool

    @classmethod
    def by_request(cls) -> Asked:
        page = request.args.get("page", "")
        return cls(
            which=request.args.get("board"),
            page=max(1, int(page)) if re.fullmatch("[0-9]{1,9}", page) else 1,
            search=request.args.get("q", "").strip()[:LONGEST_SEARCH],
            projected=request.args.get("projector") == "1",
        )

    @property
    def rows(self) -> int:
        return PROJECTED_ROWS if self.projected else ROWS

    def address(self, slug: str, **changes: Any) -> str:
        asked = replace(self, **changes)
        return url_for(
            "pages.leaderboard",
            slug=slug,
            board=asked.which,
            page=asked.page if asked.page > 1 else None,
            q=asked.search or None,
            projector=1 if asked.projected else None,
        )


@dataclass(frozen=True)
class Drawn:
    """A page of a board for everybody: its rows (HTML) by team, best first, and what else the template needs."""

    order: Order
    places: Mapping[int, Place]
    entries: Mapping[int, Entry | None]
    rows: Mapping[int, str]
    values: Mapping[str, Any]
    leaders: Progress | None

    def with_own(self, team: int | None) -> Markup:
        """All rows, the one of one's own team marked."""
        rows = dict(self.rows)
        if team is not None and team in rows:
            rows |= _rows([self.places[team]], self.entries, self.values, mine=True)
        return Markup("").join(map(Markup, rows.values()))


@dataclass(frozen=True)
class Own:
    """Where one's own team stands, and on which page."""

    team: int
    rank: int | None
    page: int


@dataclass(frozen=True)
class _Keeping:
    pages: Kept[str]
    tables: Kept[Drawn]
    orders: Kept[Order]
    names: Kept[Mapping[int, str]]


def register(app: App) -> None:
    app.extensions["unseen_boards"] = _Keeping(Kept(64), Kept(32), Kept(8), Kept(4))


def page(slug: str) -> Response:
    """The page, 304 where the browser has it already. Visibility is checked before anything kept is given out."""
    person, asked, pages = visitor(), Asked.by_request(), _kept().pages
    stamp = standings.stamp(parts().db, slug=slug, principal=person, now=now())
    # the minute is part of it, for “3 min ago”; the form token and the notices, because the page holds them
    everybody = _tag(slug, stamp, int(now().timestamp() // 60), languages.current().code)
    tag = _tag(everybody, asked, person.user_id if person else None, csrf_token(), get_flashed_messages())
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    else:
        response = make_response(pages.get(tag) or pages.keep(tag, _page(slug, everybody, asked)))
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def followed(reply: R, receipt: Receipt) -> R:
    """The reply to a submission, which after it was sent brings the board up to date with it."""
    if receipt.improved:
        reply.call_on_close(
            partial(standings.follow, parts().db, parts().comparisons, slug=receipt.competition, now=now())
        )
    return reply


def _page(slug: str, tag: str, asked: Asked) -> str:
    person, tables = visitor(), _kept().tables
    shown = competitions.shown(parts().db, slug=slug, principal=person, now=now())
    which = asked.which or ("private" if shown.phase == "revealed" else "public")
    part = _tag(tag, which, asked.page, asked.search, asked.rows)
    drawn = tables.get(part) or tables.keep(part, _draw(shown, tag, which, asked))
    own = None if asked.projected else _own(slug, drawn.order)
    return render_template(
        "leaderboard.html",
        **drawn.values,
        c=shown,
        asked=replace(asked, page=drawn.values["page"]),
        own=own,
        rows=drawn.with_own(own.team if own else None),
        progress=_progress(slug, drawn, own),
        refresh=REFRESH_SECONDS.get(shown.phase),
    )


def _own(slug: str, order: Order) -> Own | None:
    team = standings.own_team(parts().db, slug=slug, principal=visitor(), now=now())
    if team is None or team not in order.positions:
        return None
    position = order.positions[team]
    return Own(team, order.places[position].rank, position // ROWS + 1)


def _draw(shown: Shown, tag: str, which: str, asked: Asked) -> Drawn:
    order = _order(shown.slug, tag, which)
    places = _matching(shown.slug, tag, order, asked.search) if asked.search else order.places
    pages = max(1, -(-len(places) // asked.rows))
    number = 1 if asked.projected else min(asked.page, pages)
    on_page = places[(number - 1) * asked.rows : number * asked.rows]
    read = standings.entries(parts().db, slug=shown.slug, places=on_page, principal=visitor(), now=now())
    entries = {place.team_id: entry for place, entry in zip(on_page, read, strict=True)}
    exact = which == "private" or shown.release == "full"
    scale = charts.Scale.of([place.score for place in order.places], order.direction)
    values = {
        "board": order.board,
        "ranked": order.ranked,
        "found": len(places),
        "page": number,
        "pages": pages,
        "time_zone": shown.time_zone,
        "exact": exact,
        "places": present.decimals(place.score for place in on_page),
        "public_places": present.decimals(place.public_score for place in on_page),
        **_compared(order, on_page, exact=exact),
        "compared_rows": shown.test_rows - shown.public_rows if which == "private" else shown.public_rows,
        "scale": scale,
        "guides": charts.guides(scale, [place.score for place in order.places if place.rank is None]),
    }
    return Drawn(
        order=order,
        places={place.team_id: place for place in on_page},
        entries=entries,
        rows=_rows(on_page, entries, values, mine=False),
        values=values,
        leaders=None if asked.search or asked.projected or number > 1 else _leaders(shown.slug, tag),
    )


def _compared(order: Order, on_page: Sequence[Place], *, exact: bool) -> dict[str, Any]:
    """What a board says of ties and distances: of all its rows, so that each of its pages has the same columns."""
    first = next((place for place in order.places if place.rank == 1), None)
    said = first.compared if first else None
    behind = [place.compared.behind for place in on_page if place.compared and place.compared.behind]
    return {
        "note": order.note,
        "tied": order.note is not None,
        "compared": said is not None and said.behind is not None,
        "with_ranks": said is not None and said.ranks is not None,
        "lead": first.score if first else None,
        "behind_places": present.decimals_of_intervals(behind) if exact else present.decimals(chain(*behind)),
    }


def _order(slug: str, tag: str, which: str) -> Order:
    orders, tag = _kept().orders, _tag(tag, which)
    place: dict[str, Any] = {"slug": slug, "which": which, "principal": visitor(), "now": now()}
    return orders.get(tag) or orders.keep(tag, standings.order(parts().db, parts().comparisons, **place))


def _matching(slug: str, tag: str, order: Order, text: str) -> Sequence[Place]:
    kept = _kept().names
    place: dict[str, Any] = {"slug": slug, "principal": visitor(), "now": now()}
    known = kept.get(tag) or kept.keep(tag, standings.names_by_team(parts().db, **place))
    return standings.matching(order, known, text)


# rows


def _rows(
    places: Sequence[Place], entries: Mapping[int, Entry | None], values: Mapping[str, Any], *, mine: bool
) -> dict[int, str]:
    """Each row's HTML by team. What cannot be drawn says so in its own place and leaves the others alone."""
    template: Any = current_app.jinja_env.get_template("board_rows.html").make_module({**values, "now": now()})
    return {place.team_id: _row(template, place, entries[place.team_id], mine) for place in places}


def _row(template: Any, place: Place, entry: Entry | None, mine: bool) -> str:
    try:
        if entry is not None:
            return str(template.row(place, entry, mine))
    except Exception:
        log.exception("the row of team %s on the board cannot be drawn", place.team_id)
    return str(template.broken(place, mine))


# progress


def _leaders(slug: str, tag: str) -> Progress:
    leading = [place.team_id for place in _order(slug, tag, "public").places if place.rank is not None][:LEADERS]
    return standings.progress(parts().db, slug=slug, teams=leading, principal=visitor(), now=now())


def _progress(slug: str, drawn: Drawn, own: Own | None) -> dict[str, Any] | None:
    """What the chart's template needs: the leaders' lines, and one's own."""
    if drawn.leaders is None:
        return None
    lines = drawn.leaders.lines
    if own and own.team not in {line.team_id for line in lines}:
        mine = standings.progress(parts().db, slug=slug, teams=[own.team], principal=visitor(), now=now())
        lines = [*lines, *mine.lines]
    progress = replace(drawn.leaders, lines=lines)
    drawing = charts.drawing(progress)
    scores = [score for line in lines for _, score in line.steps]
    return {"of": progress, "drawing": drawing, "places": present.decimals(scores)} if drawing else None


def _tag(*seen: object) -> str:
    return stamp_of(repr(seen))


def _kept() -> _Keeping:
    kept: _Keeping = current_app.extensions["unseen_boards"]
    return kept

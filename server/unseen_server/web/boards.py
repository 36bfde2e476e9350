"""The leaderboard: drawn once for everybody who looks before it changes or the minute ends, and one's own row more."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from flask import Response, current_app, get_flashed_messages, make_response, render_template, request, url_for
from flask.sansio.app import App
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.digests import stamp_of
from unseen_server.core.schedule import Phase
from unseen_server.services import competitions, standings
from unseen_server.services.competitions import Shown
from unseen_server.services.kept import Shared
from unseen_server.services.principals import SERVER
from unseen_server.services.standings import Board, Entry, Order, Place, Progress, Stamp
from unseen_server.services.submit import Receipt
from unseen_server.web import charts, languages, present
from unseen_server.web.context import Parts, csrf_token, now, parts, visitor

R = TypeVar("R", bound=AnyResponse)
Orders = Shared[Hashable, Order]

REFRESH_SECONDS = {"open": 15, "closed": 30}
ROWS = 100
PROJECTED_ROWS = 20
LEADERS = 5  # whose way is drawn
LONGEST_SEARCH = 100  # characters
PATIENCE = 0.25  # seconds that a request waits for what another one draws, before it draws for itself

log = logging.getLogger(__name__)


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
class Moment:
    """What a board looks like at this minute, as its rows say “3 min ago”."""

    stamp: Stamp
    minute: int

    @property
    def rest(self) -> Hashable:
        """All but what submissions change."""
        return self.stamp.phase, self.stamp.version, self.minute


@dataclass(frozen=True)
class Filled:
    """Places with their entries by team; `rest` is the moment's that they were read in."""

    rest: Hashable
    places: Mapping[int, Place]
    entries: Mapping[int, Entry | None]

    def has(self, place: Place) -> bool:
        return self.places.get(place.team_id) == place


@dataclass(frozen=True)
class Listed:
    """The first rows of a board for programs."""

    order: Order
    filled: Filled


@dataclass(frozen=True)
class Drawn:
    """A page of a board for everybody: its rows (HTML) by team, best first, and what else the template needs.

    `look` is what every row is drawn with, `values` are for the rest of the page.
    """

    order: Order
    filled: Filled
    rows: Mapping[int, str]
    look: Mapping[str, Any]
    values: Mapping[str, Any]
    leaders: Progress | None

    def with_own(self, team: int | None) -> str:
        """All rows, the one of one's own team marked."""
        rows = dict(self.rows)
        if team is not None and team in rows:
            rows |= _rows([self.filled.places[team]], self.filled.entries, self.look, mine=True)
        return "".join(rows.values())

    def row(self, place: Place, entry: Entry | None, look: Mapping[str, Any]) -> str | None:
        """The row of this team, if it was drawn of just this."""
        same = self.filled.has(place) and self.filled.entries[place.team_id] == entry and self.look == look
        return self.rows[place.team_id] if same else None


@dataclass(frozen=True)
class Own:
    """Where one's own team stands, and on which page."""

    team: int
    rank: int | None
    page: int


@dataclass(frozen=True)
class Page:
    """A page as one person sees it: what is around the rows, drawn of `seen`, and the rows.

    One that waits for comparisons does not last.
    """

    seen: tuple[object, ...]
    around: Sequence[str]
    rows: str
    lasts: bool

    @property
    def html(self) -> str:
        return self.rows.join(self.around)


class _Keeping:
    """What is kept of boards, each kind with the stamp of the board it was made of."""

    def __init__(self) -> None:
        self.pages: Shared[Hashable, Page] = Shared(64, PATIENCE)
        self.tables: Shared[Hashable, Drawn] = Shared(32, PATIENCE)
        self.lists: Shared[Hashable, Listed] = Shared(8, PATIENCE)
        self.orders: Orders = Shared(8, PATIENCE)
        self.names: Shared[str, Mapping[int, str]] = Shared(4, PATIENCE)
        self.seen_by_visitors: Shared[str, Shown] = Shared(8, PATIENCE)
        self.leaders: Shared[str, Progress] = Shared(8, PATIENCE)


def register(app: App) -> None:
    app.extensions["unseen_boards"] = _Keeping()


def page(slug: str) -> Response:
    """The page, 304 where the browser has it already. Visibility is checked before anything kept is given out."""
    person, asked, moment = visitor(), Asked.by_request(), _moment(slug)
    # the form token and the notices are part of it, because the page holds them
    whose = (person.user_id if person else None, csrf_token(), *get_flashed_messages())
    kind = (slug, languages.current().code, asked, whose)
    tag = stamp_of(repr((moment, kind)))
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    else:
        found = _kept().pages.of(
            kind, moment, lambda before: _page(slug, moment, asked, before), lambda page: page.lasts
        )
        response = make_response(found.html)
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def board(slug: str, which: str, limit: int) -> Board:
    """The same for programs: the first rows of a board as it is now."""
    moment = _moment(slug)

    def listed(before: Listed | None) -> Listed:
        order = _order(slug, moment, which)
        return Listed(order, _filled(slug, moment, order.places[:limit], before.filled if before else None))

    found = _kept().lists.of((slug, which, limit), moment, listed, lambda listed: listed.order.whole)
    entries = [entry for entry in found.filled.entries.values() if entry]
    return Board(slug, which, now(), found.order.direction, found.order.note, entries)


def followed(reply: R, receipt: Receipt) -> R:
    """The reply to a submission, after which the board is compared anew, so that who looks next need not wait."""
    if receipt.improved:
        reply.call_on_close(partial(_follow, parts(), _kept().orders, receipt.competition, now()))
    return reply


def _follow(connected: Parts, orders: Orders, slug: str, at: datetime) -> None:
    place: dict[str, Any] = {"slug": slug, "principal": SERVER, "now": at}

    def order(_: Order | None) -> Order:
        return standings.order(connected.db, connected.comparisons, which="public", **place)

    try:
        orders.unless_busy((slug, "public"), _at(standings.stamp(connected.db, **place), at), order, _is_whole)
    except Exception:
        log.exception("the public board of %s could not be compared anew", slug)


def _moment(slug: str) -> Moment:
    """Another one for every board that looks otherwise. Whoever may not see it is refused."""
    return _at(standings.stamp(parts().db, slug=slug, principal=visitor(), now=now()), now())


def _at(stamp: Stamp, at: datetime) -> Moment:
    return Moment(stamp, int(at.timestamp() // 60))


def _is_whole(order: Order) -> bool:
    return order.whole


def _page(slug: str, moment: Moment, asked: Asked, before: Page | None) -> Page:
    drawn = _table(slug, moment, asked)
    shown = _shown(slug, moment, drawn.order)
    own = None if asked.projected else _own(slug, drawn.order)
    progress = _progress(slug, drawn, own)
    seen = (moment.rest, shown, drawn.values, own, progress)
    around = before.around if before and before.seen == seen else None
    around = around or _around(drawn, shown, asked, own, progress)
    return Page(seen, around, drawn.with_own(own.team if own else None), drawn.order.whole)


def _around(
    drawn: Drawn, shown: Shown, asked: Asked, own: Own | None, progress: Mapping[str, Any] | None
) -> Sequence[str]:
    """The page without its rows: what is before and after them, or all of it where there are none."""
    gap = secrets.token_hex()
    html = render_template(
        "leaderboard.html",
        **drawn.values,
        c=shown,
        asked=replace(asked, page=drawn.values["page"]),
        own=own,
        rows=gap,
        progress=progress,
        refresh=REFRESH_SECONDS.get(shown.phase),
    )
    return html.split(gap)


def _shown(slug: str, moment: Moment, order: Order) -> Shown:
    """The competition, which says how many teams there are; for visitors it is kept."""
    place: dict[str, Any] = {"slug": slug, "principal": visitor(), "now": now()}
    if visitor():
        return competitions.shown(parts().db, **place)
    seen = (moment.rest, order.board, order.ranked)
    return _kept().seen_by_visitors.of(slug, seen, lambda _: competitions.shown(parts().db, **place))


def _table(slug: str, moment: Moment, asked: Asked) -> Drawn:
    which = asked.which or ("private" if moment.stamp.phase == Phase.REVEALED else "public")
    kind = (slug, languages.current().code, which, asked.page, asked.search, asked.rows)
    return _kept().tables.of(
        kind, moment, lambda before: _draw(slug, moment, which, asked, before), lambda drawn: drawn.order.whole
    )


def _own(slug: str, order: Order) -> Own | None:
    team = standings.own_team(parts().db, slug=slug, principal=visitor(), now=now())
    if team is None or team not in order.positions:
        return None
    position = order.positions[team]
    return Own(team, order.places[position].rank, position // ROWS + 1)


def _draw(slug: str, moment: Moment, which: str, asked: Asked, before: Drawn | None) -> Drawn:
    order = _order(slug, moment, which)
    shown = _shown(slug, moment, order)
    places = _matching(slug, moment, order, asked.search) if asked.search else order.places
    pages = max(1, -(-len(places) // asked.rows))
    number = 1 if asked.projected else min(asked.page, pages)
    on_page = places[(number - 1) * asked.rows : number * asked.rows]
    filled = _filled(slug, moment, on_page, before.filled if before else None)
    look = _look(shown, moment, order, on_page)
    values = {
        **look,
        "ranked": order.ranked,
        "note": order.note,
        "found": len(places),
        "page": number,
        "pages": pages,
        "compared_rows": shown.test_rows - shown.public_rows if which == "private" else shown.public_rows,
    }
    return Drawn(
        order=order,
        filled=filled,
        rows=_rows(
            on_page, filled.entries, look, mine=False, before=before if before and before.look == look else None
        ),
        look=look,
        values=values,
        leaders=None if asked.search or asked.projected or number > 1 else _leaders(slug, moment),
    )


def _filled(slug: str, moment: Moment, places: Sequence[Place], before: Filled | None) -> Filled:
    """These places with their entries, of which only those are read that have changed."""
    known = before.entries if before and before.rest == moment.rest else {}
    changed = [place for place in places if not (before and known and before.has(place))]
    read = standings.entries(parts().db, slug=slug, places=changed, principal=visitor(), now=now())
    entries = {place.team_id: entry for place, entry in zip(changed, read, strict=True)}
    return Filled(
        rest=moment.rest,
        places={place.team_id: place for place in places},
        entries={place.team_id: entries.get(place.team_id, known.get(place.team_id)) for place in places},
    )


def _look(shown: Shown, moment: Moment, order: Order, on_page: Sequence[Place]) -> dict[str, Any]:
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


def _order(slug: str, moment: Moment, which: str) -> Order:
    place: dict[str, Any] = {"slug": slug, "which": which, "principal": visitor(), "now": now()}
    return _kept().orders.of(
        (slug, which), moment, lambda _: standings.order(parts().db, parts().comparisons, **place), _is_whole
    )


def _matching(slug: str, moment: Moment, order: Order, text: str) -> Sequence[Place]:
    place: dict[str, Any] = {"slug": slug, "principal": visitor(), "now": now()}
    known = _kept().names.of(slug, moment, lambda _: standings.names_by_team(parts().db, **place))
    return standings.matching(order, known, text)


# rows


def _rows(
    places: Sequence[Place],
    entries: Mapping[int, Entry | None],
    look: Mapping[str, Any],
    *,
    mine: bool,
    before: Drawn | None = None,
) -> dict[int, str]:
    """Each row's HTML by team, as it was `before` where nothing of it has changed.

    What cannot be drawn says so in its own place and leaves the others alone.
    """
    template: Any = current_app.jinja_env.get_template("board_rows.html").make_module({**look, "now": now()})
    with languages.speaking(languages.current().code):  # known once for all of them
        return {
            place.team_id: (before and before.row(place, entry, look)) or _row(template, place, entry, mine)
            for place, entry in ((place, entries[place.team_id]) for place in places)
        }


def _row(template: Any, place: Place, entry: Entry | None, mine: bool) -> str:
    try:
        if entry is not None:
            return str(template.row(place, entry, mine))
    except Exception:
        log.exception("the row of team %s on the board cannot be drawn", place.team_id)
    return str(template.broken(place, mine))


# progress


def _leaders(slug: str, moment: Moment) -> Progress:
    """The way of the leaders, looked up again where one of them has submitted."""
    leading = [place for place in _order(slug, moment, "public").places if place.rank is not None][:LEADERS]
    seen = (moment.rest, *((place.team_id, place.mark) for place in leading))
    teams = [place.team_id for place in leading]
    place: dict[str, Any] = {"slug": slug, "principal": visitor(), "now": now()}
    return _kept().leaders.of(slug, seen, lambda _: standings.progress(parts().db, teams=teams, **place))


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


def _kept() -> _Keeping:
    kept: _Keeping = current_app.extensions["unseen_boards"]
    return kept

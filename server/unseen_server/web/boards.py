"""The leaderboard: drawn once for everybody who looks before it changes or the minute ends, and one's own row more."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from flask import Response, current_app, get_flashed_messages, make_response, render_template, request, url_for
from flask.sansio.app import App
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.digests import stamp_of
from unseen_server.core.schedule import Phase
from unseen_server.db.session import Database
from unseen_server.services import boards, competitions, standings
from unseen_server.services.boards import Moment, Pace, State
from unseen_server.services.competitions import Shown
from unseen_server.services.kept import Shared
from unseen_server.services.principals import SERVER
from unseen_server.services.standings import Board, Order, Place, Progress
from unseen_server.services.submit import Receipt
from unseen_server.web import board_rows, charts, languages, present
from unseen_server.web.board_rows import Filled, Rows
from unseen_server.web.context import Parts, csrf_token, now, parts, visitor

R = TypeVar("R", bound=AnyResponse)
D = TypeVar("D", "Drawn", "Listed")
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
class Listed:
    """The first rows of a board for programs."""

    order: Order
    filled: Filled


@dataclass(frozen=True)
class Drawn:
    """A page of a board for everybody: its rows, and what else its template needs."""

    order: Order
    rows: Rows
    values: Mapping[str, Any]
    leaders: Progress | None

    @cached_property
    def digest(self) -> str:
        """Another one for every other content."""
        return stamp_of(f"{self.rows.joined}{self.values!r}{self.leaders!r}")


@dataclass(frozen=True)
class Own:
    """Where one's own team stands, and on which page."""

    team: int
    rank: int | None
    page: int


@dataclass(frozen=True)
class Page:
    """A page as one person sees it: everybody's rows, their own in its place, and what is around, drawn of `seen`."""

    seen: tuple[object, ...]
    around: Sequence[str]
    rows: Rows
    own_row: Mapping[int, str]

    @property
    def html(self) -> str:
        return self.rows.joined_with(self.own_row).join(self.around)

    @cached_property
    def tag(self) -> str:
        """Of its bytes alone, so that whichever process drew them, what differs has another one."""
        return stamp_of(self.html)


class _Keeping:
    """What is kept of boards, each kind with the moment it was made of, a person's page with what it was drawn of."""

    def __init__(self, db: Database) -> None:
        self.pace = Pace(db)
        self.pages: Shared[Hashable, Page] = Shared(256, PATIENCE)
        self.tables: Shared[Hashable, Drawn] = Shared(32, PATIENCE)
        self.lists: Shared[Hashable, Listed] = Shared(8, PATIENCE)
        self.orders: Orders = Shared(8, PATIENCE)
        self.names: Shared[str, Mapping[int, str]] = Shared(4, PATIENCE)
        self.seen_by_all: Shared[str, Shown] = Shared(8, PATIENCE)
        self.leaders: Shared[str, Progress] = Shared(8, PATIENCE)


def register(app: App) -> None:
    app.extensions["unseen_boards"] = _Keeping(app.extensions["unseen"].db)


def page(slug: str) -> Response:
    """The page, 304 where the browser has it already. Visibility is checked before anything kept is given out."""
    person, asked, code = visitor(), Asked.by_request(), languages.current().code
    state = _state(slug)
    moment, drawn = _fresh(slug, state, lambda moment: _table(slug, moment, asked))
    own = _own(drawn.order, state.own.team_id if state.own and not asked.projected else None)
    # the form token and the notices are part of it, because the page holds them
    whose = (person.user_id if person else None, csrf_token(), *get_flashed_messages())
    found = _kept().pages.of(
        (slug, code, asked, whose),
        (moment.rest, drawn.digest, state.own, own),
        lambda before: _page(slug, moment, asked, drawn, own, before),
        lambda _: drawn.order.whole,
    )
    known = request.if_none_match.contains_weak(found.tag)
    response = Response(status=304) if known else make_response(found.html)
    response.set_etag(found.tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def board(slug: str, which: str, limit: int) -> Board:
    """The same for programs: the first rows of a board as it is now."""

    def listed(moment: Moment) -> Listed:
        def made(before: Listed | None) -> Listed:
            order = _order(slug, moment, which)
            return Listed(order, _filled(slug, moment, order.places[:limit], before.filled if before else None))

        return _kept().lists.of((slug, which, limit), moment, made, lambda listed: listed.order.whole)

    _, found = _fresh(slug, _state(slug), listed)
    entries = [entry for entry in found.filled.entries.values() if entry]
    return Board(slug, which, now(), found.order.direction, found.order.note, entries)


def followed(reply: R, receipt: Receipt) -> R:
    """The reply to a submission, after which the board is compared anew, so that who looks next need not wait."""
    if receipt.improved:
        reply.call_on_close(partial(_follow, parts(), _kept(), receipt.competition, now()))
    return reply


def _follow(connected: Parts, kept: _Keeping, slug: str, at: datetime) -> None:
    place: dict[str, Any] = {"slug": slug, "principal": SERVER, "now": at}

    def order(_: Order | None) -> Order:
        return standings.order(connected.db, connected.comparisons, which="public", **place)

    try:
        moment = kept.pace.of(boards.state(connected.db, **place), at)
        kept.orders.unless_busy((slug, "public"), moment, order, _is_whole)
    except Exception:
        log.exception("the public board of %s could not be compared anew", slug)


def _state(slug: str) -> State:
    """What the board looks like now. Whoever may not see it is refused."""
    return boards.state(parts().db, slug=slug, principal=visitor(), now=now())


def _fresh(slug: str, state: State, draw: Callable[[Moment], D]) -> tuple[Moment, D]:
    """What is drawn of the moment that everybody is shown, or of this one where one's own team has gone on since."""
    pace = _kept().pace
    moment = pace.of(state, now())
    drawn = draw(moment)
    if not drawn.order.is_fresh_for(state.own):
        moment = pace.settle(state, now())
        drawn = draw(moment)
    return moment, drawn


def _is_whole(order: Order) -> bool:
    return order.whole


def _page(slug: str, moment: Moment, asked: Asked, drawn: Drawn, own: Own | None, before: Page | None) -> Page:
    shown = _shown(slug, moment, drawn.order)
    progress = _progress(slug, drawn, own)
    seen = (moment.rest, shown, drawn.values, own, progress)
    around = before.around if before and before.seen == seen else _around(drawn, shown, asked, own, progress)
    return Page(seen, around, drawn.rows, drawn.rows.own(own.team if own else None))


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
    """The competition, which says how many teams there are; for everybody it is kept."""
    person = visitor()
    place: dict[str, Any] = {"slug": slug, "now": now()}
    if not moment.stamp.is_for_all:
        return competitions.shown(parts().db, principal=person, **place)
    seen = (moment.rest, order.board, order.ranked)
    shown = _kept().seen_by_all.of(slug, seen, lambda _: competitions.shown(parts().db, principal=None, **place))
    return competitions.seen_by(parts().db, shown, person, now()) if person else shown


def _table(slug: str, moment: Moment, asked: Asked) -> Drawn:
    which = asked.which or ("private" if moment.stamp.phase == Phase.REVEALED else "public")
    kind = (slug, languages.current().code, which, asked.page, asked.search, asked.rows)
    return _kept().tables.of(
        kind, moment, lambda before: _draw(slug, moment, which, asked, before), lambda drawn: drawn.order.whole
    )


def _own(order: Order, team: int | None) -> Own | None:
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
    filled = _filled(slug, moment, on_page, before.rows.filled if before else None)
    look = board_rows.look(shown, moment, order, on_page)
    values = {
        **look,
        "ranked": order.ranked,
        "note": order.note,
        "found": len(places),
        "page": number,
        "pages": pages,
        "compared_rows": shown.test_rows - shown.public_rows if which == "private" else shown.public_rows,
    }
    leaders = None if asked.search or asked.projected or number > 1 else _leaders(slug, moment)
    return Drawn(order, board_rows.rows(filled, look, before.rows if before else None), values, leaders)


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


def _order(slug: str, moment: Moment, which: str) -> Order:
    place: dict[str, Any] = {"slug": slug, "which": which, "principal": visitor(), "now": now()}
    return _kept().orders.of(
        (slug, which), moment, lambda _: standings.order(parts().db, parts().comparisons, **place), _is_whole
    )


def _matching(slug: str, moment: Moment, order: Order, text: str) -> Sequence[Place]:
    place: dict[str, Any] = {"slug": slug, "principal": visitor(), "now": now()}
    known = _kept().names.of(slug, moment, lambda _: standings.names_by_team(parts().db, **place))
    return standings.matching(order, known, text)


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
        lines = [*lines, *standings.way(parts().db, slug=slug, team=own.team, principal=visitor(), now=now())]
    progress = replace(drawn.leaders, lines=lines)
    drawing = charts.drawing(progress)
    scores = [score for line in lines for _, score in line.steps]
    return {"of": progress, "drawing": drawing, "places": present.decimals(scores)} if drawing else None


def _kept() -> _Keeping:
    kept: _Keeping = current_app.extensions["unseen_boards"]
    return kept

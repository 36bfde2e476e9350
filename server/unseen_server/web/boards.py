"""The leaderboard page: its rows are drawn once for everybody who looks within a minute, and one's own once more."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import Response, current_app, make_response, render_template, request
from flask.sansio.app import App
from markupsafe import Markup

from unseen_server.services import competitions, standings
from unseen_server.services.competitions import Shown
from unseen_server.services.standings import Entry
from unseen_server.web import charts, languages, present
from unseen_server.web.context import csrf_token, now, parts, visitor

T = TypeVar("T")

REFRESH_SECONDS = {"open": 15, "closed": 30}
KEPT = 64


class Kept(Generic[T]):
    """The last KEPT things drawn, each by the tag that says all it depends on."""

    def __init__(self) -> None:
        self._things: dict[str, T] = {}
        self._lock = threading.Lock()

    def get(self, tag: str) -> T | None:
        return self._things.get(tag)

    def keep(self, tag: str, thing: T) -> T:
        with self._lock:
            if len(self._things) >= KEPT:
                self._things.pop(next(iter(self._things)))
            self._things[tag] = thing
        return thing


@dataclass(frozen=True)
class Drawn:
    """A board for everybody: entries and rows (HTML) by team, best first, and what else the templates need."""

    entries: Mapping[str, Entry]
    rows: Mapping[str, str]
    values: Mapping[str, Any]

    def with_own(self, team: str | None) -> tuple[Entry | None, Markup]:
        """The entry of one's own team, and all rows with that one marked."""
        own = self.entries.get(team) if team else None
        marked = {own.team: _row(own, self.values, mine=True)} if own else {}
        return own, Markup("").join(map(Markup, {**self.rows, **marked}.values()))


def register(app: App) -> None:
    app.extensions["unseen_boards"] = (Kept[str](), Kept[Drawn]())


def page(slug: str) -> Response:
    """The page, 304 where the browser has it already. Visibility is checked before anything kept is given out."""
    person, pages = visitor(), _kept()[0]
    stamp = standings.stamp(parts().db, slug=slug, principal=person, now=now())
    # the minute is part of it, for “3 min ago”; the form token, because the page holds it
    everybody = _tag(slug, stamp, int(now().timestamp() // 60), languages.current().code)
    tag = _tag(everybody, _asked(), _projected(), person.user_id if person else None, csrf_token())
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    else:
        response = make_response(pages.get(tag) or pages.keep(tag, _page(slug, everybody)))
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _page(slug: str, tag: str) -> str:
    person, tables = visitor(), _kept()[1]
    shown = competitions.shown(parts().db, slug=slug, principal=person, now=now())
    which = _asked() or ("private" if shown.phase == "revealed" else "public")
    tag = _tag(tag, which)
    drawn = tables.get(tag) or tables.keep(tag, _draw(shown, which))
    own_team = standings.own_team(parts().db, slug=slug, principal=person, now=now())
    own, rows = drawn.with_own(own_team)
    refresh = REFRESH_SECONDS.get(shown.phase)
    return render_template(
        "leaderboard.html", **drawn.values, c=shown, own=own, rows=rows, refresh=refresh, projected=_projected()
    )


def _draw(shown: Shown, which: str) -> Drawn:
    place: dict[str, Any] = {"slug": shown.slug, "principal": visitor(), "now": now()}
    board = standings.board(parts().db, which=which, **place)
    public = standings.board(parts().db, which="public", **place) if which == "private" else board
    scale = charts.Scale.of([entry.score for entry in board.entries], board.direction)
    public_scores = {entry.team: entry.score for entry in public.entries}
    values = {
        "time_zone": shown.time_zone,
        "exact": which == "private" or shown.release == "full",
        "board": board,
        "ranked": sum(entry.rank is not None for entry in board.entries),
        "places": present.decimals(entry.score for entry in board.entries),
        "public_scores": public_scores,
        "public_places": present.decimals(public_scores.values()),
        "scale": scale,
        "guides": charts.guides(scale, [entry.score for entry in board.entries if entry.is_baseline]),
    }
    rows = {entry.team: _row(entry, values, mine=False) for entry in board.entries}
    return Drawn({entry.team: entry for entry in board.entries}, rows, values)


def _row(entry: Entry, values: Mapping[str, Any], *, mine: bool) -> str:
    return render_template("board_row.html", **values, entry=entry, mine=mine)


def _tag(*seen: object) -> str:
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]


def _kept() -> tuple[Kept[str], Kept[Drawn]]:
    kept: tuple[Kept[str], Kept[Drawn]] = current_app.extensions["unseen_boards"]
    return kept


def _asked() -> str | None:
    return request.args.get("board")


def _projected() -> bool:
    return request.args.get("projector") == "1"

"""The pages of an archive: plain HTML that opens from a folder, without a server and without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from unseen_server.services.archives import Record
from unseen_server.services.standings import Board
from unseen_server.web import languages, present

HERE = Path(__file__).parent


def draw(record: Record) -> Mapping[str, str]:
    """index.html, a page for each board, and the stylesheet they share, in the language of the request."""
    boards = {"public": record.public, "private": record.private}
    pages = {
        f"leaderboard-{which}.html": _page("board.html", record, board=board, places=_places(board), which=which)
        for which, board in boards.items()
        if board
    }
    return {"index.html": _page("index.html", record), **pages, "archive.css": _stylesheet()}


def _page(template: str, record: Record, **values: Any) -> str:
    drawn = _environment().get_template(template)
    return drawn.render(record=record, c=record.competition, language=languages.current(), **values)


def _places(board: Board) -> int:
    return present.decimals(entry.score for entry in board.entries)


def _stylesheet() -> str:
    return (HERE / "templates" / "archive" / "archive.css").read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates" / "archive"),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        undefined=jinja2.StrictUndefined,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(languages.gettext, languages.ngettext, newstyle=True)  # type: ignore[attr-defined]
    filters = (
        *(languages.both_zones, languages.minute, languages.number),
        *(present.machine_time, present.markdown, present.metric_name, present.score),
    )
    environment.filters.update({one.__name__: one for one in filters})
    return environment

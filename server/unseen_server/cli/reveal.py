"""The reveal."""

from __future__ import annotations

import click

from unseen_server.cli.common import answer, database, format_option, now, table
from unseen_server.services import reveal as reveals
from unseen_server.services import standings
from unseen_server.services.principals import SERVER


@click.command()
@click.argument("slug")
@format_option
def reveal(slug: str, style: str) -> None:
    """Score the final submissions of SLUG on the private rows; open the private board and, to its course, the key."""
    with database() as db:
        reveals.reveal(db, slug=slug, principal=SERVER, now=now())
        board = standings.board(db, slug=slug, which="private", principal=None, now=now())
    rows = [(e.rank, e.team, repr(e.score), e.previous_rank) for e in board.entries]
    answer(style, board, table(("rank", "team", "private score", "public rank"), rows))

"""Access tokens for programs."""

from __future__ import annotations

import click

from unseen_server.cli.common import answer, database, format_option, moment, note, now
from unseen_server.services import tokens
from unseen_server.services.principals import SCOPES, SERVER


@click.group()
def token() -> None:
    """Tokens with which a person's programs sign in."""


@token.command("issue")
@click.argument("name")
@click.option("--scope", type=click.Choice(SCOPES), default="submit", show_default=True)
@click.option("--expires", metavar="ISO", help="When it ends, such as 2027-01-31T23:59Z (default: never).")
@format_option
def issue(name: str, scope: str, expires: str | None, style: str) -> None:
    """Make a token for the user NAME and print it, alone, this once."""
    with database() as db:
        made = tokens.issue_token(db, name, scope=scope, expires_at=moment(expires), actor=SERVER.username, now=now())
    answer(style, {"username": name, "scope": scope, "token": made}, made)
    note("It is shown this once. Its owner runs `unseen login URL --paste` and pastes it.")

"""What every command needs: the configured database, the time, and one way to print."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from unicodedata import combining, east_asian_width

import click
import msgspec

from unseen_server.config import Config
from unseen_server.core import schedule
from unseen_server.core.errors import BadRequest
from unseen_server.db import migrate
from unseen_server.db.session import Database

F = TypeVar("F", bound=Callable[..., Any])


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def installed() -> Iterator[tuple[Database, str]]:
    """The configured database and its schema version, refused with the command to run where there is none."""
    config = Config.from_environment()
    with closing(Database(config.database_url, config.objects_url)) as db:
        version = migrate.current(db) if db.file is None or db.file.exists() else None
        if version is None:
            raise BadRequest(reason=f"There is no installation in {config.home}. Make one with `unseen-server init`.")
        if version not in migrate.known():
            raise BadRequest(
                reason=f"The database has schema {version}, which a newer version of Unseen made. Install that version."
            )
        yield db, version


@contextmanager
def database() -> Iterator[Database]:
    """The configured database at this version's schema, refused with the command to run where it is not."""
    with installed() as (db, version):
        if version != migrate.newest():
            raise BadRequest(reason="The database has another schema version. Run `unseen-server upgrade` first.")
        yield db


def format_option(command: F) -> F:
    return click.option(
        "--format", "style", type=click.Choice(["text", "json"]), default="text", help="How the answer is printed."
    )(command)


def answer(style: str, value: Any, text: str) -> None:
    """Print the answer on stdout: `text` for people, `value` for programs."""
    if style == "json":
        click.echo(json.dumps(msgspec.to_builtins(value, enc_hook=str), ensure_ascii=False))
    elif text:
        click.echo(text)


def note(text: str) -> None:
    """Say something that is not the answer: on stderr."""
    click.echo(text, err=True)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns wide enough for what is in them."""
    cells = [list(header), *[["" if cell is None else str(cell) for cell in row] for row in rows]]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _width(text: str) -> int:
    """How many columns of a terminal it takes: Chinese characters take two each."""
    return sum(2 if east_asian_width(letter) in "WF" else not combining(letter) for letter in text)


def moment(text: str | None, time_zone: str = "UTC") -> datetime | None:
    """An instant given on the command line, in the zone given where it has no offset of its own."""
    return schedule.local_to_utc(text, time_zone) if text else None

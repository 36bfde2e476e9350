"""The whole installation into one file, and back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from unseen_server.cli.common import answer, format_option, installed, note, now
from unseen_server.config import MEBIBYTE, Config
from unseen_server.db.session import Database
from unseen_server.services import backups
from unseen_server.services.backups import Counting


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@format_option
def backup(file: Path, style: str) -> None:
    """Write the whole installation into FILE, which must not be there yet, while the server goes on.

    It holds every submission that was acknowledged before this command began, the hidden answers and the secret key:
    keep it as safe as the server itself. On SQLite students wait while the database file is copied; it needs as much
    space again beside the database for the time it takes.
    """
    config = Config.from_environment()
    with installed() as (db, schema), _counted("Writing rows", backups.rows_in(db)) as counting:
        made = backups.back_up(config, db, file, schema=schema, now=now(), counting=counting)
    size = file.stat().st_size
    _told(style, file, made, f"Wrote {file}: {made.rows:,} rows, {size / MEBIBYTE:,.1f} MiB.")
    note("Look it over with: unseen-server doctor --backup " + str(file))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@format_option
def restore(file: Path, style: str) -> None:
    """Fill an empty UNSEEN_HOME and UNSEEN_DATABASE_URL with what `backup` wrote into FILE, all of it or nothing.

    A backup of SQLite can be restored to PostgreSQL and the other way round.
    """
    config = Config.from_environment()
    config.home.mkdir(parents=True, exist_ok=True)
    with (
        closing(Database(config.database_url, config.objects_url)) as db,
        backups.opened(file) as (_, manifest),
        _counted("Restoring rows", manifest.rows) as counting,
    ):
        made = backups.restore(config, db, file, counting=counting)
    _told(style, file, made, f"Restored {made.rows:,} rows of {made.made_at:%Y-%m-%d %H:%M} UTC into {config.home}.")
    if not made.has_secret_key:
        note("The secret key is not part of it: set UNSEEN_SECRET_KEY as it was.")


@contextmanager
def _counted(label: str, rows: int) -> Iterator[Counting]:
    with click.progressbar(length=rows, label=label, file=sys.stderr) as bar:
        yield bar.update


def _told(style: str, file: Path, made: backups.Manifest, text: str) -> None:
    rows = {name: part.rows for name, part in made.tables.items()}
    told = {"file": str(file), "version": made.version, "schema": made.schema, "made_at": made.made_at, "rows": rows}
    answer(style, told, text)

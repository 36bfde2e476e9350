"""The installation itself: made, upgraded, served, looked over."""

from __future__ import annotations

import secrets
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click

from unseen_server import storage
from unseen_server.cli.common import answer, database, format_option, installed, note, now, table
from unseen_server.config import Config
from unseen_server.core.errors import Conflict
from unseen_server.db import migrate
from unseen_server.db.session import Database
from unseen_server.services import accounts, backups, names, passwords
from unseen_server.services.doctor import examine
from unseen_server.services.principals import SERVER


@click.command()
@click.option("--admin", default="instructor", show_default=True, help="User name of the first instructor.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of making one.")
@format_option
def init(admin: str, password_stdin: bool, style: str) -> None:
    """Make an installation: home, secret key, database, first instructor."""
    config = Config.from_environment()
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(12)
    names.checked_username(admin)  # before anything is made
    passwords.checked_password(password, admin)
    config.home.mkdir(parents=True, exist_ok=True)
    with closing(Database(config.database_url, config.objects_url)) as db:
        if migrate.current(db) is not None:
            raise Conflict(
                reason=f"There already is an installation in {config.home}. "
                "`unseen-server upgrade` brings it up to date."
            )
        config.secret()
        migrate.upgrade(db)
        with db.write() as session:
            accounts.add_user(session, admin, password=password, is_admin=True, now=now(), actor=SERVER.username)
    note(f"Made an installation in {config.home}.")
    shown = None if password_stdin else password
    text = f"user      {admin}" + ("" if password_stdin else f"\npassword  {password}")
    answer(style, {"home": str(config.home), "username": admin, "password": shown}, text)
    if not password_stdin:
        note("The password is shown this once. Next: unseen-server competition init my-competition --from labelled.csv")


@click.command()
def upgrade() -> None:
    """Bring the database to this version's schema; a backup is kept in the home first."""
    config = Config.from_environment()
    with installed() as (db, before):
        if before == migrate.newest():
            note("The database is up to date.")
            return
        kept = config.home / f"before-upgrade-from-{before}-{now():%Y%m%dT%H%M%S}.zip"
        backups.back_up(config, db, kept, schema=before, now=now())
        note(f"Kept a backup: {kept}")
        migrate.upgrade(db)
        note(f"Upgraded the database from {before} to {migrate.newest()}.")


@click.command()
@click.option("--host", help="Address to listen on (UNSEEN_HOST, default 127.0.0.1).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (UNSEEN_PORT, default 8000).")
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--threads", type=click.IntRange(1, 256), default=8, show_default=True, help="Threads of each process.")
def serve(host: str | None, port: int | None, processes: int, threads: int) -> None:
    """Serve pages and API until stopped."""
    from unseen_server import serving

    config = Config.from_environment()
    with database():
        pass  # refuse to start on a missing or outdated database
    config = replace(config, upload_memory=config.upload_memory // processes)
    serving.serve(config, host=host or config.host, port=port or config.port, processes=processes, threads=threads)


@click.command()
@format_option
def sweep(style: str) -> None:
    """Delete what lies in the object store and belongs to no submission: what failed uploads left behind."""
    with database() as db:
        deleted = storage.sweep(db, now())
    answer(style, {"deleted": deleted}, f"Deleted {deleted} objects.")


@click.command()
@click.option("--backup", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Look over this file.")
@format_option
def doctor(backup: Path | None, style: str) -> None:
    """Look the installation over: database, schema, standings, disk, secrets, workers; exits with 1 where one is wrong.

    A backup is restored into a database for the moment and looked over there.
    """
    config = Config.from_environment()
    if backup:
        with backups.restored_for_a_look(backup) as (there, db):
            found = examine(there, db)
    else:
        with database() as db:
            found = examine(config, db, now())
    answer(style, found, table(("", "what", "found"), [("ok" if f.ok else "BAD", f.what, f.found) for f in found]))
    if not all(finding.ok for finding in found):
        sys.exit(1)

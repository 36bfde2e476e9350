"""Bringing a database to the newest schema, and telling which one it has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from unseen_server import resources
from unseen_server.core.errors import Busy
from unseen_server.db.session import Database

HELD_UP = 0.5  # seconds that others wait for a change of the schema that waits for them
TRIES = 40
TOOK_TOO_LONG = "57014"


def upgrade(db: Database, revision: str = "head") -> None:
    with _alone(db) as session:
        upgrade_within(session, revision)


def upgrade_within(session: Session, revision: str) -> None:
    """As part of a transaction that does more."""
    command.upgrade(_config(session.connection()), revision)


def downgrade(db: Database, revision: str) -> None:
    with _alone(db) as session:
        command.downgrade(_config(session.connection()), revision)


@contextmanager
def _alone(db: Database) -> Iterator[Session]:
    """A transaction that has every table before it changes the first, so that it waits for nobody who waits for it.

    PostgreSQL ends one of two such after a second, and mostly the submission. So whoever works has half of one to end;
    else the tables are let go and asked for again.
    """
    with db.write() as session:
        connection = session.connection()
        if not db.is_sqlite and (tables := inspect(connection).get_table_names()):
            quoted = connection.dialect.identifier_preparer.quote
            _hold(connection, f"LOCK TABLE {', '.join(map(quoted, tables))} IN ACCESS EXCLUSIVE MODE")
        yield session


def _hold(connection: Connection, statement: str) -> None:
    for _ in range(TRIES):
        try:
            with connection.begin_nested():
                connection.execute(text(f"SET LOCAL statement_timeout = {round(1000 * HELD_UP)}"))
                connection.execute(text(statement))
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                return
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != TOOK_TOO_LONG:
                raise
        time.sleep(HELD_UP)
    raise Busy()


def current(db: Database) -> str | None:
    """The revision the database is at; None for an empty one."""
    with db.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def newest() -> str:
    return _scripts().get_current_head() or ""


def known() -> set[str]:
    """Every schema that this version can bring to the newest."""
    return {script.revision for script in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.folder("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config

"""Bringing a database to the newest schema, and telling which one it has."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from unseen_server import resources
from unseen_server.db.session import Database


def upgrade(db: Database, revision: str = "head") -> None:
    with db.write() as session:
        command.upgrade(_config(session.connection()), revision)


def downgrade(db: Database, revision: str) -> None:
    with db.write() as session:
        command.downgrade(_config(session.connection()), revision)


def current(db: Database) -> str | None:
    """The revision the database is at; None for an empty one."""
    with db.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def copy_of_sqlite(original: Path, revision: str) -> Path:
    """A consistent copy of an SQLite database beside it, named after its schema."""
    copy = original.with_name(f"{original.name}.before-upgrade-from-{revision}")
    with closing(sqlite3.connect(original)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def newest() -> str:
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.folder("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config

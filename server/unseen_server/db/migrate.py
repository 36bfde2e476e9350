"""Bringing a database to the newest schema, and telling which one it has."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from unseen_server import resources
from unseen_server.db.session import Database


def upgrade(db: Database, revision: str = "head") -> None:
    with db.write() as session:
        upgrade_within(session, revision)


def upgrade_within(session: Session, revision: str) -> None:
    """As part of a transaction that does more."""
    command.upgrade(_config(session.connection()), revision)


def downgrade(db: Database, revision: str) -> None:
    with db.write() as session:
        command.downgrade(_config(session.connection()), revision)


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

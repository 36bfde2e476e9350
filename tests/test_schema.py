"""The migrations make exactly the tables that the models describe, and back again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from tests.figures import Tell
from tests.installations import Installation
from tests.visitors import place_baseline, send

from unseen_server.db import migrate, sqlite
from unseen_server.db.models import Base
from unseen_server.db.session import Database
from unseen_server.db.sqlite import wal_is_safe
from unseen_server.services import doctor


def test_migrations_make_the_models_tables(database_url: str) -> None:
    with closing(Database(database_url)) as db:
        assert differences(db) == []
        assert migrate.current(db) == migrate.newest()


def differences(db: Database) -> list[object]:
    """What `alembic check` would ask a migration for."""
    with db.read() as session:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(session.connection(), opts=options), Base.metadata))


def test_down_and_up_again_leaves_the_same_tables(database_url: str) -> None:
    with closing(Database(database_url)) as db:
        before = set(inspect(db.engine).get_table_names())
        migrate.downgrade(db, "base")
        assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
        migrate.upgrade(db)
        assert set(inspect(db.engine).get_table_names()) == before


def rows(db: Database) -> dict[str, list[str]]:
    """Every row of every table."""
    seen = inspect(db.engine)
    tables = {name: [column["name"] for column in seen.get_columns(name)] for name in seen.get_table_names()}
    with db.read() as session:
        return {
            name: sorted(map(str, session.execute(text(f"SELECT {', '.join(columns)} FROM {name}"))))
            for name, columns in tables.items()
        }


@pytest.mark.slow
@pytest.mark.figure("migrations")
@pytest.mark.parametrize("revision", sorted(migrate.known()))
def test_a_database_of_an_older_version_keeps_every_row(
    installation: Installation, revision: str, figure: Tell
) -> None:
    db = installation.db
    send(installation, installation.noisy(3.0), "alice")
    place_baseline(installation)
    migrate.downgrade(db, revision)
    before = rows(db)
    assert len(before["submissions"]) == 2
    migrate.upgrade(db)
    assert differences(db) == []
    upgraded = rows(db)
    migrate.downgrade(db, revision)
    assert rows(db) == before
    migrate.upgrade(db)
    assert rows(db) == upgraded
    send(installation, installation.noisy(2.0), "alice")
    assert [found for found in doctor.examine(installation.config, db) if not found.ok] == []
    figure(f"schemas on {db.engine.dialect.name}", 1)


@pytest.mark.usefixtures("sqlite_library")
def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Path, sqlite_template: Path) -> None:
    with closing(Database(f"sqlite:///{sqlite_template}")) as db, db.read() as session:
        connection = session.connection()

        def pragma(name: str) -> object:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert pragma("synchronous") == 3  # EXTRA
        assert pragma("foreign_keys") == 1
        assert pragma("busy_timeout") == 5000
        assert pragma("journal_mode") == sqlite.journal()
        assert pragma("journal_size_limit") == sqlite.LONGEST_LOG


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_write_ahead_logging_only_where_it_cannot_corrupt(version: tuple[int, int, int], safe: bool) -> None:
    assert wal_is_safe(version) is safe

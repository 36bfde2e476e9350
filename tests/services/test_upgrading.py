"""Bringing a database in use to another schema: it waits for who works in it, and nobody is ended for its sake."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import text
from tests.postgres import new_postgres

from unseen_server.core.errors import Busy
from unseen_server.db import migrate
from unseen_server.db.session import Database

pytestmark = pytest.mark.slow

READ, WRITE = "SELECT count(*) FROM submissions", "UPDATE competitions SET board_version = 0"
WAITING = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE NOT granted AND datname = :name"


def wait_until_somebody_waits(postgres_server: str, name: str) -> None:
    patience = time.monotonic() + 60
    with closing(Database(postgres_server)) as outside, outside.read() as session:
        while not session.scalar(text(WAITING), {"name": name}):
            assert time.monotonic() < patience
            time.sleep(0.01)


def test_who_writes_while_the_schema_is_changed_gets_through(postgres_server: str, postgres_template: str) -> None:
    with (
        new_postgres(postgres_server, postgres_template) as url,
        closing(Database(url)) as db,
        closing(Database(url)) as operators,
        ThreadPoolExecutor() as pool,
    ):
        migrate.downgrade(db, "0005")
        with db.write() as session:
            session.execute(text(READ))
            upgrade = pool.submit(migrate.upgrade, operators)
            wait_until_somebody_waits(postgres_server, db.url.database or "")
            session.execute(text(WRITE))
        upgrade.result()
        assert migrate.current(db) == migrate.newest()


def test_a_schema_that_somebody_keeps_in_use_stays_and_can_be_changed_later(
    postgres_server: str, postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "TRIES", 2)
    with new_postgres(postgres_server, postgres_template) as url, closing(Database(url)) as db:
        migrate.downgrade(db, "0005")
        with db.write() as session:
            session.execute(text(READ))
            with closing(Database(url)) as operators, pytest.raises(Busy):
                migrate.upgrade(operators)
        assert migrate.current(db) == "0005"
        migrate.upgrade(db)
        assert migrate.current(db) == migrate.newest()

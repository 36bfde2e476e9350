"""Every row of a database as it is at one moment, and back into an empty one, on SQLite and PostgreSQL alike.

Tables are read as they stand in the database, not as the models have them, so that rows of an older schema keep their
columns until the migrations move them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, LargeBinary, MetaData, Table, func, insert, select, text
from sqlalchemy.orm import Session

from unseen_server.db import sqlite
from unseen_server.db.session import Database
from unseen_server.objects import Named

NOT_ROWS_OF_OURS = "alembic_version"
AT_ONCE = 500  # rows without files in memory; of those with a file, one


@dataclass(frozen=True)
class Snapshot:
    """A database at one moment: its tables, each after those it refers to, and the last numbers ever given out."""

    connection: Connection
    tables: Sequence[Table]

    def count(self) -> int:
        return sum(self.connection.scalar(select(func.count()).select_from(table)) or 0 for table in self.tables)

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """In the order of the table's columns."""
        options = {"stream_results": True, "yield_per": 1 if _holds_files(table) else AT_ONCE}
        for row in self.connection.execute(select(table), execution_options=options):
            yield tuple(row)

    def objects(self) -> Iterator[Named]:
        """What its rows name in an object store beside it."""
        for table in self.tables:
            if table.name == "stored_objects":
                for row in self.connection.execute(select(table.columns.key, table.columns.sha256)):
                    yield Named(row.key, row.sha256)

    def last_numbers(self) -> dict[str, int]:
        """By table. A number given out once, to a row that is gone since, is not given out again."""
        if self.connection.dialect.name == "sqlite":
            kept = self.connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
            return {row.name: row.seq for row in kept}
        return {
            name: self.connection.scalar(text(f"SELECT last_value FROM {sequence} WHERE is_called")) or 0  # noqa: S608
            for name, sequence in _sequences(self.connection).items()
        }


@contextmanager
def frozen(db: Database) -> Iterator[Snapshot]:
    """The database as it is now, for as long as it takes to read.

    Writers wait only while an SQLite file that has no log is copied.
    """
    if db.file is None:
        steady = db.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with steady.connect() as connection:
            yield Snapshot(connection, tables(connection))
        return
    with tempfile.TemporaryDirectory(dir=db.file.parent) as folder:
        copy = sqlite.copy(db.file, Path(folder) / db.file.name)
        with closing(Database(f"sqlite:///{copy}")) as still, still.engine.connect() as connection:
            yield Snapshot(connection, tables(connection))


def tables(connection: Connection) -> list[Table]:
    """The tables of this database, each after those it refers to."""
    found = MetaData()
    found.reflect(connection)
    ours = [table for table in found.sorted_tables if table.name != NOT_ROWS_OF_OURS]
    for table in ours:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type.none_as_null = True
    return ours


def _holds_files(table: Table) -> bool:
    return any(isinstance(column.type, LargeBinary) for column in table.columns)


def add(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    session.execute(insert(table), list(rows))


def go_on_counting(session: Session, last_numbers: Mapping[str, int]) -> None:
    """Give out numbers from where the original would have gone on."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")).all():
            place = {"name": name, "last": last_numbers.get(name, 0)}
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name AND seq < :last"), place)
            connection.execute(
                text(
                    "INSERT INTO sqlite_sequence SELECT :name, :last "
                    "WHERE :last > 0 AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
                ),
                place,
            )
        return
    for name, sequence in _sequences(connection).items():
        used = connection.scalar(text(f"SELECT max(id) FROM {name}")) or 0  # noqa: S608
        last = max(used, last_numbers.get(name, 0))
        connection.execute(select(func.setval(sequence, max(last, 1), last > 0)))


def _sequences(connection: Connection) -> dict[str, str]:
    """What gives out the numbers of a table on PostgreSQL, by table."""
    found = connection.execute(
        text(
            "SELECT table_name, pg_get_serial_sequence(quote_ident(table_name), column_name) "
            "FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = 'id'"
        )
    )
    return {name: sequence for name, sequence in found if sequence}

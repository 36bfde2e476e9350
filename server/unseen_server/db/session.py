"""Opening the database: one way to read, one way to write, the same promises on SQLite and PostgreSQL."""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from unseen_server.core.errors import Busy, OutcomeUnknown, StorageFull
from unseen_server.db import sqlite
from unseen_server.objects import Objects

try:
    import fcntl
except ImportError:  # Windows: SQLite's own lock remains, only less fair
    fcntl = None  # type: ignore[assignment]

LOCK_TIMEOUT = 5.0  # seconds a writer waits before it says "busy"
POLLED = 0.0002  # seconds between two looks whether another process has finished writing
PATIENCE = 0.25  # seconds a thread waits for others of its process before it computes beside them
OPTIONS: dict[str, Any] = {
    # The connection used last comes first: it has its pages and its prepared statements at hand.
    "pool_size": 16,
    "max_overflow": 16,
    "pool_use_lifo": True,
    # Each submission writes its receipt and its audit row as JSON.
    "json_serializer": lambda value: msgspec.json.encode(value).decode(),
    "json_deserializer": msgspec.json.decode,
    "hide_parameters": True,  # the values of a statement that fails, which may be secrets, are in no log
}
# Uploaded files take PostgreSQL longer to compress than to store, but not with lz4, where it has that.
CHEAP_COMPRESSION = """
SELECT set_config(name, 'lz4', false) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""


class WriterQueue:
    """Writers to one SQLite file wait here before BEGIN IMMEDIATE, threads and processes alike.

    SQLite's own wait polls with growing pauses and starves whoever came first; a short poll in front of it keeps the
    slowest writer of four processes within a few commits of the fastest.
    """

    def __init__(self, path: Path) -> None:
        self._threads = threading.Lock()
        self._path = path
        self._file: IO[bytes] | None = None

    @contextmanager
    def turn(self, patience: float) -> Iterator[float]:
        """Wait at most `patience` seconds for a turn; yields what is left of them for SQLite's own wait."""
        deadline = time.monotonic() + patience
        if not self._threads.acquire(timeout=patience):
            raise Busy()
        try:
            self._wait_for_other_processes(deadline)
            try:
                yield max(0.0, deadline - time.monotonic())
            finally:
                if fcntl and self._file:
                    fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _wait_for_other_processes(self, deadline: float) -> None:
        if not fcntl:
            return
        if self._file is None:
            try:
                self._file = self._path.open("ab")
            except OSError:
                raise StorageFull() from None
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy() from None
                time.sleep(POLLED)


class Database:
    """`with db.read() as session` or `with db.write() as session`; a write commits at the end or not at all."""

    def __init__(self, url: str, objects_url: str | None = None) -> None:
        self.url = make_url(url)
        self._objects_url = objects_url
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.file = Path(self.url.database or "") if self.is_sqlite else None
        self._queue: WriterQueue | None = None
        self._one = threading.Lock()
        if self.file is not None:
            self.engine = self._reading = self._open_sqlite(self.file)
        else:
            self.engine = _open_postgres(self.url)
            # There each statement has a view of its own even inside a transaction, so that none is begun for reading.
            self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @cached_property
    def objects(self) -> Objects | None:
        """The store beside it, if there is one; opened when it is needed, for its threads do not survive a fork."""
        return Objects(self._objects_url) if self._objects_url else None

    def _open_sqlite(self, path: Path) -> Engine:
        self._queue = WriterQueue(path.with_name(path.name + ".lock"))
        engine = create_engine(
            self.url, module=sqlite.driver, creator=lambda: sqlite.connect(path, LOCK_TIMEOUT), **OPTIONS
        )

        @event.listens_for(engine, "connect")
        def set_up(connection: object, record: ConnectionPoolEntry) -> None:
            record.info.update(patience=round(1000 * LOCK_TIMEOUT), only_reads=sqlite.only_reads(connection))

        @event.listens_for(engine, "checkin")
        def close_what_only_reads(_connection: object, record: ConnectionPoolEntry) -> None:
            if record.info.get("only_reads"):
                record.invalidate()  # the next one may write again

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A deferred BEGIN that later writes fails with "locked"; a writer takes its lock first.
            options = connection.get_execution_options()
            patience = 100 * math.ceil(10 * options.get("patience", LOCK_TIMEOUT))  # milliseconds, hardly ever others
            if connection.info["patience"] != patience:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={patience}")
                connection.info["patience"] = patience
            connection.exec_driver_sql("BEGIN IMMEDIATE" if "patience" in options else "BEGIN")

        return engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        with _refusals(), self._session(self._reading, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self, patience: float = LOCK_TIMEOUT) -> Iterator[Session]:
        """A transaction that waits at most `patience` seconds for other writers before it is Busy."""
        turn = self._queue.turn(patience) if self._queue else nullcontext(patience)
        # Its connection is fetched before the turn and put back after it, for others wait for theirs.
        with _refusals(), self.engine.connect() as connection, turn as left, self._transaction(connection, left) as own:
            yield own

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """One thread of this process at a time, for what computes and then writes: none has to wait for long.

        Threads beside each other are not faster, as the interpreter runs one of them; but those that compute would
        hold up the one that writes, and with it everybody who waits for the database. An object store is waited for,
        so there they go beside each other.
        """
        taken = self._objects_url is None and self._one.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            if taken:
                self._one.release()

    @contextmanager
    def _transaction(self, connection: Connection, patience: float) -> Iterator[Session]:
        with self._session(connection.execution_options(patience=patience)) as session:
            session.connection()  # begins it
            yield session
            session.flush()
            try:
                with _doubts():
                    session.commit()
            except BaseException:
                session.invalidate()  # SQLAlchemy does not roll back then: the connection would keep its locks
                raise

    def _session(self, bind: Engine | Connection, **options: Any) -> Session:
        return Session(bind, expire_on_commit=False, info={"database": self}, **options)

    def close(self) -> None:
        self.engine.dispose()
        if self._queue:
            self._queue.close()


def _open_postgres(url: URL) -> Engine:
    url, patience = url.set(drivername="postgresql+psycopg"), {"connect_timeout": round(LOCK_TIMEOUT)}
    engine = create_engine(url, connect_args=patience, **OPTIONS)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: ConnectionPoolEntry) -> None:
        connection.execute(f"SET lock_timeout = {round(1000 * LOCK_TIMEOUT)}")
        connection.execute(CHEAP_COMPRESSION)
        connection.commit()

    @event.listens_for(engine, "checkout")
    def be_open(connection: Any, _record: ConnectionPoolEntry, _proxy: object) -> None:
        # PostgreSQL says nothing unasked but that it goes. To ask it each time would cost as much as a statement.
        if connection.closed or _can_be_read(connection.fileno()):
            raise DisconnectionError()  # and the pool opens another one

    return engine


def _can_be_read(number: int) -> bool:
    """Whether something has come, or the other side has closed."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([number], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(number, select.POLLIN)
    return bool(waiting.poll(0))


@contextmanager
def _refusals() -> Iterator[None]:
    """What a database cannot do right now is an answer, not a fault: nothing was counted, try again."""
    try:
        yield
    except OperationalError as error:
        raise _refusal_for(error) or error from error


@contextmanager
def _doubts() -> Iterator[None]:
    """A connection that breaks off during a commit leaves open whether it took place."""
    try:
        yield
    except OperationalError as error:
        if error.connection_invalidated:
            raise OutcomeUnknown() from error
        raise


def _refusal_for(error: DBAPIError) -> Busy | StorageFull | None:
    origin: Any = error.orig
    if isinstance(origin, sqlite.driver.Error):
        known, primary_code = sqlite.driver, getattr(origin, "sqlite_errorcode", 0) & 0xFF
        if primary_code in (known.SQLITE_BUSY, known.SQLITE_LOCKED, known.SQLITE_PROTOCOL, known.SQLITE_CANTOPEN):
            return Busy()  # what cannot be opened is a journal where no file more can be made or held open
        if primary_code in (known.SQLITE_FULL, known.SQLITE_READONLY, known.SQLITE_IOERR):
            return StorageFull()
        return None
    if getattr(origin, "sqlstate", None) == "53100":
        return StorageFull()
    return Busy()

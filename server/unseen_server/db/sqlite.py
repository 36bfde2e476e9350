"""SQLite itself: which library opens its files, and with which journal, so that what is committed stays."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from unseen_server.core.errors import NewerLog

LONGEST_LOG = 64 << 20  # bytes; a log that grew beyond them is cut back once it has been written to the database


def _newest() -> Any:
    """That of pysqlite3, where it is installed and newer than Python's own."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        return sqlite3
    return dbapi2 if dbapi2.sqlite_version_info > sqlite3.sqlite_version_info else sqlite3


# Whatever opens a database takes this one: two libraries in one process would drop each other's locks.
driver: Any = _newest()


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite can use write-ahead logging from several connections without risk of corruption.

    The WAL-reset bug was fixed in 3.51.3 and in the backports 3.50.7 and 3.44.6.
    """
    return (
        version >= (3, 51, 3)
        or (version[:2] == (3, 50) and version[2] >= 7)
        or (version[:2] == (3, 44) and version[2] >= 6)
    )


def journal() -> str:
    """With a log nobody waits for readers and a commit syncs once; without, four times."""
    return "wal" if wal_is_safe(driver.sqlite_version_info[:3]) else "delete"


def connect(file: Path, patience: float) -> Any:
    """A connection that begins no transaction by itself; one that waits at most `patience` seconds for others' locks.

    A file of the other journal is brought to this one's first; NewerLog where others still use its log. Where nothing
    can be written as things are, it only reads (`only_reads`): such a one is to be closed after use, for things change.
    """
    may_write = os.access(file, os.W_OK) or not file.exists()
    try:
        return _connected(str(file), patience, _set_journal if may_write else _only_read)
    except driver.OperationalError as error:
        # The index of the log needs room of its own, even for reading; without a log nobody has anything to add.
        if not _lacks_room(error) or not file.exists() or _has_log(file):
            raise
    return _connected(f"{file.absolute().as_uri()}?immutable=1", patience, _only_read)


def _connected(name: str, patience: float, begin: Callable[[Any], None]) -> Any:
    connection = driver.connect(
        name, uri=name.startswith("file:"), timeout=patience, check_same_thread=False, isolation_level=None
    )
    try:
        begin(connection)
        # EXTRA: after FULL, loss of power could bring back the journal that a commit has removed, and undo it.
        for pragma in (f"journal_size_limit={LONGEST_LOG}", "synchronous=EXTRA", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _set_journal(connection: Any) -> None:
    wanted = journal()
    try:
        connection.execute(f"PRAGMA journal_mode={wanted}").fetchone()
    except driver.OperationalError:
        if wanted == "delete" and connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            raise NewerLog() from None
        raise


def _only_read(connection: Any) -> None:
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA schema_version").fetchone()  # opens the log, if there has to be one


def only_reads(connection: Any) -> bool:
    return bool(connection.execute("PRAGMA query_only").fetchone()[0])


def _lacks_room(error: Any) -> bool:
    """Whether a file can be made, enlarged or written no more."""
    known = (driver.SQLITE_IOERR, driver.SQLITE_FULL, driver.SQLITE_CANTOPEN, driver.SQLITE_READONLY)
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in known


def _has_log(file: Path) -> bool:
    """Whether somebody may have written what is not in the file itself, or not all of it."""
    beside = (file.with_name(file.name + ending) for ending in ("-wal", "-journal"))
    return any(path.exists() and path.stat().st_size for path in beside)


def copy(original: Path, target: Path) -> Path:
    """A consistent copy of a database that may be in use, with what is in its log only."""
    with closing(driver.connect(original)) as source, closing(driver.connect(target)) as made:
        target.chmod(0o600)
        made.execute("PRAGMA synchronous=OFF")
        source.backup(made)
    return target


def open_blob(connection: Any, table: str, column: str, row: int) -> Any:
    """A value to be written in place, piece by piece; pysqlite3 has its own name for that."""
    opening = getattr(connection, "blobopen", None) or connection.open_blob
    return opening(table, column, row)

"""An installation in one file: every row of its database at one moment, and the secret that signs its receipts.

The file is a zip that no kind of database owns, so that what was backed up from SQLite can be restored to PostgreSQL:

    tables/submissions ...   rows, each as its length (4 bytes, little-endian) and its values in MessagePack
    objects/KEY              what lies in an object store beside the database, if there is one
    secret_key               unless UNSEEN_SECRET_KEY keeps it elsewhere
    manifest.json            version, schema, time, and of each table its columns, rows and SHA-256
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

import msgspec
from sqlalchemy import Column, Date, DateTime, Table
from sqlalchemy.orm import Session

from unseen_server import __version__
from unseen_server.config import Config, write_private
from unseen_server.core.errors import BadRequest, Conflict
from unseen_server.core.sentences import say
from unseen_server.db import copying, migrate
from unseen_server.db.copying import Snapshot
from unseen_server.db.session import Database
from unseen_server.objects import Objects

FORMAT = 1
MANIFEST = "manifest.json"
OBJECTS = "objects/"
SECRET_KEY = "secret_key"  # noqa: S105 - where it lies in the file
BYTES_AT_ONCE = 4 << 20  # of rows, when they are put back
LENGTH = 4  # bytes in front of each row
QUICKLY = 1  # of deflate's levels: files of numbers become half as large, and no level makes them much smaller

Counting = Callable[[int], None]  # told of rows as they are done


@dataclass(frozen=True)
class Part:
    """One table; `sha256` is that of its rows as they lie in the file."""

    columns: list[str]
    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`last_numbers`: by table, the highest number ever given out, also to rows that are gone."""

    format: int
    version: str
    schema: str
    made_at: datetime
    has_secret_key: bool
    last_numbers: dict[str, int]
    tables: dict[str, Part]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.tables.values())


# backing up


def rows_in(db: Database) -> int:
    """How much there is to do; more may come in meanwhile."""
    with db.read() as session:
        connection = session.connection()
        return Snapshot(connection, copying.tables(connection)).count()


def back_up(
    config: Config, db: Database, file: Path, *, schema: str, now: datetime, counting: Counting = lambda rows: None
) -> Manifest:
    """Write everything that was acknowledged before now into a new file, whole or not at all, for its owner's eyes."""
    if file.exists():
        raise Conflict(reason=say("{file} is there already. Name a file that is not.", file=str(file)))
    secret = None if config.secret_key else config.secret()
    with _appearing(file) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICKLY) as made:
        with copying.frozen(db) as snapshot:
            parts = {str(table.name): _write_table(made, snapshot, table, counting) for table in snapshot.tables}
            _write_objects(made, snapshot, db)
            last_numbers = snapshot.last_numbers()
        if secret:
            made.writestr(SECRET_KEY, secret)
        manifest = Manifest(FORMAT, __version__, schema, now, bool(secret), last_numbers, parts)
        made.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


@contextmanager
def _appearing(file: Path) -> Iterator[IO[bytes]]:
    """A file that is there under its name once all of it is on disk, and never otherwise."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        os.link(name, file)  # unlike a renaming, this never replaces a file
        _make_durable(file.parent)
    finally:
        os.unlink(name)


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_table(made: zipfile.ZipFile, snapshot: Snapshot, table: Table, counting: Counting) -> Part:
    digest, rows = hashlib.sha256(), 0
    with made.open(f"tables/{table.name}", "w", force_zip64=True) as member:
        for row in snapshot.rows(table):
            packed = msgspec.msgpack.encode([_plain(value) for value in row])
            for piece in (len(packed).to_bytes(LENGTH, "little"), packed):
                member.write(piece)
                digest.update(piece)
            rows += 1
            counting(1)
    return Part([str(column.name) for column in table.columns], rows, digest.hexdigest())


def _write_objects(made: zipfile.ZipFile, snapshot: Snapshot, db: Database) -> None:
    for named in snapshot.objects():
        made.writestr(f"{OBJECTS}{named.key}", _store_of(db).get(named))


def _store_of(db: Database) -> Objects:
    if db.objects is None:
        raise BadRequest(
            reason=say("Some of the files lie in an object store. Set UNSEEN_OBJECTS_URL, here to one of your choice.")
        )
    return db.objects


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else value


# restoring


def restore(config: Config, db: Database, file: Path, *, counting: Counting = lambda rows: None) -> Manifest:
    """Fill an empty database with a backup, all of it or nothing, and bring it to this version's schema."""
    if migrate.current(db) is not None:
        raise Conflict(reason=say("There already is an installation here. A backup is restored where there is none."))
    with opened(file) as (made, manifest):
        secret = _secret(config, made, manifest)
        with db.write() as session:
            migrate.upgrade_within(session, manifest.schema)
            for table in copying.tables(session.connection()):
                _read_table(made, session, table, manifest.tables[table.name], counting)
            for named in Snapshot(session.connection(), copying.tables(session.connection())).objects():
                _store_of(db).put_back(named, made.read(f"{OBJECTS}{named.key}"))
            copying.go_on_counting(session, manifest.last_numbers)
        migrate.upgrade(db)
        if secret:
            config.home.mkdir(parents=True, exist_ok=True)
            write_private(config.secret_key_file, secret)
    return manifest


@contextmanager
def restored_for_a_look(file: Path) -> Iterator[tuple[Config, Database]]:
    """The installation that a backup holds, on SQLite in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        place = Path(folder)
        config = Config(
            home=place, database_url=f"sqlite:///{place / 'unseen.db'}", objects_url=(place / "objects").as_uri()
        )
        with closing(Database(config.database_url, config.objects_url)) as db:
            restore(config, db, file)
            yield config, db


@contextmanager
def opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """A backup that this version can read; whatever else it finds is refused with a sentence."""
    broken = BadRequest(reason=say("{file} is not a backup, or only part of one. Take another backup.", file=str(file)))
    try:
        with zipfile.ZipFile(file) as made:
            manifest = msgspec.json.decode(made.read(MANIFEST), type=Manifest)
            if manifest.format != FORMAT or manifest.schema not in migrate.known():
                raise BadRequest(
                    reason=say(
                        "This backup was made by version {version}, which is newer than this one. Install that first.",
                        version=manifest.version,
                    )
                )
            yield made, manifest
    except (EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error, msgspec.MsgspecError) as e:
        raise broken from e


def _secret(config: Config, made: zipfile.ZipFile, manifest: Manifest) -> str | None:
    """What is to be put in place; the receipts of the installation are signed with nothing else."""
    if not manifest.has_secret_key or config.secret_key:
        return None
    secret = made.read(SECRET_KEY).decode()
    if config.secret_key_file.exists() and config.secret() != secret:
        raise Conflict(
            reason=say(
                "{file} holds another installation's secret. Restore into another UNSEEN_HOME, or move it away.",
                file=str(config.secret_key_file),
            )
        )
    return secret


def _read_table(made: zipfile.ZipFile, session: Session, table: Table, part: Part, counting: Counting) -> None:
    meant = [_meaning(table.columns[name]) for name in part.columns]
    waiting, size = [], 0
    with made.open(f"tables/{table.name}") as member:
        for packed in _packed_rows(member, table, part):
            values = zip(part.columns, meant, msgspec.msgpack.decode(packed), strict=True)
            waiting.append({name: value if value is None else mean(value) for name, mean, value in values})
            size += len(packed)
            if size > BYTES_AT_ONCE:
                copying.add(session, table, waiting)
                counting(len(waiting))
                waiting, size = [], 0
    if waiting:
        copying.add(session, table, waiting)
        counting(len(waiting))


def _packed_rows(member: IO[bytes], table: Table, part: Part) -> Iterator[bytes]:
    """Each row as it was written; ValueError at the end where they are not those that the manifest tells of."""
    digest, count = hashlib.sha256(), 0
    while length := member.read(LENGTH):
        packed = member.read(int.from_bytes(length, "little"))
        digest.update(length + packed)
        count += 1
        yield packed
    if (count, digest.hexdigest()) != (part.rows, part.sha256):
        raise ValueError(f"the rows of {table.name} are not those that were written")


def _meaning(column: Column[Any]) -> Callable[[Any], Any]:
    """How a value of this column is understood that was written down as plain text or number."""
    if isinstance(column.type, DateTime):
        return _instant
    return date.fromisoformat if isinstance(column.type, Date) else lambda value: value


def _instant(text: str) -> datetime:
    """SQLite forgets the zone, which is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

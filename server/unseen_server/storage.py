"""Where prediction vectors and uploaded files are kept: in the database, or in an object store beside it.

In the database they are part of the submission's own transaction. In an object store they are durable before it begins,
and it only names them: an object that no row comes to name counts for nothing and is swept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from unseen_server.db import queries, sqlite
from unseen_server.db.models import PredictionVector, StoredObject, SubmittedFile
from unseen_server.db.queries.asking import connection_of
from unseen_server.db.session import Database
from unseen_server.objects import Named, Objects

PREDICTIONS, UPLOAD = "predictions", "upload"
TABLES: dict[str, type[PredictionVector | SubmittedFile]] = {PREDICTIONS: PredictionVector, UPLOAD: SubmittedFile}
FETCHED_AT_ONCE = 8
LEFT_ALONE = timedelta(hours=1)  # an object so young may belong to a submission that is being written

LARGE = 1 << 20  # bytes
PIECE = 1 << 20


@dataclass(frozen=True)
class Stored:
    """What a submission's transaction is to write: the content itself, or where an object store has it.

    Of a large file both are written in a transaction of their own; what is None here belongs to the other one.
    """

    predictions: bytes | Named | None
    upload: bytes | Named | None


def put(
    objects: Objects | None,
    competition_id: int,
    predictions: NDArray[np.float64] | None = None,
    uploaded: bytes | None = None,
) -> Stored:
    """Predictions (n,), aligned to the key's ids, and the file as it came, made ready for a transaction.

    Where that fails they stay: it may have been its answer alone that was lost. `sweep` takes what nobody came to name.
    """
    vector = None if predictions is None else predictions.astype("<f8", copy=False).tobytes()
    if objects is None:
        return Stored(vector, uploaded)
    folder = f"competitions/{competition_id}"
    named = [None if content is None else objects.put(folder, content) for content in (vector, uploaded)]
    return Stored(*named)


def objects_of(session: Session) -> Objects | None:
    """The store beside the database of this session."""
    database: Database = session.info["database"]
    return database.objects


def keep(session: Session, submission_id: int, stored: Stored) -> None:
    """Write them down as the submission's; they are its own once the transaction commits."""
    connection, place = connection_of(session), {"submission_id": submission_id}
    for kind, content in ((PREDICTIONS, stored.predictions), (UPLOAD, stored.upload)):
        if isinstance(content, Named):
            named = {"kind": kind, "key": content.key, "sha256": content.sha256}
            connection.execute(insert(StoredObject), place | named)
        elif content is not None:
            _write(session, TABLES[kind], submission_id, content)


def _write(session: Session, table: type[PredictionVector | SubmittedFile], submission_id: int, content: bytes) -> None:
    connection = connection_of(session)
    if len(content) < LARGE or connection.dialect.name != "sqlite":
        connection.execute(_KEEP[table], {"submission_id": submission_id, "content": content})
        return
    # SQLite would copy a value twice on its way into the file, so it is given one of zeros to write over.
    zeros = func.zeroblob(len(content))
    connection.execute(insert(table).values(submission_id=submission_id, content=zeros))
    driver: Any = connection.connection.driver_connection
    try:
        with (
            sqlite.open_blob(driver, table.__tablename__, "content", submission_id) as blob,
            memoryview(content) as view,
        ):
            for start in range(0, len(view), PIECE):
                blob.write(view[start : start + PIECE])
    except sqlite.driver.Error as error:
        raise OperationalError("writing a blob", None, error) from error  # as if it had been a statement


_KEEP = {table: insert(table) for table in TABLES.values()}


def predictions_of(session: Session, submission_ids: Sequence[int]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Each submission's predictions (n,), aligned to the key's ids, in the order of their numbers."""
    within = queries.submissions.prediction_vectors(session, submission_ids)
    for submission_id, content in merge(within, _fetched(session, submission_ids, PREDICTIONS)):
        yield submission_id, np.frombuffer(content, dtype="<f8").astype(np.float64)


def uploaded_files(session: Session, submission_ids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Each file as it was sent, in the order of their numbers; empty where the sender was erased."""
    within = queries.submissions.submitted_contents(session, submission_ids)
    yield from merge(within, _fetched(session, submission_ids, UPLOAD))


def uploaded_file(session: Session, submission_id: int) -> bytes:
    return next(content for _, content in uploaded_files(session, [submission_id]))


def forget_upload(session: Session, submission_id: int) -> str | None:
    """Empty the file as it came; the predictions read from it stay.

    Returns the key of an object that nothing names any more, for `delete` after the transaction.
    """
    emptied = session.connection().execute(
        update(SubmittedFile).where(SubmittedFile.submission_id == submission_id).values(content=b"")
    )
    if emptied.rowcount:
        return None
    session.add(SubmittedFile(submission_id=submission_id, content=b""))
    return session.scalars(
        delete(StoredObject)
        .where(StoredObject.submission_id == submission_id, StoredObject.kind == UPLOAD)
        .returning(StoredObject.key)
    ).one()


def _fetched(session: Session, submission_ids: Sequence[int], kind: str) -> Iterator[tuple[int, bytes]]:
    """Those that lie in the object store, in the order of their numbers."""
    named = queries.submissions.objects_named(session, submission_ids, kind)
    if not named:
        return
    objects = objects_of(session)
    if objects is None:
        raise RuntimeError(f"submission {named[0].submission_id} lies in an object store: set UNSEEN_OBJECTS_URL")
    with ThreadPoolExecutor(min(FETCHED_AT_ONCE, len(named))) as pool:
        contents = pool.map(objects.get, (Named(row.key, row.sha256) for row in named))
        yield from zip((row.submission_id for row in named), contents, strict=True)


# what no submission names


def missing(db: Database) -> list[str]:
    """Keys that submissions name and the store does not have."""
    with db.read() as session:
        named = queries.submissions.object_keys(session)
    return sorted(named - {found.key for found in db.objects.listed()} if db.objects else named)


def sweep(db: Database, now: datetime) -> int:
    """Delete objects that no submission names; those that may still come to be named are left alone."""
    if db.objects is None:
        return 0
    old = [found.key for found in db.objects.listed() if found.written_at < now - LEFT_ALONE]
    with db.read() as session:  # after the listing: whatever is named by then was named by a row that stays
        named = queries.submissions.object_keys(session)
    orphans = [key for key in old if key not in named]
    db.objects.delete(orphans)
    return len(orphans)

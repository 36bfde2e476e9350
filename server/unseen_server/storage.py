"""Where prediction vectors and uploaded files are kept: in the database, in the submission's own transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, insert, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from unseen_server.db import queries
from unseen_server.db.models import PredictionVector, SubmittedFile

LARGE = 1 << 20  # bytes
PIECE = 1 << 20


def keep(session: Session, submission_id: int, predictions: NDArray[np.float64], uploaded: bytes) -> None:
    """Store predictions (n,), aligned to the key's ids, and the file as it came; both are there once it commits."""
    _write(session, PredictionVector, submission_id, predictions.astype("<f8", copy=False).tobytes())
    _write(session, SubmittedFile, submission_id, uploaded)


def _write(session: Session, table: type[PredictionVector | SubmittedFile], submission_id: int, content: bytes) -> None:
    connection = session.connection()
    if len(content) < LARGE or connection.dialect.name != "sqlite":
        connection.execute(insert(table), {"submission_id": submission_id, "content": content})
        return
    # SQLite would copy a value twice on its way into the file, so it is given one of zeros to write over.
    zeros = func.zeroblob(len(content))
    connection.execute(insert(table).values(submission_id=submission_id, content=zeros))
    driver: Any = connection.connection.driver_connection
    try:
        with driver.blobopen(table.__tablename__, "content", submission_id) as blob, memoryview(content) as view:
            for start in range(0, len(view), PIECE):
                blob.write(view[start : start + PIECE])
    except sqlite3.Error as error:
        raise OperationalError("writing a blob", None, error) from error  # as if it had been a statement


def predictions_of(session: Session, submission_ids: Sequence[int]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Each submission's predictions (n,), aligned to the key's ids."""
    for submission_id, content in queries.submissions.prediction_vectors(session, submission_ids):
        yield submission_id, np.frombuffer(content, dtype="<f8").astype(np.float64)


def uploaded_file(session: Session, submission_id: int) -> bytes:
    return queries.submissions.submitted_content(session, submission_id)


def forget_upload(session: Session, submission_id: int) -> None:
    """Empty the file as it came; the predictions read from it stay."""
    session.execute(update(SubmittedFile).where(SubmittedFile.submission_id == submission_id).values(content=b""))

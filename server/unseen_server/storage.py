"""Where prediction vectors and uploaded files are kept: in the database, in the submission's own transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from unseen_server.db import queries
from unseen_server.db.models import PredictionVector, SubmittedFile


def keep(session: Session, submission_id: int, predictions: NDArray[np.float64], uploaded: bytes) -> None:
    """Store predictions (n,), aligned to the key's ids, and the file as it came; both are there once it commits."""
    connection = session.connection()
    vector = predictions.astype("<f8").tobytes()
    connection.execute(insert(PredictionVector), {"submission_id": submission_id, "content": vector})
    connection.execute(insert(SubmittedFile), {"submission_id": submission_id, "content": uploaded})


def predictions_of(session: Session, submission_ids: Sequence[int]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Each submission's predictions (n,), aligned to the key's ids."""
    for submission_id, content in queries.submissions.prediction_vectors(session, submission_ids):
        yield submission_id, np.frombuffer(content, dtype="<f8").astype(np.float64)


def uploaded_file(session: Session, submission_id: int) -> bytes:
    return queries.submissions.submitted_content(session, submission_id)


def forget_upload(session: Session, submission_id: int) -> None:
    """Empty the file as it came; the predictions read from it stay."""
    session.execute(update(SubmittedFile).where(SubmittedFile.submission_id == submission_id).values(content=b""))

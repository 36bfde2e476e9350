"""Where prediction vectors and uploaded files are kept: in the database, in the submission's own transaction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from unseen_server.db import queries
from unseen_server.db.models import PredictionVector, SubmittedFile


def keep(session: Session, submission_id: int, predictions: NDArray[np.float64], uploaded: bytes) -> None:
    """Store predictions (n,), aligned to the key's ids, and the file as it came; both are there once it commits."""
    session.add(PredictionVector(submission_id=submission_id, content=predictions.astype("<f8").tobytes()))
    session.add(SubmittedFile(submission_id=submission_id, content=uploaded))


def uploaded_file(session: Session, submission_id: int) -> bytes:
    return queries.submitted_content(session, submission_id)

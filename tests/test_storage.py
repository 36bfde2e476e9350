"""What is kept of a submission comes back as it was, however it is written, or is not there at all."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import delete, func, select
from tests.installations import Installation
from tests.visitors import send

from unseen_server import storage
from unseen_server.db.models import PredictionVector, SubmittedFile
from unseen_server.services import submissions


@pytest.fixture(params=["as a value", "in pieces"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "in pieces":
        monkeypatch.setattr(storage, "LARGE", 1)
        monkeypatch.setattr(storage, "PIECE", 7)


@pytest.mark.usefixtures("written")
def test_files_and_predictions_come_back_as_they_were(installation: Installation) -> None:
    files = [installation.noisy(3, seed) for seed in range(3)]
    for content in files:
        send(installation, content)
    alice = installation.principal("alice")
    refs = [1, 2, 3]
    assert [submissions.own_file(installation.db, ref=ref, principal=alice).content for ref in refs] == files
    with installation.db.read() as session:
        kept = dict(storage.predictions_of(session, refs))
    for ref, content in zip(refs, files, strict=True):
        values = [float(line.split(b",")[1]) for line in content.splitlines()[1:]]
        assert np.array_equal(kept[ref], values)


@pytest.mark.usefixtures("written")
def test_nothing_is_left_of_what_was_not_committed(installation: Installation) -> None:
    send(installation, installation.file())
    with installation.db.write() as session:
        session.execute(delete(PredictionVector))
        session.execute(delete(SubmittedFile))
    with pytest.raises(ZeroDivisionError):
        _keep_and_fail(installation)
    with installation.db.read() as session:
        left = [session.scalar(select(func.count()).select_from(table)) for table in (PredictionVector, SubmittedFile)]
    assert left == [0, 0]


def _keep_and_fail(made: Installation) -> None:
    with made.db.write() as session:
        storage.keep(session, 1, storage.put(None, 1, np.ones(40), b"the file"))
        raise ZeroDivisionError

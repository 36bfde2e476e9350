"""Every bad file of the table over HTTP: a 4xx with sentences, nothing stored, nothing spent."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.core.prediction_files import BOUNDS, FILES, GOOD, HEADER, IDS, TARGET_COLUMN, Case, Good
from tests.installations import Installation, configure, install, make_folder, new_sqlite

from unseen_server.config import Config
from unseen_server.db.models import PredictionVector, Submission, SubmittedFile

STATUS = {"bad_file": 400, "file_too_large": 413, "unsupported_file": 415}


@pytest.fixture(scope="module")
def competition(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Installation]:
    """The little competition that the table is about, without limits that would end it."""
    home = tmp_path_factory.mktemp("table")
    folder = make_folder(home)
    configure(folder, bounds=list(BOUNDS), daily_limit=1000, rejected_per_hour=1000)
    usage = ("Public", "Private") * 3
    labels = (50, 60, 0, 90, 1, 150)
    solution = "".join(f"{i},{y},{u}\n" for i, y, u in zip(IDS, labels, usage, strict=True))
    (folder / "solution.csv").write_text(f"{HEADER},Usage\n{solution}")
    (folder / "sample_submission.csv").write_text(f"{HEADER}\n" + "".join(f"{i},50\n" for i in IDS))
    (folder / "test.csv").write_text("id,pages,words\n" + "".join(f"{i},40,1000\n" for i in IDS))
    (folder / "train.csv").write_text(f"id,pages,words,{TARGET_COLUMN}\n1,40,1000,50\n2,50,1500,60\n")
    with (
        new_sqlite(home, sqlite_template) as url,
        closing(install(Config(home=home, database_url=url), folder)) as made,
    ):
        yield made


def stored(installation: Installation) -> list[int]:
    with installation.db.read() as session:
        tables = (Submission, PredictionVector, SubmittedFile)
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_a_bad_file_is_explained_and_costs_nothing(competition: Installation, case: Case) -> None:
    before = stored(competition)
    client = competition.client("alice")
    url = f"/api/competitions/{competition.slug}/submissions"
    for query in ("", "?check=true"):
        reply = client.post(url + query, data={"file": (io.BytesIO(case.data), case.file_name)})
        reply.request.environ["wsgi.input"].close()  # a large one is a file of the test client's
        body = reply.get_json()
        assert reply.status_code == STATUS[case.refusal], body
        assert reply.mimetype == "application/problem+json"
        assert body["code"] == case.refusal
        said = " ".join([body["detail"], *(error["message"] for error in body["errors"])])
        assert case.fragment in said
        assert not re.search(r"Traceback|<class|0x[0-9a-f]{8}", said)
    assert stored(competition) == before


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_good_file_is_accepted(competition: Installation, case: Good) -> None:
    client = competition.client("alice")
    url = f"/api/competitions/{competition.slug}/submissions"
    reply = client.post(url, data={"file": (io.BytesIO(case.data), case.file_name)})
    assert reply.status_code == 201, reply.get_json()


def test_the_table_is_as_long_as_promised() -> None:
    assert len(FILES) >= 120

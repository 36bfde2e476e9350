"""Before the reveal no byte a student receives depends on a private label."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from tests.core.prediction_files import FILES
from tests.figures import Tell
from tests.installations import COURSE, Installation, install, make_folder, new_sqlite
from tests.services.test_pending import left_to_workers, work
from werkzeug.test import TestResponse

from unseen_server.config import Config

SECRET_SHIFT = 13.0
BOARD_QUERIES = (
    *("board=private", "format=csv", "board=private&format=csv", "board=public&q=alice", "board=private&q=alice"),
    *("page=2", "page=99", "q=alice", "q=nobody", "projector=1", "page=2&q=a&projector=1"),
)
QUERIES = {
    "leaderboard": BOARD_QUERIES,
    "submissions": ("page=2", "limit=1"),
    "meter": ("team=Alice", "page=2"),
    "starter": ("format=py",),
    "chain": ("after=1", "limit=1", "after=1&limit=1"),
    "key": ("version=1", "version=2"),
}
CLOCKED = ("Date", "Expires", "Set-Cookie")  # headers that tell the time of day
OWN_PAGES = ("submissions", "submissions/1", "submit", "team")
KAGGLE = "/api/v1/competitions.CompetitionApiService/"
KAGGLE_ASKS: Mapping[str, Mapping[str, object]] = {
    "ListCompetitions": {},
    "ListDataFiles": {},
    "DownloadDataFile": {"fileName": "train.csv"},
    "DownloadDataFiles": {},
    "ListSubmissions": {"page": 1},
    "GetSubmission": {"ref": 1},
    "DownloadSubmission": {"submissionId": 1},
    "GetSubmissionLimits": {},
    "GetLeaderboard": {"overridePublic": True},
    "DownloadLeaderboard": {},
    "StartSubmissionUpload": {"contentLength": 9, "fileName": "p.csv"},
}


def change_private_labels(folder: Path) -> None:
    """Another world: the same competition in which the private rows turn out differently."""
    file = folder / "solution.csv"
    with file.open(newline="") as source:
        header, *rows = csv.reader(source)
    for row in rows:
        if row[2] == "Private":
            row[1] = f"{float(row[1]) + SECRET_SHIFT:.1f}"
    with file.open("w", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows([header, *rows])


@pytest.fixture(params=["rounded", "ladder"])
def worlds(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path
) -> Iterator[tuple[Installation, Installation]]:
    """Two installations that differ in private labels only."""
    made = []
    for name in ("one", "two"):
        home = tmp_path / name
        folder = make_folder(home, release=request.param)
        if made:
            change_private_labels(folder)
        with new_sqlite(home, sqlite_template) as url:
            made.append(install(Config(home=home, database_url=url, secret_key="the same"), folder))
        # The seal is a salted hash of the whole key: its random salt hides the labels and differs everywhere.
        with made[-1].db.write() as session:
            session.execute(text("UPDATE competitions SET seal = 'sealed'"))
    with closing(made[0]), closing(made[1]):
        yield made[0], made[1]


def everything_a_student_can_ask(installation: Installation) -> Iterator[TestResponse]:
    """Uploads good and bad, looks at every route, chooses finals, comes late, closes: all but the reveal."""
    slug, alice = installation.slug, installation.client("alice")
    ids = [installation.client(who) for who in ("bob", "carol")]
    for n, client in enumerate([alice, *ids, alice]):
        yield upload(client, slug, installation.noisy_in_public(9.0 - 2 * n, n))
    yield from by_kaggle(alice, slug, installation.noisy_in_public(2.0, 8))
    for case in FILES[::7]:
        yield upload(alice, slug, case.data, case.file_name)
    yield from looks(installation, alice)
    yield alice.put(f"/api/competitions/{slug}/final", json={"refs": [1]})
    yield from looks(installation, installation.client())
    yield alice.post(f"/competitions/{slug}/team/invite", data={"who": "bob"})
    yield ids[0].post(f"/competitions/{slug}/team/accept", data={"team": 1})
    yield ids[0].post(f"/competitions/{slug}/submit", data={"check": "1", "file": (io.BytesIO(b"id\n"), "p.csv")})
    yield from looks(installation, ids[0])
    installation.pass_deadline()
    yield upload(alice, slug, installation.noisy_in_public(1.0, 9))
    yield from looks(installation, alice)


def upload(client: FlaskClient, slug: str, content: bytes, name: str = "p.csv") -> TestResponse:
    return client.post(f"/api/competitions/{slug}/submissions", data={"file": (io.BytesIO(content), name)})


def by_kaggle(client: FlaskClient, slug: str, content: bytes) -> Iterator[TestResponse]:
    """Everything that Kaggle's clients ask, and what they are sent on to; a good file and a bad one."""
    for method, fields in KAGGLE_ASKS.items():
        answer = client.post(KAGGLE + method, json={"competitionName": slug, **fields})
        yield answer
        if answer.status_code == 302:
            yield client.get(answer.headers["Location"], buffered=True)
    for sent in (content, b"id,minutes\n1,2\n"):
        answer = client.post(f"/api/v1/competitions/{slug}/submissions/url/{len(sent)}/1", data={"fileName": "p.csv"})
        yield answer
        started = answer.get_json()
        if answer.status_code == 200:
            yield client.put(started["createUrl"].removeprefix("http://localhost"), data=sent)
            fields = {"blobFileTokens": started["token"], "submissionDescription": "as at Kaggle"}
            yield client.post(f"{KAGGLE}CreateSubmission", json={"competitionName": slug, **fields})


def looks(installation: Installation, client: FlaskClient) -> Iterator[TestResponse]:
    """Every GET route there is, with every value its parts can take here."""
    values = {
        "slug": [installation.slug],
        "name": ["train.csv", "test.csv", "sample_submission.csv", "solution.csv"],
        "ref": [1, 2, 99],
        "secret": ["never-issued"],
        "code": ["K7QF-2M9X"],
        "number": [1, 3],
        "tongue": ["en", "zh-Hant"],
        "course": [COURSE],
        "username": ["alice"],
        "held_name": ["never-held"],
        "filename": ["unseen.css", "unseen.js"],
    }
    for rule in sorted(installation.app.url_map.iter_rules(), key=str):
        if "GET" not in (rule.methods or ()):
            continue
        paths = [str(rule.rule)]
        for argument in rule.arguments:
            paths = [
                re.sub(rf"<([^<>]+:)?{argument}>", str(value), path) for path in paths for value in values[argument]
            ]
        for path in paths:
            yield client.get(path, buffered=True)
            yield client.get(path, buffered=True, headers={"Accept-Language": "zh-TW"})
            for query in QUERIES.get(path.rsplit("/", 1)[1], ()):
                yield client.get(f"{path}?{query}")


def as_seen(response: TestResponse) -> tuple[object, ...]:
    headers = sorted((name, value) for name, value in response.headers if name not in CLOCKED)
    # An upload form carries a random idempotency key of its own, and each upload by Kaggle's protocol a random token.
    body = re.sub(rb'(name="key" value="|"token":"|/uploads/)[^"]*', rb"\1", response.data)
    return re.sub("/uploads/.*", "/uploads/", response.request.path), response.status, headers, body


@pytest.mark.figure("secrecy")
def test_two_worlds_that_differ_in_private_labels_answer_alike(
    worlds: tuple[Installation, Installation], figure: Tell
) -> None:
    one, two = worlds
    assert (one.bundle.key.labels != two.bundle.key.labels).sum() == one.bundle.key.n_private
    seen, drawn, compared = [], False, False
    for a, b in zip(everything_a_student_can_ask(one), everything_a_student_can_ask(two), strict=True):
        assert as_seen(a) == as_seen(b)
        seen.append((a.request.path, a.status_code))
        drawn |= b'class="curve ' in a.data
        compared |= b'"rank_interval":[' in a.data
    assert len(seen) >= 500
    figure("requests to both worlds", len(seen))
    assert drawn  # the chart of public scores was among them,
    assert compared  # and so were ties and ranks
    for part, status in (("chain", 200), ("key", 404), ("meter", 404), ("copies", 403)):
        assert (f"/api/competitions/lecture/{part}", status) in seen
    assert ("/api/submissions/1/receipt", 200) in seen
    for method in ("CreateSubmission", "GetLeaderboard", "DownloadLeaderboard", "GetSubmission", "ListSubmissions"):
        assert (KAGGLE + method, 200) in seen
    for path in ("all-files/lecture.zip", "files/lecture/train.csv", "competitions/lecture/leaderboard/download"):
        assert (f"/api/v1/{path}", 200) in seen
    for path in ("/api/submissions/1", "/api/submissions/1/file", *(f"/competitions/lecture/{p}" for p in OWN_PAGES)):
        assert (path, 200) in seen


def left_unread(installation: Installation) -> Iterator[TestResponse]:
    """Files that a worker scores, of which one has a mistake: looked at while they wait and afterwards."""
    alice, slug = installation.client("alice"), installation.slug
    good = installation.noisy_in_public(5.0, 1)
    with left_to_workers(installation):
        for content in (good, good + b"nobody,1\n", installation.noisy_in_public(3.0, 2)):
            yield upload(alice, slug, content)
        for worked in (False, True):
            if worked:
                work(installation)
            for ref in (1, 2, 3):
                for end in ("", "/file", "/receipt"):
                    yield alice.get(f"/api/submissions/{ref}{end}")
                yield alice.get(f"/competitions/{slug}/submissions/{ref}")
            for part in ("submissions", "leaderboard", "limits", "chain", "meter", "final"):
                yield alice.get(f"/api/competitions/{slug}/{part}")
            for page in ("submissions", "leaderboard", "submit"):
                yield alice.get(f"/competitions/{slug}/{page}")


def test_a_file_that_a_worker_scores_tells_nothing_either(worlds: tuple[Installation, Installation]) -> None:
    pairs = list(zip(*map(left_unread, worlds), strict=True))
    for one, other in pairs:
        assert as_seen(one) == as_seen(other)
    statuses = [one.status_code for one, _ in pairs if one.request.path == "/api/submissions/2/receipt"]
    assert statuses == [200, 400]
    told = [one.get_json()["status"] for one, _ in pairs if one.request.path == "/api/submissions/3"]
    assert told == ["pending", "scored"]


def test_the_worlds_do_differ_once_they_are_revealed(worlds: tuple[Installation, Installation]) -> None:
    boards = []
    for installation in worlds:
        upload(installation.client("alice"), installation.slug, installation.noisy_in_public(4.0, 1))
        installation.pass_deadline()
        assert installation.client("teacher").post(f"/api/competitions/{installation.slug}/reveal").status_code == 200
        boards.append(
            installation.client("alice").get(f"/api/competitions/{installation.slug}/leaderboard?board=private").data
        )
    assert boards[0] != boards[1]


def test_hidden_files_are_served_by_no_path(installation: Installation) -> None:
    client = installation.client("alice")
    for name in ("solution.csv", "competition.toml", "../solution.csv", "..%2fsolution.csv", "baselines/a.csv"):
        url = f"/api/competitions/{installation.slug}/files/{name}"
        assert client.get(url).status_code == 404


def test_kaggles_protocol_serves_no_hidden_file_under_any_address(installation: Installation) -> None:
    client, solution = installation.client("alice"), (installation.folder / "solution.csv").read_bytes()
    hidden = {line for line in solution.splitlines() if line.endswith(b"Private")}
    assert hidden
    answers = [*by_kaggle(client, installation.slug, installation.file()), *looks(installation, client)]
    below = [answer for answer in answers if answer.request.path.startswith("/api/v1/")]
    for answer in below:
        for content in (answer.data, *unpacked(answer.data)):
            assert hidden.isdisjoint(content.splitlines())
    assert len(below) > 40
    for name in ("solution.csv", "competition.toml", "../solution.csv", "..%2fsolution.csv", "baselines/a.csv"):
        asked = {"competitionName": installation.slug, "fileName": name}
        assert client.post(f"{KAGGLE}DownloadDataFile", json=asked).status_code == 404
        for place in ("files/lecture", "competitions/data/download/lecture"):
            assert client.get(f"/api/v1/{place}/{name}").status_code == 404


def unpacked(content: bytes) -> list[bytes]:
    """What is in a zip; nothing where it is none."""
    if not content.startswith(b"PK"):
        return []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(name) for name in archive.namelist()]

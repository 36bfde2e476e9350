"""Uploads take no more memory at once than there is room for; beyond it a file is asked for again and costs nothing."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from tests.core.prediction_files import gzip_bomb, zip_bomb
from tests.installations import COURSE, Installation, install
from tests.visitors import address, browser, hidden
from tests.web.test_kaggle import begin, hand_in, put, sent
from werkzeug.test import TestResponse

from unseen_server.config import Config
from unseen_server.db.models import Submission
from unseen_server.services import bundles, room, uploads
from unseen_server.services.room import Room

SIZE = 10_000  # bytes of room
ROSTER = b"username,name\nann,Ann\n"
TABLE = b"pages,minutes\n" + b"40,50\n50,60\n" * 20


@pytest.fixture(autouse=True)
def every_byte_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "NEEDS_NONE", 0)


@pytest.fixture
def made(tmp_path: Path, database_url: str, bundle_folder: Path) -> Iterator[Installation]:
    config = Config(home=tmp_path, database_url=database_url, upload_memory=SIZE)
    with closing(install(config, bundle_folder)) as installation:
        yield installation


def room_of(made: Installation) -> Room:
    found: Room = made.app.extensions["unseen"].room
    return found


def counted(made: Installation) -> int:
    with made.db.read() as session:
        return session.scalar(select(func.count()).select_from(Submission)) or 0


def post(client: FlaskClient, path: str, content: bytes, name: str = "p.csv", **headers: str) -> TestResponse:
    return client.post(path, data={"file": (io.BytesIO(content), name)}, headers=headers)


def submissions(made: Installation) -> str:
    return f"/api/competitions/{made.slug}/submissions"


def submit(made: Installation, content: bytes | None = None, name: str = "p.csv", **headers: str) -> TestResponse:
    content = made.file() if content is None else content
    return post(made.client("alice"), submissions(made), content, name, **headers)


# what there is no room for


def by_form(made: Installation) -> Callable[[], TestResponse]:
    client = browser(made)
    token = hidden(client.get(address(made, "/submit")).text, "csrf_token")
    fields = {"csrf_token": token, "key": "one and the same"}
    return lambda: client.post(
        address(made, "/submit"), data={**fields, "file": (io.BytesIO(made.file()), "mine.csv"), "message": ""}
    )


def to_kaggle(made: Installation) -> Callable[[], TestResponse]:
    started = begin(made.client("alice"), made.file())
    return lambda: put(made, started["createUrl"], made.file())


def for_kaggle(made: Installation) -> Callable[[], TestResponse]:
    token = sent(made, made.client("alice"), made.file())
    return lambda: hand_in(made.client("alice"), token)


def in_console(page: str, content: bytes | None = None, **fields: str) -> Callable[..., Callable[[], TestResponse]]:
    def prepared(made: Installation) -> Callable[[], TestResponse]:
        client = browser(made, "tina", "Tina", "instructor")
        token = hidden(client.get("/account").text, "csrf_token")
        whole = {"csrf_token": token, **fields}
        sent = made.file() if content is None else content
        return lambda: client.post(
            page.format(slug=made.slug), data={**whole, "file": (io.BytesIO(sent), "list.csv")} if sent else whole
        )

    return prepared


def by_staff(path: str, content: Callable[[Installation], bytes]) -> Callable[..., Callable[[], TestResponse]]:
    def prepared(made: Installation) -> Callable[[], TestResponse]:
        return lambda: made.client("teacher").post(path.format(slug=made.slug), data=content(made))

    return prepared


def solution(made: Installation) -> bytes:
    return (made.folder / "solution.csv").read_bytes()


def another(made: Installation) -> bytes:
    """The same competition under another slug."""
    settings = replace(made.bundle.settings, slug="another")
    return bundles.zipped(bundles.written(replace(made.bundle, settings=settings)), "another")


WAYS: dict[str, tuple[Callable[[Installation], Callable[[], TestResponse]], int]] = {
    "interface": (lambda made: lambda: submit(made, **{"Idempotency-Key": "one"}), 201),
    "check": (lambda made: lambda: post(made.client("alice"), submissions(made) + "?check=true", made.file()), 200),
    "form": (by_form, 303),
    "Kaggle, the file": (to_kaggle, 201),
    "Kaggle, submitting it": (for_kaggle, 200),
    "roster": (by_staff(f"/api/courses/{COURSE}/roster", lambda _: ROSTER), 200),
    "answers": (by_staff("/api/competitions/{slug}/rescore", solution), 200),
    "competition": (by_staff(f"/api/competitions?course={COURSE}", another), 201),
    "console, roster": (in_console(f"/console/courses/{COURSE}/roster/", ROSTER), 303),
    "console, answers": (lambda made: in_console("/console/competitions/{slug}/rescore/", solution(made))(made), 200),
    "console, table": (in_console(f"/console/courses/{COURSE}/competitions/new", TABLE), 303),
    "console, baseline": (
        in_console("/console/competitions/{slug}/baselines", None, name="Line", tier="medium"),
        303,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_file_without_room_is_asked_for_again_and_there_is_room_later(made: Installation, way: str) -> None:
    prepare, status = WAYS[way]
    ask = prepare(made)
    others = room_of(made).take(SIZE)
    reply = ask()
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, str(room.WAIT)), reply.text
    assert "nothing was counted" in reply.text
    assert room_of(made).taken == others
    assert counted(made) == 0
    room_of(made).leave(others)
    reply = ask()
    assert reply.status_code == status, reply.text
    assert room_of(made).taken == 0


def test_a_repeated_file_counts_once_however_often_there_was_no_room(made: Installation) -> None:
    others = room_of(made).take(SIZE)
    assert [submit(made, **{"Idempotency-Key": "one"}).status_code for _ in range(3)] == [503] * 3
    room_of(made).leave(others)
    assert [submit(made, **{"Idempotency-Key": "one"}).status_code for _ in range(2)] == [201, 201]
    assert counted(made) == 1


def test_what_was_uploaded_to_an_earlier_page_needs_room_again(made: Installation) -> None:
    client = browser(made, "tina", "Tina", "instructor")
    page = post(client, f"/console/courses/{COURSE}/roster/", ROSTER, **csrf(client)).location
    others = room_of(made).take(SIZE)
    assert client.get(page).status_code == 503
    room_of(made).leave(others)
    assert client.get(page).status_code == 200


def csrf(client: FlaskClient) -> dict[str, str]:
    return {"X-CSRF-Token": hidden(client.get("/account").text, "csrf_token")}


# what gives room back


@pytest.mark.parametrize("content", [b"", b"id,minutes\n1,nan\n", b"\x1f\x8b"])
def test_a_refused_file_gives_its_room_back(made: Installation, content: bytes) -> None:
    assert submit(made, content).status_code == 400
    assert submit(made, content, "p.exe").status_code == 415
    assert submit(made, content, "p.csv.gz").status_code == 400
    assert room_of(made).taken == 0


def test_a_fault_of_ours_gives_its_room_back(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: Any, **__: Any) -> None:
        assert room_of(made).taken
        raise RuntimeError

    monkeypatch.setattr("unseen_server.web.api.submit", fault)
    made.app.testing = False
    assert submit(made).status_code == 503
    assert room_of(made).taken == 0


# how much is taken


@pytest.mark.parametrize(
    ("name", "content"), [("p.csv.gz", gzip_bomb()), ("p.zip", zip_bomb()), ("P.CSV.GZ", gzip_bomb(1))]
)
def test_a_packed_file_takes_what_the_largest_valid_one_would(
    made: Installation, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    asked = []
    monkeypatch.setattr(Room, "take", lambda _, needed: asked.append(needed) or 0)
    largest = uploads.largest(made.db, made.keys, **made.asking("alice"))
    assert largest >= 1 << 20
    submit(made, content, name)
    assert asked == [2 * (len(content) + largest)]


@pytest.mark.slow
def test_a_file_larger_than_all_the_room_has_it_to_itself(made: Installation) -> None:
    large = made.file() + b"\n" * SIZE
    assert len(large) > SIZE
    others = room_of(made).take(1)
    assert submit(made, large).status_code == 503
    room_of(made).leave(others)
    assert submit(made, large).status_code == 201


def test_small_files_need_no_room(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    room_of(made).take(10 * room.NEEDS_NONE)
    assert submit(made).status_code == 201
    assert submit(made, gzip.compress(made.file()), "p.csv.gz").status_code == 201


def test_of_two_large_files_at_once_one_comes_again(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from unseen_server.web import api

    submit_, reading, go_on = api.submit, threading.Event(), threading.Event()

    def slow(*given: Any, **named: Any) -> Any:
        reading.set()
        assert go_on.wait(30)
        return submit_(*given, **named)

    monkeypatch.setattr(api, "submit", slow)
    large, replies = made.file() + b"\n" * (SIZE // 5), []
    first = threading.Thread(target=lambda: replies.append(submit(made, large)))
    first.start()
    assert reading.wait(30)
    second = submit(made, large)
    go_on.set()
    first.join()
    assert (second.status_code, replies[0].status_code) == (503, 201)
    assert submit(made, large).status_code == 201
    assert counted(made) == 2

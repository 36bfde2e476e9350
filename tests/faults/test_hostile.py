"""What a hostile student, a full disk or a lock held by somebody else did once, and may not do again."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import closing

import httpx2
import pytest
from tests.installations import Build, Installation, Server
from tests.visitors import PASSWORD, add, sign_in

from unseen_server.core.errors import (
    BadBundle,
    BadRequest,
    Busy,
    StorageFull,
    TooManyAttempts,
    UnknownDeviceCode,
    WrongPassword,
)
from unseen_server.db import sqlite
from unseen_server.db.session import Database
from unseen_server.services import accounts, attempts, bundles, device_logins, passwords, tokens
from unseen_server.services.submissions import own_limits
from unseen_server.services.submit import check
from unseen_server.web import known_browsers
from unseen_server.web.context import SESSION_COOKIE


def test_a_file_of_any_name_can_be_downloaded_again(live: Server) -> None:
    who = {"Authorization": f"Bearer {live.token('alice')}"}
    content = live.installation.file()
    url = f"{live.url}/api/competitions/{live.slug}/submissions"
    for name in ("預測.csv", "😀.csv", "a\u200db.csv", 'quo"te;.csv'):
        ref = httpx2.post(url, files={"file": (name, content)}, headers=who).json()["ref"]
        reply = httpx2.get(f"{live.url}/api/submissions/{ref}/file", headers=who)
        assert (reply.status_code, reply.content) == (200, content), name
        assert reply.headers["Content-Disposition"].startswith("attachment"), name


@pytest.mark.parametrize("settings", ["a." * 20_000 + "a = 1", "a = " + "9" * 5000, "[" * 20_000])
def test_settings_that_choke_a_reader_are_refused_at_once(settings: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("competition.toml", settings)
    with pytest.raises(BadBundle):
        bundles.read_zip(content.getvalue())


def test_a_student_opens_no_zip(build: Build) -> None:
    installation = build()
    client = installation.client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {installation.token('alice', 'staff')}"
    reply = client.post("/api/competitions", data=b"no zip at all")
    assert reply.status_code == 403


def test_a_choice_of_a_million_refs_is_refused_before_it_is_read(build: Build) -> None:
    client = build().client("alice")
    body = b'{"refs": [' + b"1," * 1_000_000 + b"1]}"
    reply = client.put("/api/competitions/lecture/final", data=body)
    assert (reply.status_code, reply.get_json()["code"]) == (400, "bad_request")


def test_a_stranger_elsewhere_locks_nobody_out(build: Build) -> None:
    installation = build()
    with installation.db.write() as session:
        accounts.user_named(session, "alice").password_hash = passwords.hashed("the right one")

    def sign_in(password: str, address: str) -> None:
        passwords.sign_in(installation.db, name="alice", password=password, address=address, now=installation.now)

    for _ in range(passwords.ATTEMPTS_AT_NAME_FROM_ADDRESS):
        with pytest.raises(WrongPassword):
            sign_in("a guess", "192.0.2.1")
    with pytest.raises(TooManyAttempts):
        sign_in("the right one", "192.0.2.1")
    sign_in("the right one", "192.0.2.2")


@pytest.mark.parametrize("suffix", [" address:127.0.0.1", " device code"])
def test_a_name_made_to_look_like_another_count_locks_nobody_out(build: Build, suffix: str) -> None:
    made = build()
    add(made, "dora", "Dora")
    for n in range(device_logins.WRONG_CODES):
        with pytest.raises(WrongPassword):
            passwords.sign_in(made.db, name=f"dora{suffix}", password="x", address=f"192.0.2.{n}", now=made.now)
    assert sign_in(made.app.test_client(), "dora").status_code == 303
    with pytest.raises(UnknownDeviceCode):
        device_logins.asked_with(made.db, "BBBB-BBBB", principal=made.principal("dora"), now=made.now)


def after_guesses_from_the_hall(made: Installation, number: int) -> Callable[[str, str], object]:
    """How to sign in from an address after so many people there have mistyped their password once."""
    with made.db.write() as session:
        for _ in range(number):
            attempts.count(session, {"address:192.0.2.1": passwords.ATTEMPTS_FROM_ADDRESS}, made.now)

    def sign_in(name: str, password: str) -> None:
        passwords.sign_in(made.db, name=name, password=password, address="192.0.2.1", now=made.now)

    return sign_in


def test_a_lecture_hall_behind_one_address_is_not_locked_out(build: Build) -> None:
    made = build()
    add(made, "dora", "Dora")
    sign_in = after_guesses_from_the_hall(made, 200)
    with pytest.raises(WrongPassword):
        sign_in("alice", "a guess")
    sign_in("dora", PASSWORD)


def test_a_hall_whose_address_is_used_up_shuts_out_no_browser_that_is_known(build: Build) -> None:
    made = build()
    add(made, "dora", "Dora")
    add(made, "emil", "Emil")
    known, new = made.app.test_client(), made.app.test_client()
    sign_in(known, "dora")
    known.delete_cookie(SESSION_COOKIE)
    with made.db.write() as session:
        for n in range(passwords.ATTEMPTS_FROM_ADDRESS):  # as somebody in the hall can do
            attempts.count(session, {"address:127.0.0.1": 1, "name:dora": 1, f"name:{n}": 1}, made.now)
    assert (sign_in(new, "emil").status_code, sign_in(new, "dora").status_code) == (429, 429)
    assert sign_in(known, "emil").status_code == 429, "known for somebody else"
    assert sign_in(known, "dora", "mistyped").status_code == 401
    assert sign_in(known, "dora").status_code == 303
    stolen = made.app.test_client()
    stolen.set_cookie(known_browsers.COOKIE, known.get_cookie(known_browsers.COOKIE).value + "x")
    assert sign_in(stolen, "dora").status_code == 429


def test_guessing_at_one_name_from_many_addresses_is_stopped(build: Build) -> None:
    made = build()
    add(made, "dora", "Dora")

    def sign_in_from(address: str) -> None:
        passwords.sign_in(made.db, name="dora", password=PASSWORD, address=address, now=made.now)

    with made.db.write() as session:
        for n in range(passwords.ATTEMPTS_AT_NAME - 1):
            attempts.count(session, {f"address:192.0.2.{n} name:dora": 1, "name:dora": 1}, made.now)
    sign_in_from("198.51.100.1")
    with made.db.write() as session:
        attempts.count(session, {"name:dora": 1}, made.now)
    with pytest.raises(TooManyAttempts):
        sign_in_from("198.51.100.1")


def test_guessing_in_a_known_browser_is_stopped_as_well(build: Build) -> None:
    made = build()
    add(made, "dora", "Dora")
    client = made.app.test_client()
    sign_in(client, "dora")
    guesses = [sign_in(client, "dora", "a guess").status_code for _ in range(passwords.ATTEMPTS_IN_KNOWN_BROWSER + 1)]
    assert guesses == [401] * passwords.ATTEMPTS_IN_KNOWN_BROWSER + [429]


def test_who_mistyped_and_then_succeeds_uses_up_nothing_of_the_hall(build: Build) -> None:
    made = build()
    add(made, "dora", "Dora")
    at_door = after_guesses_from_the_hall(made, passwords.ATTEMPTS_FROM_ADDRESS - 3)
    for _ in range(5):  # somebody new each time, as far as their browser tells
        for _ in range(2):
            with pytest.raises(WrongPassword):
                at_door("dora", "mistyped")
        at_door("dora", PASSWORD)


def test_one_password_tried_on_many_names_is_stopped_before_it_is_compared(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build()
    add(made, "dora", "Dora")
    sign_in = after_guesses_from_the_hall(made, passwords.ATTEMPTS_FROM_ADDRESS - 1)
    with pytest.raises(WrongPassword):
        sign_in("alice", "a guess")
    monkeypatch.setattr(passwords, "_password_fits", None)  # comparing would fall over
    for name in ("bob", "dora", "nobody"):
        with pytest.raises(TooManyAttempts):
            sign_in(name, PASSWORD)


@pytest.fixture
def locked(build: Build) -> Installation:
    return build()


def test_writers_behind_a_held_lock_are_all_told_after_one_wait(locked: Installation) -> None:
    told: list[str] = []

    def write(db: Database) -> None:
        try:
            with db.write(patience=0.5) as session:
                session.connection()
                told.append("done")
        except Busy:
            told.append("busy")

    with closing(sqlite.driver.connect(locked.config.home / "unseen.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        writers = [threading.Thread(target=write, args=(locked.db,)) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        waited = time.monotonic() - started
        other.execute("ROLLBACK")
    assert told == ["busy"] * 4
    assert waited < 4 * 0.5  # they waited side by side and not one after another


def test_reading_goes_on_while_somebody_else_holds_the_lock(locked: Installation) -> None:
    token = tokens.issue_token(locked.db, "alice", actor="test", now=locked.now)  # never used: its first use is noted
    with closing(sqlite.driver.connect(locked.config.home / "unseen.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        client = locked.client()
        reply = client.get("/api/competitions/lecture/limits", headers={"Authorization": f"Bearer {token}"})
        other.execute("ROLLBACK")
    assert reply.status_code == 200


def test_a_download_that_finds_the_disk_full_leaves_nothing_behind(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = build()
    client = installation.client("alice")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)  # a full disk; a small tmpfs needs rights tests do not have
    reply = client.get("/api/competitions/lecture/files/train.csv")
    assert (reply.status_code, reply.get_json()["code"]) == (507, "storage_full")
    assert list((installation.config.home / "downloads").iterdir()) == []


def test_a_lock_file_that_cannot_be_opened_means_that_nothing_can_be_stored(build: Build) -> None:
    installation = build()
    (installation.config.home / "unseen.db.lock").unlink(missing_ok=True)
    (installation.config.home / "unseen.db.lock").mkdir()
    with closing(Database(installation.config.database_url)) as db, pytest.raises(StorageFull), db.write():
        pass


@pytest.mark.parametrize("name", ["\u3164", "\u034f\u2800", "", "a\u202eb", "\ufdfa" * 30])
def test_a_name_that_shows_nothing_or_too_much_is_refused(installation: Installation, name: str) -> None:
    with installation.db.write() as session, pytest.raises(BadRequest):
        accounts.add_user(session, "dave", display_name=name or " ", now=installation.now, actor="test")


def test_two_people_of_the_same_long_name_can_both_submit(installation: Installation) -> None:
    long = "N" * 200
    with installation.db.write() as session:
        course = installation.course(session)
        for username in ("u" * 64, "v" * 64):
            user = accounts.add_user(session, username, display_name=long, now=installation.now, actor="test")
            accounts.enrol(session, user, course, "student", now=installation.now, actor="test")
    for username in ("u" * 64, "v" * 64):
        reply = installation.client(username).post(
            "/api/competitions/lecture/submissions", data={"file": (io.BytesIO(installation.file()), "p.csv")}
        )
        assert reply.status_code == 201


def test_a_check_makes_no_team(installation: Installation) -> None:
    place = {"slug": installation.slug, "principal": installation.principal("alice")}
    upload = installation.upload(installation.file())
    check(installation.db, installation.keys, upload=upload, received_at=installation.now, **place)  # type: ignore[arg-type]
    assert own_limits(installation.db, now=installation.now, **place).used_total == 0  # type: ignore[arg-type]
    with installation.db.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM teams").scalar() == 0


@pytest.mark.parametrize("path", ["//evil.example/..", "/competitions//lecture", "///"])
def test_odd_slashes_lead_nowhere_else(build: Build, path: str) -> None:
    reply = build().client().get(path, headers={"Host": "evil.example"})
    assert "evil.example" not in reply.headers.get("Location", "")


@pytest.mark.parametrize(
    "path", ["/api/competitions/%00", "/competitions/lecture%00", "/api/competitions/lecture/files/%00"]
)
def test_a_nul_in_an_address_finds_nothing(installation: Installation, path: str) -> None:
    assert installation.client("alice").get(path).status_code == 404

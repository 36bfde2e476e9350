"""The native API, as a program meets it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from tests.installations import NOON, Build, Installation, make_folder
from werkzeug.test import TestResponse

from unseen_server.services import tokens

SUBMISSION_FIELDS = {
    "ref",
    "status",
    "message",
    "file_name",
    "sha256",
    "submitted_at",
    "public_score",
    "private_score",
    "selected",
    "late",
}
ENTRY_FIELDS = {
    "rank",
    "team",
    "score",
    "entries",
    "last_submission_at",
    "is_baseline",
    "tier",
    "behind_leader",
    "tied_with_leader",
    "rank_interval",
    "previous_rank",
    "members",
}


def upload(client: FlaskClient, content: bytes, slug: str = "lecture", **headers: str) -> TestResponse:
    data = {"file": (io.BytesIO(content), "mine.csv"), "message": "a try"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"/api/competitions/{slug}/submissions", data=data, headers=named)


def test_health_needs_no_sign_in(installation: Installation) -> None:
    reply = installation.client().get("/api/health").get_json()
    assert reply["status"] == "ok"
    assert set(reply) == {"status", "version", "checks"}


@pytest.mark.parametrize("header", ["Bearer unseen_wrong", "Bearer ", "Basic YTpi", "nonsense"])
def test_a_wrong_token_is_refused_everywhere(build: Build, header: str) -> None:
    client = build().client()
    for path in ("/api/whoami", "/api/competitions", "/api/competitions/lecture/leaderboard"):
        reply = client.get(path, headers={"Authorization": header})
        assert reply.status_code == 401
        assert reply.get_json()["code"] == "not_signed_in"
        assert "WWW-Authenticate" in reply.headers


def test_a_token_ends_when_it_expires_is_revoked_or_its_owner_is_disabled(build: Build) -> None:
    installation = build()
    token = tokens.issue_token(installation.db, "alice", expires_at=NOON + timedelta(hours=1), actor="test", now=NOON)
    client = installation.client()

    def status() -> int:
        return client.get("/api/whoami", headers={"Authorization": f"Bearer {token}"}).status_code

    assert status() == 200
    installation.now = NOON + timedelta(hours=1)
    assert status() == 401
    installation.now = NOON
    for table, column in (("tokens", "revoked_at"), ("users", "disabled_at")):
        with installation.db.write() as session:
            session.execute(text(f"UPDATE {table} SET {column} = '2026-11-23 00:00:00'"))
        assert status() == 401
        with installation.db.write() as session:
            session.execute(text(f"UPDATE {table} SET {column} = NULL"))
    assert status() == 200


def test_only_the_digest_of_a_token_is_stored(build: Build) -> None:
    installation = build()
    token = installation.token("alice")
    stored = b"".join(file.read_bytes() for file in installation.config.home.glob("unseen.db*"))  # the log, too
    assert token.encode() not in stored
    assert hashlib.sha256(token.encode()).hexdigest().encode() in stored


def test_a_submission_is_created_with_its_receipt(installation: Installation) -> None:
    reply = upload(installation.client("alice"), installation.file())
    receipt = reply.get_json()
    assert reply.status_code == 201
    assert set(receipt) >= SUBMISSION_FIELDS | {"previous_best", "rank", "left_today", "resets_at", "time_zone"}
    assert receipt["private_score"] is None
    assert receipt["file_name"] == "mine.csv"
    assert receipt["sha256"] == hashlib.sha256(installation.file()).hexdigest()
    assert receipt["resets_at"] == "2026-11-23T16:00:00Z"
    assert receipt["resets_at_local"] == "2026-11-24T00:00:00+08:00"


@pytest.mark.slow
def test_own_submissions_and_files_are_there_and_others_are_not(installation: Installation) -> None:
    alice, bob = installation.client("alice"), installation.client("bob")
    content = installation.file()
    upload(alice, content)
    listed = alice.get("/api/competitions/lecture/submissions").get_json()["submissions"]
    assert [set(submission) for submission in listed] == [
        SUBMISSION_FIELDS | {"significant", "withdrawn_reason", "refusal"}
    ]
    assert alice.get("/api/submissions/1").get_json() == listed[0]
    assert alice.get("/api/submissions/1/file").data == content
    for path in ("/api/submissions/1", "/api/submissions/1/file", "/api/submissions/77"):
        assert bob.get(path).status_code == 404
    assert bob.get("/api/competitions/lecture/submissions").get_json() == {"submissions": []}


def test_a_repeated_key_is_answered_again_and_another_body_refused(installation: Installation) -> None:
    alice = installation.client("alice")
    first = upload(alice, installation.file(), Idempotency_Key="k")
    again = upload(alice, installation.file(), Idempotency_Key="k")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = upload(alice, installation.file(40.0), Idempotency_Key="k")
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_key_reused")


def test_the_daily_limit_says_when_to_come_back(installation: Installation) -> None:
    alice = installation.client("alice")
    for _ in range(5):
        assert upload(alice, installation.file()).status_code == 201
    reply = upload(alice, installation.file())
    assert reply.status_code == 429
    assert reply.headers["Retry-After"] == str(12 * 3600)
    assert reply.get_json()["resets_at"] == "2026-11-23T16:00:00Z"
    limits = alice.get("/api/competitions/lecture/limits").get_json()
    assert {
        name: limits[name] for name in ("used_today", "left_today", "daily_limit", "total_limit", "used_total")
    } == {
        "used_today": 5,
        "left_today": 0,
        "daily_limit": 5,
        "total_limit": None,
        "used_total": 5,
    }


def test_a_check_says_how_many_rows_and_counts_nothing(installation: Installation) -> None:
    alice = installation.client("alice")
    reply = alice.post(
        "/api/competitions/lecture/submissions?check=true", data={"file": (io.BytesIO(installation.file()), "a.csv")}
    )
    assert (reply.status_code, reply.get_json()) == (200, {"valid": True, "rows": 40})
    assert alice.get("/api/competitions/lecture/limits").get_json()["used_today"] == 0


@pytest.mark.parametrize(("asked", "status"), [("True", 200), ("1", 400), ("yes", 400), ("false", 201)])
def test_a_check_asked_for_in_other_words_costs_nothing(build: Build, asked: str, status: int) -> None:
    installation = build()
    alice, data = installation.client("alice"), {"file": (io.BytesIO(installation.file()), "p.csv")}
    assert alice.post(f"/api/competitions/lecture/submissions?check={asked}", data=data).status_code == status
    used = alice.get("/api/competitions/lecture/limits").get_json()["used_today"]
    assert used == (status == 201)


def test_files_are_listed_and_come_byte_for_byte_also_in_parts(installation: Installation) -> None:
    alice = installation.client("alice")

    def fetch(url: str, **options: Any) -> TestResponse:
        return alice.get(url, buffered=True, **options)

    listed = alice.get("/api/competitions/lecture/files").get_json()["files"]
    assert [file["name"] for file in listed] == ["sample_submission.csv", "test.csv", "train.csv"]
    for file in listed:
        whole = fetch(file["url"])
        original = (installation.folder / file["name"]).read_bytes()
        assert whole.data == original
        assert whole.headers["Content-Disposition"].startswith("attachment")
        assert hashlib.sha256(whole.data).hexdigest() == file["sha256"]
        rest = fetch(file["url"], headers={"Range": "bytes=10-", "If-Range": whole.headers["ETag"]})
        assert (rest.status_code, rest.data) == (206, original[10:])
        same = fetch(file["url"], headers={"If-None-Match": whole.headers["ETag"]})
        assert same.status_code == 304


def test_data_is_for_those_who_are_enrolled(installation: Installation) -> None:
    for path in ("files", "files/train.csv", "limits", "submissions", "final"):
        url = f"/api/competitions/lecture/{path}"
        assert installation.client().get(url).status_code == 401
        outside = installation.client("outsider").get(url)
        assert (outside.status_code, outside.get_json()["code"]) == (403, "not_enrolled")


def test_finals_are_read_and_chosen(installation: Installation) -> None:
    alice = installation.client("alice")
    upload(alice, installation.file(50.0))
    upload(alice, installation.file(60.0))
    assert alice.get("/api/competitions/lecture/final").get_json()["chosen"] is False
    reply = alice.put("/api/competitions/lecture/final", json={"refs": [2]})
    assert (reply.status_code, reply.get_json()["refs"]) == (200, [2])
    assert alice.get("/api/submissions/2").get_json()["selected"] is True
    for body in ({"refs": [9]}, {"refs": "2"}, {"ref": [2]}, [2]):
        assert 400 <= alice.put("/api/competitions/lecture/final", json=body).status_code < 500


def test_the_leaderboard_has_its_fields_and_no_private_board_before_the_reveal(installation: Installation) -> None:
    upload(installation.client("alice"), installation.file())
    visitor = installation.client()
    board = visitor.get("/api/competitions/lecture/leaderboard").get_json()
    assert set(board) == {"competition", "board", "generated_at", "direction", "note", "entries"}
    assert [set(entry) for entry in board["entries"]] == [ENTRY_FIELDS]
    upload(installation.client("bob"), installation.file())
    first = visitor.get("/api/competitions/lecture/leaderboard?limit=1").get_json()["entries"]
    assert [entry["team"] for entry in first] == ["Alice"]
    assert visitor.get("/api/competitions/lecture/leaderboard?board=private").status_code == 404
    assert visitor.get("/api/competitions/lecture/leaderboard?board=secret").status_code == 400


@pytest.mark.slow
def test_the_board_as_csv_is_safe_to_open(installation: Installation) -> None:
    with installation.db.write() as session:
        session.execute(text("UPDATE users SET display_name = '=cmd|'' /C calc''!A0' WHERE username = 'alice'"))
    upload(installation.client("alice"), installation.file())
    reply = installation.client().get("/api/competitions/lecture/leaderboard?format=csv")
    lines = reply.get_data(as_text=True).splitlines()
    kaggle = "Rank,TeamName,LastSubmissionDate,Score,SubmissionCount,TeamMemberUserNames"
    assert lines[0] == f"{kaggle},BehindLeaderLow,BehindLeaderHigh,TiedWithLeader,RankBest,RankWorst"
    assert lines[1].endswith(",0.0,0.0,true,1,1")
    assert "'=cmd" in lines[1]
    assert ",=cmd" not in lines[1]


def test_rounded_scores_lie_on_the_grid_wherever_they_appear(installation: Installation) -> None:
    receipt = upload(installation.client("alice"), installation.noisy(7.0)).get_json()
    board = installation.client().get("/api/competitions/lecture/leaderboard").get_json()
    with installation.db.read() as session:
        exact = session.execute(text("SELECT value FROM scores")).scalar_one()
    assert receipt["public_score"] != exact
    assert board["entries"][0]["score"] == receipt["public_score"]
    assert len(repr(receipt["public_score"])) < 6


def test_full_release_shows_the_score_to_the_last_digit(build: Build) -> None:
    installation = build(release="full")
    shown = upload(installation.client("alice"), installation.noisy(7.0)).get_json()["public_score"]
    with installation.db.read() as session:
        assert session.execute(text("SELECT value FROM scores")).scalar_one() == shown


def test_after_the_reveal_everybody_sees_private_scores_and_the_opened_seal(installation: Installation) -> None:
    alice = installation.client("alice")
    upload(alice, installation.file())
    installation.pass_deadline()
    before = alice.get("/api/competitions/lecture").get_json()
    assert (before["phase"], before["seal_salt"]) == ("closed", None)
    assert installation.client("teacher").post("/api/competitions/lecture/reveal").status_code == 200
    after = alice.get("/api/competitions/lecture").get_json()
    assert after["phase"] == "revealed"
    assert installation.bundle.key.sealed_hash(after["seal_salt"]) == before["seal"]
    assert alice.get("/api/submissions/1").get_json()["private_score"] is not None
    board = installation.client().get("/api/competitions/lecture/leaderboard?board=private").get_json()
    assert [entry["team"] for entry in board["entries"]] == ["Alice"]


def zipped(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"{folder.name}/{file.name}")
    return content.getvalue()


def test_an_instructor_brings_a_bundle_in_over_http_launches_and_closes_it(
    installation: Installation, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "more", slug="second")
    teacher = installation.client("teacher")
    made = teacher.post("/api/competitions?course=ml", data=zipped(folder), content_type="application/zip")
    assert (made.status_code, made.get_json()["phase"]) == (201, "draft")
    assert installation.client("alice").get("/api/competitions/second").status_code == 404
    assert teacher.post("/api/competitions/second/launch").get_json()["phase"] == "open"
    assert teacher.post("/api/competitions/second/launch").status_code == 409
    assert upload(installation.client("alice"), installation.file(), "second").status_code == 201
    assert teacher.post("/api/competitions/second/close").get_json()["phase"] == "closed"


def test_a_zip_is_opened_only_for_those_who_instruct_a_course(build: Build) -> None:
    installation = build()
    student = {"Authorization": f"Bearer {installation.token('alice', 'staff')}"}
    assert installation.client().post("/api/competitions", data=b"no zip", headers=student).status_code == 403
    assert installation.client("teacher").post("/api/competitions", data=b"no zip").status_code == 400


@pytest.mark.parametrize("who", ["alice", "rival", "outsider", None])
def test_staff_routes_are_for_the_staff_of_the_course(build: Build, tmp_path: Path, who: str | None) -> None:
    installation = build()
    client = installation.client(who)
    expected = {401, 403, 404}
    for action in ("launch", "close", "reveal"):
        assert client.post(f"/api/competitions/lecture/{action}").status_code in expected
    bundle = zipped(make_folder(tmp_path / "more", slug="second"))
    assert client.post("/api/competitions?course=ml", data=bundle).status_code in expected
    assert client.get("/api/competitions/lecture").get_json()["phase"] == "open"


def test_a_launch_can_be_set_for_later(build: Build) -> None:
    installation = build(launched=False)
    teacher, alice = installation.client("teacher"), installation.client("alice")
    assert alice.get("/api/competitions").get_json() == {"competitions": []}
    reply = teacher.post("/api/competitions/lecture/launch", json={"at": "2026-11-24 08:00"}).get_json()
    assert (reply["phase"], reply["starts_at"]) == ("draft", "2026-11-24T00:00:00Z")
    assert upload(alice, installation.file()).status_code == 404
    assert "opens 2026-11-24 08:00" in teacher.post("/api/competitions/lecture/launch").get_json()["detail"]
    installation.now = NOON + timedelta(days=1)
    assert upload(alice, installation.file()).status_code == 201


@pytest.mark.parametrize("scope", ["read", "submit"])
def test_a_token_does_no_more_than_its_scope(build: Build, scope: str) -> None:
    installation = build()
    client = installation.client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {installation.token('teacher', scope)}"
    assert client.get("/api/whoami").status_code == 200
    assert upload(client, installation.file()).status_code == (403 if scope == "read" else 201)
    assert client.post("/api/competitions/lecture/close").status_code == 403


@pytest.mark.slow
def test_what_is_not_there_is_said_as_a_problem(installation: Installation) -> None:
    alice = installation.client("alice")
    for method, path, status in (
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/submissions/1", 405),
        ("POST", "/api/competitions/lecture/submissions", 400),
        ("GET", "/api/competitions/lecture/submissions?limit=0", 400),
        ("GET", "/api/competitions/lecture/submissions?limit=１", 400),
        ("GET", f"/api/competitions/lecture/submissions?limit={'1' * 5000}", 400),
        ("GET", "/api/competitions/lecture/leaderboard?format=xml", 400),
        ("GET", "/api/competitions/lec%00ture", 404),
        ("GET", "/api/submissions/99999999999999999999999", 404),
    ):
        reply = alice.open(path, method=method)
        assert reply.status_code == status, path
        assert reply.mimetype == "application/problem+json"
        assert set(reply.get_json()) >= {"type", "title", "status", "detail", "code", "errors"}


def test_private_answers_stay_out_of_shared_caches(installation: Installation) -> None:
    alice = installation.client("alice")
    for path in ("/api/whoami", "/api/competitions/lecture/submissions", "/api/competitions/lecture/files/train.csv"):
        reply = alice.get(path, buffered=True)
        assert "private" in reply.headers["Cache-Control"]
        assert "Authorization" in reply.headers["Vary"]


HOSTILE = "<script>alert(1)</script>\r\nX: y\x00"


def test_a_hostile_message_and_file_name_are_kept_as_mere_text(installation: Installation) -> None:
    data = {"file": (io.BytesIO(installation.file()), "<b>\x01.csv"), "message": HOSTILE}
    reply = installation.client("alice").post("/api/competitions/lecture/submissions", data=data)
    assert reply.status_code == 201
    assert reply.get_json()["message"] == "<script>alert(1)</script>X: y"
    assert reply.get_json()["file_name"] == "<b>.csv"


def test_a_file_name_that_is_no_prediction_files_is_refused_and_repeated_harmlessly(build: Build) -> None:
    installation = build()
    data = {"file": (io.BytesIO(installation.file()), "<script>\x01")}
    reply = installation.client("alice").post("/api/competitions/lecture/submissions", data=data)
    assert (reply.status_code, reply.mimetype) == (415, "application/problem+json")
    assert "\x01" not in reply.get_data(as_text=True)


def test_an_idempotency_key_with_control_characters_is_refused(build: Build) -> None:
    installation = build()
    reply = upload(installation.client("alice"), installation.file(), Idempotency_Key="k\x01")
    assert (reply.status_code, reply.get_json()["code"]) == (400, "bad_request")

"""Kaggle's protocol below /api/v1 as its clients speak it, the present ones in JSON calls, the old ones by address."""

from __future__ import annotations

import base64
import csv
import http.client
import io
import logging
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from tests.browsing import answering
from tests.core.prediction_files import FILES
from tests.installations import SLUG, Build, Installation, install, make_folder, new_sqlite
from tests.visitors import browser, send
from werkzeug.test import TestResponse

from unseen_server.config import Config
from unseen_server.services import withdrawals
from unseen_server.services.principals import SERVER

CALLS = "/api/v1/competitions.CompetitionApiService/"
INTROSPECT = "/api/v1/security.OAuthService/IntrospectToken"
REST = "/api/v1/competitions"


def call(client: FlaskClient, method: str, **fields: Any) -> TestResponse:
    return client.post(CALLS + method, json=fields)


def about(client: FlaskClient, method: str, **fields: Any) -> TestResponse:
    return call(client, method, competitionName=SLUG, **fields)


def basic(username: str, token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{token}".encode()).decode()}


def get(client: FlaskClient, place: str, **headers: str) -> TestResponse:
    """A file, read and closed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(place, headers=named, buffered=True)


def begin(client: FlaskClient, content: bytes = b"", name: str = "mine.csv") -> dict[str, str]:
    reply = about(client, "StartSubmissionUpload", fileName=name, contentLength=len(content))
    assert reply.status_code == 200, reply.data
    started: dict[str, str] = reply.get_json()
    return started


def put(made: Installation, create_url: str, content: bytes) -> TestResponse:
    assert create_url.startswith("http://localhost/")
    return made.client().put(create_url.removeprefix("http://localhost"), data=content)


def sent(made: Installation, client: FlaskClient, content: bytes, name: str = "mine.csv") -> str:
    """The token of a file that has arrived."""
    started = begin(client, content, name)
    assert put(made, started["createUrl"], content).status_code == 201
    return started["token"]


def hand_in(client: FlaskClient, token: str, message: str = "", **fields: Any) -> TestResponse:
    return about(client, "CreateSubmission", blobFileTokens=token, submissionDescription=message, **fields)


def submit(made: Installation, client: FlaskClient, content: bytes, message: str = "") -> TestResponse:
    return hand_in(client, sent(made, client, content), message)


def refused(reply: TestResponse, status: int) -> str:
    """The sentence of a refusal in the one shape that the clients can read."""
    problem = reply.get_json()
    assert (reply.status_code, problem["code"]) == (status, status)
    assert set(problem) == {"code", "message"}
    assert reply.content_type == "application/json"
    message: str = problem["message"]
    assert message
    return message


# who is asking


def test_introspection_says_whose_token_it_is(build: Build) -> None:
    made = build()
    reply = made.client("alice").post(INTROSPECT, json={"token": made.token("alice")})
    assert reply.get_json() == {"active": True, "username": "alice"}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Bearer unseen_wrong", b'{"token": "unseen_wrong"}'),
        ("Bearer unseen_wrong", b'{"token": "GOOD"}'),
        ("Bearer GOOD", b'{"token": "unseen_wrong"}'),
        ("Basic ////", b'{"token": "GOOD"}'),
        ("Digest x", b'{"token": "GOOD"}'),
        ("Bearer GOOD", b""),
        ("Bearer GOOD", b"[]"),
        ("Bearer GOOD", b"null"),
        ("Bearer GOOD", b'{"token": 7}'),
        ("Bearer GOOD", b'{"token": "\\ud800"}'),
        ("Bearer GOOD", b"{"),
        ("Bearer GOOD", b" " * 100_000 + b"{}"),
    ],
)
def test_introspection_never_answers_401(build: Build, header: str, body: bytes) -> None:
    made = build()
    good = made.token("alice")
    headers = {"Authorization": header.replace("GOOD", good)}
    reply = made.client().post(INTROSPECT, data=body.replace(b"GOOD", good.encode()), headers=headers)
    assert (reply.status_code, reply.get_json()) == (200, {"active": False})


def test_the_token_of_somebody_disabled_is_not_active(build: Build) -> None:
    made = build()
    token = made.token("alice")
    with made.db.write() as session:
        session.execute(text("UPDATE users SET disabled_at = '2026-11-23 00:00:00' WHERE username = 'alice'"))
    assert made.client("alice").post(INTROSPECT, json={"token": token}).get_json() == {"active": False}


def test_user_name_and_token_do_as_well_as_the_token(build: Build) -> None:
    made = build()
    for name in ("alice", "ALICE"):
        reply = made.client().post(CALLS + "ListCompetitions", json={}, headers=basic(name, made.token("alice")))
        assert reply.get_json()["competitions"][0]["ref"] == SLUG


def test_a_user_name_with_anothers_token_or_none_is_refused(build: Build) -> None:
    made = build()
    token = made.token("alice")
    wrong = [basic("bob", token), basic("", token), basic("alice", "unseen_wrong"), basic("alice", "")]
    wrong += [{"Authorization": f"Basic {junk}"} for junk in ("", "///", "YWxpY2U=", "//79/A==", "\xe9")]
    for headers in (*wrong, {"Authorization": "Bearer "}, {}):
        reply = made.client().post(CALLS + "ListCompetitions", json={}, headers=headers)
        refused(reply, 401)
        assert "WWW-Authenticate" in reply.headers


def test_user_name_and_token_count_nowhere_else(build: Build) -> None:
    made = build()
    assert made.client().get("/api/whoami", headers=basic("alice", made.token("alice"))).status_code == 401


def test_the_session_of_a_browser_is_worth_nothing_there(build: Build) -> None:
    made = build()
    dora = browser(made)
    assert dora.get("/api/whoami").status_code == 200
    refused(call(dora, "ListCompetitions"), 401)
    refused(dora.get(f"{REST}/list"), 401)


def test_a_credential_for_kaggle_itself_is_answered_with_a_warning(build: Build) -> None:
    reply = build().client().post("/api/v1/users.AccountService/GenerateAccessToken", json={"refreshToken": "secret"})
    assert "neither kept nor logged" in refused(reply, 400)


# competitions and files


def test_competitions_are_listed_and_searched(installation: Installation) -> None:
    client = installation.client("alice")
    reply = call(client, "ListCompetitions", group="COMPETITION_LIST_TAB_EVERYTHING", page=1, pageToken="")
    (listed,) = reply.get_json()["competitions"]
    assert (listed["ref"], listed["deadline"]) == (SLUG, "2026-12-07T15:59:00Z")
    assert (listed["teamCount"], listed["userHasEntered"], listed["userRank"]) == (0, True, 0)
    assert call(client, "ListCompetitions", search="lectu").get_json()["competitions"]
    assert not call(client, "ListCompetitions", search="houses").get_json()["competitions"]
    assert not call(installation.client("outsider"), "ListCompetitions").get_json()["competitions"]
    assert client.get(f"{REST}/list?page=1&search=LECTURES").get_json() == [listed]
    assert client.get(f"{REST}/list?page=2").get_json() == []


def test_a_list_comes_in_parts_that_end(installation: Installation) -> None:
    client, seen, token = installation.client("alice"), [], ""
    for _ in range(3):
        reply = about(client, "ListDataFiles", pageSize=1, pageToken=token).get_json()
        seen += [file["name"] for file in reply["files"]]
        token = reply["nextPageToken"]
    assert (seen, token) == (["sample_submission.csv", "test.csv", "train.csv"], "")
    assert about(client, "ListDataFiles", pageToken="3").get_json() == {"files": [], "nextPageToken": ""}
    assert about(client, "ListDataFiles", pageToken="9" * 18).get_json()["files"] == []
    refused(about(client, "ListDataFiles", pageToken="next"), 400)
    by_page = client.get(f"{REST}/data/list/{SLUG}?pagesize=2&pageToken=2").get_json()
    assert [file["name"] for file in by_page["files"]] == ["train.csv"]


def test_old_clients_get_the_list_of_files_in_the_shape_each_knows(installation: Installation) -> None:
    client = installation.client("alice")
    bare = client.get(f"{REST}/data/list/{SLUG}").get_json()
    assert [file["totalBytes"] for file in bare] == [
        (installation.folder / file["name"]).stat().st_size for file in bare
    ]
    for asked in ("pageToken=None&pageSize=20", "pagesize=20"):
        reply = client.get(f"{REST}/data/list/{SLUG}?{asked}").get_json()
        assert reply == {"files": bare, "nextPageToken": ""}


@pytest.mark.slow
def test_a_file_comes_from_an_address_that_ends_in_its_name(installation: Installation) -> None:
    client = installation.client("alice")
    content = (installation.folder / "train.csv").read_bytes()
    ways = [
        about(client, "DownloadDataFile", fileName="train.csv"),
        client.get(f"{REST}/data/download/{SLUG}/train.csv"),
    ]
    for reply in ways:
        assert reply.status_code == 302
        assert reply.headers["Location"].startswith("/api/v1/")
        assert reply.headers["Location"].endswith("/train.csv")
        got = get(client, reply.headers["Location"])
        assert (got.data, got.content_length) == (content, len(content))
        assert got.headers["Last-Modified"].endswith("GMT")
        assert installation.client().get(reply.headers["Location"]).status_code == 401
        assert installation.client("outsider").get(reply.headers["Location"]).status_code == 403
    for name in ("solution.csv", "../solution.csv", "competition.toml", "", "a\0b"):
        refused(about(client, "DownloadDataFile", fileName=name), 404)


def test_downloads_resume_where_they_broke_off(installation: Installation) -> None:
    client = installation.client("alice")
    for method in ("DownloadDataFile", "DownloadDataFiles"):
        place = about(client, method, fileName="train.csv").headers["Location"]
        whole = get(client, place)
        assert whole.headers["Accept-Ranges"] == "bytes"
        rest = get(client, place, Range="bytes=100-", If_Range=whole.headers["ETag"])
        assert (rest.status_code, rest.data) == (206, whole.data[100:])
        anew = get(client, place, Range="bytes=100-", If_Range='"another"')
        assert (anew.status_code, anew.data) == (200, whole.data)
        refused(get(client, place, Range="bytes=10000000-"), 416)
        head = client.head(place, buffered=True)
        assert (head.status_code, head.content_length, head.data) == (200, len(whole.data), b"")


def test_all_public_files_come_in_one_zip_that_is_always_the_same(installation: Installation) -> None:
    client = installation.client("alice")
    places = [about(client, "DownloadDataFiles"), client.get(f"{REST}/data/download-all/{SLUG}")]
    assert {reply.status_code for reply in places} == {302}
    first, second = (get(client, reply.headers["Location"]) for reply in places)
    assert places[0].headers["Location"].endswith(f"/{SLUG}.zip")
    with zipfile.ZipFile(io.BytesIO(first.data)) as archive:
        assert sorted(archive.namelist()) == ["sample_submission.csv", "test.csv", "train.csv"]
        for name in archive.namelist():
            assert archive.read(name) == (installation.folder / name).read_bytes()
    for kept in (installation.config.home / "downloads").iterdir():
        kept.unlink()
    again = get(client, places[0].headers["Location"])
    assert first.data == second.data == again.data
    assert first.headers["ETag"] == again.headers["ETag"]
    assert again.headers["Last-Modified"]
    refused(about(installation.client("outsider"), "DownloadDataFiles"), 403)


# submitting


def test_a_file_is_announced_sent_and_submitted(installation: Installation) -> None:
    client = installation.client("alice")
    reply = submit(installation, client, installation.file(), "grüße")
    assert reply.get_json()["ref"] == 1
    assert reply.get_json()["message"].startswith("Successfully submitted to Lectures. Public score: ")
    native = client.get("/api/submissions/1").get_json()
    assert (native["file_name"], native["message"]) == ("mine.csv", "grüße")
    (listed,) = about(client, "ListSubmissions", page=1, pageToken="").get_json()["submissions"]
    assert listed == call(client, "GetSubmission", ref=1).get_json()
    assert (listed["ref"], listed["fileName"], listed["description"]) == (1, "mine.csv", "grüße")
    assert (listed["date"], listed["status"]) == ("2026-11-23T04:00:00Z", "COMPLETE")
    assert (listed["publicScore"], listed["privateScore"]) == (repr(native["public_score"]), "")


@pytest.mark.parametrize("version", ["1.5", "1.7"])
def test_old_clients_submit_with_forms(installation: Installation, version: str) -> None:
    client, content = installation.client("alice"), installation.file()
    if version == "1.7":
        form = {"competitionName": SLUG, "contentLength": str(len(content)), "fileName": "old.csv"}
        started = client.post(f"{REST}/submission-url", data=form, content_type="multipart/form-data").get_json()
    else:
        address = f"{REST}/{SLUG}/submissions/url/{len(content)}/1764000000"
        started = client.post(address, data={"fileName": "old.csv"}, content_type="multipart/form-data").get_json()
    assert set(started) == {"token", "createUrl"}
    assert put(installation, started["createUrl"], content).status_code == 201
    form = {"blobFileTokens": started["token"], "submissionDescription": "by a form"}
    reply = client.post(f"{REST}/submissions/submit/{SLUG}", data=form, content_type="multipart/form-data")
    assert reply.get_json()["message"].startswith("Successfully submitted")
    (listed,) = client.get(f"{REST}/submissions/list/{SLUG}?sortby=date&group=all").get_json()
    assert (listed["fileName"], listed["description"], listed["status"]) == ("old.csv", "by a form", "complete")
    assert isinstance(listed["totalBytes"], int)


def test_a_submission_by_either_protocol_counts_against_the_same_limit(build: Build) -> None:
    made = build(daily_limit=2, total_limit=2)
    client = made.client("alice")
    submit(made, client, made.file(40.0))
    left = about(client, "GetSubmissionLimits").get_json()
    assert left == {"numToday": 1, "numTotal": 1, "numAllowedNow": 1, "limitedByTotal": False}
    late = sent(made, client, made.file(60.0))
    send(made, made.file(50.0))
    assert "all 2 submissions" in refused(hand_in(client, late), 400)
    assert "all 2 submissions" in refused(about(client, "StartSubmissionUpload", contentLength=5), 400)
    assert about(client, "GetSubmissionLimits").get_json()["numAllowedNow"] == 0


def test_the_daily_limit_is_told_before_anything_is_sent(build: Build) -> None:
    made = build(daily_limit=1)
    client = made.client("alice")
    submit(made, client, made.file())
    message = refused(about(client, "StartSubmissionUpload", contentLength=5, fileName="p.csv"), 400)
    assert "resets at 00:00 Asia/Taipei" in message


def test_a_repeated_submission_is_the_same_and_counts_once(installation: Installation) -> None:
    client = installation.client("alice")
    token = sent(installation, client, installation.file())
    replies = [hand_in(client, token, "once").get_json() for _ in range(3)]
    assert replies[0] == replies[1] == replies[2]
    assert about(client, "GetSubmissionLimits").get_json()["numToday"] == 1
    refused(hand_in(client, token, "with another message"), 400)


def test_a_file_may_be_sent_again_until_it_is_submitted(installation: Installation) -> None:
    client = installation.client("alice")
    started = begin(client, installation.file())
    for content in (b"broken off", installation.file(30.0), installation.file(55.0)):
        assert put(installation, started["createUrl"], content).status_code == 201
    hand_in(client, started["token"])
    place = call(client, "DownloadSubmission", submissionId=1).headers["Location"]
    assert get(client, place).data == installation.file(55.0)
    refused(put(installation, started["createUrl"], b"too late"), 404)


def test_of_many_kinds_of_problems_as_many_are_told_as_can_be_read(build: Build) -> None:
    made = build()
    client, ids = made.client("alice"), made.bundle.key.ids
    kinds = (",many", ",1,2", ";1", ", 1")
    content = "id,minutes\n" + "".join(f"{row_id}{kinds[n % 4]}\n" for n, row_id in enumerate(ids))
    message = refused(submit(made, client, content.encode()), 400)
    assert len(message.splitlines()) == 21
    assert message.splitlines()[-1] == "There are 20 more such lines; mend these first."


def test_an_upload_belongs_to_its_owner_and_its_competition(installation: Installation) -> None:
    alice, bob = installation.client("alice"), installation.client("bob")
    token = sent(installation, alice, installation.file())
    for client in (bob, installation.client("teacher")):
        assert "no upload with this token" in refused(hand_in(client, token), 404)
    refused(call(alice, "CreateSubmission", competitionName="another", blobFileTokens=token), 404)
    for unknown in ("", "nothing", "a\0b"):
        refused(hand_in(alice, unknown), 404)
    assert call(alice, "CreateSubmission", blobFileTokens=token, sandbox=True).get_json()["ref"] == 1


def test_an_upload_expires(installation: Installation) -> None:
    client = installation.client("alice")
    started = begin(client)
    installation.now += timedelta(hours=1)
    refused(put(installation, started["createUrl"], b""), 404)
    refused(hand_in(client, started["token"]), 404)


def test_a_file_that_never_came_cannot_be_submitted(installation: Installation) -> None:
    client = installation.client("alice")
    assert "has not arrived" in refused(hand_in(client, begin(client)["token"]), 400)


@pytest.mark.slow
def test_a_bad_file_is_explained_line_by_line_and_costs_nothing(installation: Installation) -> None:
    client = installation.client("alice")
    lines = installation.file().decode().splitlines()
    for n in range(1, 35):
        lines[n] = lines[n].split(",")[0] + ",many"
    message = refused(submit(installation, client, "\n".join(lines).encode()), 400)
    assert message.startswith("The file was not accepted and cost no submission. Line 2: ")
    assert [line.split(":")[0] for line in message.splitlines()[1:]] == [
        *(f"Line {n}" for n in range(3, 21)),
        "There are 15 more problems of this kind (“not_a_number”).",
    ]
    assert about(client, "GetSubmissionLimits").get_json()["numToday"] == 0


@pytest.mark.parametrize("case", FILES[::9], ids=lambda case: case.file_name)
def test_whatever_is_wrong_with_a_file_is_said_with_400(build: Build, case: Any) -> None:
    made = build()
    client = made.client("alice")
    reply = hand_in(client, sent(made, client, case.data, case.file_name))
    assert reply.status_code == 200 or refused(reply, 400)


def test_what_the_file_does_not_decide_is_refused_before_it_is_sent(build: Build) -> None:
    made = build(late_submissions=False)
    start = {"contentLength": 5, "fileName": "p.csv"}
    assert "not enrolled" in refused(about(made.client("outsider"), "StartSubmissionUpload", **start), 403)
    reader = made.client()
    reader.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {made.token('alice', 'read')}"
    assert "scope" in refused(about(reader, "StartSubmissionUpload", **start), 403)
    client = made.client("alice")
    refused(call(client, "StartSubmissionUpload", competitionName="lectur", **start), 404)
    too_large = {"contentLength": 10**12, "fileName": "p.csv"}
    assert "larger than" in refused(about(client, "StartSubmissionUpload", **too_large), 400)
    made.pass_deadline()
    assert "deadline was" in refused(about(client, "StartSubmissionUpload", **start), 400)


def test_the_deadline_counts_by_the_request_that_submits(build: Build) -> None:
    made = build(late_submissions=False)
    client = made.client("alice")
    made.now = made.bundle.settings.deadline - timedelta(seconds=1)
    token = sent(made, client, made.file())
    made.pass_deadline()
    assert "deadline was" in refused(hand_in(client, token), 400)


def test_a_message_longer_than_any_is_refused(installation: Installation) -> None:
    client = installation.client("alice")
    assert "at most 500" in refused(submit(installation, client, installation.file(), "x" * 501), 400)


@pytest.mark.parametrize(
    ("public_url", "base", "expected"),
    [
        (None, "http://localhost", "http://localhost/"),
        (None, "https://localhost", "http://localhost/"),  # a proxy reached by TLS, see web/kaggle/answers
        (None, "http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
        (None, "https://unseen.example.edu", "https://unseen.example.edu/"),
        ("https://unseen.example.edu", "http://unseen.example.edu", "https://unseen.example.edu/"),
        ("https://unseen.example.edu", "http://localhost", "http://localhost/"),
        ("https://unseen.example.edu", "http://localhost:8000", "http://localhost:8000/"),
    ],
)
def test_the_address_to_send_a_file_to_is_one_that_the_client_can_reach(
    tmp_path: Any, sqlite_template: Any, public_url: str | None, base: str, expected: str
) -> None:
    with new_sqlite(tmp_path, sqlite_template) as url:
        config = Config(home=tmp_path, database_url=url, public_url=public_url)
        made = install(config, make_folder(tmp_path))
    fields = {"competitionName": SLUG, "fileName": "p.csv"}
    reply = made.client("alice").post(CALLS + "StartSubmissionUpload", json=fields, base_url=base)
    assert reply.get_json()["createUrl"].startswith(f"{expected}api/v1/uploads/")
    made.close()


def test_a_proxys_request_and_a_file_without_a_length_arrive(build: Build) -> None:
    """The clients ask with the whole address, as of a proxy, and send an empty file as a chain of no chunks."""
    made = build()
    with answering(made) as site:
        started = begin(made.client("alice"))
        upload = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=30)
        upload.request("PUT", started["createUrl"], body=iter(()), headers={"Host": "localhost"}, encode_chunked=True)
        answer = upload.getresponse()
        assert (answer.status, answer.read()) == (201, b"{}")
        upload.close()
    assert "The file is empty" in refused(hand_in(made.client("alice"), started["token"]), 400)


# submissions and boards


def test_somebody_elses_submission_is_not_there(installation: Installation) -> None:
    send(installation, installation.file())
    bob = installation.client("bob")
    refused(call(bob, "GetSubmission", ref=1), 404)
    refused(call(bob, "DownloadSubmission", submissionId=1), 404)
    refused(bob.get("/api/v1/submitted/1/p.csv"), 404)
    assert about(bob, "ListSubmissions").get_json()["submissions"] == []


@pytest.mark.parametrize("name", ["p.csv", "預測 1?.csv", "..", "a/b.csv", "#.csv"])
def test_ones_own_file_comes_back_whatever_its_name(build: Build, name: str) -> None:
    made = build()
    client, content = made.client("alice"), made.file()
    token = sent(made, client, content, name if name.endswith(".csv") else "x.csv")
    hand_in(client, token)
    with made.db.write() as session:
        session.execute(text("UPDATE submissions SET file_name = :name"), {"name": name})
    place = call(client, "DownloadSubmission", submissionId=1).headers["Location"]
    assert ".." not in place.split("/")
    reply = get(client, place)
    assert (reply.status_code, reply.data) == (200, content)


def test_an_address_with_line_breaks_puts_nothing_into_the_headers(build: Build) -> None:
    made = build()
    client, content = made.client("alice"), made.file()
    submit(made, client, content)
    for name in ("a%0d%0aX-Evil:1", "a%00b", "%0a"):
        reply = get(client, f"/api/v1/submitted/1/{name}")
        assert (reply.status_code, reply.data) == (200, content)
        assert "X-Evil" not in reply.headers


def test_the_newest_submission_comes_first_and_in_parts(build: Build) -> None:
    made = build()
    for n in range(3):
        send(made, made.file(40.0 + n))
    client = made.client("alice")

    def refs(**fields: Any) -> list[int]:
        return [one["ref"] for one in about(client, "ListSubmissions", **fields).get_json()["submissions"]]

    assert refs() == [3, 2, 1]
    assert (refs(page=1, pageSize=2), refs(page=2, pageSize=2), refs(page=3, pageSize=2)) == ([3, 2], [1], [])


def test_scores_are_what_the_release_shows(build: Build) -> None:
    made = build(release="ladder")
    client = made.client("alice")
    for n, spread in enumerate((9.0, 9.5, 3.0)):
        submit(made, client, made.noisy_in_public(spread, n))
    native = client.get(f"/api/competitions/{SLUG}/submissions").get_json()["submissions"]
    listed = about(client, "ListSubmissions").get_json()["submissions"]
    assert [one["publicScore"] for one in listed] == [
        "" if one["public_score"] is None else repr(one["public_score"]) for one in native
    ]
    assert {one["privateScore"] for one in listed} == {""}


def test_a_withdrawn_submission_says_why(installation: Installation) -> None:
    send(installation, installation.file())
    place = {"slug": SLUG, "principal": SERVER, "now": installation.now}
    withdrawals.withdraw(installation.db, ref=1, reason="copied", **place)
    one = call(installation.client("alice"), "GetSubmission", ref=1).get_json()
    assert (one["status"], one["errorDescription"]) == ("ERROR", "copied")


def table(reply: TestResponse) -> tuple[str, list[dict[str, str]]]:
    assert reply.content_type == "application/zip"
    assert reply.headers["Last-Modified"]
    assert reply.content_length == len(reply.data)
    with zipfile.ZipFile(io.BytesIO(reply.data)) as archive:
        (name,) = archive.namelist()
        return name, list(csv.DictReader(io.StringIO(archive.read(name).decode())))


@pytest.mark.slow
def test_the_board_is_shown_and_downloaded(installation: Installation) -> None:
    for who, value in (("alice", 60.0), ("bob", 50.0), ("bob", 55.0)):
        send(installation, installation.file(value), who)
    client = installation.client("carol")
    native = client.get(f"/api/competitions/{SLUG}/leaderboard").get_json()["entries"]
    shown = about(client, "GetLeaderboard", pageToken="").get_json()["submissions"]
    assert [(one["teamName"], one["score"]) for one in shown] == [(one["team"], repr(one["score"])) for one in native]
    assert client.get(f"{REST}/{SLUG}/leaderboard/view").get_json() == {"submissions": shown}
    first = about(client, "GetLeaderboard", pageSize=1).get_json()
    assert (first["submissions"], first["nextPageToken"]) == (shown[:1], "1")
    for reply in (about(client, "DownloadLeaderboard"), client.get(f"{REST}/{SLUG}/leaderboard/download")):
        name, rows = table(reply)
        assert name == f"{SLUG}-publicleaderboard.csv"
        assert [(row["Rank"], row["TeamName"], float(row["Score"]), row["SubmissionCount"]) for row in rows] == [
            (str(one["rank"]), one["team"], one["score"], str(one["entries"])) for one in native
        ]
        assert [row["TeamId"] for row in rows] == [str(one["teamId"]) for one in shown]
        assert [row["TeamMemberUserNames"] for row in rows] == [", ".join(one["members"]) for one in native]


def test_nobody_who_may_not_see_the_board_downloads_it(build: Build) -> None:
    made = build()
    refused(about(made.client(), "GetLeaderboard"), 401)
    refused(call(made.client("alice"), "GetLeaderboard", competitionName="nothing"), 404)
    refused(call(made.client("alice"), "DownloadLeaderboard", competitionName="nothing"), 404)


def test_no_name_in_the_downloaded_board_runs_in_a_spreadsheet(installation: Installation) -> None:
    with installation.db.write() as session:
        session.execute(text("UPDATE users SET display_name = '=cmd|x' WHERE username = 'alice'"))
    send(installation, installation.file())
    _, (row,) = table(about(installation.client("bob"), "DownloadLeaderboard"))
    assert row["TeamName"] == row["TeamMemberUserNames"] == "'=cmd|x"


def test_after_the_reveal_the_private_board_and_scores_are_there(installation: Installation) -> None:
    client = installation.client("alice")
    send(installation, installation.noisy(5.0))
    installation.pass_deadline()
    assert table(about(client, "DownloadLeaderboard"))[0] == f"{SLUG}-publicleaderboard.csv"
    assert installation.client("teacher").post(f"/api/competitions/{SLUG}/reveal").status_code == 200
    private = client.get(f"/api/competitions/{SLUG}/leaderboard?board=private").get_json()["entries"]
    (shown,) = about(client, "GetLeaderboard").get_json()["submissions"]
    assert shown["score"] == repr(private[0]["score"])
    name, (row,) = table(about(client, "DownloadLeaderboard"))
    assert (name, float(row["Score"])) == (f"{SLUG}-privateleaderboard.csv", private[0]["score"])
    assert call(client, "GetSubmission", ref=1).get_json()["privateScore"] == shown["score"]


# whatever else comes

ODD = [None, True, -1, 0, 1.5, 10**30, "", "a\0b", "9" * 5000, "../x", [], {}, ["lecture"], "\N{GRINNING FACE}" * 500]
METHODS = (
    *("ListCompetitions", "ListDataFiles", "DownloadDataFile", "DownloadDataFiles", "StartSubmissionUpload"),
    *("CreateSubmission", "ListSubmissions", "GetSubmission", "DownloadSubmission", "GetSubmissionLimits"),
    *("GetLeaderboard", "DownloadLeaderboard"),
)
FIELDS = (
    *("competitionName", "fileName", "contentLength", "blobFileTokens", "submissionDescription"),
    *("page", "pageSize", "pageToken", "search", "ref", "submissionId"),
)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_no_field_of_any_kind_upsets_the_server(build: Build, method: str) -> None:
    client = build(daily_limit=100, rejected_per_hour=1000).client("alice")
    for field in FIELDS:
        for value in ODD:
            with call(client, method, **{"competitionName": SLUG, field: value}) as reply:
                assert reply.status_code in (200, 302) or refused(reply, reply.status_code)
                assert reply.status_code < 500


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b'"x"', b"[" * 20_000, b'{"a":' * 10_000, b'{"page":NaN}'],
    ids=lambda body: repr(body[:12]),
)
def test_no_body_upsets_the_server(build: Build, body: bytes) -> None:
    client = build().client("alice")
    for method in METHODS:
        with client.post(CALLS + method, data=body, content_type="application/json") as reply:
            assert reply.status_code == 200 or refused(reply, reply.status_code)
            assert reply.status_code < 500


def test_no_address_upsets_the_server(build: Build) -> None:
    client = build().client("alice")
    numbers = ("-1", "x", "9" * 30, "9" * 6000, "1.5", "%00")
    addresses = [f"{REST}/{SLUG}/submissions/url/{number}/1" for number in numbers]
    for address in addresses:
        refused(client.post(address, data={"fileName": "p.csv"}), 400)
    for number in numbers:
        refused(client.get(f"/api/v1/submitted/{number}/p.csv"), 404)
        refused(client.get(f"{REST}/data/list/{SLUG}?pageSize={number}"), 400)
        refused(client.get(f"{REST}/submissions/list/{SLUG}?page={number}"), 400)
        refused(client.put(f"/api/v1/uploads/{number}", data=b"x"), 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_what_is_not_supported_is_said_in_json(build: Build, method: str) -> None:
    client = build().client()
    for path in ("/api/v1", "/api/v1/", "/api/v1/kernels.KernelsApiService/ListKernels", "/api/v1/a/b//c%00"):
        reply = client.open(path, method=method)
        assert reply.status_code == 404
        assert method == "HEAD" or "not supported by this server" in refused(reply, 404)
    assert client.open("/api/v1/x", method="TRACE").status_code == 405


def test_without_its_database_the_server_asks_to_wait(build: Build) -> None:
    made = build()
    client = made.client("alice")
    (made.config.home / "unseen.db").write_bytes(b"no database" * 1000)
    reply = call(client, "ListCompetitions")
    refused(reply, 503)
    assert reply.headers["Retry-After"]


def test_no_credential_is_logged(build: Build, caplog: pytest.LogCaptureFixture) -> None:
    made = build()
    token = made.token("alice")
    with caplog.at_level(logging.DEBUG):
        client = made.client()
        client.environ_base["HTTP_AUTHORIZATION"] = basic("alice", token)["Authorization"]
        made.client("alice").post(INTROSPECT, json={"token": token})
        made.client().post(INTROSPECT, json={"token": "unseen_wrong"})
        made.client().post("/api/v1/users.AccountService/GenerateAccessToken", json={"refreshToken": "of Kaggle"})
        started = begin(client)
        put(made, started["createUrl"], b"x" * 10_000_000)
        put(made, started["createUrl"], made.file())
        hand_in(client, started["token"])
        put(made, started["createUrl"], b"too late")
        with made.db.write() as session:
            for table in ("upload_tickets", "tokens"):
                session.execute(text(f"DROP TABLE {table}"))
        assert put(made, started["createUrl"], b"a fault of ours").status_code == 503
        assert call(client, "ListCompetitions").status_code == 503
    secrets = (token, started["token"], basic("alice", token)["Authorization"][6:], "of Kaggle", "unseen_wrong")
    assert caplog.text.count("unexpected error") == 2
    assert not [secret for secret in secrets if secret in caplog.text]

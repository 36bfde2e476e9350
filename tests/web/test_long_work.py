"""Corrections and archives that workers do, as a browser and a program see them."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import Any

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.services.test_rescore import correct, shifted, solution
from tests.services.test_submit import send
from tests.visitors import browser, hidden
from tests.web.console_routes import work
from tests.web.test_console_corrections import RESCORE, apply, press, upload
from werkzeug.test import TestResponse

from unseen_server.services import archives, audits, correcting, jobs
from unseen_server.services.jobs import Claimed

CONSOLE = "/console/competitions/lecture"
JOBS = f"{CONSOLE}/jobs"
API = "/api/competitions/lecture"
REFRESHES = 'http-equiv="refresh"'
ASYNC = {"Prefer": "wait=5, Respond-Async; foo=1"}


@pytest.fixture
def made(build: Build, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Somebody works here, and everything is long."""
    monkeypatch.setattr(correcting, "LONG", 0)
    monkeypatch.setattr(archives, "LONG", 0)
    made = build()
    staff(made)
    send(made, made.noisy(4.0))
    return made


def staff(made: Installation, is_there: bool = True) -> None:
    made.app.extensions["unseen"].delivery.here = is_there


@pytest.fixture
def instructor(made: Installation) -> FlaskClient:
    return browser(made, "ines", "Ines", "instructor")


def scores(made: Installation) -> list[float]:
    entries = made.client().get(f"{API}/leaderboard").get_json()["entries"]
    return [entry["score"] for entry in entries]


def tried_out(made: Installation, instructor: FlaskClient) -> str:
    """The page on which a correction that a worker tried out is confirmed."""
    assert upload(instructor, shifted(made)).location == f"{JOBS}/1"
    work(made, 1)
    link = re.search(rf'href="({RESCORE}planned/1)"', instructor.get(f"{JOBS}/1").text)
    assert link
    return instructor.get(link[1]).text


def claimed(made: Installation, ref: int) -> Claimed:
    found = jobs.claim(made.db, ref, made.now)
    assert found
    return found


def test_a_correction_is_tried_out_looked_at_and_done_by_workers(made: Installation, instructor: FlaskClient) -> None:
    before = scores(made)
    preview = tried_out(made, instructor)
    assert "Labels that differ" in preview
    again = apply(instructor, preview, confirm="lectur", tell="1")
    assert again.status_code == 400
    assert scores(made) == before
    handed_in = apply(instructor, again.text, confirm="lecture", tell="1")
    assert (handed_in.status_code, handed_in.location) == (303, f"{JOBS}/2")
    assert scores(made) == before
    work(made, 2)
    assert scores(made) != before
    assert "Submissions scored again: 1." in instructor.get(f"{JOBS}/2").text
    assert "The answers were corrected" in made.client("alice").get("/competitions/lecture").text


def test_it_can_be_done_quietly(made: Installation, instructor: FlaskClient) -> None:
    apply(instructor, tried_out(made, instructor), confirm="lecture")
    work(made, 2)
    assert "were corrected" not in made.client("alice").get("/competitions/lecture").text


def test_where_the_last_worker_went_it_is_done_at_once(made: Installation, instructor: FlaskClient) -> None:
    before, preview = scores(made), tried_out(made, instructor)
    staff(made, False)
    assert apply(instructor, preview, confirm="lecture").location == RESCORE
    assert scores(made) != before


def test_what_was_corrected_since_it_was_looked_at_is_not_corrected_again(
    made: Installation, instructor: FlaskClient
) -> None:
    preview = tried_out(made, instructor)
    correct(made, shifted(made, by=3.0))
    after = scores(made)
    apply(instructor, preview, confirm="lecture")
    work(made, 2)
    assert "Somebody else corrected the answers meanwhile." in instructor.get(f"{JOBS}/2").text
    staff(made, False)
    assert apply(instructor, preview, confirm="lecture").status_code == 409
    assert scores(made) == after


def test_a_bad_file_is_explained_at_once(made: Installation, instructor: FlaskClient) -> None:
    reply = upload(instructor, solution(made).replace(b"Public", b"Pubic"))
    assert reply.status_code == 400
    assert reply.text.count("must be Public, Private or Ignored") > 1
    assert "There has been none." in instructor.get(f"{JOBS}/").text


def test_a_page_tells_how_far_the_work_is_and_can_be_kept_still(made: Installation, instructor: FlaskClient) -> None:
    upload(instructor, shifted(made))
    waiting = instructor.get(f"{JOBS}/1").text
    assert "Waiting for a worker" in waiting
    assert f"<noscript><meta {REFRESHES}" in waiting  # with scripts a part of the page is exchanged instead
    assert "data-refresh" in waiting
    jobs.renew(made.db, claimed(made, 1), 1200, 4000, made.now)
    running = instructor.get(f"{JOBS}/1").text
    assert 'value="1200" max="4000"' in running
    assert "1,200 of 4,000" in running
    still = instructor.get(f"{JOBS}/1?still=1").text
    assert "1,200 of 4,000" in still
    assert REFRESHES not in still
    assert "data-refresh" not in still
    assert "1,200 of 4,000" in instructor.get(f"{JOBS}/").text


def test_a_page_is_still_once_the_work_is_done(made: Installation, instructor: FlaskClient) -> None:
    upload(instructor, shifted(made))
    work(made, 1)
    done = instructor.get(f"{JOBS}/1").text
    assert REFRESHES not in done
    assert "data-refresh" not in done
    assert "<progress" not in done


def test_an_archive_is_made_by_a_worker_and_kept_for_a_day(made: Installation, instructor: FlaskClient) -> None:
    page = f"{CONSOLE}/archive"
    assert "Make the archive" in instructor.get(page).text
    assert press(instructor, page, page, people="names", confirm="lecture").location == f"{JOBS}/1"
    work(made, 1)
    done = instructor.get(f"{JOBS}/1").text
    assert "lecture-archive.zip" in done
    assert "It is kept until 2026-11-24 12:00 Asia/Taipei" in done
    reply = instructor.get(f"{JOBS}/1/file")
    assert "lecture/index.html" in zipfile.ZipFile(io.BytesIO(reply.data)).namelist()
    assert "lecture-archive.zip" in reply.headers["Content-Disposition"]
    made.now += jobs.KEPT
    assert "is gone" in instructor.get(f"{JOBS}/1").text


@pytest.mark.slow
@pytest.mark.parametrize("largest", [0, 1])
def test_an_archive_that_is_small_or_too_large_to_keep_is_sent_at_once(
    made: Installation, instructor: FlaskClient, monkeypatch: pytest.MonkeyPatch, largest: int
) -> None:
    monkeypatch.setattr(archives, "LARGEST_KEPT" if largest else "LONG", 40 if largest else 40 + archives.A_SUBMISSION)
    page = f"{CONSOLE}/archive"
    reply = press(instructor, page, page, people="names", confirm="lecture")
    assert (reply.status_code, reply.mimetype) == (200, "application/zip")


def test_a_job_is_found_under_its_own_competition_alone(made: Installation, instructor: FlaskClient) -> None:
    page = f"{CONSOLE}/archive"
    press(instructor, page, page, people="names", confirm="lecture")
    work(made, 1)
    assert instructor.get(f"{JOBS}/1/file").status_code == 200
    assert instructor.get("/console/competitions/lectures/jobs/1/file").status_code == 404
    assert instructor.get(f"{JOBS}/2").status_code == 404


def test_an_assistant_sees_how_far_it_is_and_gets_nothing(made: Installation, instructor: FlaskClient) -> None:
    page = f"{CONSOLE}/archive"
    press(instructor, page, page, people="names", confirm="lecture")
    upload(instructor, shifted(made))
    for ref in (1, 2):
        work(made, ref)
    assistant = browser(made, "tina", "Tina", "assistant")
    assert "is for the instructors" in assistant.get(f"{JOBS}/1").text
    assert assistant.get(f"{JOBS}/1/file").status_code == 403
    assert "planned" not in assistant.get(f"{JOBS}/2").text
    assert assistant.get(f"{RESCORE}planned/2").status_code == 403


@pytest.mark.slow
def test_an_audit_log_of_any_length_comes_in_pieces(
    made: Installation, instructor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {path: instructor.get(path).text for path in (f"{CONSOLE}/audit.csv", "/console/courses/ml/audit.csv")}
    monkeypatch.setattr(audits, "AT_ONCE", 2)
    for path, text in whole.items():
        numbers = [int(row["Number"]) for row in csv.DictReader(io.StringIO(text))]
        assert len(numbers) > 2
        assert numbers == sorted(set(numbers), reverse=True)
        reply = instructor.get(path, buffered=False)
        assert len(list(reply.iter_encoded())) > 2
        assert instructor.get(path).text == text


# programs


def ask(made: Installation, **options: Any) -> TestResponse:
    headers = options.pop("headers", ASYNC)
    query = options.pop("query", "")
    teacher = made.client("teacher")
    content = options.pop("content", shifted(made))
    return teacher.post(f"{API}/rescore{query}", data=content, content_type="text/csv", headers=headers)


def test_a_program_may_prefer_not_to_wait(made: Installation) -> None:
    before = scores(made)
    reply = ask(made)
    assert (reply.status_code, reply.headers["Preference-Applied"]) == (202, "respond-async")
    assert reply.get_json()["state"] == "waiting"
    assert scores(made) == before
    work(made, reply.get_json()["ref"])
    teacher = made.client("teacher")
    job = teacher.get(reply.headers["Location"]).get_json()
    assert (job["state"], job["result"]["key_version"], job["asked_by"]) == ("done", 2, "teacher")
    assert [change["new_score"] for change in job["result"]["public"]] == scores(made)
    [listed] = teacher.get(f"{API}/jobs").get_json()["jobs"]
    assert listed == {**job, "result": None}


def test_a_dry_run_that_nobody_waits_for_changes_nothing(made: Installation) -> None:
    before = scores(made)
    ref = ask(made, query="?dry_run=true").get_json()["ref"]
    work(made, ref)
    assert made.client("teacher").get(f"/api/jobs/{ref}").get_json()["result"]["dry_run"] is True
    assert scores(made) == before


def test_whoever_does_not_ask_for_it_waits(made: Installation) -> None:
    for headers in ({}, {"Prefer": "return=minimal"}, {"Prefer": "x-respond-async"}):
        reply = ask(made, headers=headers)
        assert (reply.status_code, "Preference-Applied" in reply.headers) == (200, False)


def test_where_nobody_works_it_is_done_at_once(made: Installation) -> None:
    staff(made, False)
    reply = ask(made)
    assert (reply.status_code, reply.get_json()["key_version"]) == (200, 2)
    assert "Preference-Applied" not in reply.headers


def test_a_bad_file_and_a_bad_asker_are_refused_at_once(made: Installation) -> None:
    reply = ask(made, content=b"id,minutes,Usage\n")
    assert (reply.status_code, reply.get_json()["code"]) == (400, "bad_solution")
    alice = made.client("alice").post(f"{API}/rescore", data=shifted(made), content_type="text/csv", headers=ASYNC)
    assert alice.status_code == 403
    assert made.client("teacher").get(f"{API}/jobs").get_json() == {"jobs": []}


def test_why_it_failed_is_said_in_the_readers_language(made: Installation) -> None:
    ref = ask(made).get_json()["ref"]
    correct(made, shifted(made, by=3.0))
    with made.db.write() as session:
        jobs.drop_given(session, ref)
    work(made, ref)
    job = made.client("teacher").get(f"/api/jobs/{ref}", headers={"Accept-Language": "zh-TW"}).get_json()
    assert (job["state"], job["result"]) == ("failed", None)
    assert re.search("[\u4e00-\u9fff]", job["problem"])


def test_nothing_of_the_file_is_told(made: Installation) -> None:
    reply = ask(made)
    label = solution(made).splitlines()[1].split(b",")[1].decode()
    for path in (reply.headers["Location"], f"{API}/jobs"):
        assert label not in made.client("teacher").get(path).text
    assert hidden(browser(made, "ines", "Ines", "instructor").get(RESCORE).text, "csrf_token")

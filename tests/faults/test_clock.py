"""A server's clock that jumps: submissions stay in the order in which they came, and nobody is let in too often."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.visitors import browser
from werkzeug.test import TestResponse

from unseen_server.services import doctor

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def upload(client: FlaskClient, made: Installation) -> TestResponse:
    files = {"file": (made.folder / "sample_submission.csv").open("rb")}
    return client.post(f"/api/competitions/{made.slug}/submissions", data=files)


def is_well(made: Installation) -> bool:
    return all(finding.ok for finding in doctor.examine(made.config, made.db) if str(finding.what) != "disk")


@pytest.mark.parametrize("jumps", [(-HOUR, HOUR), (DAY, -DAY), (-HOUR, -HOUR, 3 * HOUR), (DAY, DAY, -2 * DAY)])
def test_after_a_jump_all_is_in_the_order_in_which_it_came(
    installation: Installation, jumps: tuple[timedelta, ...]
) -> None:
    installation.now += 2 * HOUR  # so long after its launch
    student, page = installation.client("alice"), browser(installation)
    refs = [upload(student, installation).get_json()["ref"]]
    for jump in jumps:
        installation.now += jump
        reply = upload(student, installation)
        assert reply.status_code == 201
        refs.append(reply.get_json()["ref"])
        assert page.get(f"/competitions/{installation.slug}/submissions").status_code == 200  # still signed in
    listed = student.get(f"/api/competitions/{installation.slug}/submissions").get_json()["submissions"]
    assert [one["ref"] for one in listed] == refs[::-1]
    assert all(earlier < later for earlier, later in pairwise(refs))
    assert is_well(installation)


def test_a_clock_that_jumps_to_and_fro_gives_no_day_more_than_its_submissions(build: Build) -> None:
    made = build(daily_limit=1)
    student = made.client("alice")
    statuses = []
    for jump in (timedelta(0), DAY, -DAY, DAY, HOUR):
        made.now += jump
        statuses.append(upload(student, made).status_code)
    assert statuses == [201, 201, 429, 429, 429]
    assert is_well(made)


def test_after_the_reveal_a_file_is_late_before_it_is_bad_also_where_the_clock_went_back(build: Build) -> None:
    made = build(late_submissions=False)
    made.pass_deadline()
    made.client("teacher").post(f"/api/competitions/{made.slug}/reveal")
    made.now -= DAY
    files = {"file": (io.BytesIO(b"no predictions"), "p.csv")}
    reply = made.client("alice").post(f"/api/competitions/{made.slug}/submissions", data=files)
    assert reply.get_json()["code"] == "deadline_passed"


@pytest.mark.parametrize(("day", "hours"), [("2027-03-28", 23), ("2027-10-31", 25)])
def test_a_day_on_which_clocks_are_set_has_one_limit_whatever_its_length(build: Build, day: str, hours: int) -> None:
    start = datetime.fromisoformat(f"{day}T00:00:00+{'01' if hours == 23 else '02'}:00").astimezone(UTC)
    made = build(
        daily_limit=1, time_zone="Europe/Berlin", starts_at="2026-11-01T00:00:00", deadline="2027-12-31T00:00:00"
    )
    student = made.client("alice")
    statuses = []
    for moment in (start, start + hours * HOUR - timedelta(seconds=1), start + hours * HOUR):
        made.now = moment
        statuses.append(upload(student, made).status_code)
    assert statuses == [201, 429, 201]
    assert is_well(made)


@pytest.mark.parametrize("back", [DAY, 365 * DAY])
def test_a_clock_that_goes_back_takes_no_reveal_back(installation: Installation, back: timedelta) -> None:
    made, place = installation, f"/api/competitions/{installation.slug}"
    student, staff = made.client("alice"), made.client("teacher")
    assert upload(student, made).status_code == 201
    made.pass_deadline()
    revealed = staff.post(f"{place}/reveal").get_json()
    board = student.get(f"{place}/leaderboard?board=private").get_json()
    seal = student.get(place).get_json()["seal"]
    made.now -= back
    assert student.get(place).get_json()["phase"] == "revealed"
    assert student.get(f"{place}/leaderboard?board=private").get_json()["entries"] == board["entries"]
    assert staff.post(f"{place}/launch", json={}).status_code == 409
    assert student.put(f"{place}/final", json={"refs": [1]}).status_code == 409
    assert staff.post(f"{place}/reveal").get_json() == revealed  # told once more, done once
    assert (student.get(place).get_json()["phase"], student.get(place).get_json()["seal"]) == ("revealed", seal)

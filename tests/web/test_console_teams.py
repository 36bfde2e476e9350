"""Correcting students' teams in the console: another name, and two made one after it was read back."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from tests.installations import SLUG, Build, Installation
from tests.visitors import browser, hidden, send
from werkzeug.test import TestResponse

TEAMS = f"/console/competitions/{SLUG}/teams/"
TWO = {"team": "Alice", "other": "Bob"}


@pytest.fixture
def made(build: Build) -> Installation:
    """Alice and bob have submitted, each for themselves."""
    made = build()
    for who in ("alice", "bob"):
        send(made, made.noisy(4.0), who)
    return made


@pytest.fixture
def staff(made: Installation) -> FlaskClient:
    """An assistant's browser."""
    return browser(made, "tina", "Tina", "assistant")


def press(staff: FlaskClient, button: str, **form: str) -> TestResponse:
    token = hidden(staff.get(TEAMS).text, "csrf_token")
    return staff.post(TEAMS + button, data={"csrf_token": token, **form}, follow_redirects=True)


def board(made: Installation) -> list[str]:
    entries = made.client("alice").get(f"/api/competitions/{SLUG}/leaderboard").get_json()["entries"]
    return sorted(entry["team"] for entry in entries)


def test_a_team_gets_another_name_for_a_reason(made: Installation, staff: FlaskClient) -> None:
    assert press(staff, "rename", team="Alice", name="Deep Thought").status_code == 400
    page = press(staff, "rename", team="Alice", name="Deep Thought", reason="a rude name").text
    assert "The team is called “Deep Thought” now." in page
    assert board(made) == ["Bob", "Deep Thought"]


def test_merging_is_read_back_with_its_counts_first(made: Installation, staff: FlaskClient) -> None:
    page = press(staff, "merge", **TWO).text
    assert "nothing is merged yet" in page
    assert "2; one team may have sent 5 by now" in page
    assert board(made) == ["Alice", "Bob"]


def test_merging_takes_the_typed_name_of_the_competition(made: Installation, staff: FlaskClient) -> None:
    sure = {**TWO, "reason": "they asked for it", "step": "merge"}
    refused = press(staff, "merge", **sure, confirm="something else")
    assert refused.status_code == 400
    assert "they asked for it" in refused.text
    assert board(made) == ["Alice", "Bob"]
    assert "The two are the team “Alice” now." in press(staff, "merge", **sure, confirm=SLUG).text
    assert board(made) == ["Alice"]


def test_a_team_that_is_not_there_is_named(staff: FlaskClient) -> None:
    reply = press(staff, "merge", team="Alice", other="Bobb")
    assert reply.status_code == 404
    assert "There is no team of students “Bobb” here. Did you mean" in reply.text


@pytest.mark.slow
def test_a_team_is_reached_from_the_page_of_its_member(staff: FlaskClient) -> None:
    assert f"{TEAMS}?team=Alice" in staff.get("/console/courses/ml/people/alice").text
    assert 'value="Alice"' in staff.get(TEAMS + "?team=Alice").text


def test_after_the_reveal_teams_stay_as_they_are(made: Installation, staff: FlaskClient) -> None:
    made.pass_deadline()
    made.client("teacher").post(f"/api/competitions/{SLUG}/reveal")
    assert "until the reveal" in staff.get(TEAMS).text
    token = hidden(staff.get("/account").text, "csrf_token")
    form = {"csrf_token": token, "team": "Alice", "name": "New", "reason": "late"}
    assert staff.post(TEAMS + "rename", data=form).status_code == 409

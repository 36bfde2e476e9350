"""The overfitting meter over HTTP: who is let in, what is drawn, and that nothing unrounded is among it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select
from tests.installations import Build, Installation
from tests.services.test_meter import play
from tests.visitors import browser

from unseen_server.db.models import Competition, Score
from unseen_server.services import reveal
from unseen_server.services.principals import SERVER


def end(made: Installation) -> Installation:
    play(made)
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    return made


@pytest.fixture(params=["full", "rounded", "ladder"])
def revealed(request: pytest.FixtureRequest, build: Build) -> Installation:
    return end(build(largest_team=3, release=request.param, daily_limit=6))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "api", "page", "console"),
    [("teacher", 200, 200, 200), ("alice", 404, 404, 403), ("rival", 404, 404, 403), (None, 404, 404, 303)],
)
def test_before_the_reveal_the_staff_alone_are_let_in(
    installation: Installation, who: str | None, api: int, page: int, console: int
) -> None:
    client = installation.client(who)
    addresses = (
        "/api/competitions/lecture/meter",
        "/competitions/lecture/meter",
        "/console/competitions/lecture/meter",
    )
    assert [client.get(address).status_code for address in addresses] == [api, page, console]


def test_an_assistant_is_let_in_and_finds_the_way(installation: Installation) -> None:
    client = browser(installation, "tess", "Tess", "assistant")
    assert "/console/competitions/lecture/meter" in client.get("/console/competitions/lecture").text
    assert client.get("/console/competitions/lecture/meter").status_code == 200


@pytest.mark.slow
def test_after_the_reveal_everybody_is_and_finds_the_way(build: Build) -> None:
    made = end(build(largest_team=3, daily_limit=6))
    for who in (None, "alice", "teacher"):
        client = made.client(who)
        assert client.get("/api/competitions/lecture/meter").json["exact"] is (who == "teacher")
        for page in ("/competitions/lecture", "/competitions/lecture/leaderboard"):
            assert 'href="/competitions/lecture/meter"' in client.get(page).text
        text = client.get(way_of(who_improved(made))).text
        assert "no accusation" in text
        assert text.count("<svg class=") == 3
        assert "style=" not in text
    assert made.client("alice").get("/console/competitions/lecture/meter").status_code == 403


def digits(number: float | str) -> str:
    return f"{float(number):.6g}"


@pytest.mark.slow
def test_no_unrounded_public_score_is_in_what_students_receive(revealed: Installation) -> None:
    with revealed.db.read() as session:
        scores = list(session.scalars(select(Score)))
    told = {digits(score.shown) for score in scores if score.shown is not None}
    secret = {digits(score.value) for score in scores} - told
    assert bool(secret) == (scores[0].grid is not None)
    client = revealed.client("alice")
    for page in ("/api/competitions/lecture/meter", *map(way_of, ("Alice", "Carol", "Dave", "Erin"))):
        answer = client.get(page)
        received = re.findall(r"\d+\.\d+(?:e-?\d+)?", answer.text + str(answer.headers))
        assert answer.status_code == 200
        assert not secret & set(map(digits, received)), page


def way_of(team: str) -> str:
    return f"/competitions/lecture/meter?team={team}"


def who_improved(made: Installation) -> str:
    found: Any = made.client().get("/api/competitions/lecture/meter").json
    return next(team["team"] for team in found["teams"] if len(team["curve"]) > 1)


@pytest.mark.slow
def test_what_is_drawn_for_students_depends_on_what_was_displayed_alone(build: Build) -> None:
    """Other public scores that are displayed alike give the same drawing, byte for byte."""
    made = end(build(largest_team=3, release="rounded", daily_limit=6))

    page = way_of(who_improved(made))

    def drawing() -> list[str]:
        text = made.client("alice").get(page).text
        return re.findall(r'<svg class="(?:scatter|way)".*?</svg>', text, re.DOTALL)

    before = drawing()
    with made.db.write() as session:
        for score in session.scalars(select(Score)):
            score.value += 0.0123
        session.scalars(select(Competition)).one().board_version += 1  # or what is kept would be drawn again
    assert len(before) == 3
    assert drawing() == before


@pytest.mark.slow
def test_a_team_that_is_not_there_is_left_out(build: Build) -> None:
    made = end(build(largest_team=3, daily_limit=6))
    answer = made.client().get("/competitions/lecture/meter?team=%3Cb%3E&page=99")
    assert answer.status_code == 200
    assert "<b>" not in answer.text
    assert answer.text.count("<svg class=") == 2


def test_nothing_submitted_is_said_in_a_sentence(installation: Installation) -> None:
    text = installation.client("teacher").get("/console/competitions/lecture/meter").text
    assert "nothing to measure yet" in text

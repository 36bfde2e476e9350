"""The leaderboard page by its parts: pages of rows, the search, the way of the leaders, rows that are broken."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select, text
from tests.crowd import gather
from tests.installations import NOON, Build, Installation, install, make_folder, new_sqlite
from tests.visitors import address, browser, place_baseline, rows_of, send, upload

from unseen_server.config import Config
from unseen_server.db import queries
from unseen_server.db.models import Competition, Score, Submission, Team, User
from unseen_server.services import reveal, standings
from unseen_server.services.principals import SERVER
from unseen_server.services.standings import Line, Progress
from unseen_server.web import charts

LONG = "x" * 200


def board(made: Installation, query: str = "", who: str | None = None) -> str:
    return made.client(who).get(address(made, f"/leaderboard{query}")).text


def ranks(page: str) -> list[str]:
    return re.findall(r'<td class="rank">([\d,]+)</td>', page)


def teams(page: str) -> list[str]:
    return re.findall(r'data-team="([^"]*)"', page)


@pytest.fixture
def crowded(build: Build) -> Installation:
    """230 teams, so three pages."""
    made = build()
    gather(made, [f"Team {n}" for n in range(1, 231)])
    return made


# pages


@pytest.mark.slow
def test_a_page_holds_a_hundred_rows_and_goes_on_where_the_last_ended(crowded: Installation) -> None:
    assert ranks(board(crowded)) == [str(rank) for rank in range(1, 101)]
    assert ranks(board(crowded, "?page=2")) == [str(rank) for rank in range(101, 201)]
    last = board(crowded, "?page=3")
    assert ranks(last) == [str(rank) for rank in range(201, 231)]
    assert "Page 3 of 3" in last
    assert 'rel="prev"' in last
    assert 'rel="next"' not in last


@pytest.mark.parametrize(
    ("asked", "shown"), [("0", 1), ("-1", 1), ("", 1), ("two", 1), ("1e9", 1), ("²", 1), ("99", 3), ("9" * 30, 1)]
)
def test_a_bad_page_number_gives_a_page(crowded: Installation, asked: str, shown: int) -> None:
    assert f"Page {shown} of 3" in board(crowded, f"?page={asked}")


def test_baselines_take_a_row_and_no_rank_on_any_page(crowded: Installation) -> None:
    with crowded.db.write() as session:
        session.execute(text("UPDATE teams SET kind = 'baseline' WHERE name = 'Team 50'"))
        session.execute(text("UPDATE standings SET ranked = false WHERE score = 50"))
    assert ranks(board(crowded))[-1] == "99"
    assert ranks(board(crowded, "?page=2"))[0] == "100"


def test_ones_own_place_is_named_and_reached_from_every_page(crowded: Installation) -> None:
    dora = browser(crowded)
    with crowded.db.write() as session:
        user = session.scalars(select(User).where(User.username == "dora")).one()
        team = session.scalars(select(Team).where(Team.name == "Team 150")).one()
        session.execute(text(f"UPDATE team_members SET user_id = {user.id} WHERE team_id = {team.id}"))
    elsewhere = address(crowded, "/leaderboard?page=2#own")
    for query in ("", "?page=3", "?q=Team+9"):
        page = dora.get(address(crowded, f"/leaderboard{query}")).text
        assert f'<a href="{elsewhere}">Your place: 150 of 230</a>' in page
        assert 'id="own"' not in page
    there = dora.get(address(crowded, "/leaderboard?page=2")).text
    assert '<a href="#own">Your place: 150 of 230</a>' in there
    assert there.count('id="own"') == 1


def test_each_page_and_search_has_its_own_tag(crowded: Installation) -> None:
    looks = ("", "?page=2", "?q=Team", "?q=Team&page=2", "?projector=1")
    answers = [crowded.client().get(address(crowded, f"/leaderboard{query}")) for query in looks]
    taiwan = {"Accept-Language": "zh-TW"}
    answers.append(crowded.client().get(address(crowded, "/leaderboard"), headers=taiwan))
    tags = {answer.headers["ETag"] for answer in answers}
    assert len(tags) == len(answers)
    for query, answer in zip(looks, answers, strict=False):
        again = {"If-None-Match": answer.headers["ETag"]}
        assert crowded.client().get(address(crowded, f"/leaderboard{query}"), headers=again).status_code == 304


# search


def test_a_search_finds_teams_and_keeps_their_ranks(crowded: Installation) -> None:
    page = board(crowded, "?q=TEAM+22")
    assert ranks(page) == ["22", *(str(rank) for rank in range(220, 230))]
    assert "11 rows match “TEAM 22”." in page


@pytest.mark.slow
def test_a_search_finds_a_person_by_their_display_name(crowded: Installation) -> None:
    page = board(crowded, "?q=person+149")
    assert teams(page) == ["Team 150"]
    assert "One row matches" in page


@pytest.mark.parametrize(
    ("name", "sought"), [("Ｆüchse", "fÜchse"), ("林小明", "小明"), ("שלום", "לום"), ("🦊🦊", "🦊")]
)
def test_a_search_heeds_neither_case_nor_width(build: Build, name: str, sought: str) -> None:
    made = build()
    gather(made, ["Other", name])
    assert teams(board(made, f"?q={sought}")) == [name]


def test_a_search_that_finds_nothing_says_so_and_leads_back(crowded: Installation) -> None:
    page = board(crowded, "?q=%3Cb%3Enobody")
    assert "&lt;b&gt;nobody" in page
    assert "<b>nobody" not in page
    assert "Try a shorter part of the name" in page
    assert f'<a href="{address(crowded, "/leaderboard")}">Show the whole board</a>' in page


def test_wildcards_and_endless_texts_are_only_texts(crowded: Installation) -> None:
    for sought in ("%25", "_", "x" * 5000):
        answer = crowded.client().get(address(crowded, f"/leaderboard?q={sought}"))
        assert answer.status_code == 200
        assert teams(answer.text) == []


def test_nothing_visible_is_no_search(crowded: Installation) -> None:
    whole = teams(crowded.client().get(address(crowded, "/leaderboard")).text)
    for sought in ("", "+", "%00", "%CD%8F"):
        assert teams(crowded.client().get(address(crowded, f"/leaderboard?q={sought}")).text) == whole


# after the reveal


def test_arrows_have_words_and_both_scores_stand_side_by_side(build: Build) -> None:
    made = build()
    for who, spread in (("alice", 9.0), ("bob", 3.0)):
        send(made, made.noisy(spread), who)
    made.pass_deadline()
    with made.db.write() as session:
        session.execute(text("UPDATE private_scores SET value = 1.5 WHERE submission_id = 1"))
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    alice, bob = rows_of(board(made))
    assert "Up by 1" in alice
    assert "Down by 1" in bob
    assert "rank 2" in alice
    with made.db.read() as session:
        shown = queries.submissions.score_of(session, 1, 1).shown
    assert f'<td class="other">{shown:g} ' in alice


def test_the_title_says_which_board_and_which_phase(build: Build) -> None:
    made = build()
    assert "<title>Leaderboard (open) · Lectures · Unseen</title>" in board(made)
    made.pass_deadline()
    assert "<title>Leaderboard (closed) · Lectures · Unseen</title>" in board(made)
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    assert "<title>Private leaderboard · Lectures · Unseen</title>" in board(made)
    assert "<title>Public leaderboard · Lectures · Unseen</title>" in board(made, "?board=public")


@pytest.mark.slow
def test_an_empty_board_says_what_the_phase_means_for_it(build: Build) -> None:
    made = build()
    assert "The first file takes the lead." in board(made)
    made.pass_deadline()
    assert "Nobody submitted in time" in board(made)


@pytest.mark.parametrize("launched", [False, True])
def test_a_board_that_is_not_open_to_all_is_for_its_staff_alone(build: Build, launched: bool) -> None:
    made = build(launched=launched)
    people = ((None, 404), ("alice", 404), ("rival", 404), ("teacher", 200))
    for who, _ in people:  # what is kept of an open board helps nobody
        made.client(who).get(address(made, "/leaderboard"))
    with made.db.write() as session:
        session.scalars(select(Competition)).one().removed_at = made.now if launched else None
    for who, status in people:
        assert made.client(who).get(address(made, "/leaderboard")).status_code == status, who


# rows that are broken


def test_one_row_that_cannot_be_read_leaves_the_others_alone(build: Build) -> None:
    made = build()
    gather(made, ["One", "Two", "Three"])
    with made.db.write() as session:
        session.execute(text("UPDATE standings SET last_submission_at = 'soon' WHERE score = 2"))
    page = board(made)
    assert [len(re.findall(f'data-team="{name}"', page)) for name in ("One", "Two", "Three")] == [1, 0, 1]
    assert "This row cannot be shown just now" in rows_of(page)[1]
    assert ranks(page) == ["1", "2", "3"]
    listed = made.client().get(f"/api/competitions/{made.slug}/leaderboard").get_json()["entries"]
    assert [(entry["team"], entry["rank"]) for entry in listed] == [("One", 1), ("Three", 3)]


def test_one_row_that_cannot_be_drawn_leaves_the_others_alone(build: Build) -> None:
    made = build()
    gather(made, ["One", "Two", "Three"])
    with made.db.write() as session:
        session.execute(text("UPDATE standings SET entries = 'many' WHERE score = 2"))
    page = board(made)
    assert "This row cannot be shown just now" in rows_of(page)[1]
    assert teams(page)[::2] == ["One", "Three"]


def test_only_finite_scores_stand_on_a_board(installation: Installation) -> None:
    gather(installation, ["One", "Two", "Three"])
    broken = "'abc'" if installation.db.is_sqlite else "'NaN'"
    with installation.db.write() as session:
        session.execute(text(f"UPDATE standings SET score = {broken} WHERE score = 1"))
    page = board(installation)
    assert teams(page) == ["Two", "Three"]
    assert ranks(page) == ["1", "2"]


# progress


def progress_of(made: Installation) -> Progress:
    with made.db.read() as session:
        ids = session.scalars(select(Team.id).order_by(Team.id)).all()
    return standings.progress(made.db, slug=made.slug, teams=ids, principal=None, now=made.now)


def test_the_way_of_a_team_is_its_improvements(installation: Installation) -> None:
    shown = []
    for hour, spread in enumerate((9.0, 12.0, 3.0)):
        installation.now = NOON + timedelta(hours=hour)
        shown.append(send(installation, installation.noisy(spread)))
    (line,) = progress_of(installation).lines
    assert line.team == "Alice"
    assert list(line.steps) == [(NOON, shown[0]), (NOON + timedelta(hours=2), shown[2])]


def test_withdrawn_late_and_exact_scores_are_no_part_of_the_way(installation: Installation) -> None:
    for spread in (9.0, 6.0, 3.0):
        send(installation, installation.noisy(spread))
    with installation.db.write() as session:
        session.get_one(Submission, 2).withdrawn_at = NOON
        session.get_one(Submission, 3).late = True
        exact = session.scalars(select(Score.value)).all()
    (line,) = progress_of(installation).lines
    assert len(line.steps) == 1
    assert line.steps[0][1] not in exact


@pytest.mark.slow
def test_the_leaders_and_ones_own_team_are_drawn_with_the_baselines(crowded: Installation) -> None:
    place_baseline(crowded, "Line")
    with crowded.db.write() as session:
        session.execute(text("UPDATE standings SET score = 3.5 WHERE NOT ranked"))
    dora = browser(crowded)
    upload(dora, crowded, crowded.noisy(9.0))
    crowded.now += timedelta(minutes=1)
    page = dora.get(address(crowded, "/leaderboard")).text
    chart = page[page.index('id="progress"') :]
    assert re.findall(r'<th scope="row" class="team"><bdi>([^<]*)</bdi></th>', chart) == [
        *(f"Team {n}" for n in range(1, 6)),
        "Dora",
    ]
    assert "<bdi>Line</bdi>" in chart
    assert 'class="curve curve-6 mine"' in chart
    for query in ("?page=2", "?q=Team", "?projector=1"):
        assert "progress-heading" not in board(crowded, query)


def test_the_way_is_the_same_before_and_after_the_reveal(build: Build) -> None:
    made = build()
    for spread in (9.0, 6.0):
        made.now += timedelta(hours=1)
        send(made, made.noisy(spread))
    made.pass_deadline()
    before = progress_of(made)
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    assert progress_of(made) == before


def steps(*scores: float) -> Line:
    return Line(1, "One", [(NOON + timedelta(hours=n), score) for n, score in enumerate(scores)])


def drawn(*lines: Line, direction: str = "lower", until: datetime = NOON + timedelta(hours=4)) -> charts.Drawing:
    way = Progress(NOON, until, direction, lines, [("Mean", 6.0)])  # type: ignore[arg-type]
    drawing = charts.drawing(way)
    assert drawing is not None
    return drawing


def test_a_line_goes_on_to_now_and_up_when_the_score_gets_better() -> None:
    (curve,) = drawn(steps(10.0, 8.0)).curves
    assert curve.path == "M0.0 94.0H25.0V50.0H100"
    (upwards,) = drawn(steps(2.0, 4.0), direction="higher").curves
    assert upwards.path == "M0.0 94.0H25.0V50.0H100"


def test_a_hopeless_start_or_baseline_leaves_no_room_empty() -> None:
    drawing = drawn(steps(1e6, 9.0, 8.5, 8.0, 7.5, 7.0, 6.5), steps(9.5, 9.0, 8.0))
    heights = [float(height) for height in re.findall(r"(?:V|M[\d.]+ )([\d.]+)", drawing.curves[1].path)]
    assert heights[0] == charts.WIDTH - charts.HEADROOM
    assert drawing.levels[0].height == charts.HEADROOM


def test_labels_keep_a_line_of_text_between_them_and_stay_inside() -> None:
    for wanted in ([10.0, 10.0, 11.0], [90.0, 93.0, 94.0, 94.0], [50.0]):
        placed = charts.apart(wanted)
        assert all(b - a >= charts.LABEL_GAP - 0.1 for a, b in pairwise(placed))
        assert placed[-1] <= charts.WIDTH - charts.HEADROOM
    assert charts.apart([20.0, 60.0]) == [20.0, 60.0]


def test_nothing_is_drawn_where_nothing_can_be_compared(build: Build) -> None:
    assert charts.drawing(Progress(NOON, NOON, "lower", [steps(1.0, 2.0)], [])) is None
    assert (
        charts.drawing(Progress(NOON, NOON + timedelta(hours=1), "lower", [], [("Mean", 1.0), ("Line", 2.0)])) is None
    )
    made = build()
    send(made, made.noisy(3.0))
    assert "progress-heading" not in board(made)


# names


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7 * 7 }}", "שלום\u200f", LONG, "🦊" * 40]
)
def test_any_name_is_only_a_name_in_the_chart_and_in_the_search(build: Build, name: str) -> None:
    made = build()
    gather(made, [name, "Other"])
    page = board(made) + board(made, "?q=" + name.replace("&", "%26").replace("#", "%23"))
    assert "progress-heading" in page
    assert "<script>" not in page
    assert "<img" not in page
    assert ">49<" not in page


# pages that link here


def test_a_link_to_a_competition_describes_it(build: Build) -> None:
    made = build()
    gather(made, ["One", "Two"])
    for path in ("", "/leaderboard"):
        head = made.client().get(address(made, path)).text.partition("</head>")[0]
        assert re.search(r'<meta property="og:title" content="[^"]*Lectures · Unseen">', head)
        assert 'content="MSE, lower is better. 2 teams. Deadline 2026-12-07 23:59 Asia/Taipei."' in head
        assert '<meta property="og:type" content="website">' in head
        assert "og:url" not in head


def test_the_address_of_a_link_is_the_configured_one(tmp_path: Path, sqlite_template: Path) -> None:
    with new_sqlite(tmp_path, sqlite_template) as url:
        config = Config(home=tmp_path, database_url=url, public_url="https://unseen.example.edu")
        with closing(install(config, make_folder(tmp_path))) as made:
            page = board(made, "?page=2&q=x")
    assert '<meta property="og:url" content="https://unseen.example.edu/competitions/lecture/leaderboard">' in page


def test_the_projector_shows_twenty_rows_and_nobody_as_its_own(crowded: Installation) -> None:
    with crowded.db.write() as session:
        session.scalars(select(Competition)).one().title = "Hall"
    dora = browser(crowded)
    upload(dora, crowded, crowded.noisy(0.5))
    page = dora.get(address(crowded, "/leaderboard?projector=1&page=2&q=")).text
    assert len(teams(page)) == 20
    assert ranks(page)[0] == "1"
    assert 'id="own"' not in page
    assert "Your place" not in page
    assert 'role="search"' not in page

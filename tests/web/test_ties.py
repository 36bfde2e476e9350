"""Ties, distances and intervals of ranks as they are served: on the page, as JSON, as CSV, and nothing finer."""

from __future__ import annotations

import csv
import io
import re
from contextlib import closing
from datetime import timedelta
from typing import Any
from unittest import mock

import numpy as np
import pytest
from sqlalchemy import select, update
from tests.installations import Build, Installation
from tests.services.test_comparisons import TEAMS, crowd
from tests.visitors import address, browser, rows_of, send, upload
from werkzeug.test import TestResponse

from unseen_server.app import create_app
from unseen_server.core import intervals
from unseen_server.core.splits import PUBLIC
from unseen_server.db.models import PredictionVector
from unseen_server.services import reveal, standings
from unseen_server.services.comparisons import Comparisons
from unseen_server.services.principals import SERVER
from unseen_server.web import charts, present

LOOKS = ("/leaderboard", "/leaderboard?q=student", "/leaderboard?projector=1")


@pytest.fixture
def rounded(build: Build) -> Installation:
    made = build(bounds=[-999, 999])
    crowd(made)
    return made


def page(made: Installation, query: str = "") -> str:
    return made.client().get(address(made, f"/leaderboard{query}")).text


def api(made: Installation, query: str = "") -> TestResponse:
    return made.client().get(f"/api/competitions/{made.slug}/leaderboard{query}")


def ranked(made: Installation, query: str = "") -> list[dict[str, Any]]:
    return [entry for entry in api(made, query).get_json()["entries"] if entry["rank"]]


def end(made: Installation) -> None:
    made.pass_deadline()
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)


# where it is shown


@pytest.mark.slow
@pytest.mark.parametrize("which", ["public", "private"])
def test_each_row_shows_its_tie_its_distance_and_its_ranks(rounded: Installation, which: str) -> None:
    if which == "private":
        end(rounded)
    entries = ranked(rounded, f"?board={which}")
    rows = [row for row in rows_of(page(rounded, f"?board={which}")) if '<tr class="baseline"' not in row]
    assert len(entries) == len(rows) == TEAMS
    for entry, row in zip(entries, rows, strict=True):
        best, worst = entry["rank_interval"]
        assert ("tied for 1st" in row) == entry["tied_with_leader"]
        assert f'<td class="ranks">{best}{f"–{worst}" if worst > best else ""}</td>' in row
        assert ('<path class="band"' in row) == (entry["rank"] != 1)
        assert (" to " in re.findall(r'<td class="behind">(.*?)</td>', row)[0]) == (entry["rank"] != 1)


def test_the_sentence_stands_over_the_board_and_in_its_json(rounded: Installation) -> None:
    note = api(rounded).get_json()["note"]
    assert note.startswith("1st is not significantly better than 2nd")
    for look in LOOKS:
        assert f'<p class="tie-note">{note}</p>' in rounded.client().get(address(rounded, look)).text
    assert "<summary>How to read ties, bars and ranks</summary>" in page(rounded)


def test_a_table_for_spreadsheets_has_the_same_at_its_end(rounded: Installation) -> None:
    table = list(csv.DictReader(io.StringIO(api(rounded, "?format=csv").text)))
    lines = [row for row in table if row["Rank"]]
    for entry, row in zip(ranked(rounded), lines, strict=True):
        low, high = entry["behind_leader"]
        assert (float(row["BehindLeaderLow"]), float(row["BehindLeaderHigh"])) == (low, high)
        assert row["TiedWithLeader"] == str(entry["tied_with_leader"]).lower()
        assert [int(row["RankBest"]), int(row["RankWorst"])] == entry["rank_interval"]
    assert {row["TiedWithLeader"] for row in table if not row["Rank"]} == {""}


def test_a_board_without_intervals_has_no_columns_for_them(build: Build) -> None:
    made = build(public_intervals=False)
    crowd(made, 3)
    shown = page(made)
    for part in ('class="behind"', 'class="ranks"', 'class="band"', "tied for 1st", "tie-note", "How to read"):
        assert part not in shown


def test_a_single_team_is_not_called_tied(build: Build) -> None:
    made = build()
    crowd(made, 1)
    assert ranked(made)[0]["tied_with_leader"] is True
    assert "tied for 1st" not in page(made)
    assert '<td class="ranks">1</td>' in page(made)


def test_a_broken_row_is_as_wide_as_the_others(rounded: Installation) -> None:
    with mock.patch.object(charts.Scale, "band", side_effect=ValueError):
        shown = page(rounded)
    columns = len(re.findall('<th scope="col"', shown))
    assert f'<td class="team" colspan="{columns - 1}">' in shown


def test_a_bar_reaches_from_one_end_to_the_other_and_not_beyond_the_line() -> None:
    scale = charts.Scale(10.0, 30.0)
    assert scale.band(10.0, [5.0, 10.0]) == "M25.0 1H50.0"
    assert scale.band(10.0, [-5.0, 50.0]) == "M0.0 1H100.0"
    higher = charts.Scale(1.0, 0.0)
    assert higher.band(1.0, [0.0, 0.0]) == "M0.0 1H0.0"


# nothing finer


def served(made: Installation) -> list[bytes]:
    """Every byte of the board, by a server that starts for it."""
    config, got = made.config, []
    app = create_app(config, clock=lambda: made.now)
    with closing(app.extensions["unseen"].db):
        client = app.test_client()
        for look in LOOKS:
            reply = client.get(address(made, look))
            got += [reply.data, reply.headers["ETag"].encode()]
        got += [client.get(f"/api/competitions/{made.slug}/leaderboard{query}").data for query in ("", "?format=csv")]
    return got


@pytest.mark.slow
@pytest.mark.parametrize("release", ["full", "rounded", "ladder"])
def test_what_is_below_the_grid_changes_no_byte(build: Build, release: str) -> None:
    """Two worlds whose losses differ by less than is shown answer alike, unless everything is shown."""
    made = build(release=release, bounds=[-999, 999])
    crowd(made)
    before = served(made)
    assert before == served(made)
    public = made.bundle.key.usage == PUBLIC
    with made.db.write() as session:
        for ref, content in session.execute(select(PredictionVector.submission_id, PredictionVector.content)).all():
            moved = np.frombuffer(content, dtype="<f8") + np.where(public, 1e-7 * ref, 0.0)
            stored = update(PredictionVector).where(PredictionVector.submission_id == ref)
            session.execute(stored.values(content=moved.tobytes()))
    assert (served(made) == before) == (release != "full")


def test_every_distance_on_the_page_is_one_of_the_json(rounded: Installation) -> None:
    ends = {end for entry in ranked(rounded) for end in entry["behind_leader"]}
    shown = re.findall(r'<td class="behind">(.*?) to (.*?)</td>', page(rounded))
    assert len(shown) == TEAMS - 1
    assert {float(end.replace("\N{MINUS SIGN}", "-")) for pair in shown for end in pair} <= ends


# after a submission


def test_who_looks_after_a_submission_need_not_wait(rounded: Installation) -> None:
    ranked(rounded)
    alice = rounded.client("alice")
    file = {"file": (io.BytesIO(rounded.noisy(1.0)), "p.csv")}
    with alice.post(f"/api/competitions/{rounded.slug}/submissions", data=file) as reply:
        assert reply.get_json()["improved"]
    with mock.patch.object(intervals, "variances", side_effect=AssertionError):
        assert len(ranked(rounded)) == TEAMS + 1
        assert ranked(rounded)[0]["rank_interval"]
        assert page(rounded).count('class="ranks"') == TEAMS + 3  # its head and the baseline's


@pytest.mark.slow
def test_a_comparison_that_fails_fails_no_submission_and_no_board(rounded: Installation) -> None:
    with mock.patch.object(Comparisons, "_found", side_effect=MemoryError):
        dora = browser(rounded)
        assert "receipt" in upload(dora, rounded, rounded.noisy(1.0)).text.lower()
        assert [entry["behind_leader"] for entry in ranked(rounded)] == [None] * (TEAMS + 1)
        assert page(rounded).count("data-team") == TEAMS + 2
    with mock.patch.object(standings, "order", side_effect=MemoryError):
        assert "receipt" in upload(dora, rounded, rounded.noisy(0.5)).text.lower()
    rounded.now += timedelta(seconds=1)
    assert ranked(rounded)[0]["behind_leader"] == [0.0, 0.0]


def test_a_board_that_the_browser_has_is_not_compared_again(rounded: Installation) -> None:
    tag = rounded.client().get(address(rounded, "/leaderboard")).headers["ETag"]
    with mock.patch.object(Comparisons, "public", side_effect=AssertionError):
        again = rounded.client().get(address(rounded, "/leaderboard"), headers={"If-None-Match": tag})
    assert again.status_code == 304
    send(rounded, rounded.noisy(1.0))
    again = rounded.client().get(address(rounded, "/leaderboard"), headers={"If-None-Match": tag})
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("behind", "places"),
    [([(-0.98411, 1.69222), (0.0, 0.0)], 1), ([(0.0123, 0.0456)], 3), ([(10.0, 950.0)], 0), ([(1.0, 1.0)], 0), ([], 0)],
)
def test_an_exact_distance_has_the_digits_its_width_leaves_it(behind: list[tuple[float, float]], places: int) -> None:
    assert present.decimals_of_intervals(behind) == places

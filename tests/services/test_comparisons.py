"""Who is tied with whom on a competition's boards: from its own labels, on its grid, and again the same to the bit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from tests.core.test_intervals import by_hand
from tests.installations import Build, Installation
from tests.services.test_end import choose, end
from tests.services.test_rescore import correct, shifted, solution
from tests.services.test_submit import send
from tests.services.test_withdrawals import bring_back, take_out
from tests.visitors import add, place_baseline

from unseen_server.core import intervals, release
from unseen_server.core.splits import PRIVATE, PUBLIC
from unseen_server.db.models import Competition
from unseen_server.services import comparisons, releasing, reveal, standings
from unseen_server.services.comparisons import Comparisons
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER
from unseen_server.services.standings import Board, Entry

TEAMS = 8


def predictions(made: Installation, team: int) -> np.ndarray:
    """The later the team, the worse; the second sends what the first does, the last is far behind."""
    n = len(made.bundle.key.ids)
    shared, own = np.random.default_rng(0).standard_t(4, n), np.random.default_rng(max(1, team)).standard_t(4, n)
    return made.bundle.key.labels + 5 * shared + (60 if team == TEAMS - 1 else max(1, team)) * own


def crowd(made: Installation, teams: int = TEAMS) -> None:
    for team in range(teams):
        add(made, f"student{team}", f"Student {team}")
        send(made, made.file(predictions(made, team)), f"student{team}")
    place_baseline(made)


@pytest.fixture
def full(build: Build) -> Installation:
    made = build(release="full", bounds=[-999, 999])
    crowd(made)
    return made


def anew(made: Installation) -> Comparisons:
    """As a server that has just started."""
    return Comparisons(made.db, KeyRing(made.db))


def board(made: Installation, which: str = "public", compared: Comparisons | None = None, **asked: Any) -> Board:
    place = {"slug": made.slug, "principal": None, "now": made.now}
    return standings.board(made.db, compared or anew(made), which=which, **place, **asked)


def said(found: Board) -> list[tuple[object, ...]]:
    return [(one.team, one.behind_leader, one.tied_with_leader, one.rank_interval) for one in found.entries]


def ranked(found: Board) -> list[Entry]:
    return [one for one in found.entries if one.rank]


def losses(made: Installation, found: Board, half: int) -> np.ndarray:
    key = made.bundle.key
    order = [int(one.team.split()[-1]) for one in ranked(found)]
    return np.array([((predictions(made, team) - key.labels) ** 2)[key.usage == half] for team in order])


def competition_of(made: Installation) -> Competition:
    with made.db.read() as session:
        return session.get_one(Competition, 1)


# what is said


@pytest.mark.parametrize(("which", "half"), [("public", PUBLIC), ("private", PRIVATE)])
def test_both_boards_equal_the_closed_forms(full: Installation, which: str, half: int) -> None:
    if which == "private":
        end(full)
    found = board(full, which)
    expected = by_hand_where_equal_files_are_none(losses(full, found, half))
    assert len(ranked(found)) == TEAMS
    for ours, theirs in zip(ranked(found), expected, strict=True):
        assert ours.behind_leader == pytest.approx(theirs.behind, rel=1e-6, abs=1e-9)
        assert (ours.tied_with_leader, tuple(ours.rank_interval or ())) == (theirs.tied, theirs.ranks)
    assert {one.tied_with_leader for one in ranked(found)} == {True, False}


def by_hand_where_equal_files_are_none(losses: np.ndarray) -> list[intervals.Compared]:
    """scipy has no t for two equal files; one of them moved by next to nothing has one."""
    moved = losses.copy()
    _, first = np.unique(losses[:, 0], return_index=True)
    for again in set(range(len(losses))) - set(first.tolist()):
        moved[again] += 1e-11 * np.random.default_rng(again).standard_normal(losses.shape[1])
    return by_hand(moved)


def test_the_leader_is_nothing_behind_itself_and_baselines_are_not_compared(full: Installation) -> None:
    found = board(full)
    leader = ranked(found)[0]
    assert (leader.behind_leader, leader.tied_with_leader) == ([0.0, 0.0], True)
    for one in found.entries:
        if one.is_baseline:
            assert (one.behind_leader, one.tied_with_leader, one.rank_interval) == (None, None, None)
    of = {one[0]: one[1:] for one in said(found)}
    assert of["Student 0"] == of["Student 1"]  # they sent the same file


def test_the_boards_say_whom_the_leader_does_not_lead_for_certain(full: Installation) -> None:
    end(full)
    for which, tied, note in (
        ("public", [1, 2, 3, 4, 5, 7, 8], "1st is not significantly better than 2nd to 5th, 7th and 8th."),
        ("private", [1, 2, 3, 4, 7], "1st is not significantly better than 2nd to 4th and 7th."),
    ):
        found = board(full, which)
        assert [one.rank for one in ranked(found) if one.tied_with_leader] == tied
        assert str(found.note) == note


def test_a_shorter_list_says_of_its_rows_what_the_whole_board_says(full: Installation) -> None:
    assert said(board(full, limit=3)) == said(board(full))[:3]
    assert board(full, limit=1).note == board(full).note


# what is not said


def test_the_public_board_says_nothing_where_its_intervals_are_off(build: Build) -> None:
    made = build(public_intervals=False)
    crowd(made, 3)
    assert {one[1:] for one in said(board(made))} == {(None, None, None)}
    assert board(made).note is None
    end(made)
    assert all(one.behind_leader for one in ranked(board(made, "private")))


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_a_metric_that_is_no_mean_has_no_intervals(build: Build, metric: str) -> None:
    made = build(metric=metric)
    crowd(made, 3)
    assert {one[1:] for one in said(board(made))} == {(None, None, None)}
    end(made)
    assert {one[1:] for one in said(board(made, "private"))} == {(None, None, None)}


def test_nothing_private_is_computed_before_the_reveal(full: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    halves = []
    compared = anew(full)
    real = compared._compared
    monkeypatch.setattr(compared, "_compared", lambda c, half, refs: (halves.append(half), real(c, half, refs))[1])
    board(full, compared=compared)
    full.pass_deadline()
    board(full, compared=compared)
    assert compared.private(competition_of(full), [1, 2, 3]) is None
    assert set(halves) == {PUBLIC}
    reveal.reveal(full.db, slug=full.slug, principal=SERVER, now=full.now)
    board(full, "private", compared)
    assert set(halves) == {PUBLIC, PRIVATE}


# rounded


@pytest.mark.parametrize("named", ["rounded", "ladder"])
def test_no_end_of_an_interval_is_finer_than_the_scores(build: Build, named: str) -> None:
    made = build(release=named, bounds=[-999, 999])
    crowd(made)
    found = board(made)
    constants = releasing.constants_of(competition_of(made))
    steps = [release.step(named, one.score, constants) or 0.0 for one in ranked(found)]
    exact = anew(made)._compared(competition_of(made), PUBLIC, refs_of(made, found))
    assert exact is not None
    assert len(ranked(found)) > 3
    for ours, step, theirs in zip(ranked(found), steps, exact, strict=True):
        coarser = max(step, steps[0])
        assert ours.behind_leader == [release.on_grid(end, coarser) for end in theirs.behind or ()]
    finer = [end for one in exact for end in one.behind or ()]
    assert any(end != release.on_grid(end, steps[0]) for end in finer)


def refs_of(made: Installation, found: Board) -> list[int]:
    with made.db.read() as session:
        asked = "SELECT t.name, s.submission_id FROM standings s JOIN teams t ON t.id = s.team_id"
        of = {row.name: row.submission_id for row in session.execute(text(asked))}
    return [of[one.team] for one in ranked(found)]


def test_on_the_ladder_only_accepted_files_are_compared(build: Build) -> None:
    made = build(release="ladder", bounds=[-999, 999])
    crowd(made)
    before = said(board(made))
    labels = made.bundle.key.labels
    receipt = send(
        made, made.file(np.where(np.arange(len(labels)) % 2, predictions(made, 0), labels + 6.0)), "student0"
    )
    assert receipt.significant is False
    assert said(board(made)) == before
    assert send(made, made.file(labels + 0.5), "student0").significant
    assert said(board(made)) != before


# the same again


def test_however_a_board_came_about_it_says_the_same_to_the_bit(full: Installation) -> None:
    grown = anew(full)
    board(full, compared=grown)
    for team, spread in ((3, 1.0), (TEAMS - 1, 2.0), (0, 0.5), (5, 4.0)):
        send(full, full.noisy(spread, seed=team), f"student{team}")
        assert repr(said(board(full, compared=grown))) == repr(said(board(full)))
    take_out(full, 12)  # the leader's best
    assert repr(said(board(full, compared=grown))) == repr(said(board(full)))
    bring_back(full, 12)
    assert repr(said(board(full, compared=grown))) == repr(said(board(full)))


def test_a_new_best_costs_one_comparison_with_each_other_team(
    full: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = counted(monkeypatch)
    compared = anew(full)
    board(full, compared=compared)
    assert 0 < sum(pairs) < TEAMS * (TEAMS - 1) / 2
    pairs.clear()
    board(full, compared=compared)
    assert pairs == []
    send(full, full.noisy(1.0), "student4")
    board(full, compared=compared)
    assert 0 < sum(pairs) <= TEAMS - 1


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    pairs: list[int] = []
    real = intervals.variances
    monkeypatch.setattr(intervals, "variances", lambda one, others: (pairs.append(len(others)), real(one, others))[1])
    return pairs


def test_corrected_answers_count_at_once_and_the_old_ones_give_the_old_numbers(full: Installation) -> None:
    end(full)
    kept = anew(full)
    before = {which: said(board(full, which, kept)) for which in standings.BOARDS}
    correct(full, shifted(full, "Public"))
    changed = {which: said(board(full, which, kept)) for which in standings.BOARDS}
    assert changed["public"] != before["public"]
    assert changed["private"] == before["private"]
    assert repr(changed) == repr({which: said(board(full, which)) for which in standings.BOARDS})
    correct(full, solution(full))
    again = {which: said(board(full, which, kept)) for which in standings.BOARDS}
    assert repr(again) == repr(before)


def test_the_private_board_compares_what_counts_in_the_end(full: Installation) -> None:
    send(full, full.noisy(1.0), "student0")
    choose(full, 1, who="student0")
    found = end(full)
    compared = board(full, "private")
    assert [one.team for one in compared.entries] == [one.team for one in found.entries]
    expected = by_hand_where_equal_files_are_none(losses(full, compared, PRIVATE))
    for ours, theirs in zip(ranked(compared), expected, strict=True):
        assert ours.behind_leader == pytest.approx(theirs.behind, rel=1e-6, abs=1e-9)


# large boards, little memory, trouble


def test_forgetting_changes_no_number(full: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    before = said(board(full))
    monkeypatch.setattr(comparisons, "READ_AT_ONCE", 8 * len(full.bundle.key.ids))
    compared = anew(full)
    compared._vectors._limit = 1000  # two vectors of twenty rows
    assert said(board(full, compared=compared)) == before
    assert compared._vectors._held <= 1000
    send(full, full.noisy(1.0), "student4")
    assert said(board(full, compared=compared)) == said(board(full))


def test_a_very_large_board_says_less(full: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    before = said(board(full))
    monkeypatch.setattr(comparisons, "MOST_RANKED", TEAMS - 1)
    compared = anew(full)
    assert said(board(full, compared=compared)) == [(*one[:3], None) for one in before]
    send(full, full.noisy(1.0), "student4")  # another leader
    assert said(board(full, compared=compared)) == said(board(full))
    monkeypatch.setattr(comparisons, "MOST_COMPARED", TEAMS * len(full.bundle.key.ids) - 1)
    assert {one[1:] for one in said(board(full))} == {(None, None, None)}


def test_a_board_of_teams_that_cannot_be_compared_is_still_a_board(full: Installation) -> None:
    compared = anew(full)
    before = said(board(full, compared=compared))
    with full.db.write() as session:
        session.execute(text("DELETE FROM prediction_vectors WHERE submission_id = 3"))
    assert said(board(full, compared=compared)) == before  # what is known stays known
    found = board(full)
    assert [one[0] for one in said(found)] == [one[0] for one in before]
    assert {one[1:] for one in said(found)} == {(None, None, None)}


def test_nobody_waits_to_write_while_entries_are_compared(full: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite a reader that stays keeps writers out."""
    real, written = intervals.variances, []

    def variances(*given: Any) -> np.ndarray:
        with full.db.write(patience=0.2) as session:
            session.execute(text("UPDATE competitions SET title = 'Talks'"))
        written.append(True)
        return real(*given)

    monkeypatch.setattr(intervals, "variances", variances)
    board(full)
    assert written


def test_a_board_that_takes_long_to_compare_does_not_hold_everybody(
    full: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, done, compared = threading.Event(), threading.Event(), anew(full)

    def slow(*asked: Any, **more: Any) -> Any:
        begun.set()
        assert done.wait(30)
        return compare(*asked, **more)

    compare = intervals.compare
    monkeypatch.setattr(comparisons.intervals, "compare", slow)
    with ThreadPoolExecutor(comparisons.MOST_WAITING + 2) as pool:
        patient = [pool.submit(board, full, compared=compared)]
        assert begun.wait(30)
        patient += [pool.submit(board, full, compared=compared) for _ in range(comparisons.MOST_WAITING)]
        without = pool.submit(lambda: after_the_others(compared) and board(full, compared=compared)).result(30)
        done.set()
        found = [one.result(30) for one in patient]
    assert {one.rank_interval is None for one in without.entries} == {True}
    assert [said(one) for one in found] == [said(board(full))] * len(found)


def after_the_others(compared: Comparisons) -> bool:
    """Once as many wait as may."""
    for _ in range(1000):
        if not compared._waiting.acquire(blocking=False):
            return True
        compared._waiting.release()
        threading.Event().wait(0.01)
    return False

"""The ladder in a competition: who is told what, through late files, withdrawals, merges, corrections and the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import select
from tests.installations import SLUG, Build, Installation
from tests.services.test_end import board, choose, end
from tests.services.test_rescore import correct, numbers, shifted, solution
from tests.services.test_submit import send
from tests.services.test_teamwork import join
from tests.services.test_withdrawals import bring_back, own, take_out, well
from tests.visitors import place_baseline

from unseen_server.core import yardstick
from unseen_server.core.metrics import METRICS
from unseen_server.core.splits import PUBLIC
from unseen_server.db import models
from unseen_server.services import baselines, competitions, editing, finals, releasing, standings
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.principals import SERVER
from unseen_server.services.releasing import Told
from unseen_server.services.submit import Receipt

GOOD, BETTER, BEST = 16.0, 8.0, 0.5


@pytest.fixture
def ladder(installation: Installation) -> Installation:
    there = editing.editable(installation.db, **installation.asking()).settings
    wanted = there.__class__(**{**vars(there), "release": "ladder"})
    editing.save(installation.db, wanted=wanted, stamp=there.stamp, **installation.asking())
    return installation


def sent(made: Installation, spread: float, who: str = "alice", seed: int = 0) -> Receipt:
    return send(made, made.noisy(spread, seed), who)


def told(receipt: Receipt) -> tuple[float | None, bool | None, int | None]:
    return receipt.public_score, receipt.significant, receipt.rank


def shown(made: Installation, who: str = "alice") -> list[tuple[float | None, bool | None]]:
    """Of one's own submissions, oldest first."""
    return [(one.public_score, one.significant) for one in reversed(own(made, who))]


def places(made: Installation, which: str = "public") -> list[tuple[str, int | None, float]]:
    found = standings.board(made.db, which=which, **made.asking())
    return [(entry.team, entry.rank, entry.score) for entry in found.entries]


def test_only_significant_improvements_are_told(ladder: Installation) -> None:
    assert told(send(ladder, ladder.file(50.0))) == (None, False, None)
    assert places(ladder) == []
    first = sent(ladder, GOOD)
    assert (first.significant, first.rank, first.improved) == (True, 1, True)
    assert told(sent(ladder, GOOD, seed=1)) == (first.public_score, False, 1)
    assert told(sent(ladder, 30.0)) == (first.public_score, False, 1)
    best = sent(ladder, BEST)
    assert best.significant
    assert best.public_score is not None
    assert first.public_score is not None
    assert best.public_score < first.public_score
    assert shown(ladder) == [
        (None, False),
        (first.public_score, True),
        (first.public_score, False),
        (first.public_score, False),
        (best.public_score, True),
    ]
    assert places(ladder) == [("Alice", 1, best.public_score)]
    assert well(ladder)


def test_every_team_has_a_ladder_of_its_own(ladder: Installation) -> None:
    best = sent(ladder, BEST)
    second = sent(ladder, GOOD, "bob")
    assert (second.significant, second.rank) == (True, 2)
    assert sent(ladder, BEST, "bob").public_score == best.public_score


def test_a_baseline_is_shown_on_the_grid_without_climbing(ladder: Installation) -> None:
    place = {"slug": ladder.slug, "principal": SERVER, "now": ladder.now}
    for name, content in (("Best", ladder.noisy(BEST)), ("Mean", ladder.file(50.0))):
        baselines.add(
            ladder.db, ladder.keys, declared=DeclaredBaseline(name, "simple", "b.csv"), content=content, **place
        )
    assert [team for team, _, _ in places(ladder)] == ["Best", "Mean"]


def test_two_at_once_are_judged_one_after_the_other(ladder: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are judged before either is written: the second must be judged again, against the first."""
    tell, waiting = releasing.tell, []

    def slow(*place: object) -> Told:
        answer = tell(*place)  # type: ignore[arg-type]
        waiting.append(answer.against)
        while len(waiting) < 2:
            pass
        return answer

    monkeypatch.setattr(releasing, "tell", slow)
    with ThreadPoolExecutor(2) as pool:
        receipts = list(pool.map(lambda _: sent(ladder, GOOD), range(2)))
    assert waiting[:2] == [None, None]
    assert waiting[2] == min(receipt.ref for receipt in receipts)
    assert sorted(bool(receipt.significant) for receipt in receipts) == [False, True]


def test_a_release_changed_while_the_first_file_is_scored_tells_that_file_in_its_own_way(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged under `full`, written under `rounded`: not one digit more than `rounded` tells may be kept."""
    made = build(release="full")
    tell = releasing.tell

    def slow(*place: object) -> Told:
        answer = tell(*place)  # type: ignore[arg-type]
        there = editing.editable(made.db, **made.asking()).settings
        if there.release == "full":
            wanted = there.__class__(**{**vars(there), "release": "rounded"})
            editing.save(made.db, wanted=wanted, stamp=there.stamp, **made.asking())
        return answer

    monkeypatch.setattr(releasing, "tell", slow)
    receipt = sent(made, GOOD)
    assert [receipt.public_score] == [score for score, _ in shown(made)] == [round(receipt.public_score or 0, -1)]


def test_a_late_file_is_told_by_the_ladder_and_moves_its_rung_but_not_the_board(ladder: Installation) -> None:
    first = sent(ladder, GOOD)
    before = places(ladder)
    ladder.pass_deadline()
    late = sent(ladder, BEST)
    assert (late.late, late.significant, late.rank) == (True, True, 1)
    again = sent(ladder, BETTER)
    assert (again.public_score, again.significant) == (late.public_score, False)
    assert places(ladder) == before == [("Alice", 1, first.public_score)]


def test_withdrawing_rewinds_nothing(ladder: Installation) -> None:
    good, best = sent(ladder, GOOD), sent(ladder, BEST)
    take_out(ladder, best.ref)
    assert places(ladder) == [("Alice", 1, good.public_score)]
    assert told(sent(ladder, BETTER)) == (best.public_score, False, 1)
    assert places(ladder) == [("Alice", 1, good.public_score)]
    take_out(ladder, good.ref)
    assert places(ladder) == []  # what repeats another's score does not stand by it
    bring_back(ladder, best.ref)
    assert places(ladder) == [("Alice", 1, best.public_score)]
    assert well(ladder)


def test_a_merged_team_keeps_the_better_rung(ladder: Installation) -> None:
    sent(ladder, GOOD)
    best = sent(ladder, BEST, "bob")
    join(ladder, "alice", "bob")
    for who in ("alice", "bob"):
        assert told(sent(ladder, BETTER, who)) == (best.public_score, False, 1)
    assert well(ladder)


def told_as_before(made: Installation) -> bool:
    """Whether correcting there and back tells the same again."""
    before = decisions(made, 1)
    correct(made, shifted(made))
    correct(made, solution(made))
    return decisions(made, 3) == before


def test_teams_that_merge_one_after_the_other_keep_the_best_rung_of_all(ladder: Installation) -> None:
    sent(ladder, 17.0)
    sent(ladder, GOOD, "bob")
    best = sent(ladder, BEST, "carol")
    join(ladder, "bob", "carol")
    join(ladder, "alice", "bob")
    assert told(sent(ladder, BETTER)) == (best.public_score, False, 1)
    assert told_as_before(ladder)


def test_a_team_that_came_after_a_merge_is_not_taken_for_the_one_that_is_gone(ladder: Installation) -> None:
    sent(ladder, BETTER)
    sent(ladder, BEST, "carol")
    join(ladder, "alice", "carol")  # SQLite gives the next team the number of the last
    assert sent(ladder, GOOD, "bob").significant
    assert told_as_before(ladder)


def test_two_teams_can_merge_into_one_that_came_later(ladder: Installation) -> None:
    best = sent(ladder, BEST)
    sent(ladder, GOOD, "carol")
    join(ladder, "alice", "carol")
    sent(ladder, GOOD, "bob")
    join(ladder, "bob", "alice")
    assert told(sent(ladder, BETTER, "bob")) == (best.public_score, False, 1)
    assert told_as_before(ladder)


def test_the_default_finals_are_the_last_improvements_and_else_the_first_files(ladder: Installation) -> None:
    good, _, best, _ = (sent(ladder, spread) for spread in (GOOD, 17.0, BEST, 9.0))
    plain = [send(ladder, ladder.file(value), "bob").ref for value in (50.0, 51.0, 52.0)]

    def default(who: str) -> list[int]:
        return finals.final(ladder.db, **ladder.asking(who)).refs

    assert "your last 2 significant improvements" in str(finals.final(ladder.db, **ladder.asking("alice")).rule)
    assert default("alice") == [best.ref, good.ref]
    assert default("bob") == plain[:2]
    ranks = {entry.team: (entry.rank, entry.previous_rank) for entry in end(ladder).entries}
    assert ranks == {"Alice": (1, 1), "Bob": (2, None)}


def test_a_file_that_repeats_a_score_can_be_chosen(ladder: Installation) -> None:
    sent(ladder, GOOD)
    repeating = sent(ladder, GOOD)
    assert not repeating.significant
    assert choose(ladder, repeating.ref).refs == [repeating.ref]


def history(made: Installation) -> None:
    """Files of three teams, two of which merge in between; one late, one withdrawn, and a baseline."""
    place = {"slug": made.slug, "principal": SERVER, "now": made.now}
    declared = DeclaredBaseline("Mean", "simple", "mean.csv")
    baselines.add(made.db, made.keys, declared=declared, content=made.noisy(6.0, 99), **place)
    sent(made, 18.0, "alice")
    sent(made, 11.0, "bob", 1)
    sent(made, 16.0, "alice", 2)
    sent(made, 17.0, "carol", 3)
    take_out(made, sent(made, 7.0, "carol", 4).ref)
    join(made, "alice", "bob")
    sent(made, 10.5, "alice", 5)
    sent(made, 2.0, "bob", 6)
    sent(made, 0.6, "carol", 7)


def decisions(made: Installation, version: int) -> list[tuple[object, ...]]:
    with made.db.read() as session:
        rows = session.execute(
            select(models.Score.submission_id, models.Score.shown, models.Score.accepted, models.Score.grid)
            .where(models.Score.key_version == version)
            .order_by(models.Score.submission_id)
        )
        return [tuple(row) for row in rows]


@pytest.mark.slow
def test_correcting_there_and_back_replays_every_decision_to_the_bit(ladder: Installation) -> None:
    history(ladder)
    before, scores, entries = decisions(ladder, 1), numbers(ladder, 1), board(ladder).entries
    assert {accepted for _, _, accepted, _ in before} == {True, False}
    correct(ladder, shifted(ladder))
    assert decisions(ladder, 2) != before
    correct(ladder, solution(ladder))
    assert (decisions(ladder, 3), numbers(ladder, 3), board(ladder).entries) == (before, scores, entries)
    assert well(ladder)


@pytest.mark.slow
def test_a_correction_tells_what_a_competition_with_these_labels_would_have_told(
    ladder: Installation, build: Build
) -> None:
    content = shifted(ladder)
    history(ladder)
    correct(ladder, content)
    fresh = build(release="ladder")
    original = fresh.bundle
    correct(fresh, content)
    fresh.bundle = original  # the same files
    history(fresh)
    assert decisions(ladder, 2) == decisions(fresh, 2)


def test_changing_the_release_of_a_draft_shows_its_baselines_anew(build: Build) -> None:
    made = build(launched=False)
    place = {"slug": SLUG, "principal": SERVER, "now": made.now}
    declared = DeclaredBaseline("Line", "simple", "line.csv")
    baselines.add(made.db, made.keys, declared=declared, content=made.noisy(14.4), **place)
    seen = []
    for release in ("rounded", "full", "ladder", "rounded"):
        there = editing.editable(made.db, **made.asking()).settings
        wanted = there.__class__(**{**vars(there), "release": release})
        editing.save(made.db, wanted=wanted, stamp=there.stamp, **made.asking())
        seen.append(places(made)[0][2])
    key = made.bundle.key
    with made.db.read() as session:
        vector = np.frombuffer(session.scalars(select(models.PredictionVector.content)).one(), "<f8")
    exact = np.mean(((key.labels - vector) ** 2)[key.usage == PUBLIC])
    assert seen[1] == pytest.approx(exact, rel=1e-12)
    assert len(set(seen)) == 3
    assert seen[0] == seen[3]


def test_a_competition_from_before_the_yardstick_was_kept_has_the_same_ladder(ladder: Installation) -> None:
    with ladder.db.write() as session:
        session.delete(session.scalars(select(models.Yardstick)).one())
    assert told(send(ladder, ladder.file(50.0))) == (None, False, None)
    assert sent(ladder, GOOD).significant


def test_a_competition_from_before_the_yardstick_was_kept_has_it_once_its_release_changes(build: Build) -> None:
    made = build()
    with made.db.write() as session:
        old = session.scalars(select(models.Yardstick)).one()
        content = old.content
        session.delete(old)
    there = editing.editable(made.db, **made.asking()).settings
    editing.save(made.db, wanted=replace(there, release="ladder"), stamp=there.stamp, **made.asking())
    with made.db.read() as session:
        assert session.scalars(select(models.Yardstick)).one().content == content


def test_one_from_before_that_declared_a_baseline_is_measured_by_it_whatever_others_there_are(build: Build) -> None:
    made = build()
    for name, value in (("Mean", 60.0), ("Line", 44.0)):
        place_baseline(made, name, value=value)
    key = made.bundle.key
    line = yardstick.constants(METRICS["mse"], key, np.full(len(key.ids), 44.0))
    with made.db.write() as session:
        session.delete(session.scalars(select(models.Yardstick)).one())
        row = session.scalars(select(models.Competition)).one()
        row.baseline_score, row.baseline_standard_error = line.baseline_score, line.standard_error
    with made.db.read() as session:
        assert set(releasing.measured_by(session, row)) == {44.0}


def test_who_was_told_nothing_yet_has_no_rank_in_the_list(ladder: Installation) -> None:
    send(ladder, ladder.file(50.0))
    (listed,) = competitions.listed(ladder.db, principal=ladder.principal("alice"), now=ladder.now)
    assert (listed.rank, listed.left_today, listed.teams) == (None, 4, 0)


def test_a_days_limit_counts_what_the_ladder_does_not_tell(ladder: Installation) -> None:
    receipts = [send(ladder, ladder.file(50.0 + n)) for n in range(5)]
    assert [receipt.left_today for receipt in receipts] == [4, 3, 2, 1, 0]
    ladder.now += timedelta(days=1)
    assert send(ladder, ladder.file(50.0)).left_today == 4

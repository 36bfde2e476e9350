"""The overfitting meter and the replay of a small competition, computed a second time in plain Python."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sqlalchemy import select
from tests.installations import Build, Installation
from tests.services.test_end import choose
from tests.services.test_submit import send
from tests.services.test_withdrawals import take_out
from tests.visitors import add

from unseen_server.core import meter as core
from unseen_server.core import release
from unseen_server.core.errors import Busy, NotFound, StaffOnly
from unseen_server.core.sentences import Sentence
from unseen_server.db import models
from unseen_server.db.session import Database
from unseen_server.services import meter, releasing, rescore, reveal, standings, team_corrections
from unseen_server.services.kept import Kept
from unseen_server.services.keys import KeyRing
from unseen_server.services.meter import Meter, MeteredTeam, Meters, Replayed
from unseen_server.services.principals import SERVER

close = partial(pytest.approx, rel=1e-6, abs=1e-9)


def asked(made: Installation, who: str | None = "teacher", kept: Meters | None = None) -> Meter:
    principal = made.principal(who) if who else None
    return meter.meter(made.db, made.keys, kept or Kept(1), slug=made.slug, principal=principal, now=made.now)


def play(made: Installation, *, choosing: bool = True) -> None:
    """Three days of five students: climbing, a merge, a withdrawn and a late file, finals that one team chose."""
    for who in ("dave", "erin"):
        add(made, who, who.title())
    rng, key = np.random.default_rng(11), made.bundle.key
    honest = {who: key.labels + rng.normal(0, 9, 40) for who in ("alice", "bob", "carol", "dave", "erin")}
    for day in range(3):
        for turn in range(3):
            for who, predictions in honest.items():
                nudge = rng.normal(0, 5 - turn, 40)
                send(made, made.file(np.round(predictions + nudge, 3) - (day + turn if who == "erin" else 0)), who)
            if (day, turn) == (1, 1):
                team_corrections.merge(
                    made.db,
                    slug=made.slug,
                    team="Alice",
                    other="Bob",
                    reason="they asked",
                    principal=SERVER,
                    now=made.now,
                )
        if day < 2:
            made.now += timedelta(days=1)
            made.tokens.clear()
    take_out(made, 3)  # carol's first
    if choosing:
        choose(made, 14, who="dave")
    made.pass_deadline()
    made.tokens.clear()
    send(made, made.file(key.labels), "erin")  # perfect, and late


# the same in plain Python


@dataclass
class Row:
    ref: int
    team: str
    entered_as: int
    day: date
    counts: bool
    selected: bool
    stands_by: float | None
    public: list[float]
    private: list[float]

    @property
    def score(self) -> float:
        return statistics.fmean(self.public)

    @property
    def private_score(self) -> float:
        return statistics.fmean(self.private)


@dataclass
class Record:
    rows: list[Row]
    merges: list[models.TeamMerge]
    start: list[float]
    competition: models.Competition


def record(made: Installation) -> Record:
    key = made.bundle.key
    with made.db.read() as session:
        competition = session.scalars(select(models.Competition)).one()
        merges = list(session.scalars(select(models.TeamMerge)))
        vectors = {v.submission_id: v.content for v in session.scalars(select(models.PredictionVector))}
        yardstick = session.scalars(select(models.Yardstick)).one().content
        scores = {s.submission_id: s for s in session.scalars(select(models.Score))}
        found = session.execute(
            select(models.Submission, models.Team)
            .join(models.Team, models.Team.id == models.Submission.team_id)
            .where(models.Team.kind == "student")
            .order_by(models.Submission.id)
        ).all()
    rows = []
    for submission, team in found:
        public, private = halves(key, np.frombuffer(vectors[submission.id]))
        score = scores[submission.id]
        rows.append(
            Row(
                ref=submission.id,
                team=team.name,
                entered_as=submission.entered_as or 0,
                day=submission.quota_day,
                counts=not submission.late and submission.withdrawn_at is None,
                selected=submission.selected,
                stands_by=score.shown if score.accepted else None,
                public=public,
                private=private,
            )
        )
    return Record(rows, merges, halves(key, np.frombuffer(yardstick))[0], competition)


def halves(key: Any, predictions: np.ndarray) -> tuple[list[float], list[float]]:
    losses = [(p - y) ** 2 for p, y in zip(predictions.tolist(), key.labels.tolist(), strict=True)]
    return tuple([loss for loss, usage in zip(losses, key.usage, strict=True) if usage == half] for half in (1, 2))


def stand(rows: Sequence[Row], shown: Mapping[int, float | None]) -> list[Row]:
    """The best first, the earlier of equals."""
    return sorted((row for row in rows if shown[row.ref] is not None), key=lambda row: (shown[row.ref], row.ref))


def by_default(rows: Sequence[Row], shown: Mapping[int, float | None], count: int) -> list[Row]:
    return [*stand(rows, shown), *(row for row in rows if shown[row.ref] is None)][:count]


def replayed(made: Installation, limit: int | None, name: str) -> tuple[list[str], float, int, float | None]:
    """Teams by their place on the private rows, the winner's score, what was kept, and the mean optimism."""
    whole = record(made)
    constants = releasing.constants_of(whole.competition)
    used: dict[tuple[int, date], int] = {}
    rungs: dict[int, tuple[float, int, list[float]]] = {}  # what was shown, of which, and its losses
    shown: dict[int, float | None] = {}
    kept = []
    waiting = sorted(whole.merges, key=lambda merge: merge.after)
    for row in whole.rows:
        while waiting and waiting[0].after < row.ref:
            merge = waiting.pop(0)
            for (team, day), count in list(used.items()):
                if team == merge.guest_id:
                    used[merge.host_id, day] = used.get((merge.host_id, day), 0) + count
            both = [rungs[team] for team in (merge.host_id, merge.guest_id) if team in rungs]
            if both:
                rungs[merge.host_id] = min(both)
        slot = used.get((row.entered_as, row.day), 0)
        if limit is not None and slot >= limit:
            continue
        used[row.entered_as, row.day] = slot + 1
        shown[row.ref] = release.shown(name, row.score, constants)
        if name == "ladder":
            against = rungs[row.entered_as][2] if row.entered_as in rungs else whole.start
            d = [old - new for old, new in zip(against, row.public, strict=True)]
            least = max(2 * statistics.stdev(d) / math.sqrt(len(d)), constants.eta)
            if statistics.fmean(d) >= least:
                rungs[row.entered_as] = (shown[row.ref] or 0.0, row.ref, row.public)
            else:
                shown[row.ref] = None
        if row.counts:
            kept.append(row)
    ends, optimism = {}, []
    for team in {row.team for row in kept}:
        own = [row for row in kept if row.team == team]
        finals = by_default(own, shown, whole.competition.final_submissions)
        ends[team] = min((row.private_score, row.ref) for row in finals)
        if best := stand(own, shown)[:1]:
            gained = [best[0].private_score - own[0].private_score, best[0].score - own[0].score]
            optimism.append(gained[0] - gained[1])
    order = sorted(ends, key=lambda team: ends[team])
    return order, ends[order[0]][0], len(kept), statistics.fmean(optimism) if optimism else None


# what the staff see


@pytest.fixture
def season(build: Build) -> Installation:
    made = build(largest_team=3, release="ladder", daily_limit=6)
    play(made)
    return made


@pytest.fixture
def rounded(build: Build) -> Installation:
    made = build(largest_team=3, release="rounded", daily_limit=6)
    play(made)
    return made


@pytest.fixture(params=["rounded", "ladder"])
def either(request: pytest.FixtureRequest, build: Build) -> Installation:
    made = build(largest_team=3, release=request.param, daily_limit=6)
    play(made)
    return made


def own_rows(made: Installation) -> dict[str, list[Row]]:
    teams: dict[str, list[Row]] = {}
    for row in record(made).rows:
        if row.counts:
            teams.setdefault(row.team, []).append(row)
    return teams


def teams_of(found: Meter) -> dict[str, MeteredTeam]:
    return {team.team: team for team in found.teams}


@pytest.mark.slow
def test_only_what_counts_is_measured(either: Installation) -> None:
    found = asked(either)
    assert {team: one.submissions for team, one in teams_of(found).items()} == {
        team: len(rows) for team, rows in own_rows(either).items()
    }
    assert set(teams_of(found)) == {"Alice", "Carol", "Dave", "Erin"}
    assert found.submissions == 44
    assert {point.ref for point in found.points} == {*range(1, 46)} - {3}


@pytest.mark.slow
def test_every_team_agrees_with_the_closed_forms(either: Installation) -> None:
    found = teams_of(asked(either))
    competition = record(either).competition
    for team, rows in own_rows(either).items():
        stands = {row.ref: row.stands_by for row in rows}
        finals = by_default(rows, stands, competition.final_submissions)
        lowest = min(row.private_score for row in rows)
        chosen = [row.private_score for row in rows if row.selected]
        assert found[team].regret_default == close(min(row.private_score for row in finals) - lowest)
        assert found[team].regret_chosen == (close(min(chosen) - lowest) if chosen else None)
        assert found[team].final == close(min(chosen or [row.private_score for row in finals]))
        best = stand(rows, stands)[:1]
        if not best:
            assert (found[team].z, found[team].public, found[team].optimism) == (None, None, None)
            continue
        public, private = (
            [b - a for a, b in zip(getattr(rows[0], half), getattr(best[0], half), strict=True)]
            for half in ("public", "private")
        )
        assert (found[team].public, found[team].private) == (close(best[0].score), close(best[0].private_score))
        assert found[team].optimism == close(statistics.fmean(private) - statistics.fmean(public))
        spread = statistics.stdev(public)
        expected = 0.8 * spread * math.sqrt(2 * math.log(len(rows)) / len(public))
        assert found[team].expected_optimism == close(expected)
        if best[0] is rows[0]:
            assert found[team].z is None
        else:
            z = stats.ttest_ind(private, public, equal_var=False).statistic
            assert found[team].z == close(z)
            assert found[team].flagged == (z > 2.33)
    assert any(team.z is not None for team in found.values())


@pytest.mark.slow
def test_the_whole_class_agrees_with_the_closed_forms(rounded: Installation) -> None:
    found, teams = asked(rounded), own_rows(rounded)
    rows = [row for own in teams.values() for row in own]
    x, y = [row.score for row in rows], [row.private_score for row in rows]
    fitted = statistics.linear_regression(x, y)
    assert (found.slope, found.intercept) == (close(fitted.slope), close(fitted.intercept))
    assert found.kendall_tau == close(stats.kendalltau(x, y).statistic)
    assert found.optimism == close(statistics.fmean(team.optimism or 0.0 for team in found.teams))
    assert found.regret_default == close(statistics.fmean(team.regret_default or 0.0 for team in found.teams))
    moves = [abs((team.public_rank or 0) - (team.private_rank or 0)) for team in found.teams]
    assert found.shake_up == close(statistics.fmean(moves) / len(moves))
    points = sorted((point.public, point.private) for point in found.points)
    assert points == [(close(public), close(private)) for public, private in sorted(zip(x, y, strict=True))]


@pytest.mark.slow
def test_the_shake_up_of_noise_alone_is_that_of_two_normal_boards(rounded: Installation) -> None:
    found, teams = asked(rounded), own_rows(rounded)
    bests = [stand(teams[team.team], {row.ref: row.stands_by for row in teams[team.team]})[0] for team in found.teams]
    losses = np.array([[*best.public, *best.private] for best in bests])
    rng = np.random.default_rng(99)
    moved = 0.0
    for _ in range(4000):
        a, b = (rng.multivariate_normal(losses.mean(axis=1), np.cov(losses) / n) for n in (20, 20))
        moved += np.abs(stats.rankdata(a) - stats.rankdata(b)).mean() / len(bests)
    assert found.expected_shake_up == pytest.approx(moved / 4000, abs=0.02)


@pytest.mark.slow
def test_the_way_of_a_team_is_its_running_best(rounded: Installation) -> None:
    for team, rows in own_rows(rounded).items():
        steps, best = [], math.inf
        for number, row in enumerate(rows, start=1):
            if row.stands_by is not None and row.stands_by < best:
                best = row.stands_by
                steps.append(core.Step(number, close(row.score), close(row.private_score)))
        assert teams_of(asked(rounded))[team].curve == steps


# the replay


@pytest.mark.slow
def test_every_replay_agrees_with_a_slow_one(season: Installation) -> None:
    found = asked(season)
    ranks = {team.team: team.private_rank for team in found.teams}
    assert [line.actual for line in found.replays] == [True] + 9 * [False]
    for limit, name in product((1, 5, None), ("full", "rounded", "ladder")):
        line = one_of(found, limit, name)
        order, score, kept, optimism = replayed(season, limit, name)
        assert (line.top, line.winner, line.submissions) == (order[:3], order[0], kept)
        assert line.winning_score == close(score)
        assert line.optimism == (optimism if optimism is None else close(optimism))
        assert line.ranks_changed == sum(ranks[team] != place for place, team in enumerate(order, start=1))


def one_of(found: Meter, limit: int | None, name: str) -> Replayed:
    (line,) = (one for one in found.replays if (one.actual, one.daily_limit, one.release) == (False, limit, name))
    return line


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rounded", "ladder"])
def test_without_a_limit_the_own_release_ends_as_it_did(build: Build, name: str) -> None:
    made = build(largest_team=3, release=name, daily_limit=6)
    play(made, choosing=False)
    found = asked(made)
    line, actual = one_of(found, None, name), found.replays[0]
    assert (line.ranks_changed, line.top, line.optimism) == (0, actual.top, actual.optimism)
    assert (line.submissions, line.winning_score) == (actual.submissions, actual.winning_score)


@pytest.mark.slow
def test_the_first_line_is_how_it_ended(rounded: Installation) -> None:
    reveal.reveal(rounded.db, slug=rounded.slug, principal=SERVER, now=rounded.now)
    found, place = asked(rounded), {"slug": rounded.slug, "principal": None, "now": rounded.now}
    board = standings.board(rounded.db, which="private", **place).entries
    public = {entry.team: entry.rank for entry in standings.board(rounded.db, which="public", **place).entries}
    line = found.replays[0]
    assert (line.actual, line.ranks_changed, line.winner) == (True, 0, board[0].team)
    assert line.winning_score == board[0].score
    assert [(team.team, team.private_rank, team.final, team.public_rank) for team in found.teams] == [
        (entry.team, entry.rank, entry.score, public[entry.team]) for entry in board
    ]


# always the same


@pytest.mark.slow
def test_asked_twice_after_a_restart_and_after_rescoring_it_is_the_same_to_the_bit(season: Installation) -> None:
    kept = Kept(1)
    first = asked(season, kept=kept)
    assert asked(season, kept=kept) is first
    assert asked(season) == first
    with closing(Database(season.config.database_url)) as other:
        place = {"slug": season.slug, "principal": SERVER, "now": season.now}
        assert meter.meter(other, KeyRing(other), Kept(1), **place) == first
    content = (season.folder / "solution.csv").read_bytes()
    rescore.rescore(season.db, season.keys, content=content, **season.asking())
    assert asked(season) == first


@pytest.mark.slow
def test_a_choice_and_a_withdrawal_are_seen_at_once(rounded: Installation) -> None:
    rounded.now -= timedelta(days=20)
    rounded.now = max(rounded.now, rounded.bundle.settings.deadline - timedelta(days=1))
    rounded.tokens.clear()
    kept = Kept(1)
    before = asked(rounded, kept=kept)
    choose(rounded, 5, who="erin")
    chosen = asked(rounded, kept=kept)
    assert teams_of(before)["Erin"].regret_chosen is None
    assert teams_of(chosen)["Erin"].regret_chosen is not None
    take_out(rounded, 5)
    assert asked(rounded, kept=kept).submissions == before.submissions - 1


@pytest.mark.slow
def test_a_metric_that_is_no_mean_has_what_needs_no_losses(build: Build) -> None:
    for name in ("rmse", "r2"):
        made = build(metric=name, largest_team=3, daily_limit=6)
        play(made)
        found = asked(made)
        assert {team.z for team in found.teams} == {None}
        assert (found.expected_optimism, found.expected_shake_up, found.flagged) == (None, None, 0)
        assert None not in (found.slope, found.kendall_tau, found.shake_up, found.regret_default, found.optimism)
        assert {line.release for line in found.replays} == {"full", "rounded"}


def test_nothing_submitted_is_nothing_measured(installation: Installation) -> None:
    found = asked(installation)
    assert (found.submissions, found.teams, found.points, found.curve) == (0, [], [], [])
    assert (found.slope, found.shake_up, found.expected_shake_up, found.replays[0].winner) == (None, None, None, None)


def test_one_submission_is_measured_on_either_database(installation: Installation) -> None:
    send(installation, installation.noisy(4.0))
    (team,) = asked(installation).teams
    assert (team.z, team.optimism, team.expected_optimism, team.private_rank) == (None, 0.0, 0.0, 1)


# who sees what


@pytest.mark.parametrize("who", [None, "alice", "outsider", "rival"])
def test_before_the_reveal_the_staff_alone_see_it(installation: Installation, who: str | None) -> None:
    send(installation, installation.noisy(4.0))
    assert asked(installation).exact
    with pytest.raises(NotFound):
        asked(installation, who)
    if who:
        with pytest.raises(StaffOnly):
            meter.staffs_meter(installation.db, installation.keys, Kept(1), **installation.asking(who))


def unrounded(made: Installation) -> list[float]:
    with made.db.read() as session:
        return list(session.scalars(select(models.Score.value)))


@pytest.mark.slow
@pytest.mark.parametrize("who", [None, "alice", "outsider"])
def test_after_the_reveal_everybody_sees_public_scores_as_they_were_displayed(
    either: Installation, who: str | None
) -> None:
    reveal.reveal(either.db, slug=either.slug, principal=SERVER, now=either.now)
    found, exact = asked(either, who), asked(either)
    assert (found.exact, exact.exact) == (False, True)
    rows = {row.ref: row for row in record(either).rows if row.counts}
    told = {ref: row.stands_by for ref, row in rows.items() if row.stands_by is not None}
    assert {point.ref: point.public for point in found.points} == told
    assert {step.public for team in found.teams for step in team.curve} <= set(told.values())
    assert {team.public for team in found.teams} <= {*told.values(), None}
    derived = [found.slope, found.intercept, found.kendall_tau, found.optimism, found.expected_optimism]
    derived += [value for team in found.teams for value in (team.z, team.optimism, team.expected_optimism)]
    assert all(value is None or value == float(f"{value:.3g}") for value in derived)
    assert [team.flagged for team in found.teams] == [team.flagged for team in exact.teams]


def test_a_meter_that_takes_long_is_computed_once_and_does_not_hold_everybody(installation: Installation) -> None:
    begun, done, made = threading.Event(), threading.Event(), asked(installation)
    times: list[int] = []

    def slow() -> Meter:
        times.append(1)
        begun.set()
        assert done.wait(30)
        return made

    patient: Meters = Kept(1, patience=30)
    hurried: Meters = Kept(1, patience=0.01)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(patient.of, (1,), slow) for _ in range(3)]
        first = pool.submit(hurried.of, (1,), slow)
        assert begun.wait(30)
        while len(times) < 2:  # both of them are being made
            done.wait(0.01)
        with pytest.raises(Busy):
            hurried.of((1,), slow)
        done.set()
        assert [one.result(30) for one in (*waiting, first)] == [made] * 4
    assert times == [1, 1]
    assert hurried.of((1,), slow) == made


def test_what_it_says_when_it_is_closed(installation: Installation) -> None:
    with pytest.raises(NotFound) as refusal:
        asked(installation, None)
    assert isinstance(refusal.value.sentence, Sentence)
    assert "reveal" in str(refusal.value)

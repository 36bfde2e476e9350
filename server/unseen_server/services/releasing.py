"""What students are told of public scores, with what that depends on: the constants, and each team's rung."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import ladder, metrics, release, yardstick
from unseen_server.core.ladder import Judged, Merge, Rung
from unseen_server.core.metrics import Floats, Metric, Scores
from unseen_server.core.release import LADDER, Constants, Released
from unseen_server.core.splits import PUBLIC, AnswerKey
from unseen_server.db import queries
from unseen_server.db.models import Competition, TeamMerge, Yardstick
from unseen_server.db.session import Database
from unseen_server.services import bundles, entries
from unseen_server.services.keys import LoadedKey, unpacked

AT_ONCE = 100  # prediction vectors in memory

# Reads some submissions' predictions (n,), in the order of their numbers.
Read = Callable[[Sequence[int]], Iterable[tuple[int, Floats]]]


@dataclass(frozen=True)
class Told:
    """What a team is told of a submission, judged against the best one it had then (None: none, or no ladder).

    `release` is the one that it was told by.
    """

    released: Released
    against: int | None
    release: str


@dataclass(frozen=True)
class History:
    """All submissions of one team as (number, team it was then), and how the team came to be: what a replay needs."""

    is_baseline: bool
    submissions: tuple[tuple[int, int], ...]
    merges: tuple[Merge, ...]


@dataclass(frozen=True)
class Rules:
    """All that decides what is told under one version of a key. `start` is None where nothing needs it."""

    release: str
    metric: Metric
    key: AnswerKey
    constants: Constants
    start: Rung | None


def constants_of(competition: Competition) -> Constants:
    """What public scores are released by."""
    return release.constants_of(
        metrics.metric(competition.metric),
        competition.baseline_score,
        competition.baseline_standard_error,
        competition.public_rows,
    )


def tell(
    db: Database, competition: Competition, key: LoadedKey, team_id: int, predictions: Floats, scores: Scores
) -> Told:
    """What the team is told of these predictions (n,), as it stands now."""
    if competition.release != LADDER:
        plain = release.released(competition.release, scores.public.value, constants_of(competition))
        return Told(plain, None, competition.release)
    rules = _rules(competition, key.answers, constants_of(competition))
    with db.read() as session:
        ref, shown = queries.submissions.rung(session, team_id, key.version)
        if ref is None:
            best = _yardstick(session, competition, key.answers)
        else:
            best = next(vector for _, vector in storage.predictions_of(session, [ref]))
    rung = Rung(_losses(rules, best), ref, shown)
    judged = ladder.judge(_losses(rules, predictions), scores.public.value, rung, rules.constants)
    return Told(judged, ref, LADDER)


def is_still_true(session: Session, competition: Competition, team_id: int, told: Told) -> bool:
    """Whether the team still stands where it stood when it was told so, and scores are still told in the same way;
    inside a transaction that holds the team."""
    if told.release != competition.release:
        return False  # what one release tells, another may hide
    if competition.release != LADDER:
        return True
    return queries.submissions.rung(session, team_id, competition.key_version)[0] == told.against


def of_baseline(competition: Competition, scores: Scores) -> Released:
    """What is shown of a file of the staff's own choosing, which no ladder judges."""
    return release.released(competition.release, scores.public.value, constants_of(competition))


# all submissions again


def rules(session: Session, competition: Competition, old: AnswerKey, new: AnswerKey) -> Rules:
    """What is told under a new key, measured by what it is measured by under the old one."""
    predictions = _yardstick(session, competition, old)
    metric = metrics.metric(competition.metric)
    found = _rules(competition, new, yardstick.constants(metric, new, predictions))
    start = Rung(_losses(found, predictions)) if competition.release == LADDER else None
    return Rules(found.release, metric, new, found.constants, start)


def histories(session: Session, competition: Competition) -> Mapping[int, History]:
    """Of every team that has submitted."""
    ways = _merges_by_team(session, competition)
    submissions: dict[int, list[tuple[int, int]]] = {}
    baselines = set()
    for row in queries.submissions.entered(session, competition.id):
        submissions.setdefault(row.team_id, []).append((row.id, row.entered_as or row.team_id))
        if row.kind == "baseline":
            baselines.add(row.team_id)
    return {
        team_id: History(team_id in baselines, tuple(own), tuple(ways.get(team_id, ())))
        for team_id, own in submissions.items()
    }


def _merges_by_team(session: Session, competition: Competition) -> Mapping[int, Sequence[Merge]]:
    """All merges that a team came from, in their order. A guest's number may be that of another team afterwards."""
    ways: dict[int, list[TeamMerge]] = {}
    for merge in queries.teams.merges_of(session, competition.id):
        both = [*ways.pop(merge.host_id, ()), *ways.pop(merge.guest_id, ()), merge]
        ways[merge.host_id] = sorted(both, key=lambda one: one.id)
    return {team_id: [Merge(one.after, one.host_id, one.guest_id) for one in way] for team_id, way in ways.items()}


def told_again(rules: Rules, history: History, read: Read) -> dict[int, tuple[Scores, Released]]:
    """Both scores of each of a team's submissions, and what was told of it, from the first one on."""
    told: dict[int, tuple[Scores, Released]] = {}
    entered_as = dict(history.submissions)
    start = None if history.is_baseline else rules.start
    replay = ladder.Replay(history.merges, start, rules.constants) if start else None
    for ref, predictions in _a_few_at_a_time(read, list(entered_as)):
        scores = metrics.score(rules.metric, rules.key.labels, predictions, rules.key.usage)
        score = scores.public.value
        if replay is None:
            told[ref] = scores, release.released(rules.release, score, rules.constants)
        else:
            told[ref] = scores, replay.told(Judged(ref, entered_as[ref], score, _losses(rules, predictions)))
    return told


def tell_anew(session: Session, competition: Competition) -> None:
    """Show every submission as the competition's release now has it: for one whose release was changed."""
    row = queries.competitions.answer_key(session, competition.id, competition.key_version)
    key = unpacked(competition, row)
    _keep_yardstick(session, competition, key)
    found = rules(session, competition, key, key)
    for history in histories(session, competition).values():
        for ref, (_, released) in told_again(
            found, history, lambda refs: storage.predictions_of(session, refs)
        ).items():
            score = queries.submissions.score_of(session, ref, competition.key_version)
            score.shown, score.accepted, score.grid = released.shown, released.accepted, released.grid
    entries.all_stand_anew(session, competition)


def _a_few_at_a_time(read: Read, refs: Sequence[int]) -> Iterator[tuple[int, Floats]]:
    for begin in range(0, len(refs), AT_ONCE):
        yield from read(refs[begin : begin + AT_ONCE])


def _rules(competition: Competition, key: AnswerKey, constants: Constants) -> Rules:
    return Rules(competition.release, metrics.metric(competition.metric), key, constants, None)


def _losses(rules: Rules, predictions: Floats) -> Floats:
    """On the public rows, (n_public,). Every row's loss is computed before any is looked at for its half."""
    losses: Floats = rules.metric.losses(rules.key.labels, predictions)[rules.key.usage == PUBLIC]
    return losses


# what it is measured by


def measured_by(session: Session, competition: Competition) -> Floats:
    """The predictions (n,) that scores are measured by, and that the ladder starts from."""
    row = queries.competitions.answer_key(session, competition.id, competition.key_version)
    return _yardstick(session, competition, unpacked(competition, row))


def _yardstick(session: Session, competition: Competition, key: AnswerKey) -> Floats:
    """The predictions (n,) that scores are measured by; `key` is the one that counts.

    A competition from before they were kept has them among its baselines, the one that gives the constants kept; else
    they were the mean training label.
    """
    kept = queries.competitions.yardstick(session, competition.id)
    if kept is not None:
        return np.frombuffer(kept, dtype="<f8").astype(np.float64)
    metric, constants = metrics.metric(competition.metric), constants_of(competition)
    for ref in queries.submissions.baseline_submission_ids(session, competition.id):
        predictions = next(vector for _, vector in storage.predictions_of(session, [ref]))
        measured = yardstick.constants(metric, key, predictions)
        if (measured.baseline_score, measured.standard_error) == (constants.baseline_score, constants.standard_error):
            return predictions
    train = next(file for file in queries.competitions.files_of(session, competition.id) if file.name == "train.csv")
    content = queries.competitions.stored_content(session, train.sha256)
    return np.full(len(key.ids), bundles.mean_label(content, competition.target_column))


def _keep_yardstick(session: Session, competition: Competition, key: AnswerKey) -> None:
    """For one from before they were kept: on the ladder every team's first file needs it."""
    if queries.competitions.yardstick(session, competition.id) is None:
        content = _yardstick(session, competition, key).astype("<f8").tobytes()
        session.add(Yardstick(competition_id=competition.id, content=content))
        session.flush()

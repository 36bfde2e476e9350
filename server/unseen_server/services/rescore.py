"""A corrected solution.csv: every submission is scored again under a new version of the answer key.

All of it happens in one transaction: the new key, scores, standings and, after the reveal, the private board; the
competition's `key_version` then points to what counts. Older versions stay, so that nothing is ever computed twice
in two ways: the same labels give the same numbers again, to the bit. Numbers, times and owners of submissions stay.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import metrics, schedule
from unseen_server.core.errors import Conflict
from unseen_server.core.metrics import Floats, Scores
from unseen_server.core.release import Released
from unseen_server.core.sentences import say
from unseen_server.core.splits import AnswerKey
from unseen_server.db import queries
from unseen_server.db.models import Announcement, AnswerKeyVersion, Competition, PrivateScore, Score
from unseen_server.db.session import Database
from unseen_server.services import audit, bundles, competitions, entries, releasing, reveal
from unseen_server.services.keys import KeyRing, LoadedKey, packed
from unseen_server.services.principals import Principal
from unseen_server.services.releasing import History, Rules

# Two languages in one text, as announcements are kept; the staff can withdraw it and write another.
ANNOUNCED = (
    "The answers were corrected on {at}. All scores were computed again.\n\n解答已於 {at} 更正，所有分數皆已重新計算。"
)

Progress = Callable[[int, int], None]
Judged = dict[int, tuple[Scores, Released]]  # both scores and what is told, by number of submission


@dataclass(frozen=True)
class Change:
    """A row of a board that the correction moves or whose score it changes; None where the row does not stand."""

    team: str
    is_baseline: bool
    old_rank: int | None
    new_rank: int | None
    old_score: float | None
    new_score: float | None


@dataclass(frozen=True)
class Rescored:
    """What a correction changed or, in a dry run, would change; `private` is empty before the reveal.

    `key_version` is the one that counts afterwards.
    """

    competition: str
    dry_run: bool
    key_version: int
    labels_changed: int
    usage_changed: int
    public_rows: int
    private_rows: int
    submissions: int
    seal: str | None
    public: list[Change]
    private: list[Change]


@dataclass(frozen=True)
class CurrentKey:
    """The answers that count now, in numbers; `version` counts the corrections from one."""

    version: int
    rows: int
    public_rows: int
    private_rows: int
    submissions: int


@dataclass(frozen=True)
class _Place:
    is_baseline: bool
    rank: int | None
    score: float | None


@dataclass(frozen=True)
class _Boards:
    """Both boards by the names of their teams, in order; the private one is empty before the reveal."""

    public: Mapping[str, _Place]
    private: Mapping[str, _Place]


@dataclass(frozen=True)
class _Correction:
    """The key that counts, the one that is to replace it, and what is told under the new one."""

    version: int
    old: AnswerKey
    new: AnswerKey
    rules: Rules

    @property
    def labels_changed(self) -> int:
        return int(np.count_nonzero(self.old.labels != self.new.labels))

    @property
    def usage_changed(self) -> int:
        return int(np.count_nonzero(self.old.usage != self.new.usage))


class _OnlyLooking(Exception):  # noqa: N818 - the end of a dry run, which undoes what it did
    pass


def current_key(db: Database, keys: KeyRing, *, slug: str, principal: Principal, now: datetime) -> CurrentKey:
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
        submissions = len(queries.submissions.entered(session, competition.id))
    key = keys.of(competition).answers
    return CurrentKey(competition.key_version, len(key.ids), key.n_public, key.n_private, submissions)


def check(db: Database, keys: KeyRing, *, slug: str, content: bytes, principal: Principal, now: datetime) -> None:
    """Raises BadSolution with everything wrong in the file."""
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
    _read(competition, keys.of(competition), content)


def rescore(
    db: Database,
    keys: KeyRing,
    *,
    slug: str,
    content: bytes,
    principal: Principal,
    now: datetime,
    dry_run: bool = False,
    quiet: bool = False,
    since: int | None = None,
    progress: Progress = lambda done, total: None,
    end: Callable[[Session, Rescored], None] = lambda session, report: None,
) -> Rescored:
    """Correct the answers of a competition; students are told by an announcement unless it is done quietly.

    A dry run does the same and undoes it. A solution that differs in nothing changes nothing.
    Raises BadSolution with everything wrong in the file, and Conflict where the answers are not those of version
    `since` any more. `progress` hears how many of all submissions are scored; `end` comes last in the transaction that
    corrects, and not in a dry run.
    """
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
    correction = _correction(db, competition, keys.of(competition), content)
    _check_overtaken(correction, since or correction.version)
    judged = _judge_all(db, competition, correction.rules, progress)
    with contextlib.suppress(_OnlyLooking), db.write() as session:
        competition = queries.competitions.locked_competition(session, competition.id, exclusively=True)
        _check_overtaken(correction, competition.key_version)
        report = _apply(
            session,
            competition,
            correction,
            _up_to_date(session, competition, correction.rules, judged),
            principal,
            now,
            dry_run=dry_run,
            quiet=quiet,
        )
        if dry_run:
            raise _OnlyLooking
        end(session, report)
    return report


def _check_overtaken(correction: _Correction, version: int) -> None:
    if correction.version != version:
        raise Conflict(reason=say("Somebody else corrected the answers meanwhile. Look at them again."))


# before the transaction


def _read(competition: Competition, key: LoadedKey, content: bytes) -> AnswerKey:
    return bundles.read_solution(content, key.answers, (competition.lower_bound, competition.upper_bound))


def _correction(db: Database, competition: Competition, key: LoadedKey, content: bytes) -> _Correction:
    new = _read(competition, key, content)
    with db.read() as session:
        return _Correction(key.version, key.answers, new, releasing.rules(session, competition, key.answers, new))


def _judge_all(
    db: Database, competition: Competition, rules: Rules, progress: Progress
) -> dict[int, tuple[History, Judged]]:
    """Every team's submissions from the first one on, read a few at a time, so that no reader keeps the writers of
    SQLite waiting."""
    with db.read() as session:
        histories = releasing.histories(session, competition)
    total, done = sum(len(history.submissions) for history in histories.values()), 0

    def read(refs: Sequence[int]) -> list[tuple[int, Floats]]:
        with db.read() as session:
            return list(storage.predictions_of(session, refs))

    judged = {}
    for team_id, history in histories.items():
        judged[team_id] = history, releasing.told_again(rules, history, read)
        done += len(history.submissions)
        progress(done, total)
    return judged


# inside the transaction


def _up_to_date(
    session: Session, competition: Competition, rules: Rules, judged: Mapping[int, tuple[History, Judged]]
) -> Judged:
    """All submissions by now; teams that submitted or merged while the others were judged are judged again."""

    def read(refs: Sequence[int]) -> Iterator[tuple[int, Floats]]:
        return storage.predictions_of(session, refs)

    every: Judged = {}
    for team_id, history in releasing.histories(session, competition).items():
        before, told = judged.get(team_id, (None, {}))
        every |= told if before == history else releasing.told_again(rules, history, read)
    return every


def _apply(
    session: Session,
    competition: Competition,
    correction: _Correction,
    judged: Judged,
    principal: Principal,
    now: datetime,
    *,
    dry_run: bool,
    quiet: bool,
) -> Rescored:
    """Let the corrected key count, and everything that follows from it."""
    before, seal_before = _boards(session, competition), competition.seal
    changes_something = bool(correction.labels_changed or correction.usage_changed)
    if changes_something:
        _replace_key(session, competition, correction, now)
        rows = [entries.scored(competition, ref, *one) for ref, one in judged.items()]
        if rows:
            session.execute(insert(Score), [public for public, _ in rows])
            session.execute(insert(PrivateScore), [private for _, private in rows])
        entries.all_stand_anew(session, competition)
        if competition.revealed_at is not None:
            reveal.write_anew(session, competition)
        competition.board_version += 1
    after = _boards(session, competition)
    report = Rescored(
        competition=competition.slug,
        dry_run=dry_run,
        key_version=competition.key_version,
        labels_changed=correction.labels_changed,
        usage_changed=correction.usage_changed,
        public_rows=correction.new.n_public,
        private_rows=correction.new.n_private,
        submissions=len(judged),
        seal=None if dry_run else competition.seal,
        public=_changes(before.public, after.public),
        private=_changes(before.private, after.private),
    )
    if changes_something:
        _record(session, competition, report, seal_before, principal, now)
        if not quiet and competition.launched_at is not None:
            _announce(session, competition, principal, now)
    return report


def _replace_key(session: Session, competition: Competition, correction: _Correction, now: datetime) -> None:
    version, new = queries.competitions.newest_key_version(session, competition.id) + 1, correction.new
    superseded = queries.competitions.answer_key(session, competition.id, competition.key_version)
    superseded.seal, superseded.seal_salt = competition.seal, competition.seal_salt
    session.add(AnswerKeyVersion(competition_id=competition.id, version=version, created_at=now, **packed(new)))
    competition.key_version, competition.public_rows = version, new.n_public
    competition.baseline_score = correction.rules.constants.baseline_score
    competition.baseline_standard_error = correction.rules.constants.standard_error
    if competition.seal is not None:
        competition.seal_salt = secrets.token_hex(16)
        competition.seal = new.sealed_hash(competition.seal_salt)


def _boards(session: Session, competition: Competition) -> _Boards:
    direction = metrics.metric(competition.metric).direction
    rank, public = 0, {}
    for standing, team in queries.boards.public_board(session, competition.id, direction):
        rank += standing.ranked
        public[team.name] = _Place(not standing.ranked, rank if standing.ranked else None, standing.score)
    private = {
        team.name: _Place(standing.rank is None, standing.rank, standing.score)
        for standing, _, team in queries.boards.private_board(session, competition.id)
    }
    return _Boards(public, private)


def _changes(before: Mapping[str, _Place], after: Mapping[str, _Place]) -> list[Change]:
    """In the order of the board as it is afterwards; who no longer stands comes last."""
    return [
        Change(
            team=team,
            is_baseline=(after.get(team) or before[team]).is_baseline,
            old_rank=before[team].rank if team in before else None,
            new_rank=after[team].rank if team in after else None,
            old_score=before[team].score if team in before else None,
            new_score=after[team].score if team in after else None,
        )
        for team in {**after, **before}
        if before.get(team) != after.get(team)
    ]


def _record(
    session: Session,
    competition: Competition,
    report: Rescored,
    seal_before: str | None,
    principal: Principal,
    now: datetime,
) -> None:
    details: dict[str, Any] = {"ranks": _moved(report.public)}
    if report.private:
        details["private_ranks"] = _moved(report.private)
    audit.record_in(
        session,
        competition,
        principal,
        now,
        "competition.rescore",
        competition.slug,
        key_version=report.key_version,
        labels_changed=report.labels_changed,
        usage_changed=report.usage_changed,
        submissions=report.submissions,
        seal_before=seal_before,
        seal=competition.seal,
        **details,
    )


def _moved(changes: Iterable[Change]) -> dict[str, list[int | None]]:
    return {one.team: [one.old_rank, one.new_rank] for one in changes if one.old_rank != one.new_rank}


def _announce(session: Session, competition: Competition, principal: Principal, now: datetime) -> None:
    markdown = ANNOUNCED.format(at=schedule.both_zones(now, competition.time_zone))
    session.add(Announcement(competition_id=competition.id, markdown=markdown, actor=principal.username, at=now))

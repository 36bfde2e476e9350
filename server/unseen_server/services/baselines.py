"""Baselines: the staff's own prediction files, on the board as marked rows without a rank."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import limits, metrics
from unseen_server.core.errors import BadRequest, Conflict, NotFound
from unseen_server.core.predictions import read_predictions
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Submission, Team
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions, entries, names, receipts, releasing
from unseen_server.services.bundles import TIERS, DeclaredBaseline
from unseen_server.services.entries import LONGEST_FILE_NAME, Admitted, Upload
from unseen_server.services.keys import KeyRing, LoadedKey
from unseen_server.services.principals import Principal

MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Placed:
    """A baseline on the board, as staff see it; `private_score` is for instructors, or for all once it is revealed."""

    id: int
    name: str
    tier: str
    points_public: float
    points_private: float
    file_name: str
    placed_at: datetime
    public_score: float | None
    private_score: float | None
    withdrawn: bool


@dataclass(frozen=True)
class Added:
    name: str
    tier: str
    public_score: float | None


def placed(db: Database, *, slug: str, principal: Principal, now: datetime) -> list[Placed]:
    """In the order they were placed."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        instructs = principal.role_in(competition.course_id) == "instructor"
        private = {}
        if instructs or competition.revealed_at is not None:
            private = queries.competitions.private_scores_of_baselines(session, competition.id, competition.key_version)
        return [
            Placed(
                id=team.id,
                name=team.name,
                tier=team.tier or "",
                points_public=team.points_public,
                points_private=team.points_private,
                file_name=submission.file_name,
                placed_at=submission.submitted_at,
                public_score=queries.submissions.score_of(session, submission.id, competition.key_version).shown,
                private_score=private.get(submission.id),
                withdrawn=submission.withdrawn_at is not None,
            )
            for team, submission in queries.competitions.baselines_of(session, competition.id)
        ]


def one(db: Database, *, slug: str, number: int, principal: Principal, now: datetime) -> Placed:
    """One of them, for an instructor, who may change it."""
    with db.read() as session:
        competitions.instructed(session, slug, principal, now)
    for baseline in placed(db, slug=slug, principal=principal, now=now):
        if baseline.id == number:
            return baseline
    raise _not_found(number)


def add(
    db: Database,
    keys: KeyRing,
    *,
    slug: str,
    declared: DeclaredBaseline,
    content: bytes,
    principal: Principal,
    now: datetime,
) -> Added:
    """Read, score and place one baseline; raises BadFile as a student's upload would."""
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
    while True:
        key = keys.of(competition)
        with db.write() as session:
            queries.chains.locked_chain(session, competition.id)  # in the order in which submissions take them
            competition = queries.competitions.locked_competition(session, competition.id, exclusively=True)
            if competition.key_version != key.version:
                continue  # the labels were corrected meanwhile: score again
            competition.board_version += 1
            return place(
                session, competition, key, declared=declared, content=content, actor=principal.username, now=now
            )


def place(
    session: Session,
    competition: Competition,
    key: LoadedKey,
    *,
    declared: DeclaredBaseline,
    content: bytes,
    actor: str,
    now: datetime,
) -> Added:
    """Place a baseline inside the caller's transaction."""
    if declared.tier not in TIERS:
        raise _no_such_tier(declared.tier)
    name = _free_name(session, competition, declared.name)
    points_public, points_private = checked_points(declared.points_public), checked_points(declared.points_private)
    upload = Upload(content, names.without_controls(Path(declared.file).name)[-LONGEST_FILE_NAME:])
    predictions = read_predictions(upload.content, upload.file_name, key.expected)
    scores = metrics.score(metrics.metric(competition.metric), key.answers.labels, predictions, key.answers.usage)
    team = Team(
        competition_id=competition.id,
        name=name,
        name_key=names.key_of(name),
        kind="baseline",
        tier=declared.tier,
        points_public=points_public,
        points_private=points_private,
        created_at=now,
    )
    session.add(team)
    session.flush()
    day = limits.quota_day(now, competition.time_zone)
    stored = storage.put(storage.objects_of(session), competition.id, predictions, content)
    head = queries.chains.locked_chain(session, competition.id)
    admitted = Admitted(upload, now, day, slot=0)
    vouched, linked = entries.accept(session, competition, team, admitted, stored, head=head, actor=actor)
    released = releasing.of_baseline(competition, scores)
    entered = entries.count(session, competition, team, vouched, scores, released, late=False)
    receipts.keep(session, vouched.ref, linked)
    return Added(name, declared.tier, entered.shown)


def change(
    db: Database,
    *,
    slug: str,
    number: int,
    name: str,
    tier: str,
    points_public: float,
    points_private: float,
    principal: Principal,
    now: datetime,
) -> None:
    """What a baseline is called and what reaching it is worth; its predictions stay as they are."""
    if tier not in TIERS:
        raise _no_such_tier(tier)
    with db.write() as session:
        competition, team = _locked(session, slug, number, principal, now)
        wanted = {
            "name": team.name if name == team.name else _free_name(session, competition, name, team),
            "tier": tier,
            "points_public": checked_points(points_public),
            "points_private": checked_points(points_private),
        }
        changed = {field: [getattr(team, field), new] for field, new in wanted.items() if getattr(team, field) != new}
        if not changed:
            return
        for field, new in wanted.items():
            setattr(team, field, new)
        team.name_key = names.key_of(team.name)
        _bump(session, competition, principal, "baseline.change", team.name, now, changed=changed)


def remove(db: Database, *, slug: str, number: int, principal: Principal, now: datetime) -> None:
    """Take a baseline off the board for good; after the reveal grades may depend on it, so that it stays."""
    with db.write() as session:
        competition, team = _locked(session, slug, number, principal, now)
        if competition.revealed_at is not None:
            raise Conflict(
                reason=say("The competition is revealed, and grades count by its baselines. This one has to stay.")
            )
        _bump(session, competition, principal, "baseline.remove", team.name, now, tier=team.tier)
        rows = queries.competitions.rows_of_baseline(session, team.id)
        receipts.keep_links(session, [row for row in rows if isinstance(row, Submission)])
        for row in rows:
            session.delete(row)
            session.flush()  # one by one: each row is referred to by those before it


def checked_points(points: float) -> float:
    if not 0 <= points <= MOST_POINTS:
        raise BadRequest(
            reason=say("The points for reaching a baseline are a number from 0 to {most}.", most=MOST_POINTS)
        )
    return float(points)


def _no_such_tier(tier: str) -> BadRequest:
    return BadRequest(
        reason=say("“{tier}” is not a tier. Use one of: {tiers}.", tier=names.printable(tier), tiers=", ".join(TIERS))
    )


def _not_found(number: int) -> NotFound:
    return NotFound(
        what=say("baseline {number}", number=number),
        advice=say("Look at the list of baselines of this competition."),
    )


def _free_name(session: Session, competition: Competition, name: str, own: Team | None = None) -> str:
    name = names.checked_text(name, say("A baseline's name"), 200)
    other = queries.teams.team_named(session, competition.id, names.key_of(name))
    if other is not None and other is not own:
        raise Conflict(
            reason=say("There is already a row “{name}” on this board. Give the baseline another name.", name=name)
        )
    return name


def _locked(session: Session, slug: str, number: int, principal: Principal, now: datetime) -> tuple[Competition, Team]:
    competition = competitions.instructed(session, slug, principal, now, locked=True)
    team = session.get(Team, number)
    if team is None or team.competition_id != competition.id or team.kind != "baseline":
        raise _not_found(number)
    return competition, team


def _bump(
    session: Session,
    competition: Competition,
    principal: Principal,
    action: str,
    subject: str,
    now: datetime,
    **details: Any,
) -> None:
    competition.board_version += 1
    audit.record_in(session, competition, principal, now, action, subject, **details)

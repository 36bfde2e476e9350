"""Baselines: the staff's own prediction files, on the board as marked rows without a rank."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from unseen_server.core import limits, metrics
from unseen_server.core.errors import BadRequest, Conflict
from unseen_server.core.predictions import read_predictions
from unseen_server.db import queries
from unseen_server.db.models import Competition, Submission, Team
from unseen_server.db.session import Database
from unseen_server.services import competitions, entries, names
from unseen_server.services.accounts import Principal
from unseen_server.services.bundles import TIERS, DeclaredBaseline
from unseen_server.services.entries import Upload
from unseen_server.services.keys import KeyRing, LoadedKey


@dataclass(frozen=True)
class Added:
    name: str
    tier: str
    public_score: float | None


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
    key = keys.of(competition)
    with db.write() as session:
        competition = queries.locked_competition(session, competition.id, exclusively=False)
        return place(session, competition, key, declared=declared, content=content, actor=principal.username, now=now)


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
        raise BadRequest(reason=f"“{names.printable(declared.tier)}” is not a tier. Use one of: {', '.join(TIERS)}.")
    name = names.checked_text(declared.name, "A baseline's name", 200)
    if queries.team_named(session, competition.id, names.key_of(name)):
        raise Conflict(reason=f"There is already a row “{name}” on this board. Give the baseline another name.")
    upload = Upload(content, Path(declared.file).name)
    predictions = read_predictions(upload.content, upload.file_name, key.expected)
    scores = metrics.score(metrics.metric(competition.metric), key.answers.labels, predictions, key.answers.usage)
    team = Team(
        competition_id=competition.id,
        name=name,
        name_key=names.key_of(name),
        kind="baseline",
        tier=declared.tier,
        points_public=declared.points_public,
        points_private=declared.points_private,
        created_at=now,
    )
    session.add(team)
    session.flush()
    submission = Submission(
        competition_id=competition.id,
        team_id=team.id,
        quota_day=limits.quota_day(now, competition.time_zone),
        slot=0,
        request_digest=upload.request_digest,
        file_name=upload.file_name,
        message="",
        sha256=upload.sha256,
        submitted_at=now,
        late=False,
    )
    entered = entries.enter(session, competition, team, submission, scores, predictions, content, actor=actor)
    return Added(name, declared.tier, entered.shown)

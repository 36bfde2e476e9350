"""Baselines: the staff's own prediction files, on the board as marked rows without a rank."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core import limits, metrics
from unseen_server.core.errors import BadRequest, Conflict
from unseen_server.core.predictions import read_predictions
from unseen_server.db import queries
from unseen_server.db.models import Competition, Submission, Team
from unseen_server.db.session import Database
from unseen_server.services import competitions, entries, names
from unseen_server.services.entries import Upload
from unseen_server.services.keys import KeyRing, LoadedKey

TIERS = ("simple", "medium", "strong", "boss")


@dataclass(frozen=True)
class Added:
    name: str
    tier: str
    public_score: float | None


def add(
    db: Database, keys: KeyRing, *, slug: str, name: str, tier: str, content: bytes, file_name: str, now: datetime
) -> Added:
    """Read, score and place one baseline; raises BadFile as a student's upload would."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, None)
    key = keys.of(competition)
    with db.write() as session:
        competition = queries.locked_competition(session, competition.id, exclusively=False)
        shown = place(session, competition, key, name=name, tier=tier, upload=Upload(content, file_name), now=now)
    return Added(name, tier, shown)


def place(
    session: Session, competition: Competition, key: LoadedKey, *, name: str, tier: str, upload: Upload, now: datetime
) -> float | None:
    """Place a baseline inside the caller's transaction and return what the board shows of it."""
    if tier not in TIERS:
        raise BadRequest(reason=f"“{names.printable(tier)}” is not a tier. Use one of: {', '.join(TIERS)}.")
    name = names.checked_text(name, "A baseline's name", 100)
    if queries.team_named(session, competition.id, names.key_of(name)):
        raise Conflict(reason=f"There is already a row “{name}” on this board. Give the baseline another name.")
    predictions = read_predictions(upload.content, upload.file_name, key.expected)
    scores = metrics.score(
        metrics.metric(competition.metric), key.answers.labels, predictions, key.answers.usage
    )
    team = Team(
        competition_id=competition.id,
        name=name,
        name_key=names.key_of(name),
        kind="baseline",
        tier=tier,
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
    entered = entries.enter(
        session, competition, team, submission, scores, predictions, upload.content, actor=competitions.SERVER
    )
    return entered.shown

"""Submissions as the staff see them: found, filtered, counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from unseen_server.db.models import (
    PrivateScore,
    Rejection,
    Score,
    Submission,
    Team,
    User,
)

ReceivedRow = Row[Submission, Team, User, Score, PrivateScore]  # the user is None of a baseline, the scores may be

Ts = TypeVarTuple("Ts")  # the columns of a question that another one builds on


@dataclass(frozen=True)
class ReceivedWanted:
    """Which submissions are asked for: with these words in them, of one kind, or the one with this number."""

    competition_id: int
    key_version: int
    text: str = ""
    kind: str = "all"
    ref: int | None = None


def submissions_received(
    session: Session, wanted: ReceivedWanted, offset: int, limit: int | None
) -> Sequence[ReceivedRow]:
    """The newest first."""
    rows = _received(select(Submission, Team, User, Score, PrivateScore), wanted)
    return session.execute(rows.order_by(Submission.id.desc()).offset(offset).limit(limit)).all()


def files_received(session: Session, competition_id: int) -> Sequence[Row[int, int, str]]:
    """Number, team and SHA-256 of all that have scores, late and withdrawn ones and baselines among them, in order."""
    return session.execute(
        select(Submission.id, Submission.team_id, Submission.sha256)
        .where(Submission.competition_id == competition_id, Submission.state == "scored")
        .order_by(Submission.id)
    ).all()


def submissions_with_teams(session: Session, submission_ids: Sequence[int]) -> Sequence[Row[Submission, Team]]:
    return session.execute(
        select(Submission, Team).join(Team, Team.id == Submission.team_id).where(Submission.id.in_(submission_ids))
    ).all()


def submissions_received_counted(session: Session, wanted: ReceivedWanted) -> int:
    return session.scalar(_received(select(func.count(Submission.id)), wanted)) or 0


def _received(selected: Select[*Ts], wanted: ReceivedWanted) -> Select[*Ts]:
    version = wanted.key_version
    return (
        selected.select_from(Submission)
        .join(Team, Team.id == Submission.team_id)
        .outerjoin(User, User.id == Submission.user_id)
        .outerjoin(Score, and_(Score.submission_id == Submission.id, Score.key_version == version))
        .outerjoin(PrivateScore, and_(PrivateScore.submission_id == Submission.id, PrivateScore.key_version == version))
        .where(Submission.competition_id == wanted.competition_id, *_received_conditions(wanted))
    )


def _received_conditions(wanted: ReceivedWanted) -> Iterator[ColumnElement[bool]]:
    if wanted.ref is not None:
        yield Submission.id == wanted.ref
    if wanted.kind == "late":
        yield Submission.late.is_(True)
    if wanted.kind == "withdrawn":
        yield Submission.withdrawn_at.is_not(None)
    if wanted.kind == "selected":
        yield and_(Submission.selected.is_(True), Submission.withdrawn_at.is_(None))
    columns = (Team.name, User.username, User.display_name, Submission.file_name, Submission.message, Submission.sha256)
    for word in wanted.text.split():
        found = [column.icontains(word, autoescape=True) for column in columns]
        if word.isascii() and word.isdigit() and len(word) < 10:
            found.append(Submission.id == int(word))
        yield or_(*found)


def rejections_by_person(
    session: Session, competition_id: int, since: datetime
) -> Sequence[Row[str, str, int, datetime]]:
    """User name, display name, how many and when the first was, since then; the most first."""
    return session.execute(
        select(
            User.username,
            User.display_name,
            func.count(Rejection.id).label("count_of_files"),
            func.min(Rejection.at).label("first_at"),
        )
        .join(User, User.id == Rejection.user_id)
        .where(Rejection.competition_id == competition_id, Rejection.at > since)
        .group_by(User.id, User.username, User.display_name)
        .order_by(func.count(Rejection.id).desc(), User.username)
    ).all()

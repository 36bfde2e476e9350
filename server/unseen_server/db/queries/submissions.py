"""Submissions, their scores, and what counts against a limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, select, true
from sqlalchemy.orm import Session

from unseen_server.db.models import (
    Competition,
    Extension,
    PredictionVector,
    PrivateScore,
    Rejection,
    Score,
    Standing,
    StoredObject,
    Submission,
    SubmittedFile,
    Team,
    TeamMember,
)
from unseen_server.db.queries.asking import ask
from unseen_server.db.queries.extensions import LIVE


def submission_with_key(
    session: Session, competition_id: int, user_id: int, key: str
) -> Row[int, str, dict[str, Any] | None, dict[str, Any] | None] | None:
    """Its number, the digest of the request that made it, its receipt, and why it was refused afterwards."""
    sent = {"competition_id": competition_id, "user_id": user_id, "key": key}
    return ask(session, _WITH_KEY, sent).one_or_none()


# This one and those below that are made once are asked by every file: making a question takes longer than asking it.
_WITH_KEY = select(Submission.id, Submission.request_digest, Submission.receipt, Submission.refusal).where(
    Submission.competition_id == bindparam("competition_id"),
    Submission.user_id == bindparam("user_id"),
    Submission.idempotency_key == bindparam("key"),
)


def used_and_granted(
    session: Session, competition_id: int, team_id: int | None, user_id: int | None, day: date
) -> Row[int, int, datetime | None, int, int]:
    """How many files a team has submitted on that day, and in all; the latest deadline that its members were granted,
    and how many submissions more, for that day and in all. What a person was granted who has no team yet, too.
    """
    asked = {"competition_id": competition_id, "team_id": team_id, "user_id": user_id, "day": day}
    return ask(session, _USED_AND_GRANTED, asked).one()


_USED = (
    select(
        func.count().filter(Submission.quota_day == bindparam("day")).label("today"),
        func.count().label("in_all"),
    )
    .where(
        Submission.competition_id == bindparam("competition_id"),  # with the team and the day in one index
        Submission.team_id == bindparam("team_id"),
        Submission.slot >= 0,  # others were given back
    )
    .subquery()
)
_GRANTED = (
    select(
        func.max(Extension.until).label("until"),
        func.sum(Extension.extra).filter(Extension.quota_day == bindparam("day")).label("extra_today"),
        func.sum(Extension.extra).label("extra"),
    )
    .where(*LIVE)
    .subquery()
)
_USED_AND_GRANTED = select(
    _USED.c.today,
    _USED.c.in_all,
    _GRANTED.c.until,
    func.coalesce(_GRANTED.c.extra_today, 0).label("extra_today"),
    func.coalesce(_GRANTED.c.extra, 0).label("extra"),
).join_from(_USED, _GRANTED, true())


def used_slots(session: Session, team_id: int, day: date) -> int:
    used = (Submission.team_id == team_id, Submission.quota_day == day, Submission.slot >= 0)
    return session.scalar(select(func.count()).where(*used)) or 0


def used_in_total(session: Session, team_id: int) -> int:
    used = (Submission.team_id == team_id, Submission.slot >= 0)
    return session.scalar(select(func.count()).where(*used)) or 0


def in_slot(session: Session, team_id: int, day: date, slot: int) -> Submission:
    """The submission that took this slot of a team's day."""
    taken = (Submission.team_id == team_id, Submission.quota_day == day, Submission.slot == slot)
    return session.scalars(select(Submission).where(*taken)).one()


def pending_of_teams(session: Session, team_ids: Sequence[int]) -> Sequence[int]:
    """The numbers of these teams' files that wait for their scores, in their order."""
    waiting = (Submission.team_id.in_(team_ids), Submission.state == "pending")
    return session.scalars(select(Submission.id).where(*waiting).order_by(Submission.id)).all()


def pending_counted(session: Session, competition_id: int) -> int:
    """How many files wait for their scores."""
    waiting = (Submission.competition_id == competition_id, Submission.state == "pending")
    return session.scalar(select(func.count()).where(*waiting)) or 0


_OF_STUDENTS = (Team.kind == "student", Submission.slot >= 0)  # without those whose slot was given back


def student_submissions(session: Session, competition_id: int) -> int:
    """How many files students' teams have submitted, late and withdrawn ones too."""
    counted = select(func.count()).select_from(Submission).join(Team, Team.id == Submission.team_id)
    return session.scalar(counted.where(Submission.competition_id == competition_id, *_OF_STUDENTS)) or 0


def student_submissions_since(session: Session, competition_id: int, since: datetime) -> int:
    """How many of them came at that instant or later."""
    counted = select(func.count()).select_from(Submission).join(Team, Team.id == Submission.team_id)
    wanted = (Submission.competition_id == competition_id, Submission.submitted_at >= since)
    return session.scalar(counted.where(*wanted, *_OF_STUDENTS)) or 0


def student_submissions_by_day(session: Session, competition_id: int) -> dict[date, int]:
    rows = session.execute(
        select(Submission.quota_day, func.count().label("submitted"))
        .join(Team, Team.id == Submission.team_id)
        .where(Submission.competition_id == competition_id, *_OF_STUDENTS)
        .group_by(Submission.quota_day)
    )
    return {row.quota_day: row.submitted for row in rows}


def last_submission_at(session: Session, competition_id: int) -> datetime | None:
    return session.scalar(
        select(func.max(Standing.last_submission_at)).where(
            Standing.competition_id == competition_id, Standing.ranked.is_(True)
        )
    )


def rejections_counted(session: Session, competition_id: int, since: datetime) -> int:
    """Of everybody together."""
    counted = select(func.count()).where(Rejection.competition_id == competition_id, Rejection.at > since)
    return session.scalar(counted) or 0


def teams_having_used(session: Session, competition_id: int, slots: int, day: date | None = None) -> int:
    """How many students' teams have submitted at least so often, on that day or in all."""
    used = (
        select(Submission.team_id)
        .join(Team, Team.id == Submission.team_id)
        .where(Submission.competition_id == competition_id, *_OF_STUDENTS)
        .where(Submission.quota_day == day if day else true())
        .group_by(Submission.team_id)
        .having(func.count() >= slots)
    )
    return session.scalar(select(func.count()).select_from(used.subquery())) or 0


def teams_with_more_finals(session: Session, competition_id: int, limit: int) -> Sequence[int]:
    """Teams that have chosen more final submissions than so many."""
    return session.scalars(
        select(Submission.team_id)
        .where(Submission.competition_id == competition_id, Submission.selected.is_(True))
        .group_by(Submission.team_id)
        .having(func.count() > limit)
    ).all()


def chosen_submissions(session: Session, team_ids: Sequence[int]) -> Sequence[Submission]:
    """The final submissions that these teams have chosen."""
    return session.scalars(
        select(Submission).where(Submission.team_id.in_(team_ids), Submission.selected.is_(True))
    ).all()


def rejections_since(session: Session, competition_id: int, user_id: int, since: datetime) -> Sequence[datetime]:
    mine = {"competition_id": competition_id, "user_id": user_id, "since": since}
    return ask(session, _REJECTIONS, mine).scalars().all()


_REJECTIONS = (
    select(Rejection.at)
    .where(
        Rejection.competition_id == bindparam("competition_id"),
        Rejection.user_id == bindparam("user_id"),
        Rejection.at > bindparam("since"),
    )
    .order_by(Rejection.at)
)


def submissions_of_team(
    session: Session, team_id: int, key_version: int, limit: int
) -> Sequence[Row[Submission, float | None, bool | None]]:
    """Newest first, each with what was shown of its public score, and whether it can stand on the board.

    Both are None of one that has no score (yet).
    """
    return session.execute(
        select(Submission, Score.shown, Score.accepted)
        .outerjoin(Score, and_(Score.submission_id == Submission.id, Score.key_version == key_version))
        .where(Submission.team_id == team_id)
        .order_by(Submission.id.desc())
        .limit(limit)
    ).all()


def quota_days_of(session: Session, team_id: int) -> Sequence[date]:
    """The quota days on which a team has submitted."""
    return session.scalars(select(Submission.quota_day).where(Submission.team_id == team_id).distinct()).all()


def selected_of_team(session: Session, team_id: int) -> Sequence[int]:
    """The submissions a team has chosen as final."""
    return session.scalars(
        select(Submission.id).where(Submission.team_id == team_id, Submission.selected.is_(True))
    ).all()


def last_on_time(session: Session, team_id: int) -> datetime | None:
    """When the team's last submission that counts came in."""
    return session.scalar(
        select(func.max(Submission.submitted_at)).where(
            Submission.team_id == team_id,
            Submission.late.is_(False),
            Submission.withdrawn_at.is_(None),
            Submission.state == "scored",
        )
    )


def submission_of_member(session: Session, ref: int, user_id: int) -> Row[Submission, Competition] | None:
    """The submission with this number, if it is the person's own team's, in a competition that is not removed."""
    return session.execute(
        select(Submission, Competition)
        .join(TeamMember, TeamMember.team_id == Submission.team_id)
        .join(Competition, Competition.id == Submission.competition_id)
        .where(Submission.id == ref, TeamMember.user_id == user_id, Competition.removed_at.is_(None))
    ).one_or_none()


def score_of(session: Session, submission_id: int, key_version: int) -> Score:
    return session.get_one(Score, (submission_id, key_version))


def rung(session: Session, team_id: int, key_version: int) -> tuple[int | None, float | None]:
    """The submission that a team's next one is judged against on the ladder, and what was shown of it.

    Late and withdrawn ones count: what was told cannot be taken back. (None, None) before the first is accepted.
    """
    best = session.execute(
        select(Submission.id, Score.shown)
        .join(Score, and_(Score.submission_id == Submission.id, Score.key_version == key_version))
        .where(Submission.team_id == team_id, Score.accepted.is_(True))
        .order_by(Score.shown, Submission.id)
        .limit(1)
    ).one_or_none()
    return (best.id, best.shown) if best else (None, None)


def entered(session: Session, competition_id: int) -> Sequence[Row[int, int, int | None, str]]:
    """Every submission with scores, in order: its team, the team as it was then, and what kind that is."""
    return session.execute(
        select(Submission.id, Submission.team_id, Submission.entered_as, Team.kind)
        .join(Team, Team.id == Submission.team_id)
        .where(Submission.competition_id == competition_id, Submission.state == "scored")
        .order_by(Submission.id)
    ).all()


def selected_of_competition(session: Session, competition_id: int) -> Sequence[int]:
    """The submissions that teams have chosen as final."""
    return session.scalars(
        select(Submission.id)
        .where(Submission.competition_id == competition_id, Submission.selected.is_(True))
        .order_by(Submission.id)
    ).all()


def private_scores_of_team(session: Session, team_id: int, key_version: int) -> dict[int, float]:
    """Private scores by submission; to be asked only of a revealed competition."""
    rows = session.execute(
        select(PrivateScore.submission_id, PrivateScore.value)
        .join(Submission, Submission.id == PrivateScore.submission_id)
        .where(Submission.team_id == team_id, PrivateScore.key_version == key_version)
    )
    return {row.submission_id: row.value for row in rows}


def submission_ids(session: Session, competition_id: int) -> Sequence[int]:
    """Of every submission, late and withdrawn ones and baselines among them, in their order."""
    return session.scalars(
        select(Submission.id).where(Submission.competition_id == competition_id).order_by(Submission.id)
    ).all()


def baseline_submission_ids(session: Session, competition_id: int) -> Sequence[int]:
    """In the order in which the baselines were added."""
    return session.scalars(
        select(Submission.id)
        .join(Team, Team.id == Submission.team_id)
        .where(Submission.competition_id == competition_id, Team.kind == "baseline")
        .order_by(Submission.id)
    ).all()


def prediction_vectors(session: Session, submission_ids: Sequence[int]) -> Sequence[Row[int, bytes]]:
    return session.execute(
        select(PredictionVector.submission_id, PredictionVector.content)
        .where(PredictionVector.submission_id.in_(submission_ids))
        .order_by(PredictionVector.submission_id)
    ).all()


def objects_named(session: Session, submission_ids: Sequence[int], kind: str) -> Sequence[Row[int, str, str]]:
    """Number, key and SHA-256 of what lies in an object store, in the order of the numbers."""
    return session.execute(
        select(StoredObject.submission_id, StoredObject.key, StoredObject.sha256)
        .where(StoredObject.submission_id.in_(submission_ids), StoredObject.kind == kind)
        .order_by(StoredObject.submission_id)
    ).all()


def object_keys(session: Session) -> set[str]:
    """Everything in an object store that submissions name."""
    return set(session.scalars(select(StoredObject.key)))


def submissions_by(session: Session, user_id: int) -> Sequence[Submission]:
    return session.scalars(select(Submission).where(Submission.user_id == user_id)).all()


def withdrawn_submissions(session: Session) -> Sequence[Submission]:
    return session.scalars(select(Submission).where(Submission.withdrawn_by.is_not(None))).all()


def submitted_contents(session: Session, submission_ids: Sequence[int]) -> Sequence[Row[int, bytes]]:
    """The files as they were sent; empty where the sender was erased."""
    return session.execute(
        select(SubmittedFile.submission_id, SubmittedFile.content)
        .where(SubmittedFile.submission_id.in_(submission_ids))
        .order_by(SubmittedFile.submission_id)
    ).all()

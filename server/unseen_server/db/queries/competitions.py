"""Competitions with their keys, pages, files, baselines and announcements."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row, and_, bindparam, func, inspect, select
from sqlalchemy.orm import Session, aliased

from unseen_server.db.models import (
    Announcement,
    AnswerKeyVersion,
    Base,
    Competition,
    CompetitionFile,
    Course,
    Page,
    PredictionVector,
    PrivateScore,
    Score,
    Standing,
    StoredFile,
    StoredObject,
    Submission,
    SubmittedFile,
    Team,
    Yardstick,
)
from unseen_server.db.queries.asking import ask


def competition_called(session: Session, slug: str) -> Competition | None:
    return session.scalar(_CALLED, {"slug": slug})


# This one and those below that are made once are asked by every file: making a question takes longer than asking it.
_CALLED = select(Competition).where(Competition.slug == bindparam("slug"))


def competitions_with_courses(session: Session) -> Sequence[Row[Competition, Course]]:
    return session.execute(
        select(Competition, Course).join(Course).order_by(Competition.deadline.desc(), Competition.id)
    ).all()


def locked_competition(session: Session, competition_id: int, *, exclusively: bool) -> Competition:
    """The row, held still until the transaction ends; submissions share it, a reveal has it alone."""
    return session.scalars(_LOCKED[exclusively], {"id": competition_id}).one()


_LOCKED = {
    exclusively: select(Competition)
    .where(Competition.id == bindparam("id"))
    .with_for_update(read=not exclusively)
    .execution_options(populate_existing=True)
    for exclusively in (True, False)
}


def locked_again(session: Session, competition: Competition) -> Competition:
    """The same, shared: the object that was read before, where nothing in its row has changed since.

    To be read only, as it may belong to no session any more.
    """
    row = ask(session, _ROW, {"id": competition.id}).one()
    if all(getattr(competition, name) == value for name, value in zip(_NAMES, row, strict=True)):
        return competition
    return locked_competition(session, competition.id, exclusively=False)


_NAMES = [attribute.key for attribute in inspect(Competition).column_attrs]
_ROW = (
    select(*(getattr(Competition, name) for name in _NAMES))
    .where(Competition.id == bindparam("id"))
    .with_for_update(read=True)
)


def answer_key(session: Session, competition_id: int, version: int) -> AnswerKeyVersion:
    return session.get_one(AnswerKeyVersion, (competition_id, version))


def newest_key_version(session: Session, competition_id: int) -> int:
    return session.scalars(
        select(func.max(AnswerKeyVersion.version)).where(AnswerKeyVersion.competition_id == competition_id)
    ).one()


def revealed_with_the_same_answers(session: Session, competition: Competition) -> Sequence[Competition]:
    """Other competitions that were revealed and whose key, in any version, has this one's ids and labels."""
    own, other = aliased(AnswerKeyVersion), aliased(AnswerKeyVersion)
    return session.scalars(
        select(Competition)
        .join(other, other.competition_id == Competition.id)
        .join(own, and_(own.ids == other.ids, own.labels == other.labels))
        .where(
            Competition.revealed_at.is_not(None),
            Competition.test_rows == competition.test_rows,
            Competition.id != competition.id,
            own.competition_id == competition.id,
            own.version == competition.key_version,
        )
        .distinct()
        .order_by(Competition.id)
    ).all()


def yardstick(session: Session, competition_id: int) -> bytes | None:
    """What scores are measured by, float64; None for a competition from before it was kept."""
    return session.scalar(select(Yardstick.content).where(Yardstick.competition_id == competition_id))


def pages_of(session: Session, competition_id: int) -> Sequence[Page]:
    return session.scalars(select(Page).where(Page.competition_id == competition_id)).all()


def announcements_of(session: Session, competition_id: int) -> Sequence[Announcement]:
    """The newest first, withdrawn ones among them."""
    return session.scalars(
        select(Announcement).where(Announcement.competition_id == competition_id).order_by(Announcement.id.desc())
    ).all()


def baselines_of(session: Session, competition_id: int) -> Sequence[Row[Team, Submission]]:
    """The baselines with their one submission, in the order they were placed."""
    return session.execute(
        select(Team, Submission)
        .join(Submission, Submission.team_id == Team.id)
        .where(Team.competition_id == competition_id, Team.kind == "baseline")
        .order_by(Submission.id)
    ).all()


def private_scores_of_baselines(session: Session, competition_id: int, key_version: int) -> dict[int, float]:
    """Private scores of the staff's own files, by submission: for instructors, who hold the answers anyway."""
    rows = session.execute(
        select(PrivateScore.submission_id, PrivateScore.value)
        .join(Submission, Submission.id == PrivateScore.submission_id)
        .join(Team, Team.id == Submission.team_id)
        .where(Team.competition_id == competition_id, Team.kind == "baseline", PrivateScore.key_version == key_version)
    )
    return {row.submission_id: row.value for row in rows}


def rows_of_baseline(session: Session, team_id: int) -> list[Base]:
    """Everything that one file of the staff left behind, in an order in which it can be deleted."""
    rows: list[Base] = [*session.scalars(select(Standing).where(Standing.team_id == team_id))]
    submissions = session.scalars(select(Submission).where(Submission.team_id == team_id)).all()
    refs = [submission.id for submission in submissions]
    for table in (Score, PrivateScore, PredictionVector, SubmittedFile, StoredObject):
        rows += session.scalars(select(table).where(table.submission_id.in_(refs)))
    return [*rows, *submissions, session.get_one(Team, team_id)]


def files_of(session: Session, competition_id: int) -> Sequence[CompetitionFile]:
    return session.scalars(
        select(CompetitionFile).where(CompetitionFile.competition_id == competition_id).order_by(CompetitionFile.name)
    ).all()


def stored_content(session: Session, sha256: str) -> bytes:
    return session.scalars(select(StoredFile.content).where(StoredFile.sha256 == sha256)).one()


def competitions_of(session: Session, course_id: int) -> Sequence[Competition]:
    """The latest deadline first, those taken away among them."""
    return session.scalars(
        select(Competition)
        .where(Competition.course_id == course_id)
        .order_by(Competition.deadline.desc(), Competition.id)
    ).all()


def announcements_by(session: Session, username: str) -> Sequence[Announcement]:
    return session.scalars(select(Announcement).where(Announcement.actor == username)).all()


def rows_in(session: Session, table: type[Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0

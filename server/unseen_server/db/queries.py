"""Every question put to the database, each named by its answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, load_only

from unseen_server.db.models import (
    Announcement,
    AnswerKeyVersion,
    AuditEntry,
    Base,
    BrowserSession,
    Competition,
    CompetitionFile,
    Course,
    Enrolment,
    Extension,
    FailedSignIn,
    HeldFile,
    OneTimeLink,
    Page,
    PredictionVector,
    PrivateScore,
    PrivateStanding,
    Rejection,
    Score,
    SsoIdentity,
    Standing,
    StoredFile,
    Submission,
    SubmittedFile,
    Team,
    TeamInvitation,
    TeamMember,
    Token,
    User,
)

VALUES_AT_ONCE = 5000

Ts = TypeVarTuple("Ts")  # the columns of a question that another one builds on

# people and courses


def user_by_key(session: Session, username_key: str) -> User | None:
    return session.scalar(select(User).where(User.username_key == username_key))


def user_by_name_or_email(session: Session, username_key: str, email: str) -> User | None:
    """Names before addresses: nobody is shut out by somebody whose address looks like their name."""
    found = session.scalars(select(User).where(or_(User.username_key == username_key, User.email == email))).all()
    return next((user for user in found if user.username_key == username_key), found[0] if found else None)


def user_with_email(session: Session, email: str) -> User | None:
    return session.scalar(select(User).where(User.email == email))


def users_by_keys(session: Session, username_keys: Sequence[str]) -> dict[str, User]:
    """Those of these names that there are, by name."""
    return {user.username_key: user for user in _users_in(session, User.username_key, username_keys)}


def users_by_emails(session: Session, emails: Sequence[str]) -> dict[str, User]:
    return {user.email: user for user in _users_in(session, User.email, emails) if user.email}


def _users_in(session: Session, column: InstrumentedAttribute[Any], values: Sequence[str]) -> Iterator[User]:
    """A few thousand at a time: a statement cannot hold any number of values."""
    for begin in range(0, len(values), VALUES_AT_ONCE):
        yield from session.scalars(select(User).where(column.in_(values[begin : begin + VALUES_AT_ONCE])))


def people_of(session: Session, course_id: int) -> Sequence[Row[User, Enrolment]]:
    """Everybody in a course, with their role."""
    return session.execute(
        select(User, Enrolment).join(Enrolment, Enrolment.user_id == User.id).where(Enrolment.course_id == course_id)
    ).all()


def students_counted(session: Session, course_id: int) -> int:
    counted = select(func.count()).select_from(Enrolment)
    return session.scalar(counted.where(Enrolment.course_id == course_id, Enrolment.role == "student")) or 0


def locked_user(session: Session, user_id: int) -> User:
    """The person's row as it is now, held until the transaction ends."""
    return session.scalars(
        select(User).where(User.id == user_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def roles_of(session: Session, user_id: int) -> Sequence[Row[Enrolment, Course]]:
    return session.execute(
        select(Enrolment, Course).join(Course).where(Enrolment.user_id == user_id).order_by(Course.slug)
    ).all()


def enrolment_of(session: Session, course_id: int, user_id: int) -> Enrolment | None:
    return session.scalar(select(Enrolment).where(Enrolment.course_id == course_id, Enrolment.user_id == user_id))


def token_with_digest(session: Session, digest: str) -> Row[Token, User] | None:
    return session.execute(select(Token, User).join(User).where(Token.digest == digest)).one_or_none()


def tokens_of(session: Session, user_id: int) -> Sequence[Token]:
    return session.scalars(
        select(Token).where(Token.user_id == user_id, Token.revoked_at.is_(None)).order_by(Token.id.desc())
    ).all()


def browser_session_with_digest(session: Session, digest: str) -> Row[BrowserSession, User] | None:
    return session.execute(select(BrowserSession, User).join(User).where(BrowserSession.digest == digest)).one_or_none()


def browser_sessions_of(session: Session, user_id: int) -> Sequence[BrowserSession]:
    return session.scalars(select(BrowserSession).where(BrowserSession.user_id == user_id)).all()


def link_with_digest(session: Session, digest: str) -> Row[OneTimeLink, User] | None:
    return session.execute(
        select(OneTimeLink, User)
        .join(User)
        .where(OneTimeLink.digest == digest)
        .execution_options(populate_existing=True)
    ).one_or_none()


def people_without_password(session: Session, course_id: int) -> Sequence[User]:
    """Everybody in the course who could sign in if they had one."""
    return session.scalars(
        select(User)
        .join(Enrolment)
        .where(Enrolment.course_id == course_id, User.password_hash.is_(None), User.disabled_at.is_(None))
        .order_by(User.id)
    ).all()


def course_with_join_code(session: Session, code: str) -> Course | None:
    return session.scalar(select(Course).where(Course.join_code == code))


def identity(session: Session, issuer: str, subject: str) -> SsoIdentity | None:
    return session.get(SsoIdentity, (issuer, subject))


def identities_of(session: Session, user_id: int) -> Sequence[SsoIdentity]:
    return session.scalars(select(SsoIdentity).where(SsoIdentity.user_id == user_id)).all()


def failed_sign_ins_since(session: Session, subject: str, since: datetime) -> int:
    counted = select(func.count()).select_from(FailedSignIn)
    return session.scalar(counted.where(FailedSignIn.subject == subject, FailedSignIn.at > since)) or 0


def course_by_slug(session: Session, slug: str) -> Course | None:
    return session.scalar(select(Course).where(Course.slug == slug))


def all_courses(session: Session) -> Sequence[Course]:
    return session.scalars(select(Course).order_by(Course.slug)).all()


# competitions


def competition_with_course(session: Session, slug: str) -> Row[Competition, Course] | None:
    return session.execute(select(Competition, Course).join(Course).where(Competition.slug == slug)).one_or_none()


def competitions_with_courses(session: Session) -> Sequence[Row[Competition, Course]]:
    return session.execute(
        select(Competition, Course).join(Course).order_by(Competition.deadline.desc(), Competition.id)
    ).all()


def locked_competition(session: Session, competition_id: int, *, exclusively: bool) -> Competition:
    """The row, held still until the transaction ends; submissions share it, a reveal has it alone."""
    return session.scalars(
        select(Competition)
        .where(Competition.id == competition_id)
        .with_for_update(read=not exclusively)
        .execution_options(populate_existing=True)
    ).one()


def answer_key(session: Session, competition_id: int, version: int) -> AnswerKeyVersion:
    return session.get_one(AnswerKeyVersion, (competition_id, version))


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
    for table in (Score, PrivateScore, PredictionVector, SubmittedFile):
        rows += session.scalars(select(table).where(table.submission_id.in_(refs)))
    return [*rows, *submissions, session.get_one(Team, team_id)]


def files_of(session: Session, competition_id: int) -> Sequence[CompetitionFile]:
    return session.scalars(
        select(CompetitionFile).where(CompetitionFile.competition_id == competition_id).order_by(CompetitionFile.name)
    ).all()


def stored_content(session: Session, sha256: str) -> bytes:
    return session.scalars(select(StoredFile.content).where(StoredFile.sha256 == sha256)).one()


# teams


def team_of(session: Session, competition_id: int, user_id: int) -> Team | None:
    return session.scalar(
        select(Team)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.competition_id == competition_id, TeamMember.user_id == user_id)
    )


def locked_team(session: Session, team_id: int) -> Team:
    """The team's row, held until the transaction ends: its submissions are counted one at a time."""
    return session.scalars(select(Team).where(Team.id == team_id).with_for_update()).one()


def locked_team_of(session: Session, competition_id: int, user_id: int) -> Team:
    """The team the person is in by now, held like `locked_team`; the competition's lock keeps them in it."""
    return session.scalars(
        select(Team)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.competition_id == competition_id, TeamMember.user_id == user_id)
        .with_for_update(of=Team)
    ).one()


def team_named(session: Session, competition_id: int, name_key: str) -> Team | None:
    return session.scalar(select(Team).where(Team.competition_id == competition_id, Team.name_key == name_key))


def teams_by_id(session: Session, competition_id: int) -> dict[int, Team]:
    """Every team of a competition, baselines and staff among them."""
    teams = session.scalars(select(Team).where(Team.competition_id == competition_id).order_by(Team.id))
    return {team.id: team for team in teams}


def members_of(session: Session, team_id: int) -> Sequence[Row[User, datetime]]:
    """A team's members, who joined first first, each with when they joined."""
    return session.execute(
        select(User, TeamMember.joined_at)
        .join(TeamMember, TeamMember.user_id == User.id)
        .where(TeamMember.team_id == team_id)
        .order_by(TeamMember.joined_at, User.id)
    ).all()


def invitations_of(session: Session, team_id: int) -> Sequence[Row[TeamInvitation, User, str]]:
    """Whom a team has asked to join, the earliest first, each with the display name of who asked."""
    inviter = aliased(User)
    return session.execute(
        select(TeamInvitation, User, inviter.display_name)
        .join(User, User.id == TeamInvitation.user_id)
        .join(inviter, inviter.id == TeamInvitation.invited_by)
        .where(TeamInvitation.team_id == team_id)
        .order_by(TeamInvitation.at, TeamInvitation.user_id)
    ).all()


def invitations_to(session: Session, competition_id: int, user_id: int) -> Sequence[Row[TeamInvitation, Team, str]]:
    """Which teams of a competition ask a person to join, the earliest first, each with the name of who asked."""
    return session.execute(
        select(TeamInvitation, Team, User.display_name)
        .join(Team, Team.id == TeamInvitation.team_id)
        .join(User, User.id == TeamInvitation.invited_by)
        .where(Team.competition_id == competition_id, TeamInvitation.user_id == user_id)
        .order_by(TeamInvitation.at, TeamInvitation.team_id)
    ).all()


def student_named(session: Session, course_id: int, username_key: str, email: str) -> User | None:
    """The student of this course with that name or, where no one has it, with that address."""
    found = session.scalars(
        select(User)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(
            Enrolment.course_id == course_id,
            Enrolment.role == "student",
            User.disabled_at.is_(None),
            or_(User.username_key == username_key, User.email == email),
        )
    ).all()
    return next((user for user in found if user.username_key == username_key), found[0] if found else None)


def student_team_names(session: Session, competition_id: int) -> Sequence[str]:
    return session.scalars(
        select(Team.name).where(Team.competition_id == competition_id, Team.kind == "student").order_by(Team.name)
    ).all()


def members_of_teams(
    session: Session, competition_id: int, team_ids: Sequence[int] | None = None
) -> dict[int, list[str]]:
    """Display names of the members of every team, or of these teams."""
    rows = session.execute(
        select(TeamMember.team_id, User.display_name)
        .join(User, User.id == TeamMember.user_id)
        .where(
            TeamMember.competition_id == competition_id,
            *([] if team_ids is None else [TeamMember.team_id.in_(team_ids)]),
        )
        .order_by(TeamMember.team_id, User.id)
    )
    members: dict[int, list[str]] = {}
    for team_id, name in rows:
        members.setdefault(team_id, []).append(name)
    return members


# submissions


def submission_with_key(session: Session, competition_id: int, user_id: int, key: str) -> Submission | None:
    return session.scalar(
        select(Submission).where(
            Submission.competition_id == competition_id,
            Submission.user_id == user_id,
            Submission.idempotency_key == key,
        )
    )


def used_slots(session: Session, team_id: int, day: date) -> int:
    return session.scalar(select(func.count()).where(Submission.team_id == team_id, Submission.quota_day == day)) or 0


def used_in_total(session: Session, team_id: int) -> int:
    return session.scalar(select(func.count()).where(Submission.team_id == team_id)) or 0


def student_submissions(session: Session, competition_id: int) -> int:
    """How many files students' teams have submitted, late and withdrawn ones too."""
    counted = select(func.count()).select_from(Submission).join(Team, Team.id == Submission.team_id)
    return session.scalar(counted.where(Submission.competition_id == competition_id, Team.kind == "student")) or 0


def student_submissions_by_day(session: Session, competition_id: int) -> dict[date, int]:
    rows = session.execute(
        select(Submission.quota_day, func.count().label("submitted"))
        .join(Team, Team.id == Submission.team_id)
        .where(Submission.competition_id == competition_id, Team.kind == "student")
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
        .where(Submission.competition_id == competition_id, Team.kind == "student")
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


def teams_larger_than(session: Session, competition_id: int, size: int) -> int:
    larger = (
        select(TeamMember.team_id)
        .where(TeamMember.competition_id == competition_id)
        .group_by(TeamMember.team_id)
        .having(func.count() > size)
    )
    return session.scalar(select(func.count()).select_from(larger.subquery())) or 0


def rejections_since(session: Session, competition_id: int, user_id: int, since: datetime) -> Sequence[datetime]:
    return session.scalars(
        select(Rejection.at)
        .where(Rejection.competition_id == competition_id, Rejection.user_id == user_id, Rejection.at > since)
        .order_by(Rejection.at)
    ).all()


def submissions_of_team(
    session: Session, team_id: int, key_version: int, limit: int
) -> Sequence[Row[Submission, float | None]]:
    """Newest first, each with what was shown of its public score."""
    return session.execute(
        select(Submission, Score.shown)
        .join(Score, and_(Score.submission_id == Submission.id, Score.key_version == key_version))
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
            Submission.team_id == team_id, Submission.late.is_(False), Submission.withdrawn_at.is_(None)
        )
    )


def submission_of_member(session: Session, ref: int, user_id: int) -> Submission | None:
    """The submission with this number, if it is the person's own team's, in a competition that is not removed."""
    return session.scalar(
        select(Submission)
        .join(TeamMember, TeamMember.team_id == Submission.team_id)
        .join(Competition, Competition.id == Submission.competition_id)
        .where(Submission.id == ref, TeamMember.user_id == user_id, Competition.removed_at.is_(None))
    )


def shown_score(session: Session, submission_id: int, key_version: int) -> float | None:
    return session.scalar(
        select(Score.shown).where(Score.submission_id == submission_id, Score.key_version == key_version)
    )


def private_scores_of_team(session: Session, team_id: int, key_version: int) -> dict[int, float]:
    """Private scores by submission; to be asked only of a revealed competition."""
    rows = session.execute(
        select(PrivateScore.submission_id, PrivateScore.value)
        .join(Submission, Submission.id == PrivateScore.submission_id)
        .where(Submission.team_id == team_id, PrivateScore.key_version == key_version)
    )
    return {row.submission_id: row.value for row in rows}


def submitted_content(session: Session, submission_id: int) -> bytes:
    return session.scalars(select(SubmittedFile.content).where(SubmittedFile.submission_id == submission_id)).one()


def finalists(
    session: Session, competition_id: int, key_version: int
) -> Sequence[Row[int, int, str, bool, float | None, float]]:
    """Every on-time submission that could count: team, whether it was chosen, what was shown, private score."""
    return session.execute(
        select(
            Submission.id,
            Submission.team_id,
            Team.kind,
            Submission.selected,
            Score.shown,
            PrivateScore.value.label("private_value"),
        )
        .join(Team, Team.id == Submission.team_id)
        .join(Score, and_(Score.submission_id == Submission.id, Score.key_version == key_version))
        .join(PrivateScore, and_(PrivateScore.submission_id == Submission.id, PrivateScore.key_version == key_version))
        .where(
            Submission.competition_id == competition_id,
            Submission.late.is_(False),
            Submission.withdrawn_at.is_(None),
            Team.kind != "staff",
        )
        .order_by(Submission.team_id, Submission.id)
    ).all()


# boards


def public_places(
    session: Session, competition_id: int, direction: str, limit: int | None = None
) -> Sequence[Row[int, bool, float | None]]:
    """The public board without its names.

    It reads one standing per team and never a submission, so it costs the same however much was submitted.
    """
    columns = select(Standing.team_id, Standing.ranked, Standing.score)
    return session.execute(_on_the_public_board(columns, competition_id, direction).limit(limit)).all()


def _on_the_public_board(chosen: Select[*Ts], competition_id: int, direction: str) -> Select[*Ts]:
    """Who has a score, best first, ties to teams before baselines and then to the earlier (core/ranking.board)."""
    score = Standing.score.asc() if direction == "lower" else Standing.score.desc()
    return (
        chosen.join(Team, Team.id == Standing.team_id)
        .where(Standing.competition_id == competition_id, _is_a_number(Standing.score), Team.kind != "staff")
        .order_by(score, Standing.ranked.desc(), Standing.submission_id)
    )


def private_places(
    session: Session, competition_id: int, limit: int | None = None
) -> Sequence[Row[int, int | None, float, int | None, float | None]]:
    """The private board as the reveal wrote it, with each team's rank and score on the public one."""
    return session.execute(
        select(
            PrivateStanding.team_id,
            PrivateStanding.rank,
            PrivateStanding.score,
            PrivateStanding.public_rank,
            Standing.score.label("public_score"),
        )
        .outerjoin(Standing, Standing.team_id == PrivateStanding.team_id)
        .where(PrivateStanding.competition_id == competition_id, _is_a_number(PrivateStanding.score))
        .order_by(PrivateStanding.position)
        .limit(limit)
    ).all()


def _is_a_number(score: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Only finite scores rank: SQLite would keep any text in this column, PostgreSQL a NaN."""
    return score.between(-sys.float_info.max, sys.float_info.max)


def standing_teams(
    session: Session, team_ids: Sequence[int]
) -> Sequence[Row[int, str, str, str | None, int, datetime | None]]:
    """What a board shows of these teams besides their place, in any order."""
    return session.execute(
        select(Team.id, Team.name, Team.kind, Team.tier, Standing.entries, Standing.last_submission_at)
        .join(Standing, Standing.team_id == Team.id)
        .where(Team.id.in_(team_ids))
    ).all()


def team_and_member_names(session: Session, competition_id: int) -> Sequence[Row[int, str]]:
    """Every name under which a team could be looked for: its own, and each member's."""
    own = select(Team.id, Team.name).where(Team.competition_id == competition_id)
    members = (
        select(TeamMember.team_id, User.display_name)
        .join(User, User.id == TeamMember.user_id)
        .where(TeamMember.competition_id == competition_id)
    )
    return [*session.execute(own), *session.execute(members)]


def public_baselines(session: Session, competition_id: int) -> Sequence[Row[str, float | None]]:
    return session.execute(
        select(Team.name, Standing.score)
        .join(Standing, Standing.team_id == Team.id)
        .where(Team.competition_id == competition_id, Team.kind == "baseline", _is_a_number(Standing.score))
    ).all()


def shown_over_time(
    session: Session, competition_id: int, key_version: int, team_ids: Sequence[int]
) -> Sequence[Row[int, datetime, float | None]]:
    """Every submission of these teams that counts, in order: team, when, and what was shown of its public score."""
    return session.execute(
        select(Submission.team_id, Submission.submitted_at, Score.shown)
        .join(Score, and_(Score.submission_id == Submission.id, Score.key_version == key_version))
        .where(
            Submission.competition_id == competition_id,
            Submission.team_id.in_(team_ids),
            Submission.late.is_(False),
            Submission.withdrawn_at.is_(None),
            _is_a_number(Score.shown),
        )
        .order_by(Submission.id)
    ).all()


def public_board(session: Session, competition_id: int, direction: str) -> Sequence[Row[Standing, Team]]:
    return session.execute(_on_the_public_board(select(Standing, Team), competition_id, direction)).all()


def private_board(session: Session, competition_id: int) -> Sequence[Row[PrivateStanding, Standing, Team]]:
    return session.execute(
        select(PrivateStanding, Standing, Team)
        .join(Team, Team.id == PrivateStanding.team_id)
        .join(Standing, Standing.team_id == PrivateStanding.team_id)
        .where(PrivateStanding.competition_id == competition_id)
        .order_by(PrivateStanding.position)
    ).all()


def teams_ahead(session: Session, competition_id: int, direction: str, score: float, submission_id: int) -> int:
    """How many ranked teams stand before this score, reached by this submission."""
    better = Standing.score < score if direction == "lower" else Standing.score > score
    earlier = and_(Standing.score == score, Standing.submission_id < submission_id)
    return (
        session.scalar(
            select(func.count()).where(
                Standing.competition_id == competition_id,
                Standing.ranked.is_(True),
                _is_a_number(Standing.score),
                or_(better, earlier),
            )
        )
        or 0
    )


def ranked_teams(session: Session, competition_id: int) -> int:
    return (
        session.scalar(
            select(func.count()).where(
                Standing.competition_id == competition_id, Standing.ranked.is_(True), _is_a_number(Standing.score)
            )
        )
        or 0
    )


def board_state(session: Session, slug: str) -> Row[Competition, int] | None:
    """What says whether a board may be seen and whether it has changed: times and version, and all entries counted."""
    return session.execute(_BOARD_STATE, {"slug": slug}).one_or_none()


# Made once, and of the competition's row nothing else is read: it is asked whenever a board asks whether it is still
# true, and making the question took as long as answering it.
_BOARD_STATE = (
    select(
        Competition,
        select(func.coalesce(func.sum(Standing.entries), 0))
        .where(Standing.competition_id == Competition.id)
        .scalar_subquery(),
    )
    .options(
        load_only(
            *(Competition.time_zone, Competition.launched_at, Competition.starts_at, Competition.deadline),
            *(Competition.closed_at, Competition.revealed_at, Competition.late_submissions),
            *(Competition.removed_at, Competition.board_version),
        )
    )
    .where(Competition.slug == bindparam("slug"))
)


def standings_of(session: Session, competition_id: int) -> Sequence[Standing]:
    return session.scalars(select(Standing).where(Standing.competition_id == competition_id)).all()


def standings_from_submissions(
    session: Session, competition_id: int, key_version: int, direction: str, team_id: int | None = None
) -> dict[int, tuple[int, float | None, int | None]]:
    """Entries, best shown score and the submission that first reached it, by team, from the submissions alone.

    Of every team, or of one; late and withdrawn submissions do not count.
    """
    best_first = (Score.shown if direction == "lower" else -Score.shown).nulls_last()
    ranked = (
        select(
            Submission.team_id,
            Submission.id,
            Score.shown,
            func.count().over(partition_by=Submission.team_id).label("entries"),
            func.row_number()
            .over(partition_by=Submission.team_id, order_by=(best_first, Submission.id))
            .label("place"),
        )
        .join(Score, and_(Score.submission_id == Submission.id, Score.key_version == key_version))
        .where(
            Submission.competition_id == competition_id,
            Submission.late.is_(False),
            Submission.withdrawn_at.is_(None),
            *([Submission.team_id == team_id] if team_id else []),
        )
        .subquery()
    )
    rows = session.execute(select(ranked).where(ranked.c.place == 1))
    return {row.team_id: (row.entries, row.shown, None if row.shown is None else row.id) for row in rows}


# held files


def held_file(session: Session, name: str, user_id: int) -> HeldFile | None:
    return session.scalar(select(HeldFile).where(HeldFile.name == name, HeldFile.user_id == user_id))


def held_files_of(session: Session, user_id: int) -> Sequence[int]:
    """Their numbers, the newest first."""
    return session.scalars(select(HeldFile.id).where(HeldFile.user_id == user_id).order_by(HeldFile.id.desc())).all()


# extensions


def live_extensions(
    session: Session, competition_id: int, team_id: int | None, user_id: int | None
) -> Sequence[Extension]:
    """What the members of a team were granted and not refused again since; and a person who has no team yet."""
    members = select(TeamMember.user_id).where(TeamMember.team_id == team_id)
    return session.scalars(
        select(Extension).where(
            Extension.competition_id == competition_id,
            Extension.withdrawn_at.is_(None),
            or_(Extension.user_id.in_(members), Extension.user_id == user_id),
        )
    ).all()


def extensions_of(session: Session, competition_id: int) -> Sequence[Row[Extension, User]]:
    """All that were ever granted, the newest first."""
    return session.execute(
        select(Extension, User)
        .join(User, User.id == Extension.user_id)
        .where(Extension.competition_id == competition_id)
        .order_by(Extension.id.desc())
    ).all()


def people_of_course(session: Session, course_id: int, text: str, key: str) -> Sequence[User]:
    """Whoever of the course has this user name (by its key); else this e-mail address, student id or display name."""
    enrolled = select(User).join(Enrolment, Enrolment.user_id == User.id).where(Enrolment.course_id == course_id)
    by_name = session.scalars(enrolled.where(User.username_key == key)).all()
    if by_name:
        return by_name
    meant = or_(User.email == text.lower(), User.student_id == text, User.display_name == text)
    return session.scalars(enrolled.where(meant).order_by(User.id)).all()


def running_extensions(session: Session, competition_id: int, now: datetime) -> Sequence[Row[Extension, User]]:
    """Those with time left, the last to end first; none where the competition was closed for everybody."""
    return session.execute(
        select(Extension, User)
        .join(User, User.id == Extension.user_id)
        .join(Competition, Competition.id == Extension.competition_id)
        .where(
            Extension.competition_id == competition_id,
            Extension.withdrawn_at.is_(None),
            Extension.until >= now,
            Competition.closed_at.is_(None),
        )
        .order_by(Extension.until.desc(), Extension.id)
    ).all()


# grades


def students_of(session: Session, course_id: int) -> Sequence[User]:
    """Who is enrolled as a student, by name."""
    return session.scalars(
        select(User)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(Enrolment.course_id == course_id, Enrolment.role == "student")
        .order_by(User.display_name, User.id)
    ).all()


def team_ids_by_person(session: Session, competition_id: int) -> dict[int, int]:
    rows = session.execute(
        select(TeamMember.user_id, TeamMember.team_id).where(TeamMember.competition_id == competition_id)
    )
    return {row.user_id: row.team_id for row in rows}


def who_revealed(session: Session, competition_id: int) -> str | None:
    """The user name of whoever opened the private board."""
    return session.scalar(
        select(AuditEntry.actor)
        .where(AuditEntry.competition_id == competition_id, AuditEntry.action == "competition.reveal")
        .order_by(AuditEntry.id)
        .limit(1)
    )


# the audit


def audit_entries(
    session: Session,
    *,
    course_id: int | None = None,
    competition_id: int | None = None,
    text: str = "",
    offset: int = 0,
    limit: int | None = None,
) -> Sequence[Row[AuditEntry, str | None]]:
    """What was done in a course or a competition, the newest first, each with the competition's slug."""
    return session.execute(
        select(AuditEntry, Competition.slug)
        .outerjoin(Competition, Competition.id == AuditEntry.competition_id)
        .where(*_audited(course_id, competition_id, text))
        .order_by(AuditEntry.id.desc())
        .offset(offset)
        .limit(limit)
    ).all()


def audit_entries_counted(
    session: Session, *, course_id: int | None = None, competition_id: int | None = None, text: str = ""
) -> int:
    counted = select(func.count()).select_from(AuditEntry)
    return session.scalar(counted.where(*_audited(course_id, competition_id, text))) or 0


def _audited(course_id: int | None, competition_id: int | None, text: str) -> Iterator[ColumnElement[bool]]:
    if course_id is not None:
        yield AuditEntry.course_id == course_id
    if competition_id is not None:
        yield AuditEntry.competition_id == competition_id
    for word in text.split():
        columns = (AuditEntry.actor, AuditEntry.action, AuditEntry.subject)
        yield or_(*(column.icontains(word, autoescape=True) for column in columns))


def deeds_to_submission(session: Session, competition_id: int, ref: int) -> Sequence[AuditEntry]:
    """The newest first."""
    return session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.competition_id == competition_id,
            AuditEntry.action.startswith("submission."),
            AuditEntry.subject == str(ref),
        )
        .order_by(AuditEntry.id.desc())
    ).all()


# submissions as the staff see them

ReceivedRow = Row[Submission, Team, User, Score, PrivateScore]  # the user is None where a baseline has none


@dataclass(frozen=True)
class ReceivedWanted:
    """Which submissions are asked for: with these words in them, of one kind, or the one with this number."""

    competition_id: int
    key_version: int
    text: str = ""
    kind: str = "all"
    ref: int | None = None


def submissions_received(session: Session, wanted: ReceivedWanted, offset: int, limit: int) -> Sequence[ReceivedRow]:
    """The newest first."""
    rows = _received(select(Submission, Team, User, Score, PrivateScore), wanted)
    return session.execute(rows.order_by(Submission.id.desc()).offset(offset).limit(limit)).all()


def submissions_received_counted(session: Session, wanted: ReceivedWanted) -> int:
    return session.scalar(_received(select(func.count(Submission.id)), wanted)) or 0


def _received(selected: Select[*Ts], wanted: ReceivedWanted) -> Select[*Ts]:
    version = wanted.key_version
    return (
        selected.select_from(Submission)
        .join(Team, Team.id == Submission.team_id)
        .outerjoin(User, User.id == Submission.user_id)
        .join(Score, and_(Score.submission_id == Submission.id, Score.key_version == version))
        .join(PrivateScore, and_(PrivateScore.submission_id == Submission.id, PrivateScore.key_version == version))
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


# the console's first page


def competitions_of(session: Session, course_id: int) -> Sequence[Competition]:
    """The latest deadline first, those taken away among them."""
    return session.scalars(
        select(Competition)
        .where(Competition.course_id == course_id)
        .order_by(Competition.deadline.desc(), Competition.id)
    ).all()


# rescoring


def newest_key_version(session: Session, competition_id: int) -> int:
    return session.scalars(
        select(func.max(AnswerKeyVersion.version)).where(AnswerKeyVersion.competition_id == competition_id)
    ).one()


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


# the people of a course


def people_found(
    session: Session, course_id: int, *, text: str = "", offset: int = 0, limit: int | None = None
) -> Sequence[Row[User, Enrolment]]:
    """Staff before students, then by user name; every word of the text occurs in a name, the address or the id."""
    return session.execute(
        select(User, Enrolment)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(Enrolment.course_id == course_id, *_is_somebody(text))
        .order_by(Enrolment.role == "student", User.username_key)
        .offset(offset)
        .limit(limit)
    ).all()


def people_counted(session: Session, course_id: int, text: str = "") -> int:
    counted = select(func.count()).select_from(User).join(Enrolment, Enrolment.user_id == User.id)
    return session.scalar(counted.where(Enrolment.course_id == course_id, *_is_somebody(text))) or 0


def _is_somebody(text: str) -> Iterator[ColumnElement[bool]]:
    for word in text.split():
        columns = (User.username, User.display_name, User.email, User.student_id)
        yield or_(*(column.icontains(word, autoescape=True) for column in columns))


def last_seen(session: Session, user_ids: Sequence[int]) -> dict[int, datetime]:
    """When each of these people last signed in, used a token or submitted; without those who never did."""
    latest: dict[int, datetime] = {}
    for owner, column in (
        (BrowserSession.user_id, BrowserSession.created_at),
        (Token.user_id, Token.last_used_at),
        (Submission.user_id, Submission.submitted_at),
    ):
        for user_id, at in session.execute(
            select(owner, func.max(column)).where(owner.in_(user_ids), column.is_not(None)).group_by(owner)
        ):
            if user_id and at:
                latest[user_id] = max(at, latest.get(user_id, at))
    return latest


def places_of(session: Session, course_id: int, user_id: int) -> Sequence[Row[str, str, str, int]]:
    """In each competition of the course: its slug and title, the person's team, and what they submitted themselves."""
    return session.execute(
        select(Competition.slug, Competition.title, Team.name, func.count(Submission.id))
        .join(Team, Team.competition_id == Competition.id)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .outerjoin(Submission, and_(Submission.team_id == Team.id, Submission.user_id == TeamMember.user_id))
        .where(Competition.course_id == course_id, TeamMember.user_id == user_id)
        .group_by(Competition.id, Competition.slug, Competition.title, Team.id, Team.name)
        .order_by(Competition.id)
    ).all()


def other_instructors(session: Session, course_id: int, user_id: int) -> int:
    """How many there are besides this person who can sign in."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Enrolment)
            .join(User, User.id == Enrolment.user_id)
            .where(
                Enrolment.course_id == course_id,
                Enrolment.role == "instructor",
                User.disabled_at.is_(None),
                User.id != user_id,
            )
        )
        or 0
    )


def locked_course(session: Session, course_id: int) -> Course:
    """The row, held until the transaction ends: who is on its staff changes one at a time."""
    return session.scalars(select(Course).where(Course.id == course_id).with_for_update()).one()


# what says who a person is


def teams_of(session: Session, user_id: int) -> Sequence[Team]:
    """The person's team in every competition, in their order."""
    return session.scalars(
        select(Team)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.user_id == user_id)
        .order_by(Team.competition_id)
    ).all()


def submissions_by(session: Session, user_id: int) -> Sequence[Submission]:
    return session.scalars(select(Submission).where(Submission.user_id == user_id)).all()


def names_before(session: Session, username: str) -> Sequence[str]:
    """The display names a person had, from the audit."""
    renamed = session.scalars(
        select(AuditEntry.details).where(AuditEntry.action == "user.rename", AuditEntry.subject == username)
    )
    return [str(details[when]) for details in renamed for when in ("before", "after") if when in details]


def withdrawn_submissions(session: Session) -> Sequence[Submission]:
    return session.scalars(select(Submission).where(Submission.withdrawn_by.is_not(None))).all()


def announcements_by(session: Session, username: str) -> Sequence[Announcement]:
    return session.scalars(select(Announcement).where(Announcement.actor == username)).all()


def all_audit_entries(session: Session) -> Iterator[AuditEntry]:
    """Some at a time: there is no end to them."""
    yield from session.scalars(select(AuditEntry).execution_options(yield_per=1000))


# archives


def usernames_by_team(session: Session, competition_id: int) -> dict[str, list[str]]:
    """The user names of the members of every team, by its name."""
    rows = session.execute(
        select(Team.name, User.username)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .join(User, User.id == TeamMember.user_id)
        .where(Team.competition_id == competition_id)
        .order_by(Team.id, User.id)
    )
    usernames: dict[str, list[str]] = {}
    for team, username in rows:
        usernames.setdefault(team, []).append(username)
    return usernames


def submitted_contents(session: Session, submission_ids: Sequence[int]) -> Sequence[Row[int, bytes]]:
    """The files as they were sent; empty where the sender was erased."""
    return session.execute(
        select(SubmittedFile.submission_id, SubmittedFile.content)
        .where(SubmittedFile.submission_id.in_(submission_ids))
        .order_by(SubmittedFile.submission_id)
    ).all()


def rows_in(session: Session, table: type[Base]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0

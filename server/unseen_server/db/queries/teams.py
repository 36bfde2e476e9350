"""Teams, their members and invitations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from unseen_server.db.models import (
    Team,
    TeamInvitation,
    TeamMember,
    TeamMerge,
    User,
)
from unseen_server.db.queries.asking import ask


def team_of(session: Session, competition_id: int, user_id: int) -> Team | None:
    return session.scalar(
        select(Team)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.competition_id == competition_id, TeamMember.user_id == user_id)
    )


def team_id_of(session: Session, competition_id: int, user_id: int) -> int | None:
    return ask(session, _TEAM_ID, {"competition_id": competition_id, "user_id": user_id}).scalar_one_or_none()


_TEAM_ID = select(TeamMember.team_id).where(
    TeamMember.competition_id == bindparam("competition_id"), TeamMember.user_id == bindparam("user_id")
)


def locked_team(session: Session, team_id: int) -> Team:
    """The team's row, held until the transaction ends: its submissions are counted one at a time."""
    return session.scalars(select(Team).where(Team.id == team_id).with_for_update()).one()


def locked_team_of(session: Session, competition_id: int, user_id: int) -> Row[Team, bool]:
    """The team the person is in by now, held like `locked_team`; the competition's lock keeps them in it.

    And whether their account is disabled.
    """
    return session.execute(_LOCKED_TEAM, {"competition_id": competition_id, "user_id": user_id}).one()


_LOCKED_TEAM = (
    select(Team, User.disabled_at.is_not(None))
    .join(TeamMember, TeamMember.team_id == Team.id)
    .join(User, User.id == TeamMember.user_id)
    .where(TeamMember.competition_id == bindparam("competition_id"), TeamMember.user_id == bindparam("user_id"))
    .with_for_update(of=Team)
)


def team_named(session: Session, competition_id: int, name_key: str) -> Team | None:
    return session.scalar(select(Team).where(Team.competition_id == competition_id, Team.name_key == name_key))


def teams_by_id(session: Session, competition_id: int) -> dict[int, Team]:
    """Every team of a competition, baselines and staff among them."""
    teams = session.scalars(select(Team).where(Team.competition_id == competition_id).order_by(Team.id))
    return {team.id: team for team in teams}


def merges_of(session: Session, competition_id: int) -> Sequence[TeamMerge]:
    """In the order in which they happened."""
    return session.scalars(
        select(TeamMerge).where(TeamMerge.competition_id == competition_id).order_by(TeamMerge.id)
    ).all()


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


def team_ids_by_person(session: Session, competition_id: int) -> dict[int, int]:
    rows = session.execute(
        select(TeamMember.user_id, TeamMember.team_id).where(TeamMember.competition_id == competition_id)
    )
    return {row.user_id: row.team_id for row in rows}


def teams_of(session: Session, user_id: int) -> Sequence[Team]:
    """The person's team in every competition, in their order."""
    return session.scalars(
        select(Team)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.user_id == user_id)
        .order_by(Team.competition_id)
    ).all()


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


def teams_larger_than(session: Session, competition_id: int, size: int) -> int:
    larger = (
        select(TeamMember.team_id)
        .where(TeamMember.competition_id == competition_id)
        .group_by(TeamMember.team_id)
        .having(func.count() > size)
    )
    return session.scalar(select(func.count()).select_from(larger.subquery())) or 0

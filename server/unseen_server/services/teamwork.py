"""What students do with their teams: name theirs, invite somebody, join another, leave before anything is submitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server.core.errors import Conflict, Forbidden, NotFound, WrongPhase
from unseen_server.core.merging import Together
from unseen_server.core.schedule import Phase
from unseen_server.core.sentences import Sentence, say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Team, TeamInvitation, TeamMember
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions, merging, names, teams
from unseen_server.services.merging import Merged
from unseen_server.services.principals import Principal

LONGEST_NAME = 200
MOST_INVITATIONS = 10  # of one team that wait for an answer


@dataclass(frozen=True)
class Member:
    name: str
    is_you: bool
    joined_at: datetime


@dataclass(frozen=True)
class Asked:
    """Somebody whom the team has invited and who has not answered yet."""

    user_id: int
    name: str
    invited_by: str
    at: datetime


@dataclass(frozen=True)
class Invitation:
    """Another team asks the person to join it. `refusal` says why they cannot accept it now."""

    competition: str
    team_id: int
    team: str
    members: list[str]
    invited_by: str
    at: datetime
    together: Together
    refusal: Sentence | None


@dataclass(frozen=True)
class OwnTeam:
    """The person's team as its members see it. One that nobody has made yet has the person's own name.

    `open` says whether teams can still change; `may_leave`, whether the person can still leave this one.
    """

    name: str
    members: list[Member]
    asked: list[Asked]
    invitations: list[Invitation]
    submissions: int
    largest_team: int
    open: bool
    may_leave: bool


# looking


def own_team(db: Database, *, slug: str, principal: Principal, now: datetime) -> OwnTeam:
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        team = queries.teams.team_of(session, competition.id, principal.user_id)
        submissions = queries.submissions.used_in_total(session, team.id) if team else 0
        members = _members(session, team, principal)
        opened = _is_open(competition, now) and principal.role_in(competition.course_id) == "student"
        return OwnTeam(
            name=team.name if team else principal.display_name,
            members=members or [Member(principal.display_name, True, now)],
            asked=_asked(session, team),
            invitations=_invitations(session, competition, team, principal, now) if opened else [],
            submissions=submissions,
            largest_team=competition.largest_team,
            open=opened,
            may_leave=opened and len(members) > 1 and submissions == 0,
        )


def _members(session: Session, team: Team | None, principal: Principal) -> list[Member]:
    rows = queries.teams.members_of(session, team.id) if team else []
    return [Member(user.display_name, user.id == principal.user_id, joined_at) for user, joined_at in rows]


def _asked(session: Session, team: Team | None) -> list[Asked]:
    rows = queries.teams.invitations_of(session, team.id) if team else []
    return [Asked(user.id, user.display_name, inviter, invitation.at) for invitation, user, inviter in rows]


def _invitations(
    session: Session, competition: Competition, own: Team | None, principal: Principal, now: datetime
) -> list[Invitation]:
    return [
        _invitation(session, competition, own, invitation, host, inviter, now)
        for invitation, host, inviter in queries.teams.invitations_to(session, competition.id, principal.user_id)
    ]


def _invitation(
    session: Session,
    competition: Competition,
    own: Team | None,
    invitation: TeamInvitation,
    host: Team,
    inviter: str,
    now: datetime,
) -> Invitation:
    together = merging.together(session, competition, host, own, now)
    return Invitation(
        competition=competition.slug,
        team_id=host.id,
        team=host.name,
        members=[user.display_name for user, _ in queries.teams.members_of(session, host.id)],
        invited_by=inviter,
        at=invitation.at,
        together=together,
        refusal=together.refusal.sentence if together.refusal else None,
    )


# doing


def rename_own(db: Database, *, slug: str, name: str, principal: Principal, now: datetime) -> str:
    """Give one's own team another name; returns it as it is kept."""
    with _own_team(db, slug, principal, now) as (session, competition, team):
        return rename(session, competition, team, name, actor=principal.username, now=now)


def rename(
    session: Session, competition: Competition, team: Team, name: str, *, actor: str, now: datetime, **details: Any
) -> str:
    """Give a team another name, inside the caller's transaction, which has the competition's row for itself."""
    name = names.checked_text(name, say("A team's name"), LONGEST_NAME)
    taken = queries.teams.team_named(session, competition.id, names.key_of(name))
    if taken is not None and taken.id != team.id:
        raise Conflict(reason=say("There is already a team “{name}”. Choose another name.", name=names.printable(name)))
    details = {"before": team.name, **details}
    audit.record(session, actor=actor, action="team.rename", subject=name, now=now, competition=competition, **details)
    team.name, team.name_key = name, names.key_of(name)
    competition.board_version += 1
    return name


def invite(db: Database, *, slug: str, who: str, principal: Principal, now: datetime) -> str:
    """Ask a student of the course, by user name or e-mail address, to join; returns their display name.

    One answer for everybody who is no such student: it must not say who is known on this server.
    """
    who = names.without_controls(who)
    with _own_team(db, slug, principal, now, teams_of_several=True) as (session, competition, team):
        invited = queries.people.student_named(session, competition.course_id, names.key_of(who), who.lower())
        if invited is None:
            raise NotFound(
                what=say("student of this course with the name or address “{name}”", name=names.printable(who)),
                advice=say("Ask the person for the user name they sign in with."),
            )
        members = {user.id for user, _ in queries.teams.members_of(session, team.id)}
        if invited.id in members:
            raise Conflict(reason=say("{name} is in your team already.", name=invited.display_name))
        if len(members) >= competition.largest_team:
            raise Conflict(
                reason=say("Your team is full: a team has at most {n} members here.", n=competition.largest_team)
            )
        waiting = [user.id for _, user, _ in queries.teams.invitations_of(session, team.id)]
        if invited.id in waiting:
            return invited.display_name
        if len(waiting) >= MOST_INVITATIONS:
            raise Conflict(
                reason=say(
                    "{n} people have not answered your team yet. Take an invitation back before you send another.",
                    n=len(waiting),
                )
            )
        session.add(TeamInvitation(team_id=team.id, user_id=invited.id, invited_by=principal.user_id, at=now))
        audit.record_in(session, competition, principal, now, "team.invite", team.name, invited=invited.username)
        return invited.display_name


def take_back(db: Database, *, slug: str, user_id: int, principal: Principal, now: datetime) -> None:
    """End an invitation of one's own team; one that is gone already stays gone."""
    with _own_team(db, slug, principal, now) as (session, competition, team):
        for _, invited, _ in queries.teams.invitations_of(session, team.id):
            if invited.id == user_id:
                _end(session, team.id, user_id)
                audit.record_in(
                    session, competition, principal, now, "team.uninvite", team.name, invited=invited.username
                )


def accept(db: Database, *, slug: str, team_id: int, principal: Principal, now: datetime) -> Merged | None:
    """Join the inviting team, with everybody who is in one's own. None where that has happened before."""
    with _own_team(db, slug, principal, now, teams_of_several=True) as (session, competition, own):
        if own.id == team_id:
            return None
        host = _inviting_team(session, competition, team_id, principal)
        if host is None:
            raise NotFound(
                what=say("invitation to this team"),
                advice=say("It was taken back, or the team is part of another one now. Ask to be invited again."),
            )
        refusal = merging.together(session, competition, host, own, now).refusal
        if refusal is not None:
            raise refusal
        return merging.merge(session, competition, host, own, now=now, actor=principal.username)


def decline(db: Database, *, slug: str, team_id: int, principal: Principal, now: datetime) -> None:
    with _changing(db, slug, principal, now) as (session, competition):
        host = _inviting_team(session, competition, team_id, principal)
        if host is not None:
            _end(session, team_id, principal.user_id)
            audit.record_in(session, competition, principal, now, "team.decline", host.name)


def leave(db: Database, *, slug: str, principal: Principal, now: datetime) -> None:
    """Be a team of one again. Possible only before the first submission: what was used stays used."""
    with _own_team(db, slug, principal, now) as (session, competition, team):
        if len(queries.teams.members_of(session, team.id)) == 1:
            raise Conflict(reason=say("You are the only member of your team, so there is nothing to leave."))
        if queries.submissions.used_in_total(session, team.id):
            raise Conflict(
                reason=say(
                    "Your team has submitted already, and nobody can leave it after that. "
                    "If you cannot work together, ask the course staff."
                )
            )
        audit.record_in(session, competition, principal, now, "team.leave", team.name)
        session.execute(
            delete(TeamMember).where(TeamMember.team_id == team.id, TeamMember.user_id == principal.user_id)
        )
        teams.add_team_of_one(session, competition, principal, now)


# what all of them need


@contextmanager
def _own_team(
    db: Database, slug: str, principal: Principal, now: datetime, *, teams_of_several: bool = False
) -> Iterator[tuple[Session, Competition, Team]]:
    """A transaction in which teams may change, and the person's own, made before it where there was none."""
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        _need_changeable(competition, principal, now)
        if teams_of_several and competition.largest_team == 1:
            raise Conflict(reason=say("Everybody works alone in this competition."))
    teams.team_of_one(db, competition, principal, now)
    with _changing(db, slug, principal, now) as (session, competition):
        team, _ = queries.teams.locked_team_of(session, competition.id, principal.user_id)
        if teams_of_several and team.kind != "student":
            raise Conflict(
                reason=say(
                    "You have submitted as course staff, whose files stay apart from those of students. "
                    "Ask the course staff what to do."
                )
            )
        yield session, competition, team


@contextmanager
def _changing(db: Database, slug: str, principal: Principal, now: datetime) -> Iterator[tuple[Session, Competition]]:
    """A transaction that has the competition's row for itself: nobody submits or chooses while teams change."""
    with db.write() as session:
        competition = competitions.open_to(session, slug, principal, now)
        competition = queries.competitions.locked_competition(session, competition.id, exclusively=True)
        _need_changeable(competition, principal, now)
        yield session, competition


def _need_changeable(competition: Competition, principal: Principal, now: datetime) -> None:
    principal.need_scope("submit")
    if principal.role_in(competition.course_id) != "student":
        raise Forbidden(reason=say("Teams are for the students of a course. Its staff submit on their own."))
    if not _is_open(competition, now):
        phase = competitions.phase_of(competition, now)
        raise WrongPhase(phase=phase, action=say("changing a team"), needed=Phase.OPEN)


def _is_open(competition: Competition, now: datetime) -> bool:
    return competitions.phase_of(competition, now) is Phase.OPEN


def _inviting_team(session: Session, competition: Competition, team_id: int, principal: Principal) -> Team | None:
    """The team, if it is of this competition and has invited the person."""
    asking = queries.teams.invitations_to(session, competition.id, principal.user_id)
    return next((host for _, host, _ in asking if host.id == team_id), None)


def _end(session: Session, team_id: int, user_id: int) -> None:
    session.execute(delete(TeamInvitation).where(TeamInvitation.team_id == team_id, TeamInvitation.user_id == user_id))

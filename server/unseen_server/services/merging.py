"""Two teams become one: people, submissions, standing and final submissions, and not one submission is won by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from unseen_server.core import limits, merging
from unseen_server.core.errors import Conflict
from unseen_server.core.merging import Together
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Standing, Submission, Team, TeamInvitation, TeamMember, TeamMerge
from unseen_server.services import audit, entries


@dataclass(frozen=True)
class Merged:
    """The team that two have become. `finals_cleared`: together they had chosen too many final submissions."""

    team: str
    members: int
    submissions: int
    finals_cleared: bool


def together(session: Session, competition: Competition, host: Team, guest: Team | None, now: datetime) -> Together:
    """What the two would be as one, and what one team may be by now. A person without a team is one member more."""
    begun = max(instant for instant in (competition.starts_at, competition.launched_at) if instant)
    days = limits.quota_days(begun, now, competition.time_zone)
    both = [team.id for team in (host, guest) if team]
    granted = sum(queries.extensions.granted(session, competition.id, team_id, None).extra for team_id in both)
    return Together(
        members=sum(len(queries.teams.members_of(session, team_id)) for team_id in both) + (0 if guest else 1),
        largest_team=competition.largest_team,
        submissions=sum(queries.submissions.used_in_total(session, team_id) for team_id in both),
        most_submissions=merging.most_submissions(competition.daily_limit, days, competition.total_limit) + granted,
    )


def merge(
    session: Session,
    competition: Competition,
    host: Team,
    guest: Team,
    *,
    now: datetime,
    actor: str,
    **details: Any,
) -> Merged:
    """Make `guest` part of `host`, inside the caller's transaction, which has the competition's row for itself.

    Submissions keep their numbers, times and senders, so that receipts and repeated requests stay as they were. On each
    quota day the guest's slots follow the host's: what either has used the team has used.
    """
    for team_id in sorted((host.id, guest.id)):
        queries.teams.locked_team(session, team_id)
    if queries.submissions.pending_of_teams(session, [host.id, guest.id]):
        raise Conflict(reason=say("A file of these teams is still being scored. Try again in a moment."))
    after = max(queries.submissions.submission_ids(session, competition.id), default=0)
    session.add(TeamMerge(competition_id=competition.id, host_id=host.id, guest_id=guest.id, after=after))
    _move_submissions(session, host, guest)
    session.execute(update(TeamMember).where(TeamMember.team_id == guest.id).values(team_id=host.id))
    _end_invitations(session, host, guest)
    cleared = _keep_or_clear_finals(session, competition, host)
    session.execute(delete(Standing).where(Standing.team_id == guest.id))
    name, merged_into = guest.name, host.name
    session.delete(guest)
    session.flush()
    entries.stand_anew(session, competition, host)
    competition.board_version += 1
    merged = Merged(
        team=host.name,
        members=len(queries.teams.members_of(session, host.id)),
        submissions=queries.submissions.used_in_total(session, host.id),
        finals_cleared=cleared,
    )
    audit.record(
        session,
        actor=actor,
        action="team.merge",
        subject=merged_into,
        now=now,
        competition=competition,
        absorbed=name,
        members=merged.members,
        submissions=merged.submissions,
        finals_cleared=cleared,
        **details,
    )
    return merged


def _move_submissions(session: Session, host: Team, guest: Team) -> None:
    for day in queries.submissions.quota_days_of(session, guest.id):
        session.execute(
            update(Submission)
            .where(Submission.team_id == guest.id, Submission.quota_day == day, Submission.slot >= 0)
            .values(team_id=host.id, slot=Submission.slot + queries.submissions.used_slots(session, host.id, day))
            .execution_options(synchronize_session=False)
        )
    given_back = update(Submission).where(Submission.team_id == guest.id).values(team_id=host.id)
    session.execute(given_back.execution_options(synchronize_session=False))


def _end_invitations(session: Session, host: Team, guest: Team) -> None:
    """Those that the guest sent, and those of the host to people who are its members now."""
    members = [user.id for user, _ in queries.teams.members_of(session, host.id)]
    session.execute(delete(TeamInvitation).where(TeamInvitation.team_id == guest.id))
    session.execute(
        delete(TeamInvitation).where(TeamInvitation.team_id == host.id, TeamInvitation.user_id.in_(members))
    )


def _keep_or_clear_finals(session: Session, competition: Competition, team: Team) -> bool:
    """Whether both had chosen more final submissions than one team may: then none is, until they choose again."""
    selected = queries.submissions.selected_of_team(session, team.id)
    if len(selected) <= competition.final_submissions:
        return False
    session.execute(
        update(Submission)
        .where(Submission.id.in_(selected))
        .values(selected=False)
        .execution_options(synchronize_session=False)
    )
    return True

"""Who submits together: everyone is a team of one at first. And what a team may still submit."""

from __future__ import annotations

import contextlib
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from unseen_server.core import limits, metrics
from unseen_server.core.errors import Busy
from unseen_server.db import queries
from unseen_server.db.models import Competition, Standing, Team, TeamMember
from unseen_server.db.session import Database
from unseen_server.services import names
from unseen_server.services.principals import Principal

RACES = 5  # how often a team that somebody else makes at the same moment is looked for again


def team_of_one(db: Database, competition: Competition, principal: Principal, now: datetime) -> Team:
    """The person's own team, made if it is not there yet; two first uploads at once end in the same team."""
    for _ in range(RACES):
        with contextlib.suppress(IntegrityError), db.write() as session:
            # Names of teams stay as they are.
            queries.competitions.locked_competition(session, competition.id, exclusively=False)
            # Refused by the database where somebody else made it, or took the name, after this look.
            return queries.teams.team_of(session, competition.id, principal.user_id) or add_team_of_one(
                session, competition, principal, now
            )
    raise Busy()


def add_team_of_one(session: Session, competition: Competition, principal: Principal, now: datetime) -> Team:
    """A new team with this one member, inside the caller's transaction."""
    kind = "staff" if principal.role_in(competition.course_id) in ("assistant", "instructor") else "student"
    name = _free_name(session, competition.id, principal)
    team = Team(competition_id=competition.id, name=name, name_key=names.key_of(name), kind=kind, created_at=now)
    session.add(team)
    session.flush()
    session.add(TeamMember(competition_id=competition.id, user_id=principal.user_id, team_id=team.id, joined_at=now))
    return team


def _free_name(session: Session, competition_id: int, principal: Principal) -> str:
    """The display name, with the user name behind it where another team has it already."""
    name, n = principal.display_name, 1
    while queries.teams.team_named(session, competition_id, names.key_of(name)):
        name = f"{principal.display_name} ({principal.username}{'' if n == 1 else f' {n}'})"
        n += 1
    return name


def own_deadline(
    session: Session, competition: Competition, team_id: int | None, user_id: int | None = None
) -> datetime:
    """The latest of the competition's deadline and those granted to the team's members, or to a person without one."""
    return _latest(competition, queries.extensions.granted(session, competition.id, team_id, user_id).until)


def _latest(competition: Competition, granted: datetime | None) -> datetime:
    return max(competition.deadline, granted) if granted else competition.deadline


def allowance(
    session: Session, competition: Competition, team_id: int | None, now: datetime, user_id: int | None = None
) -> limits.Allowance:
    """What the team has used and what is left, with what its members were granted besides.

    A team that does not exist yet has used nothing; what `user_id`, its one member to be, was granted counts already.
    """
    day = limits.quota_day(now, competition.time_zone)
    found = queries.submissions.used_and_granted(session, competition.id, team_id, user_id, day)
    deadline = _latest(competition, found.until)
    return limits.allowance(
        now,
        competition.time_zone,
        daily_limit=competition.daily_limit,
        used_today=found.today,
        used_total=found.in_all,
        total_limit=competition.total_limit,
        deadline=deadline,
        extended=deadline > competition.deadline,
        extra_today=found.extra_today,
        extra_total=found.extra,
    )


def public_rank(session: Session, competition: Competition, standing: Standing | None) -> int | None:
    """The team's rank on the public board by what is shown; None without a score, and for staff and baselines."""
    if standing is None or not standing.ranked:
        return None
    return rank_by(session, competition, standing.score, standing.submission_id)


def rank_by(session: Session, competition: Competition, score: float | None, submission_id: int | None) -> int | None:
    """The rank of a team that stands by this score, which that submission of it reached first."""
    if score is None or submission_id is None:
        return None
    direction = metrics.metric(competition.metric).direction
    return 1 + queries.boards.teams_ahead(session, competition.id, direction, score, submission_id)

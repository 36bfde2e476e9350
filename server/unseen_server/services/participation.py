"""Where a person stands in each competition they take part in, and what waits for them there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from unseen_server.core.limits import Allowance
from unseen_server.core.schedule import Phase
from unseen_server.db import queries
from unseen_server.db.models import Competition, PrivateStanding, Standing, Team
from unseen_server.db.session import Database
from unseen_server.services import competitions, teams
from unseen_server.services.principals import Principal

REMINDED = timedelta(days=3)  # before the deadline


@dataclass(frozen=True)
class Place:
    """`best` as it was shown; `final_rank` is None until the reveal.

    `choose_soon`: the deadline is near and the final submissions are still the default.
    """

    limits: Allowance
    best: float | None
    final_rank: int | None
    choose_soon: bool
    invited_by: list[str]


def places(db: Database, *, slugs: Iterable[str], principal: Principal, now: datetime) -> dict[str, Place]:
    """By competition, of those in whose courses the person has a role."""
    with db.read() as session:
        seen = [competitions.visible(session, slug, principal, now) for slug in slugs]
        return {
            competition.slug: _place(session, competition, principal, now)
            for competition in seen
            if principal.role_in(competition.course_id) is not None
        }


def _place(session: Session, competition: Competition, principal: Principal, now: datetime) -> Place:
    team = queries.teams.team_of(session, competition.id, principal.user_id)
    standing = session.get(Standing, team.id) if team else None
    allowance = teams.allowance(session, competition, team.id if team else None, now, principal.user_id)
    is_open = competitions.phase_of(competition, now, allowance.deadline) is Phase.OPEN
    more_than_count = standing is not None and standing.entries > competition.final_submissions
    near = is_open and allowance.deadline - now <= REMINDED
    asking = queries.teams.invitations_to(session, competition.id, principal.user_id) if is_open else []
    return Place(
        limits=allowance,
        best=standing.score if standing else None,
        final_rank=_final_rank(session, competition, team),
        choose_soon=near and more_than_count and not (team and queries.submissions.selected_of_team(session, team.id)),
        invited_by=[host.name for _, host, _ in asking],
    )


def _final_rank(session: Session, competition: Competition, team: Team | None) -> int | None:
    """Asked of the database only once the competition is revealed."""
    if competition.revealed_at is None or team is None:
        return None
    standing = session.get(PrivateStanding, team.id)
    return standing.rank if standing else None

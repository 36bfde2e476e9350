"""What was granted to one student."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, bindparam, func, or_, select
from sqlalchemy.orm import Session

from unseen_server.db.models import (
    Competition,
    Extension,
    TeamMember,
    User,
)
from unseen_server.db.queries.asking import ask


def granted(
    session: Session, competition_id: int, team_id: int | None, user_id: int | None
) -> Row[datetime | None, int]:
    """What the members of a team were granted and not refused again since; and a person who has no team yet.

    The latest deadline, and how many submissions more.
    """
    return ask(session, _GRANTED, {"competition_id": competition_id, "team_id": team_id, "user_id": user_id}).one()


# Of the team and the person that a question names.
LIVE = (
    Extension.competition_id == bindparam("competition_id"),
    Extension.withdrawn_at.is_(None),
    or_(
        Extension.user_id.in_(select(TeamMember.user_id).where(TeamMember.team_id == bindparam("team_id"))),
        Extension.user_id == bindparam("user_id"),
    ),
)
_GRANTED = select(
    func.max(Extension.until).label("until"), func.coalesce(func.sum(Extension.extra), 0).label("extra")
).where(*LIVE)


def extensions_of(session: Session, competition_id: int) -> Sequence[Row[Extension, User]]:
    """All that were ever granted, the newest first."""
    return session.execute(
        select(Extension, User)
        .join(User, User.id == Extension.user_id)
        .where(Extension.competition_id == competition_id)
        .order_by(Extension.id.desc())
    ).all()


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

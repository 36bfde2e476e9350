"""Who stands where, and what the reveal ranks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    SQLColumnExpression,
    String,
    and_,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from unseen_server.db.models import (
    Chain,
    Competition,
    PrivateScore,
    PrivateStanding,
    Score,
    Standing,
    Submission,
    Team,
    TeamMember,
    User,
)
from unseen_server.db.queries.asking import Ts, ask, connection_of

# What a submission can stand by on a board: what was shown of it, but not where that repeats an earlier one's.
STANDS_BY = case((Score.accepted.is_(True), Score.shown))


def finalists(
    session: Session, competition_id: int, key_version: int
) -> Sequence[Row[int, int, str, bool, float | None, float]]:
    """Every on-time submission that could count: team, whether it was chosen, public score to stand by, private one."""
    return session.execute(
        select(
            Submission.id,
            Submission.team_id,
            Team.kind,
            Submission.selected,
            STANDS_BY.label("shown"),
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


def metered(
    session: Session, competition_id: int, key_version: int
) -> Sequence[Row[int, int, int | None, date, bool, datetime | None, bool, float | None, float, float]]:
    """Every submission of students' teams with both scores, late and withdrawn ones too, in their order.

    `shown` is what it can stand by on the board.
    """
    return session.execute(
        select(
            Submission.id,
            Submission.team_id,
            Submission.entered_as,
            Submission.quota_day,
            Submission.late,
            Submission.withdrawn_at,
            Submission.selected,
            STANDS_BY.label("shown"),
            Score.value,
            PrivateScore.value.label("private_value"),
        )
        .join(Team, Team.id == Submission.team_id)
        .join(Score, and_(Score.submission_id == Submission.id, Score.key_version == key_version))
        .join(PrivateScore, and_(PrivateScore.submission_id == Submission.id, PrivateScore.key_version == key_version))
        .where(Submission.competition_id == competition_id, Team.kind == "student")
        .order_by(Submission.id)
    ).all()


def public_places(
    session: Session, competition_id: int, direction: str, limit: int | None = None
) -> Sequence[Row[int, bool, float | None, int | None, int, Any]]:
    """The public board without its names; the times of last submissions as they are stored, readable or not.

    It reads one standing per team and never a submission, so it costs the same however much was submitted.
    """
    return session.execute(_PUBLIC_PLACES[direction].limit(limit), {"competition_id": competition_id}).all()


def _on_the_public_board(chosen: Select[*Ts], direction: str) -> Select[*Ts]:
    """Who has a score, best first, ties to teams before baselines and then to the earlier (core/ranking.board)."""
    score = Standing.score.asc() if direction == "lower" else Standing.score.desc()
    return (
        chosen.join(Team, Team.id == Standing.team_id)
        .where(
            Standing.competition_id == bindparam("competition_id"),
            _is_a_number(Standing.score),
            Team.kind != "staff",
        )
        .order_by(score, Standing.ranked.desc(), Standing.submission_id)
    )


def private_places(
    session: Session, competition_id: int, limit: int | None = None
) -> Sequence[Row[int, int | None, float, int | None, float | None, int]]:
    """The private board as the reveal wrote it, with each team's rank and score on the public one."""
    return session.execute(
        select(
            PrivateStanding.team_id,
            PrivateStanding.rank,
            PrivateStanding.score,
            PrivateStanding.public_rank,
            Standing.score.label("public_score"),
            PrivateStanding.submission_id,
        )
        .outerjoin(Standing, Standing.team_id == PrivateStanding.team_id)
        .where(PrivateStanding.competition_id == competition_id, _is_a_number(PrivateStanding.score))
        .order_by(PrivateStanding.position)
        .limit(limit)
    ).all()


def _is_a_number(score: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Only finite scores rank: SQLite would keep any text in this column, PostgreSQL a NaN."""
    return score.between(-sys.float_info.max, sys.float_info.max)


# Made once, of columns alone, as it is asked whenever a board is drawn.
_OF_STANDINGS = Standing.__table__.c
_PUBLIC_PLACES = {
    direction: _on_the_public_board(
        select(
            *(_OF_STANDINGS.team_id, _OF_STANDINGS.ranked, _OF_STANDINGS.score, _OF_STANDINGS.submission_id),
            *(_OF_STANDINGS.entries, type_coerce(_OF_STANDINGS.last_submission_at, String)),
        ),
        direction,
    )
    for direction in ("lower", "higher")
}


def standing_teams(
    session: Session, team_ids: Sequence[int]
) -> Sequence[Row[int, str, str, str | None, int, datetime | None]]:
    """What a board shows of these teams besides their place, in any order."""
    return session.execute(_STANDING_TEAMS, {"team_ids": team_ids}).all()


_OF_TEAMS = Team.__table__.c
_STANDING_TEAMS = (
    select(
        *(_OF_TEAMS.id, _OF_TEAMS.name, _OF_TEAMS.kind, _OF_TEAMS.tier),
        *(_OF_STANDINGS.entries, _OF_STANDINGS.last_submission_at),
    )
    .join_from(Team.__table__, Standing.__table__, _OF_STANDINGS.team_id == _OF_TEAMS.id)
    .where(_OF_TEAMS.id.in_(bindparam("team_ids", expanding=True)))
)


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
        select(Submission.team_id, Submission.submitted_at, STANDS_BY.label("shown"))
        .join(Score, and_(Score.submission_id == Submission.id, Score.key_version == key_version))
        .where(
            Submission.competition_id == competition_id,
            Submission.team_id.in_(team_ids),
            Submission.late.is_(False),
            Submission.withdrawn_at.is_(None),
            Score.accepted.is_(True),
            _is_a_number(Score.shown),
        )
        .order_by(Submission.id)
    ).all()


def public_board(session: Session, competition_id: int, direction: str) -> Sequence[Row[Standing, Team]]:
    statement = _on_the_public_board(select(Standing, Team), direction)
    return session.execute(statement, {"competition_id": competition_id}).all()


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
    place = {"competition_id": competition_id, "score": score, "submission_id": submission_id}
    return ask(session, _AHEAD[direction], place).scalar_one()


def ranked_teams(session: Session, competition_id: int) -> int:
    return ask(session, _RANKED, {"competition_id": competition_id}).scalar_one()


def _before(
    direction: str, score: SQLColumnExpression[Any], submission_id: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    """Whether a standing comes before one of this score, which that submission first reached."""
    better = Standing.score < score if direction == "lower" else Standing.score > score
    return or_(better, and_(Standing.score == score, Standing.submission_id < submission_id))


# Asked by every file, and therefore made once.
_RANKED = select(func.count()).where(
    Standing.competition_id == bindparam("competition_id"), Standing.ranked.is_(True), _is_a_number(Standing.score)
)
_AHEAD = {
    direction: _RANKED.where(_before(direction, bindparam("score"), bindparam("submission_id")))
    for direction in ("lower", "higher")
}


def board_state(session: Session, slug: str, user_id: int | None) -> Row[*tuple[Any, ...]] | None:
    """What says whether a board may be seen and whether it has changed: the competition's times, whether it was
    removed, the version of all but submissions, and the end of the chain of those.

    With the person's team and what the public board shows of it: its score is None where it has no place there.
    """
    if user_id is None:
        return connection_of(session).execute(_BOARD_STATE, {"slug": slug}).one_or_none()
    return connection_of(session).execute(_BOARD_STATE_AND_OWN, {"slug": slug, "user_id": user_id}).one_or_none()


# Made once, of columns alone: it is asked whenever a board asks whether it is still true, and making the question, or
# objects of its answer, took longer than answering it. It reads a row of each table, however many submit.
_OF_COMPETITIONS, _OF_CHAINS, _OF_MEMBERS = (table.__table__.c for table in (Competition, Chain, TeamMember))
_TIMES = ("time_zone", "launched_at", "starts_at", "deadline", "closed_at", "revealed_at", "late_submissions")
_OWN = (
    *(_OF_MEMBERS.team_id, _OF_STANDINGS.score, _OF_STANDINGS.submission_id, _OF_STANDINGS.entries),
    type_coerce(_OF_STANDINGS.last_submission_at, String).label("last_submission_at"),
)


def _state_with(*own: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    return (
        select(*(_OF_COMPETITIONS[name] for name in ("id", *_TIMES, "removed_at", "board_version")), _OF_CHAINS.head)
        .add_columns(*own)
        .outerjoin_from(Competition.__table__, Chain.__table__, _OF_CHAINS.competition_id == _OF_COMPETITIONS.id)
        .where(_OF_COMPETITIONS.slug == bindparam("slug"))
    )


_BOARD_STATE = _state_with(*(null().label(column.name) for column in _OWN))
_BOARD_STATE_AND_OWN = (
    _state_with(*_OWN)
    .outerjoin(
        TeamMember.__table__,
        and_(_OF_MEMBERS.competition_id == _OF_COMPETITIONS.id, _OF_MEMBERS.user_id == bindparam("user_id")),
    )
    .outerjoin(
        Standing.__table__,
        and_(_OF_STANDINGS.team_id == _OF_MEMBERS.team_id, _OF_STANDINGS.ranked, _is_a_number(Standing.score)),
    )
)


def newest_best(session: Session, competition_id: int) -> int | None:
    """The newest submission that a team stands by: another one whenever somebody's best has changed."""
    newest: int | None = session.scalar(_NEWEST_BEST, {"competition_id": competition_id})
    return newest


_NEWEST_BEST = select(func.max(_OF_STANDINGS.submission_id)).where(
    _OF_STANDINGS.competition_id == bindparam("competition_id")
)


def standing_by(
    session: Session, competition_id: int, team_id: int, direction: str
) -> Row[float | None, int | None, int, int] | None:
    """What a team stands by on the public board: the best score shown, and the submission that first reached it.

    With how many ranked teams stand before it, and how many there are. None before its first submission counts.
    """
    return ask(session, _STANDING[direction], {"competition_id": competition_id, "team_id": team_id}).one_or_none()


_OWN_STANDING = aliased(Standing)
_STANDING = {
    direction: select(
        _OWN_STANDING.score,
        _OWN_STANDING.submission_id,
        _RANKED.where(_before(direction, _OWN_STANDING.score, _OWN_STANDING.submission_id))
        .scalar_subquery()
        .label("ahead"),
        _RANKED.scalar_subquery().label("teams"),
    ).where(_OWN_STANDING.team_id == bindparam("team_id"))
    for direction in ("lower", "higher")
}


def standings_of(session: Session, competition_id: int) -> Sequence[Standing]:
    return session.scalars(select(Standing).where(Standing.competition_id == competition_id)).all()


def standings_from_submissions(
    session: Session, competition_id: int, key_version: int, direction: str, team_id: int | None = None
) -> dict[int, tuple[int, float | None, int | None]]:
    """Entries, best shown score and the submission that first reached it, by team, from the submissions alone.

    Of every team, or of one; late and withdrawn submissions do not count.
    """
    best_first = (STANDS_BY if direction == "lower" else -STANDS_BY).nulls_last()
    ranked = (
        select(
            Submission.team_id,
            Submission.id,
            STANDS_BY.label("shown"),
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

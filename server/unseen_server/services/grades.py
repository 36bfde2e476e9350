"""The grade book of a competition: what each student of the course has reached, and the points it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy.orm import Session

from unseen_server.core import grading, metrics
from unseen_server.core.grading import Baseline, Earned
from unseen_server.core.ranking import Direction
from unseen_server.db import queries
from unseen_server.db.models import Competition, Course, PrivateStanding, Team, User
from unseen_server.db.session import Database
from unseen_server.services import competitions, reveal
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class Grade:
    """One student. What is None or empty is not there: no e-mail, no team, no score that counts, no reveal yet.

    `public_score` is the score as the board shows it; `earned` tells what the points are made of.
    """

    student_id: str | None
    email: str | None
    username: str
    name: str
    team: str | None
    public_score: float | None
    public_rank: int | None
    private_score: float | None
    private_rank: int | None
    final_refs: list[int]
    points_public: float
    points_private: float
    points: float
    earned: list[Earned]


@dataclass(frozen=True)
class Gradebook:
    """Every student of the course, by name; `possible` are all the points there are, on both boards together."""

    competition: str
    title: str
    course: str
    generated_at: datetime
    revealed: bool
    possible: float
    baselines: list[Baseline]
    grades: list[Grade]


def gradebook(db: Database, *, slug: str, principal: Principal, now: datetime) -> Gradebook:
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        results = _results(session, competition)
        teams = queries.teams.team_ids_by_person(session, competition.id)
        return Gradebook(
            competition=competition.slug,
            title=competition.title,
            course=session.get_one(Course, competition.course_id).title,
            generated_at=now,
            revealed=competition.revealed_at is not None,
            possible=grading.worth(results.baselines),
            baselines=results.baselines,
            grades=[
                _grade(student, teams.get(student.id), results)
                for student in queries.people.students_of(session, competition.course_id)
            ],
        )


@dataclass(frozen=True)
class _Results:
    """What teams have reached, by their numbers."""

    direction: Direction
    teams: dict[int, Team]
    shown: dict[int, float]
    public_ranks: dict[int, int]
    private: dict[int, PrivateStanding]
    finals: dict[int, list[int]]
    baselines: list[Baseline]


def _results(session: Session, competition: Competition) -> _Results:
    direction = metrics.metric(competition.metric).direction
    teams = queries.teams.teams_by_id(session, competition.id)
    public = [standing for standing, _ in queries.boards.public_board(session, competition.id, direction)]
    shown = {standing.team_id: standing.score for standing in public if standing.score is not None}
    private = {standing.team_id: standing for standing, _, _ in queries.boards.private_board(session, competition.id)}
    return _Results(
        direction=direction,
        teams=teams,
        shown=shown,
        public_ranks=reveal.public_ranks(public),
        private=private,
        finals=_finals(session, competition, direction),
        baselines=[
            Baseline(
                team.name,
                team.points_public,
                team.points_private,
                shown.get(team.id),
                private[team.id].score if team.id in private else None,
                team.tier,
            )
            for team in teams.values()
            if team.kind == "baseline"
        ],
    )


def _finals(session: Session, competition: Competition, direction: Direction) -> dict[int, list[int]]:
    """The submissions that count in the end, as of now."""
    rows = queries.boards.finalists(session, competition.id, competition.key_version)
    return {
        team_id: sorted(row.id for row in reveal.final_rows(list(own), competition.final_submissions, direction))
        for team_id, own in groupby(rows, key=lambda row: row.team_id)
    }


def _grade(student: User, team_id: int | None, results: _Results) -> Grade:
    team = results.teams.get(team_id) if team_id else None
    place = team.id if team else 0
    public, private = results.shown.get(place), results.private.get(place)
    private_score = private.score if private else None
    earned = grading.points(results.baselines, public=public, private=private_score, direction=results.direction)
    return Grade(
        student_id=student.student_id,
        email=student.email,
        username=student.username,
        name=student.display_name,
        team=team.name if team else None,
        public_score=public,
        public_rank=results.public_ranks.get(place),
        private_score=private_score,
        private_rank=private.rank if private else None,
        final_refs=results.finals.get(place, []),
        points_public=grading.total_public(earned),
        points_private=grading.total_private(earned),
        points=grading.total(earned),
        earned=earned,
    )

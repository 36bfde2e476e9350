"""What people and teams are called where nobody shall be recognised: “Student 007”, “Team 012”, the same everywhere."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.services.audits import Deed
from unseen_server.services.grades import Gradebook
from unseen_server.services.principals import SERVER
from unseen_server.services.received import Received
from unseen_server.services.standings import Board

SOMEBODY = "Somebody"  # who is no longer, or never was, in the course


@dataclass(frozen=True)
class Pseudonyms:
    """People by user name, teams by name (a baseline keeps its own), the members of each team.

    What is not known to be harmless is left out: whatever people wrote, and every text in the audit that is no name.
    """

    people: Mapping[str, str]
    teams: Mapping[str, str]
    members: Mapping[str, list[str]]

    def person(self, username: str) -> str:
        return self.people.get(username, SOMEBODY)

    def team(self, name: str) -> str:
        return self.teams.get(name, SOMEBODY)

    def board(self, board: Board) -> Board:
        entries = [
            replace(entry, team=self.team(entry.team), members=self.members.get(entry.team, []))
            for entry in board.entries
        ]
        return replace(board, entries=entries)

    def gradebook(self, book: Gradebook) -> Gradebook:
        """In the order of the pseudonyms, for that of the names would give them away."""
        grades = [
            replace(
                grade,
                student_id=None,
                email=None,
                username=self.person(grade.username),
                name=self.person(grade.username),
                team=grade.team and self.team(grade.team),
            )
            for grade in book.grades
        ]
        return replace(book, grades=sorted(grades, key=lambda grade: grade.name))

    def submission(self, sent: Received) -> Received:
        return replace(
            sent,
            team=self.team(sent.team),
            username=sent.username and self.person(sent.username),
            display_name=None,
            file_name="",
            message="",
            sha256="",
            withdrawn_by=sent.withdrawn_by and self.person(sent.withdrawn_by),
            withdrawn_reason=None,
        )

    def deed(self, deed: Deed) -> Deed:
        return replace(deed, actor=self.person(deed.actor), subject=self._subject(deed), details=_numbers(deed.details))

    def _subject(self, deed: Deed) -> str:
        if deed.subject == deed.competition or _is_submission(deed):
            return deed.subject
        return self.people.get(deed.subject) or self.teams.get(deed.subject) or ""


def drawn(session: Session, competition: Competition) -> Pseudonyms:
    """Pseudonyms for everybody in the course and every team of the competition, in random order."""
    people = queries.people.people_of(session, competition.course_id)
    staff = {user.username for user, enrolment in people if enrolment.role != "student"}
    of_teams = queries.teams.usernames_by_team(session, competition.id)
    students = {user.username for user, _ in people}.union(*of_teams.values()) - staff
    named = {**_numbered("Student", students), **_numbered("Staff", staff), SERVER.username: SERVER.username}
    teams = queries.teams.teams_by_id(session, competition.id).values()
    return Pseudonyms(
        people=named,
        teams={
            **_numbered("Team", {team.name for team in teams if team.kind != "baseline"}),
            **{team.name: team.name for team in teams if team.kind == "baseline"},
        },
        members={team: sorted(named[username] for username in usernames) for team, usernames in of_teams.items()},
    )


def _numbered(what: str, names: Iterable[str]) -> dict[str, str]:
    shuffled = sorted(names)
    random.SystemRandom().shuffle(shuffled)
    width = max(3, len(str(len(shuffled))))
    return {name: f"{what} {number:0{width}}" for number, name in enumerate(shuffled, start=1)}


def _is_submission(deed: Deed) -> bool:
    """Whether the subject is a submission's number, and not somebody whose user name is one."""
    return deed.action.startswith("submission.") and deed.subject.isdigit()


def _numbers(details: Mapping[str, Any]) -> dict[str, Any]:
    """What of an audit row's details names nobody: counts, flags, and the numbers of submissions."""
    return {
        name: value
        for name, value in details.items()
        if isinstance(value, int | float)
        or (isinstance(value, list) and all(isinstance(one, int | float) for one in value))
    }

"""Test rows whose answers are known by now, so that no graded competition should rest on them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core.sentences import Sentence, say
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import competitions
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class Burnt:
    """Whether the answers are known, and why; other halves of the same rows do not mend it.

    `after_reveal`: submissions that were scored on both halves since the competition's own reveal. `elsewhere`:
    revealed competitions with the same rows and answers, those that were removed left out of the names.
    """

    burnt: bool
    after_reveal: int
    elsewhere: list[str]

    def sentences(self) -> list[Sentence]:
        if not self.burnt:
            return []
        said = []
        if self.after_reveal:
            said.append(say("Submissions scored after the reveal: {count}.", count=self.after_reveal))
        if self.elsewhere:
            said.append(say("The same rows were revealed in {slugs}.", slugs=", ".join(self.elsewhere)))
        return [
            *said,
            say(
                "A reveal opens the answers, so these test rows are known by now, and other halves of them are known "
                "as well. Use other rows for a graded competition."
            ),
        ]


def look(db: Database, *, slug: str, principal: Principal, now: datetime) -> Burnt:
    """For the staff: students of a copy need not know that its answers can be had elsewhere."""
    with db.read() as session:
        return of(session, competitions.staffed(session, slug, principal, now))


def of(session: Session, competition: Competition) -> Burnt:
    same = queries.competitions.revealed_with_the_same_answers(session, competition)
    return Burnt(
        burnt=competition.revealed_at is not None or bool(same),
        after_reveal=_after_reveal(session, competition),
        elsewhere=_names(same),
    )


def _after_reveal(session: Session, competition: Competition) -> int:
    if competition.revealed_at is None:
        return 0
    return queries.submissions.student_submissions_since(session, competition.id, competition.revealed_at)


def _names(same: Sequence[Competition]) -> list[str]:
    return [one.slug for one in same if one.removed_at is None]

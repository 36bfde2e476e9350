"""Submissions of different teams that say the same, for the staff alone: a reason to ask, never a proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from unseen_server import storage
from unseen_server.core import copies
from unseen_server.core.copies import Entry, Found, Kind, Likeness
from unseen_server.core.metrics import Floats
from unseen_server.core.sentences import Sentence, say
from unseen_server.db import queries
from unseen_server.db.models import Submission, Team
from unseen_server.db.session import Database
from unseen_server.services import competitions
from unseen_server.services.kept import Kept
from unseen_server.services.principals import Principal

KEPT = 8  # competitions whose copies are held in memory at most
CAUTION: Sentence = say(
    "This is a reason to ask, never a proof: whoever starts from the same baseline or the same public notebook sends "
    "the same file, and so do the members of a team that split."
)


@dataclass(frozen=True)
class Alike:
    """A submission of a group. Its predictions are `a` times those of `like` plus `b`; None for the earliest.

    `relation` is identical_file, equal, rounded or affine; `kind` is its team's: student, staff or baseline.
    """

    ref: int
    team: str
    kind: str
    members: list[str]
    file_name: str
    submitted_at: datetime
    late: bool
    selected: bool
    withdrawn_at: datetime | None
    like: int | None
    relation: str | None
    a: float | None
    b: float | None

    def in_words(self) -> Sentence | None:
        if self.relation is None or self.a is None or self.b is None:
            return None
        return Likeness(Kind(self.relation), self.a, self.b).in_words()


@dataclass(frozen=True)
class Group:
    """Submissions that say the same, the earliest first.

    `known`: a baseline's file or one of the staff is among them, so that everybody else may have it honestly.
    """

    teams: int
    known: bool
    submissions: list[Alike]


@dataclass(frozen=True)
class Copies:
    """What was compared, and the groups; `constant` submissions were left out, for any two of them are alike."""

    competition: str
    compared: int
    constant: int
    caution: Sentence
    groups: list[Group]


Comparings = Kept[tuple[Entry, ...], Found]  # by every submission with its team: predictions never change


def find(db: Database, kept: Comparings, *, slug: str, principal: Principal, now: datetime) -> Copies:
    """Compare all submissions, late and withdrawn ones, those of baselines and of the staff among them."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        entries = tuple(Entry(*row) for row in queries.received.files_received(session, competition.id))
    found = _found(db, kept, competition.test_rows, entries)
    refs = [member.ref for cluster in found.clusters for member in cluster]
    with db.read() as session:
        rows = {
            submission.id: (submission, team)
            for part in copies.parts(refs)
            for submission, team in queries.received.submissions_with_teams(session, part)
        }
        members = queries.teams.members_of_teams(session, competition.id)
    groups = [_group(cluster, rows, members) for cluster in found.clusters]
    # a baseline may have been removed meanwhile
    several = [group for group in groups if group.teams > 1 and any(one.kind == "student" for one in group.submissions)]
    return Copies(slug, found.compared, found.constant, CAUTION, several)


def _found(db: Database, kept: Comparings, n: int, entries: tuple[Entry, ...]) -> Found:
    def read(refs: Sequence[int]) -> list[tuple[int, Floats]]:
        with db.read() as session:
            return list(storage.predictions_of(session, refs))

    return kept.of(entries, lambda: copies.find(entries, n, read))


def _group(
    cluster: Sequence[copies.Member],
    rows: Mapping[int, tuple[Submission, Team]],
    members: Mapping[int, list[str]],
) -> Group:
    there = [one for one in cluster if one.ref in rows]
    listed = [_alike(one, *rows[one.ref], members) for one in there]
    return Group(
        teams=len({rows[one.ref][1].id for one in there}),
        known=any(one.kind != "student" for one in listed),
        submissions=listed,
    )


def _alike(found: copies.Member, submission: Submission, team: Team, members: Mapping[int, list[str]]) -> Alike:
    return Alike(
        ref=submission.id,
        team=team.name,
        kind=team.kind,
        members=members.get(team.id, []),
        file_name=submission.file_name,
        submitted_at=submission.submitted_at,
        late=submission.late,
        selected=submission.selected and submission.withdrawn_at is None,
        withdrawn_at=submission.withdrawn_at,
        like=found.like,
        relation=found.likeness.kind.value if found.likeness else None,
        a=found.likeness.a if found.likeness else None,
        b=found.likeness.b if found.likeness else None,
    )

"""Submissions taken out of a competition by its staff, with the reason, and brought back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from unseen_server.core.errors import Conflict
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Submission
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions, entries, names, received, reveal
from unseen_server.services.entries import SCORED
from unseen_server.services.principals import Principal


def withdraw(db: Database, *, slug: str, ref: int, reason: str, principal: Principal, now: datetime) -> None:
    """Take a submission out of standings, finals and boards. Its slot stays used, and its team reads the reason."""
    reason = names.checked_reason(reason)

    def take_out(submission: Submission) -> None:
        if submission.state != SCORED:
            raise Conflict(reason=say("Submission {ref} has no score that could be withdrawn.", ref=ref))
        if submission.withdrawn_at is not None:
            raise Conflict(reason=say("Submission {ref} was withdrawn already.", ref=ref))
        submission.withdrawn_at, submission.withdrawn_by = now, principal.username
        submission.withdrawn_reason = reason

    _change(db, take_out, "submission.withdraw", reason, slug=slug, ref=ref, principal=principal, now=now)


def restore(db: Database, *, slug: str, ref: int, reason: str, principal: Principal, now: datetime) -> None:
    """Bring a withdrawn submission back as it was."""

    def bring_back(submission: Submission) -> None:
        if submission.withdrawn_at is None:
            raise Conflict(reason=say("Submission {ref} is not withdrawn.", ref=ref))
        submission.withdrawn_at = submission.withdrawn_by = submission.withdrawn_reason = None

    reason = names.checked_reason(reason)
    _change(db, bring_back, "submission.restore", reason, slug=slug, ref=ref, principal=principal, now=now)


def _change(
    db: Database,
    change: Callable[[Submission], None],
    action: str,
    reason: str,
    *,
    slug: str,
    ref: int,
    principal: Principal,
    now: datetime,
) -> None:
    """Change one submission, and in the same transaction every board that knew it."""
    with db.write() as session:
        competition = competitions.staffed(session, slug, principal, now, locked=True)
        submission = received.of_competition(session, competition, ref)
        team = queries.teams.locked_team(session, submission.team_id)
        change(submission)
        entries.stand_anew(session, competition, team)
        competition.board_version += 1
        details: dict[str, Any] = {"team": team.name, "reason": reason}
        if competition.revealed_at is not None:
            details["ranks"] = reveal.write_anew(session, competition)
        audit.record_in(session, competition, principal, now, action, str(ref), **details)

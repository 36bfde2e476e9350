"""The few submissions that count in the end: chosen by the team, else by the default rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from unseen_server.core import metrics, ranking
from unseen_server.core.errors import BadRequest, NotFound, WrongPhase
from unseen_server.core.release import LADDER
from unseen_server.core.schedule import Phase
from unseen_server.core.sentences import Sentence, say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Submission, Team
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions, teams
from unseen_server.services.entries import SCORED
from unseen_server.services.principals import Principal

EVERY_SUBMISSION = 1_000_000


@dataclass(frozen=True)
class Final:
    """Which submissions count: as `chosen` by the team, or by the default rule, which `rule` explains."""

    refs: list[int]
    chosen: bool
    final_submissions: int
    rule: Sentence


@dataclass(frozen=True)
class _Shown:
    """A submission by the public score it stands by: all that the default rule may look at."""

    sequence: int
    score: float | None


def final(db: Database, *, slug: str, principal: Principal, now: datetime) -> Final:
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        team = queries.teams.team_of(session, competition.id, principal.user_id)
        return _final(session, competition, team)


def choose(db: Database, *, slug: str, principal: Principal, refs: Sequence[int], now: datetime) -> Final:
    """Choose the final submissions; an empty choice returns to the default rule. Possible until the deadline."""
    principal.need_scope("submit")
    wanted = set(refs)
    with db.write() as session:
        competition = competitions.open_to(session, slug, principal, now)
        competition = queries.competitions.locked_competition(session, competition.id, exclusively=False)
        team = queries.teams.team_of(session, competition.id, principal.user_id)
        own_deadline = teams.own_deadline(session, competition, team.id if team else None, principal.user_id)
        phase = competitions.phase_of(competition, now, own_deadline)
        if phase is not Phase.OPEN:
            raise WrongPhase(phase=phase, action=say("choosing final submissions"), needed=Phase.OPEN)
        if len(wanted) > competition.final_submissions:
            raise BadRequest(
                reason=say(
                    "Choose at most {most} submissions; you sent {sent}.",
                    most=competition.final_submissions,
                    sent=len(wanted),
                )
            )
        if team is not None:
            queries.teams.locked_team(session, team.id)
        own = _on_time(session, competition, team)
        for ref in sorted(wanted):
            if ref not in own:
                raise NotFound(
                    what=say("submission {ref} of yours that could be chosen", ref=ref),
                    advice=say(
                        "`unseen submissions {slug}` lists yours; late ones and those without a score cannot be final.",
                        slug=slug,
                    ),
                )
        if team is not None:
            # Of all the team's submissions: one that is withdrawn and comes back must not overturn this choice.
            session.execute(
                update(Submission).where(Submission.team_id == team.id).values(selected=Submission.id.in_(wanted))
            )
        audit.record_in(
            session,
            competition,
            principal,
            now,
            "final.choose",
            team.name if team else principal.username,
            refs=sorted(wanted),
        )
        session.flush()
        return _final(session, competition, team)


def _final(session: Session, competition: Competition, team: Team | None) -> Final:
    own = _on_time(session, competition, team)
    chosen = sorted(ref for ref, (submission, _) in own.items() if submission.selected)
    direction = metrics.metric(competition.metric).direction
    best = ranking.default_finals(
        (_Shown(ref, shown) for ref, (_, shown) in own.items()), competition.final_submissions, direction
    )
    return Final(
        refs=chosen or [shown.sequence for shown in best],
        chosen=bool(chosen),
        final_submissions=competition.final_submissions,
        rule=_rule(competition),
    )


def _rule(competition: Competition) -> Sentence:
    if competition.release == LADDER:
        return say(
            "If you choose none, your last {count} significant improvements count; where there are fewer, your "
            "earliest other files count, too. "
            "The best of your final submissions on the private rows is your final score.",
            count=competition.final_submissions,
        )
    return say(
        "If you choose none, your best {count} by public score count, "
        "the earlier of equals. The best of your final submissions on the private rows is your final score.",
        count=competition.final_submissions,
    )


def _on_time(
    session: Session, competition: Competition, team: Team | None
) -> dict[int, tuple[Submission, float | None]]:
    """The team's submissions that can be final, by number, each with the public score it stands by."""
    if team is None:
        return {}
    rows = queries.submissions.submissions_of_team(session, team.id, competition.key_version, EVERY_SUBMISSION)
    return {
        submission.id: (submission, shown if accepted else None)
        for submission, shown, accepted in rows
        if not submission.late and submission.withdrawn_at is None and submission.state == SCORED
    }

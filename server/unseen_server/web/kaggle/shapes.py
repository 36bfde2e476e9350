"""Our values in the words of Kaggle's protocol; scores are texts there."""

from __future__ import annotations

from typing import Any

from unseen_server.core.limits import Allowance
from unseen_server.core.sentences import say
from unseen_server.services.competitions import Listed
from unseen_server.services.public_files import ListedFile
from unseen_server.services.standings import Entry, Place
from unseen_server.services.submissions import OwnSubmission
from unseen_server.web.addresses import here
from unseen_server.web.languages import tell


def competition(listed: Listed) -> dict[str, Any]:
    """Whoever is enrolled has entered: there are no further rules to accept."""
    return {
        "ref": listed.slug,
        "title": listed.title,
        "url": here() + listed.url,
        "organizationName": listed.course_title,
        "category": listed.course_title,
        "reward": "",
        "tags": [],
        "deadline": listed.deadline,
        "enabledDate": listed.starts_at,
        "evaluationMetric": listed.metric,
        "maxDailySubmissions": listed.daily_limit,
        "maxTeamSize": listed.largest_team,
        "teamCount": listed.teams,
        "userHasEntered": listed.left_today is not None,
        "userRank": listed.rank or 0,
    }


def data_file(listed: ListedFile) -> dict[str, Any]:
    return {
        "ref": listed.name,
        "name": listed.name,
        "totalBytes": listed.size,
        "creationDate": listed.modified_at,
        "description": "",
        "url": here() + listed.url,
    }


def submission(own: OwnSubmission) -> dict[str, Any]:
    wrong = own.withdrawn_reason if own.status == "withdrawn" else own.refusal and tell(own.refusal)
    return {
        "ref": own.ref,
        "fileName": own.file_name,
        "date": own.submitted_at,
        "description": own.message,
        "status": "PENDING" if own.status == "pending" else "ERROR" if wrong else "COMPLETE",
        "errorDescription": wrong or "",
        "publicScore": score(own.public_score),
        "privateScore": score(own.private_score),
        "totalBytes": 0,  # the clients want a number, and show none
    }


def limits(allowance: Allowance) -> dict[str, Any]:
    left_of_day = allowance.daily_limit - allowance.used_today
    return {
        "numToday": allowance.used_today,
        "numTotal": allowance.used_total,
        "numAllowedNow": allowance.left_today,
        "limitedByTotal": allowance.left_total is not None and allowance.left_total < left_of_day,
    }


def place(standing: Place, entry: Entry) -> dict[str, Any]:
    """A row of the board; the list has no ranks, so a baseline, which has none, says what it is."""
    name = tell(say("{team} (baseline)", team=entry.team)) if entry.is_baseline else entry.team
    return {
        "teamId": standing.team_id,
        "teamName": name,
        "submissionDate": entry.last_submission_at,
        "score": score(entry.score),
    }


def score(value: float | None) -> str:
    return "" if value is None else repr(value)

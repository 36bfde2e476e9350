"""When two teams may become one: together they are no larger, and have come no further, than one team could have."""

from __future__ import annotations

from dataclasses import dataclass

from unseen_server.core.errors import Conflict
from unseen_server.core.sentences import say


@dataclass(frozen=True, slots=True)
class Together:
    """What two teams would be as one, beside the most that one team may be by now."""

    members: int
    largest_team: int
    submissions: int
    most_submissions: int

    @property
    def refusal(self) -> Conflict | None:
        """Why they may not become one; None where they may."""
        if self.members > self.largest_team:
            return Conflict(
                reason=say(
                    "Together you would be {members} people, and a team has at most {largest} here. "
                    "Invite fewer, or ask the course staff.",
                    members=self.members,
                    largest=self.largest_team,
                )
            )
        if self.submissions > self.most_submissions:
            return Conflict(
                reason=say(
                    "Together you have submitted {submissions} times, and one team could have submitted at most {most} "
                    "times so far. Wait until the daily limits of the days to come have made up for it.",
                    submissions=self.submissions,
                    most=self.most_submissions,
                )
            )
        return None


def most_submissions(daily_limit: int, quota_days: int, total_limit: int | None) -> int:
    """How often one team could have submitted on so many quota days."""
    most = daily_limit * quota_days
    return most if total_limit is None else min(most, total_limit)

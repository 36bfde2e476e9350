"""What a competition has to do, once more in plain Python, sharing no code with what it judges.

Scores are exact fractions, instants aware datetimes; a refusal is the code of its error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)


@dataclass
class Sent:
    """An accepted file: every row of it predicts `value`."""

    ref: int
    who: str
    team: str
    value: float
    message: str
    key: str | None
    day: date
    late: bool
    withdrawn: bool = False
    selected: bool = False

    @property
    def counts(self) -> bool:
        return not (self.late or self.withdrawn)


@dataclass
class Model:
    zone: ZoneInfo
    begun: datetime
    deadline: datetime
    daily: int
    total: int | None
    finals: int
    largest_team: int
    rejected_per_hour: int
    public: Sequence[float]  # the labels of either half
    private: Sequence[float]
    late_taken: bool = True
    revealed: datetime | None = None
    team: dict[str, str] = field(default_factory=dict)  # by person
    granted: list[tuple[str, datetime | None, int, date]] = field(default_factory=list)
    rejected: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    sent: list[Sent] = field(default_factory=list)

    # time and limits

    def day(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()

    def resets_at(self, now: datetime) -> datetime:
        return datetime.combine(self.day(now) + timedelta(days=1), time(), self.zone).astimezone(UTC)

    def members(self, who: str) -> list[str]:
        return [person for person in self.team if self.team[person] == self.team[who]]

    def of_team(self, team: str) -> list[Sent]:
        return [one for one in self.sent if one.team == team]

    def own_deadline(self, who: str) -> datetime:
        return max(
            [self.deadline, *(until for name, until, _, _ in self.granted if until and name in self.members(who))]
        )

    def left(self, who: str, now: datetime) -> tuple[int, int, int | None]:
        """Used today, left today, left in all."""
        own, extras = self.of_team(self.team[who]), [one for one in self.granted if one[0] in self.members(who)]
        used = sum(one.day == self.day(now) for one in own)
        today = max(0, self.daily + sum(extra for _, _, extra, day in extras if day == self.day(now)) - used)
        if self.total is None:
            return used, today, None
        whole = max(0, self.total + sum(extra for _, _, extra, _ in extras) - len(own))
        return used, min(today, whole), whole

    def is_open(self, now: datetime, deadline: datetime) -> bool:
        return self.revealed is None and now <= deadline

    # sending a file

    def refusal(self, who: str, now: datetime, *, good: bool) -> str | None:
        """Why a file that comes now is refused; a bad one is noted."""
        recent = [at for at in self.rejected[who] if at > now - HOUR]
        _, today, whole = self.left(who, now)
        if not self.is_open(now, self.own_deadline(who)) and not self.late_taken:
            return "deadline_passed"
        if whole == 0:
            return "total_limit_reached"
        if today == 0:
            return "daily_limit_reached"
        if len(recent) >= self.rejected_per_hour:
            return "too_many_rejected"
        if not good:
            self.rejected[who].append(now)
            # what is older than an hour is forgotten for good, also where the clock goes back over it
            self.rejected = defaultdict(
                list, {name: [at for at in every if at > now - HOUR] for name, every in self.rejected.items()}
            )
            return "bad_file"
        return None

    def first_answer(self, who: str, value: float, message: str, key: str | None) -> str | int | None:
        """The number that the same request got before, or the refusal of another one with its key."""
        for one in self.sent:
            if key is not None and (one.who, one.key) == (who, key):
                return one.ref if (one.value, one.message) == (value, message) else "idempotency_key_reused"
        return None

    def accept(self, ref: int, who: str, now: datetime, value: float, message: str, key: str | None) -> Sent:
        late = not self.is_open(now, self.own_deadline(who))
        self.sent.append(Sent(ref, who, self.team[who], value, message, key, self.day(now), late))
        return self.sent[-1]

    # teams

    def merging(self, host: str, guest: str, now: datetime) -> str | None:
        """Why the two may not become one."""
        if not self.is_open(now, self.deadline):
            return "wrong_phase"
        people = {*self.members(host), *self.members(guest)}
        if self.team[host] == self.team[guest] or len(people) > self.largest_team:
            return "conflict"
        most = self.daily * (max(0, (self.day(now) - self.day(self.begun)).days) + 1)
        most = most if self.total is None else min(most, self.total)
        granted = sum(extra for name, _, extra, _ in self.granted if name in people)
        return "conflict" if sum(one.who in people for one in self.sent) > most + granted else None

    def merge(self, host: str, guest: str) -> None:
        gone = self.team[guest]
        for one in self.of_team(gone):
            one.team = self.team[host]
        for person in self.members(guest):
            self.team[person] = self.team[host]
        own = self.of_team(self.team[host])
        if sum(one.selected for one in own) > self.finals:
            for one in own:
                one.selected = False

    # boards

    def score(self, one: Sent, labels: Sequence[float]) -> Fraction:
        return sum(((Fraction(y) - Fraction(one.value)) ** 2 for y in labels), Fraction(0)) / len(labels)

    def final(self, team: str) -> list[Sent]:
        own = [one for one in self.of_team(team) if one.counts]
        best = sorted(own, key=lambda one: (self.score(one, self.public), one.ref))
        return [one for one in own if one.selected] or best[: self.finals]

    def board(self, which: str) -> list[tuple[str, Fraction, int]]:
        """Teams by their best score and whoever reached it first: team, score, files that count."""
        labels, found = (self.public if which == "public" else self.private), []
        for team in {one.team for one in self.sent if one.counts}:
            own = [one for one in self.of_team(team) if one.counts]
            best = min((self.score(one, labels), one.ref) for one in (own if which == "public" else self.final(team)))
            found.append((best, team, len(own)))
        return [(team, best[0], entries) for best, team, entries in sorted(found)]

"""The quota day: how many submissions are left, and when the count resets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from unseen_server.core.schedule import checked_zone


def quota_day(now: datetime, time_zone: str) -> date:
    """The calendar day in the competition's zone on which a submission received at `now` (aware) is counted."""
    return _aware(now).astimezone(checked_zone(time_zone)).date()


def resets_at(now: datetime, time_zone: str) -> datetime:
    """The first instant (aware, UTC), always after `now`, at which the quota day is a later one.

    Right also where a day has 23 or 25 hours, where midnight is skipped or comes twice, and where a whole day is
    skipped (Pacific/Apia, 2011-12-30), because it walks from one setting of the clocks to the next.
    """
    place, today, instant = checked_zone(time_zone), quota_day(now, time_zone), now.astimezone(UTC)
    while True:
        local = instant.astimezone(place).replace(tzinfo=None)
        midnight = instant + (datetime.combine(local.date() + timedelta(days=1), time()) - local)
        instant = _clocks_set(instant, midnight, place) or midnight
        if quota_day(instant, time_zone) > today:
            return instant


def quota_days(begin: datetime, end: datetime, time_zone: str) -> int:
    """How many quota days a competition touches from `begin` to `end`: the daily limit counts anew on each."""
    return max(0, (quota_day(end, time_zone) - quota_day(begin, time_zone)).days) + 1


def most_submissions(days: int, daily_limit: int, total_limit: int | None) -> int:
    """How many a team may make in all on so many quota days; at least one."""
    most = days * daily_limit
    return max(1, most if total_limit is None else min(most, total_limit))


def _clocks_set(after: datetime, until: datetime, place: ZoneInfo) -> datetime | None:
    """The instant in (after, until] at which the zone's offset changes, by bisection; None when it does not."""
    offset = after.astimezone(place).utcoffset()
    if until.astimezone(place).utcoffset() == offset:
        return None
    while until - after > timedelta(microseconds=1):
        middle = after + (until - after) // 2
        if middle.astimezone(place).utcoffset() == offset:
            after = middle
        else:
            until = middle
    return until


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a team may still do; the total fields are None without a total limit, instants are aware UTC.

    The limits are the team's own: `extra_today` of the `daily_limit`, and a `deadline` that is `extended`, were granted
    to it by the staff.
    """

    daily_limit: int
    used_today: int
    left_today: int
    total_limit: int | None
    used_total: int
    left_total: int | None
    resets_at: datetime
    time_zone: str
    deadline: datetime
    extended: bool
    extra_today: int


def allowance(
    now: datetime,
    time_zone: str,
    *,
    daily_limit: int,
    used_today: int,
    used_total: int,
    deadline: datetime,
    total_limit: int | None = None,
    extended: bool = False,
    extra_today: int = 0,
    extra_total: int = 0,
) -> Allowance:
    """Limits, uses and what is left; never negative, also after staff lowered a limit below what was used.

    `left_today` is what can really be used today: never more than the total leaves. Granted extras raise the limits.
    """
    daily_limit += extra_today
    total_limit = None if total_limit is None else total_limit + extra_total
    left_total = None if total_limit is None else max(0, total_limit - used_total)
    left_today = max(0, daily_limit - used_today)
    return Allowance(
        daily_limit=daily_limit,
        used_today=used_today,
        left_today=left_today if left_total is None else min(left_today, left_total),
        total_limit=total_limit,
        used_total=used_total,
        left_total=left_total,
        resets_at=resets_at(now, time_zone),
        time_zone=time_zone,
        deadline=deadline,
        extended=extended,
        extra_today=extra_today,
    )


def in_words(wait: timedelta | float) -> str:
    """A wait (timedelta or seconds) as people say it, rounded up so that waiting so long is enough: “3 h 12 min”."""
    return " ".join(f"{number} {unit}" for number, unit in parts_of_wait(wait))


def parts_of_wait(wait: timedelta | float) -> list[tuple[int, str]]:
    """The same in numbers and units (s, min, h, days), those that are zero left out."""
    seconds = math.ceil(wait.total_seconds() if isinstance(wait, timedelta) else wait)
    if seconds < 60:
        return [(max(seconds, 1), "s")]
    minutes = math.ceil(seconds / 60)
    if minutes < 48 * 60:
        return _without_zeros((minutes // 60, "h"), (minutes % 60, "min"))
    hours = math.ceil(minutes / 60)
    return _without_zeros((hours // 24, "days"), (hours % 24, "h"))


def _without_zeros(*parts: tuple[int, str]) -> list[tuple[int, str]]:
    return [(number, unit) for number, unit in parts if number]


@dataclass(frozen=True, slots=True)
class Wait:
    """A span of time in a sentence."""

    seconds: float

    def __str__(self) -> str:
        return in_words(self.seconds)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset: naive datetimes are not accepted")
    return instant

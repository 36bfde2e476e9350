"""Which phase is it now, and what a local date and time means in the competition's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from unseen_server.core.errors import BadRequest, DeadlinePassed, NotOpenYet
from unseen_server.core.sentences import N_, Either, Sentence, say


class Phase(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    REVEALED = "revealed"


@dataclass(frozen=True, slots=True)
class Timetable:
    """The instants of one competition (aware; None where not set). With an extension, replace the deadline."""

    time_zone: str
    launched_at: datetime | None = None
    starts_at: datetime | None = None
    deadline: datetime | None = None
    closed_at: datetime | None = None
    revealed_at: datetime | None = None
    late_submissions: bool = True


def phase(timetable: Timetable, now: datetime) -> Phase:
    """The phase at `now` (aware).

    A submission received at exactly the deadline is on time, so the competition is still open at that instant and
    closed after it. `launched_at`, `starts_at` and `closed_at` are first instants of what they begin. A reveal stays
    one whatever the clock says: what it overtook comes after it, and a clock that goes back takes nothing back.
    """
    t = timetable
    if t.revealed_at is not None:
        return Phase.REVEALED
    if not _reached(t.launched_at, now) or (t.starts_at is not None and now < t.starts_at):
        return Phase.DRAFT
    if _reached(t.closed_at, now) or (t.deadline is not None and now > t.deadline):
        return Phase.CLOSED
    return Phase.OPEN


def admit(timetable: Timetable, received_at: datetime) -> bool:
    """True when a submission received then counts as late, False when it is on time.

    Raises NotOpenYet before the start, and DeadlinePassed after the end where late submissions are not taken.
    """
    now = phase(timetable, received_at)
    if now is Phase.DRAFT:
        begins = max((t for t in (timetable.starts_at, timetable.launched_at) if t is not None), default=None)
        starts = say("when the course staff launch it") if begins is None else Moment(begins, timetable.time_zone)
        raise NotOpenYet(starts=starts, starts_at=begins)
    if now is Phase.OPEN:
        return False
    if not timetable.late_submissions:
        end = min(t for t in (timetable.deadline, timetable.closed_at, timetable.revealed_at) if t is not None)
        raise DeadlinePassed(
            deadline=Moment(end, timetable.time_zone),
            deadline_at=end,
            advice=say("If you have a reason, ask the course staff for an extension."),
        )
    return True


def _reached(instant: datetime | None, now: datetime) -> bool:
    return instant is not None and now >= instant


@cache
def checked_zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name; BadRequest, with the nearest names, for any other."""
    if name in zone_names():
        return ZoneInfo(name)
    raise BadRequest(reason=say("“{name}” is not an IANA time zone. {advice}", name=name[:64], advice=_advice(name)))


@cache
def zone_names() -> frozenset[str]:
    """Every IANA time zone that a course or a competition can have."""
    return frozenset(available_timezones()) - {"Factory", "localtime"}


def _advice(name: str) -> Sentence:
    near = _near(name)
    if near:
        return say("Did you mean {names}?", names=Either(near))
    return say("Write one such as Asia/Taipei, Europe/Berlin or UTC.")


def _near(name: str) -> list[str]:
    wanted = name.strip().replace(" ", "_").casefold()
    folded = {known.casefold(): known for known in zone_names()}
    # a city alone (“Taipei”) is the commonest slip, then a typing error; abbreviations (“CST”) resemble everything
    cities = [known for key, known in folded.items() if key.endswith(f"/{wanted}")]
    close = get_close_matches(wanted, folded, n=3, cutoff=0.75) if len(wanted) > 4 else []
    return sorted(cities)[:3] or [folded[key] for key in close] or ([folded[wanted]] if wanted in folded else [])


def local_to_utc(moment: datetime | str, time_zone: str) -> datetime:
    """The instant (aware, UTC) of a local date and time: a datetime or an ISO text such as “2026-12-01 23:59”.

    One with an offset of its own keeps it. Where clocks go back and show a time twice, the later is meant: a deadline
    in doubt favours the student (`both_zones` says which). BadRequest for a time that the clocks skip, for a date
    without a time, and for what is no date.
    """
    naive = _parsed(moment) if isinstance(moment, str) else moment
    if not 1900 <= naive.year < 9999:  # an offset must not lead out of the calendar
        raise BadRequest(
            reason=say("{date} is too far away. Write a date such as 2026-12-01 23:59.", date=f"{naive:%Y-%m-%d}")
        )
    if naive.tzinfo is not None:
        return naive.astimezone(UTC)
    later = naive.replace(tzinfo=checked_zone(time_zone), fold=1)
    instant = later.astimezone(UTC)
    if instant.astimezone(checked_zone(time_zone)).replace(tzinfo=None) != naive:
        earlier = (
            naive.replace(tzinfo=checked_zone(time_zone), fold=0).astimezone(UTC).astimezone(checked_zone(time_zone))
        )
        raise BadRequest(
            reason=say(
                "{time} does not exist in {zone}: the clocks are set forward over it. Write {write}, for example.",
                time=f"{naive:%Y-%m-%d %H:%M}",
                zone=time_zone,
                write=f"{earlier:%Y-%m-%d %H:%M}",
            )
        )
    return instant


def _parsed(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadRequest(
            reason=say("“{text}” is not a date and time. Write it like 2026-12-01 23:59.", text=text[:64])
        ) from None
    if moment.time() == time() and ":" not in text:
        raise BadRequest(
            reason=say(
                "“{text}” has no time of day. Write it like {date} 23:59.", text=text[:64], date=f"{moment:%Y-%m-%d}"
            )
        )
    return moment


def both_zones(instant: datetime, time_zone: str) -> str:
    """The instant on both clocks, to be read back before saving: “2026-12-01 23:59 Asia/Taipei (2026-12-01 15:59 UTC)”.

    An hour that the clocks show twice is told apart.
    """
    there = local(instant, time_zone)
    if time_zone == "UTC":
        return f"{_clock(there)} UTC"
    return f"{_clock(there)} {time_zone}{which_time(there)} ({_clock(instant.astimezone(UTC))} UTC)"


def local(instant: datetime, time_zone: str) -> datetime:
    """The same instant (aware) on the clocks of the zone."""
    return instant.astimezone(checked_zone(time_zone))


def clock_time(instant: datetime, time_zone: str) -> str:
    """The time of day there, with the zone: “00:00 Asia/Taipei”."""
    return f"{local(instant, time_zone):%H:%M} {time_zone}"


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in a sentence, said on both clocks."""

    instant: datetime
    time_zone: str

    def __str__(self) -> str:
        return both_zones(self.instant, self.time_zone)


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time of day in a sentence, with its zone."""

    instant: datetime
    time_zone: str

    def __str__(self) -> str:
        return clock_time(self.instant, self.time_zone)


def _clock(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M" if moment.second == 0 else "%Y-%m-%d %H:%M:%S")


def which_time(there: datetime) -> str:
    """Which of two it is, of a time that the clocks show twice; nothing for any other."""
    if there.replace(fold=0).utcoffset() == there.replace(fold=1).utcoffset():
        return ""
    return N_(", the second time the clocks show it") if there.fold else N_(", the first time the clocks show it")

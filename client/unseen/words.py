"""Numbers and times as this program says them: scores untouched, durations short, moments with their zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

NOTHING = "–"


def plain(text: object) -> str:
    """Text of other people's, with nothing in it that a terminal obeys."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def score(value: float | None) -> str:
    """A released score with all its digits and no more."""
    return NOTHING if value is None else repr(value)


def verdict(significant: bool | None, public_score: float | None) -> str:
    """What the ladder says of a submission: the same words whether slightly better, equal or far worse."""
    if significant is None:
        return ""
    if significant:
        return "significant improvement"
    return "not yet better than the baseline" if public_score is None else "no significant improvement"


def difference(new: float, old: float) -> str:
    """`new - old` of two released scores, exact in decimals: 0.1 against 0.3 is -0.2, not -0.19999999999999998."""
    from decimal import Decimal

    return f"{Decimal(repr(new)) - Decimal(repr(old)):+f}"


def metric(name: str, direction: str) -> str:
    """The metric with its direction: `MSE, lower is better`."""
    return f"{plain(name).upper()}, {plain(direction)} is better" if direction else plain(name).upper()


def duration(span: timedelta, units_told: int = 2) -> str:
    """The largest units: `3 h 12 min`, `9 d 5 h`."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "1 min"
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [(days, "d"), (hours, "h"), (rest, "min")]
    first = next(i for i, (count, _) in enumerate(units) if count)
    return " ".join(f"{count} {unit}" for count, unit in units[first : first + units_told] if count)


def relative(moment: datetime | None, now: datetime) -> str:
    """`in 3 h 12 min`, `2 d ago` or `just now`; a clock that is a little off makes no future of the past."""
    if moment is None:
        return NOTHING
    if abs(moment - now) < timedelta(minutes=1):
        return "just now" if moment <= now else "in 1 min"
    return f"in {duration(moment - now)}" if moment > now else f"{duration(now - moment, 1)} ago"


def clock(moment: datetime | None, zone_name: str) -> str:
    """`2026-11-24 00:00 Asia/Taipei`, or in UTC where this computer does not know the zone."""
    if moment is None:
        return NOTHING
    zone, name = zone_of(zone_name)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {name}"


def zone_of(name: str) -> tuple[tzinfo, str]:
    """The zone and how to call it; Windows has no zones of its own, and tzdata is no part of the client."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name), name
    except (KeyError, ValueError, OSError):
        return UTC, "UTC"


def reset(resets_at: datetime | None, local: datetime | None, zone_name: str, now: datetime) -> str:
    """`resets 00:00 Asia/Taipei (in 3 h 12 min)`; `local` is the same moment as the server puts it in its zone."""
    if resets_at is None:
        return ""
    when = f"{local:%H:%M} {plain(zone_name)}" if local else clock(resets_at, zone_name).split(" ", 1)[1]
    return f"resets {when} ({relative(resets_at, now)})"


def size(count: int | None) -> str:
    """A file's size for people; 1 kB is 1000 bytes."""
    if count is None:
        return NOTHING
    if count < 1000:
        return f"{count} B"
    unit, value = next((u, count / m) for u, m in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if count >= m)
    return f"{value:.1f} {unit}"

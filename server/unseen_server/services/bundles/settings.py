"""competition.toml: what the instructor decides, read strictly, every mistake named at once."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from unseen_server.core.errors import BadRequest
from unseen_server.core.metrics import LARGEST_MAGNITUDE, METRICS
from unseen_server.core.release import check_release
from unseen_server.core.schedule import checked_zone, local_to_utc
from unseen_server.core.sentences import N_, Sentence, say
from unseen_server.services.bundles.problems import Problems
from unseen_server.services.names import SLUG, checked_text, printable

FILE = "competition.toml"
LARGEST = 16 * 1024  # bytes; the time to read nested keys grows with the square of their number
TIERS = ("simple", "medium", "strong", "boss")
_MOST = 1_000_000  # of anything that is counted


@dataclass(frozen=True, slots=True)
class DeclaredBaseline:
    """One [[baseline]]: a prediction file of the folder, and the points for reaching it on either board."""

    name: str
    tier: str
    file: str
    points_public: float = 0.0
    points_private: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What competition.toml says; instants are aware UTC, bounds in units of the target."""

    slug: str
    title: str
    metric: str
    time_zone: str
    starts_at: datetime | None
    deadline: datetime
    bounds: tuple[float, float]
    daily_limit: int = 5
    total_limit: int | None = None
    rejected_per_hour: int = 30
    final_submissions: int = 2
    largest_team: int = 3
    release: str = "rounded"
    public_intervals: bool = True
    late_submissions: bool = True
    baselines: tuple[DeclaredBaseline, ...] = ()


def read_settings(content: bytes, problems: Problems) -> Settings | None:
    """The settings, or None where something is wrong with them; every problem is noted."""
    if len(content) > LARGEST:
        problems.add("bad_toml", say("it is longer than 16 KiB."), file=FILE)
        return None
    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        problems.add("bad_toml", say("this is not TOML: {why}.", why=str(fault).rstrip(".")), file=FILE)
        return None
    before = len(problems.found)
    read = _Reader(values, problems)
    settings = _settings(read)
    read.refuse_what_is_left()
    return settings if len(problems.found) == before else None


class _Unfit(Exception):  # noqa: N818 - a value that does not fit is an answer, not a fault
    """A sentence about the value of {key}."""

    def __init__(self, template: str, **values: Any) -> None:
        super().__init__(template)
        self.template, self.values = template, values


class _Reader:
    """Takes keys out of a TOML table one by one; what is left over at the end is unknown.

    `baseline` is the number of the [[baseline]] it reads, None for the settings themselves.
    """

    def __init__(self, values: Mapping[str, Any], problems: Problems, baseline: int | None = None) -> None:
        self._values, self._problems, self._baseline = dict(values), problems, baseline
        self._known: list[str] = []

    def take(self, key: str, check: Callable[[Any], Any], default: Any = None, *, required: bool = False) -> Any:
        """The checked value; the default where the key is missing, None where it is refused."""
        self._known.append(key)
        if key not in self._values:
            if required:
                self.refuse(key, _Unfit(N_("{key} is missing.")))
            return default
        try:
            return check(self._values.pop(key))
        except BadRequest as refusal:
            self.refuse(key, _Unfit(N_("{key} is refused. {why}"), why=refusal.sentence))
        except _Unfit as unfit:
            self.refuse(key, unfit)
        return None

    def refuse(self, key: str, unfit: _Unfit) -> None:
        place = key if self._baseline is None else say("baseline {number}: {key}", number=self._baseline, key=key)
        self._problems.add("bad_setting", Sentence(unfit.template, {"key": place, **unfit.values}), file=FILE)

    def refuse_what_is_left(self) -> None:
        for key in self._values:
            near = get_close_matches(key, self._known, n=1)
            known = ", ".join(self._known)
            advice = say("Did you mean {names}?", names=near[0]) if near else say("Known are: {known}.", known=known)
            self.refuse(printable(key), _Unfit(N_("{key} is no setting. {advice}"), advice=advice))

    def reader(self, values: Mapping[str, Any], baseline: int) -> _Reader:
        return _Reader(values, self._problems, baseline)


def _settings(read: _Reader) -> Settings:
    zone = read.take("time_zone", _zone, required=True)
    starts_at, deadline = (
        read.take(key, lambda value: _instant(value, zone or "UTC"), required=key == "deadline")
        for key in ("starts_at", "deadline")
    )
    if starts_at and deadline and starts_at >= deadline:
        read.refuse("deadline", _Unfit(N_("{key} must come after starts_at.")))
    metric = read.take("metric", _one_of(METRICS), "mse")
    return Settings(
        slug=read.take("slug", _slug, required=True),
        title=read.take("title", _title, required=True),
        metric=metric,
        time_zone=zone,
        starts_at=starts_at,
        deadline=deadline,
        bounds=read.take("bounds", _bounds, required=True),
        daily_limit=read.take("daily_limit", _count, 5),
        total_limit=read.take("total_limit", _count),
        rejected_per_hour=read.take("rejected_per_hour", _count, 30),
        final_submissions=read.take("final_submissions", _count, 2),
        largest_team=read.take("largest_team", _count, 3),
        release=read.take("release", _release(metric), "rounded"),
        public_intervals=read.take("public_intervals", _flag, True),
        late_submissions=read.take("late_submissions", _flag, True),
        baselines=_baselines(read),
    )


def _baselines(read: _Reader) -> tuple[DeclaredBaseline, ...]:
    declared = []
    for number, values in enumerate(read.take("baseline", _tables, []) or [], start=1):
        table = read.reader(values, number)
        declared.append(
            DeclaredBaseline(
                name=table.take("name", _title, required=True),
                tier=table.take("tier", _one_of(TIERS), required=True),
                file=table.take("file", _baseline_file, required=True),
                points_public=table.take("points_public", _points, 0.0),
                points_private=table.take("points_private", _points, 0.0),
            )
        )
        table.refuse_what_is_left()
    if len({baseline.name for baseline in declared}) < len(declared):
        read.refuse("baseline", _Unfit(N_("{key} names must differ.")))
    return tuple(declared)


# one check for each kind of value: returns it, or raises with a sentence about its key


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unfit(N_("{key} must be a text in quotes."))
    return value


def _slug(value: Any) -> str:
    if not SLUG.fullmatch(_text(value)):
        raise _Unfit(
            N_("{key} “{value}” must be 1 to 50 lower-case letters, digits and hyphens."), value=printable(value)
        )
    return str(value)


def _title(value: Any) -> str:
    return checked_text(_text(value), say("It"), 200)


def _zone(value: Any) -> str:
    return checked_zone(_text(value)).key


def _instant(value: Any, time_zone: str) -> datetime:
    if not isinstance(value, datetime | str):
        raise _Unfit(N_("{key} must be a date with a time, such as 2026-12-01 23:59:00."))
    return local_to_utc(value, time_zone)


def _one_of(known: Mapping[str, object] | tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise _Unfit(N_("{key} must be one of: {known}."), known=", ".join(known))
        return str(value)

    return check


def _release(metric: str | None) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        check_release(_text(value), METRICS[metric or "mse"])
        return str(value)

    return check


def _count(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _MOST:
        raise _Unfit(N_("{key} must be a whole number from 1 to {most}."), most=_MOST)
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unfit(N_("{key} must be true or false."))
    return value


def _points(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= _MOST:
        raise _Unfit(N_("{key} must be a number from 0 to {most}."), most=_MOST)
    return float(value)


def _bounds(value: Any) -> tuple[float, float]:
    if not (isinstance(value, list) and len(value) == 2 and all(type(x) in (int, float) for x in value)):
        raise _Unfit(N_("{key} must be two numbers, [lowest, highest]."))
    lo, hi = value
    if not -math.inf < lo < hi < math.inf:  # an integer of any length compares, and does not always convert
        raise _Unfit(N_("{key} must be two finite numbers, the lower one first."))
    if max(abs(lo), abs(hi)) > LARGEST_MAGNITUDE:
        raise _Unfit(
            N_("{key} must lie within ±{largest:g}, or sums of squares could overflow."), largest=LARGEST_MAGNITUDE
        )
    return float(lo), float(hi)


def _tables(value: Any) -> list[dict[str, Any]]:
    if not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
        raise _Unfit(N_("{key} must be written as [[baseline]]."))
    return value


def _baseline_file(value: Any) -> str:
    parts = _text(value).split("/")
    if len(parts) != 2 or parts[0] != "baselines" or parts[1].startswith(".") or "\\" in value:
        raise _Unfit(N_("{key} must be a file of the folder baselines, such as baselines/simple.csv."))
    return str(value)

"""Which language a page is in, and how sentences, instants and numbers are said in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache, singledispatch
from pathlib import Path
from typing import Any

from babel.dates import format_datetime, format_timedelta
from babel.lists import format_list
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.units import format_unit
from flask import g, has_request_context, request

from unseen_server.core import limits, schedule
from unseen_server.core.errors import Problem, Refusal
from unseen_server.core.sentences import N_, Either, Places, Sentence
from unseen_server.web.context import cookie_name

COOKIE = "unseen_language"
CATALOGUES = Path(__file__).parent / "translations"


@dataclass(frozen=True)
class Language:
    """`code` as in a page's `lang` and in the files of a bundle; patterns in CLDR's letters.

    `between` is what stands between two sentences.
    """

    code: str
    name: str
    locale: str
    day: str
    minute: str
    second: str
    between: str


ENGLISH = Language("en", "English", "en", "y-MM-dd", "y-MM-dd HH:mm", "y-MM-dd HH:mm:ss", " ")
TAIWAN = Language(
    "zh-Hant",
    "繁體中文",
    "zh_Hant_TW",
    "y年M月d日（EEEEE）",
    "y年M月d日（EEEEE）HH:mm",
    "y年M月d日（EEEEE）HH:mm:ss",
    "",
)
LANGUAGES: Mapping[str, Language] = {language.code: language for language in (ENGLISH, TAIWAN)}
# Whoever reads any Chinese is better served by this one than by English.
FAMILIES: Mapping[str, Language] = {"en": ENGLISH, "zh": TAIWAN}
_spoken_here: ContextVar[Language | None] = ContextVar("spoken_here", default=None)

# What a value that is a word is called: phases, roles, tiers.
WORDS = {
    "draft": N_("a draft"),
    "open": N_("open"),
    "closed": N_("closed"),
    "revealed": N_("revealed"),
    "student": N_("student"),
    "assistant": N_("assistant"),
    "instructor": N_("instructor"),
    "simple": N_("simple"),
    "medium": N_("medium"),
    "strong": N_("strong"),
    "boss": N_("boss"),
}


# which language


def current() -> Language:
    """The language of `speaking`, else of this request; outside of both, English."""
    spoken = _spoken_here.get()
    if spoken or not has_request_context():
        return spoken or ENGLISH
    if "language" not in g:
        g.language = _asked_for()
    language: Language = g.language
    return language


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Say everything in this language meanwhile."""
    token = _spoken_here.set(LANGUAGES[code])
    try:
        yield
    finally:
        _spoken_here.reset(token)


def _asked_for() -> Language:
    """What the person chose, else what this browser chose, else what it asks for."""
    visitor = g.get("visitor")
    chosen = (visitor.language if visitor else None) or request.cookies.get(cookie_name(COOKIE), "")
    if chosen in LANGUAGES:
        return LANGUAGES[chosen]
    for wanted, quality in request.accept_languages:  # the best first
        family = wanted.lower().partition("-")[0]
        if quality > 0 and family in FAMILIES:
            return FAMILIES[family]
    return ENGLISH


# saying


def gettext(message: str) -> str:
    """The message in the language of this request; one that is not translated stays English."""
    return catalogue(current().code).get(message, message)


def ngettext(singular: str, plural: str, n: int) -> str:
    return catalogue(current().code).get(singular) or (singular if n == 1 else plural)


def word(value: str) -> str:
    """A role, a tier or a phase as people call it; any other word as it is."""
    return gettext(WORDS[value]) if value in WORDS else value


def tell(said: object) -> str:
    """A refusal, a problem, a sentence or a value, in the language of this request."""
    return _spoken(said)


@singledispatch
def _spoken(value: object) -> str:
    return str(value)


@_spoken.register
def _(value: Sentence) -> str:
    return gettext(value.template).format_map(_Spoken(value.values))


@_spoken.register(Refusal)
@_spoken.register(Problem)
def _(value: Refusal | Problem) -> str:
    return tell(value.sentence)


@_spoken.register
def _(value: schedule.Phase) -> str:
    return word(value)


@_spoken.register
def _(value: Either) -> str:
    return str(value) if current() is ENGLISH else format_list(value.words, "or", locale=current().locale)


@_spoken.register
def _(value: Places) -> str:
    if current() is ENGLISH:
        return str(value)
    one, several = gettext(N_("rank {first}")), gettext(N_("ranks {first} to {last}"))
    runs = [(one if first == last else several).format(first=first, last=last) for first, last in value.said]
    return format_list(runs, locale=current().locale)


@_spoken.register
def _(value: limits.Wait) -> str:
    return wait(value.seconds)


@_spoken.register
def _(value: schedule.Moment) -> str:
    return both_zones(value.instant, value.time_zone)


@_spoken.register
def _(value: schedule.ClockTime) -> str:
    return clock_time(value.instant, value.time_zone)


class _Spoken(dict[str, Any]):
    """The values of a sentence: those that can be said are, numbers stay what the template formats."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        return value if isinstance(value, str | int | float) and not isinstance(value, schedule.Phase) else tell(value)


# instants and numbers


def day(instant: datetime, zone: str) -> str:
    return _formatted(schedule.local(instant, zone), current().day)


def minute(instant: datetime, zone: str) -> str:
    """The minute on the clocks of a zone, which is named: “2026-12-01 23:59 Asia/Taipei”."""
    return f"{_formatted(schedule.local(instant, zone), current().minute)} {zone}"


def both_zones(instant: datetime, zone: str) -> str:
    """The instant on both clocks, to be read back before saving (core/schedule says the English one)."""
    if current() is ENGLISH:
        return schedule.both_zones(instant, zone)
    there = schedule.local(instant, zone)
    clock = current().second if there.second else current().minute
    here = f"{_formatted(there, clock)} {zone}{gettext(schedule.which_time(there))}"
    return here if zone == "UTC" else f"{here}（{_formatted(schedule.local(instant, 'UTC'), clock)} UTC）"


def clock_time(instant: datetime, zone: str) -> str:
    return schedule.clock_time(instant, zone)


def wait(span: timedelta | float) -> str:
    """How long, rounded up so that waiting so long is enough: “3 h 12 min”."""
    if current() is ENGLISH:
        return limits.in_words(span)
    return " ".join(
        format_unit(number, f"duration-{_UNITS[unit]}", "short", locale=current().locale)
        for number, unit in limits.parts_of_wait(span)
    )


_UNITS = {"s": "second", "min": "minute", "h": "hour", "days": "day"}


def ago(instant: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits: “3 h ago”. A clock that disagrees by a little says “just now”."""
    seconds = (now - instant).total_seconds()
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        whole = int(seconds // size)
        if whole >= (2 if unit == "days" else 1):
            if current() is ENGLISH:
                return f"{whole} {unit} ago"
            return format_timedelta(
                timedelta(seconds=-whole * size),
                granularity=_UNITS[unit],  # type: ignore[arg-type]
                threshold=10_000_000,
                add_direction=True,
                locale=current().locale,
            )
    return gettext(N_("just now"))


def number(value: float) -> str:
    """A count with its thousands apart: “10,000”."""
    return _decimal(value, current().locale)


@lru_cache(maxsize=4096)
def _decimal(value: float, locale: str) -> str:
    return format_decimal(value, locale=locale)


def _formatted(local: datetime, pattern: str) -> str:
    return format_datetime(local, pattern, locale=current().locale)


@cache
def catalogue(code: str) -> Mapping[str, str]:
    """Translations by message, read from their source: nothing has to be compiled when a sentence changes.

    Chinese has one form for any number, so that a plural stands under its singular.
    """
    if code == ENGLISH.code:
        return {}
    locale = LANGUAGES[code].locale
    with (CATALOGUES / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        messages = [(message.id, message.string) for message in read_po(file, locale) if message.id]
    return {_first(ids): _first(said) for ids, said in messages if _first(said)}


def _first(forms: Any) -> str:
    return str(forms if isinstance(forms, str) else forms[0])

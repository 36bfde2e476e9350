"""Phases, and local times that exist once, twice or not at all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen_server.core.errors import BadRequest, DeadlinePassed, NotOpenYet
from unseen_server.core.schedule import (
    ClockTime,
    Phase,
    Timetable,
    admit,
    both_zones,
    checked_zone,
    clock_time,
    local,
    local_to_utc,
    phase,
)

INSTANT = timedelta(microseconds=1)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LAUNCH, START, DEADLINE, REVEAL = (utc(f"2026-12-{day:02} 15:59") for day in (1, 2, 14, 20))
TIMES = Timetable("Asia/Taipei", launched_at=LAUNCH, starts_at=START, deadline=DEADLINE)


def test_a_competition_is_a_draft_until_it_is_launched_and_has_started():
    assert phase(TIMES, START - INSTANT) is Phase.DRAFT
    assert phase(replace(TIMES, launched_at=None), START) is Phase.DRAFT
    assert phase(replace(TIMES, launched_at=START + INSTANT), START) is Phase.DRAFT
    assert phase(TIMES, START) is Phase.OPEN
    assert phase(replace(TIMES, starts_at=None), LAUNCH) is Phase.OPEN


def test_the_instant_of_the_deadline_is_still_on_time():
    assert (phase(TIMES, DEADLINE), admit(TIMES, DEADLINE)) == (Phase.OPEN, False)
    assert (phase(TIMES, DEADLINE + INSTANT), admit(TIMES, DEADLINE + INSTANT)) == (Phase.CLOSED, True)


def test_staff_close_early_and_reveal_when_they_choose():
    early = replace(TIMES, closed_at=START + INSTANT)
    assert [phase(early, t) for t in (START, START + INSTANT)] == [Phase.OPEN, Phase.CLOSED]


def test_what_is_revealed_stays_so_whatever_the_clock_says():
    revealed = replace(TIMES, revealed_at=REVEAL)
    assert {phase(revealed, t) for t in (LAUNCH - INSTANT, START, REVEAL - INSTANT, REVEAL)} == {Phase.REVEALED}


def test_without_a_deadline_it_stays_open():
    assert phase(replace(TIMES, deadline=None), utc("2099-01-01")) is Phase.OPEN


@given(st.lists(st.builds(lambda days: LAUNCH + timedelta(days=days), st.floats(-30, 30)), min_size=2))
def test_phases_only_go_forward(instants):
    order = list(Phase)
    phases = [order.index(phase(replace(TIMES, closed_at=REVEAL), t)) for t in sorted(instants)]
    assert phases == sorted(phases)


def test_too_early_says_when_it_opens():
    with pytest.raises(NotOpenYet, match="2026-12-02 23:59 Asia/Taipei") as refusal:
        admit(TIMES, LAUNCH)
    assert refusal.value.member_values() == {"starts_at": START}
    with pytest.raises(NotOpenYet, match="staff launch"):
        admit(Timetable("UTC"), LAUNCH)


def test_too_late_says_when_it_ended_where_late_files_are_not_taken():
    strict = replace(TIMES, late_submissions=False)
    with pytest.raises(DeadlinePassed, match=r"2026-12-14 23:59 Asia/Taipei \(2026-12-14 15:59 UTC\)"):
        admit(strict, DEADLINE + INSTANT)
    with pytest.raises(DeadlinePassed) as refusal:
        admit(replace(strict, closed_at=START), DEADLINE)
    assert refusal.value.member_values() == {"deadline_at": START}


def test_a_local_time_becomes_an_instant():
    assert local_to_utc("2026-12-01 23:59", "Asia/Taipei") == utc("2026-12-01 15:59")
    assert local_to_utc("2026-12-01T23:59:30", "Asia/Taipei") == utc("2026-12-01 15:59:30")
    assert local_to_utc(datetime(2026, 12, 1, 23, 59), "Asia/Kathmandu") == utc("2026-12-01 18:14")  # noqa: DTZ001


def test_a_time_with_its_own_offset_keeps_it():
    assert local_to_utc("2026-12-01 23:59+01:00", "Asia/Taipei") == utc("2026-12-01 22:59")


def test_a_time_the_clocks_skip_is_refused_with_one_that_exists():
    with pytest.raises(BadRequest, match=r"02:30 does not exist in Europe/Berlin.*Write 2026-03-29 03:30"):
        local_to_utc("2026-03-29 02:30", "Europe/Berlin")
    with pytest.raises(BadRequest, match="does not exist"):
        local_to_utc("2011-12-30 12:00", "Pacific/Apia")


def test_a_time_the_clocks_show_twice_is_the_later_one_and_says_so():
    instant = local_to_utc("2026-10-25 02:30", "Europe/Berlin")
    assert instant == utc("2026-10-25 01:30")
    assert "the second time the clocks show it" in both_zones(instant, "Europe/Berlin")
    assert "the first time the clocks show it" in both_zones(instant - timedelta(hours=1), "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tomorrow", "not a date"),
        ("2026-12-01", "no time of day"),
        ("20261201", "no time of day"),
        ("2026-13-01 10:00", "not a date"),
        ("0001-01-01 00:00", "too far away"),
        ("9999-12-31 23:59-12:00", "too far away"),
    ],
)
def test_what_is_no_time_is_refused(text, why):
    with pytest.raises(BadRequest, match=why):
        local_to_utc(text, "Asia/Taipei")


def test_both_zones_are_read_back():
    assert both_zones(DEADLINE, "Asia/Taipei") == "2026-12-14 23:59 Asia/Taipei (2026-12-14 15:59 UTC)"
    assert both_zones(DEADLINE, "UTC") == "2026-12-14 15:59 UTC"
    assert both_zones(DEADLINE + timedelta(seconds=5), "UTC") == "2026-12-14 15:59:05 UTC"
    # a skipped hour is not told as a doubled one
    assert (
        both_zones(utc("2026-03-29 01:30"), "Europe/Berlin") == "2026-03-29 03:30 Europe/Berlin (2026-03-29 01:30 UTC)"
    )


def test_a_clock_time_names_its_zone():
    assert clock_time(utc("2026-12-01 16:00"), "Asia/Taipei") == "00:00 Asia/Taipei"
    assert local(utc("2026-12-01 16:00"), "Asia/Taipei").isoformat() == "2026-12-02T00:00:00+08:00"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("Taipei", "Did you mean Asia/Taipei?"),
        ("asia/taipei", "Did you mean Asia/Taipei"),
        ("Europe/Berlim", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("CST", "Write one such as"),
        ("../../etc/passwd", "Write one such as"),
        ("", "Write one such as"),
        ("Factory", "Write one such as"),
    ],
)
def test_a_zone_that_iana_does_not_know_gets_advice(name, advice):
    with pytest.raises(BadRequest) as refusal:
        checked_zone(name)
    assert advice in str(refusal.value)


def test_a_time_of_day_is_said_with_its_zone() -> None:
    assert str(ClockTime(datetime(2026, 11, 23, 16, 0, tzinfo=UTC), "Asia/Taipei")) == "00:00 Asia/Taipei"

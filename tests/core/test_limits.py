"""The quota day over every clock in the world."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unseen_server.core.errors import BadRequest
from unseen_server.core.limits import Wait, allowance, in_words, most_submissions, quota_day, quota_days, resets_at

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
INSTANTS = st.builds(lambda s: utc("1900-01-01") + timedelta(seconds=s), st.floats(0, 200 * 365.25 * 86_400))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def transitions(zone, year):
    """The instants of the year at which the zone's clocks are set, to the second."""
    place = ZoneInfo(zone)
    days = [utc(f"{year}-01-01") + timedelta(days=d) for d in range(367)]
    for low, high in pairwise(days):
        if low.astimezone(place).utcoffset() != high.astimezone(place).utcoffset():
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                same = middle.astimezone(place).utcoffset() == low.astimezone(place).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            yield high


def assert_resets_right(now, zone):
    reset = resets_at(now, zone)
    assert reset.utcoffset() == timedelta(0)
    assert now < reset <= now + timedelta(hours=50)
    assert quota_day(reset, zone) > quota_day(now, zone)
    # nowhere before has the next day begun: looked at every quarter of an hour, and just before the reset
    step = (reset - now) / 200
    for before in [now + step * i for i in range(200)] + [reset - timedelta(microseconds=1)]:
        assert quota_day(before, zone) <= quota_day(now, zone)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), INSTANTS)
@example("Pacific/Apia", utc("2011-12-30 09:59:59"))
def test_the_reset_is_the_first_instant_of_the_next_day_in_every_zone(zone, now):
    assert_resets_right(now, zone)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZONES), st.integers(1940, 2037), st.integers(-90_000, 90_000))
def test_so_it_is_around_every_setting_of_the_clocks(zone, year, seconds):
    for transition in transitions(zone, year):
        assert_resets_right(transition + timedelta(seconds=seconds), zone)


def test_every_zone_there_is_resets_within_this_week():
    for zone in ZONES:
        assert_resets_right(utc("2026-11-01 05:30"), zone)


@pytest.mark.parametrize(
    ("zone", "now", "reset"),
    [
        ("UTC", "2026-12-01 00:00", "2026-12-02 00:00"),  # midnight itself belongs to the new day
        ("UTC", "2026-12-01 23:59:59.999999", "2026-12-02 00:00"),
        ("Asia/Taipei", "2026-12-01 15:59", "2026-12-01 16:00"),
        ("Asia/Kathmandu", "2026-12-01 18:14", "2026-12-01 18:15"),  # +05:45
        ("Europe/Berlin", "2026-03-28 23:00", "2026-03-29 22:00"),  # 23 hours
        ("Europe/Berlin", "2026-10-24 22:00", "2026-10-25 23:00"),  # 25 hours
        ("America/Sao_Paulo", "2018-11-03 12:00", "2018-11-04 03:00"),  # no midnight: 00:00 became 01:00
        ("America/Havana", "2026-11-01 04:30", "2026-11-02 05:00"),  # midnight twice, the same day
        ("America/St_Johns", "2010-11-07 02:00", "2010-11-07 02:30"),  # midnight, and a minute later 23:01 again
        ("America/St_Johns", "2010-11-07 02:45", "2010-11-07 03:30"),
        ("America/St_Johns", "2010-11-07 02:30:30", "2010-11-08 03:30"),
        ("Pacific/Apia", "2011-12-30 09:00", "2011-12-30 10:00"),  # the 30th did not exist
    ],
)
def test_days_are_as_long_as_the_clocks_make_them(zone, now, reset):
    assert resets_at(utc(now), zone) == utc(reset)


def test_a_skipped_day_is_no_quota_day():
    before, after = utc("2011-12-30 09:59"), utc("2011-12-30 10:00")
    assert [quota_day(t, "Pacific/Apia") for t in (before, after)] == [date(2011, 12, 29), date(2011, 12, 31)]


def test_a_competition_touches_a_quota_day_at_either_end():
    begin, end = utc("2026-12-01 12:00"), utc("2026-12-14 15:59")
    assert quota_days(begin, end, "Asia/Taipei") == 14
    assert quota_days(begin, end + timedelta(minutes=1), "Asia/Taipei") == 15
    assert quota_days(end, begin, "Asia/Taipei") == 1


def test_an_instant_without_offset_is_refused():
    for function in (quota_day, resets_at):
        with pytest.raises(ValueError, match="naive"):
            function(datetime(2026, 12, 1), "UTC")  # noqa: DTZ001 - that is the point


def test_a_zone_nobody_knows_is_refused():
    with pytest.raises(BadRequest):
        resets_at(utc("2026-12-01"), "Asia/Nowhere")


def allowed(**changes):
    given = {"daily_limit": 5, "used_today": 2, "used_total": 9, "total_limit": None} | changes
    deadline = utc("2026-12-31 12:00")
    return allowance(utc("2026-12-01 12:00"), "Asia/Taipei", deadline=deadline, **given)


def test_an_allowance_says_what_is_left_and_when_it_resets():
    left = allowed(total_limit=20)
    assert (left.left_today, left.left_total) == (3, 11)
    assert (left.resets_at, left.time_zone) == (utc("2026-12-01 16:00"), "Asia/Taipei")


def test_without_a_total_limit_there_is_nothing_left_of_it():
    assert allowed().left_total is None


def test_what_is_left_is_never_negative_after_staff_lowered_a_limit():
    assert (allowed(daily_limit=1).left_today, allowed(total_limit=8).left_total) == (0, 0)


def test_left_today_promises_no_more_than_the_total_leaves():
    assert allowed(total_limit=10).left_today == 1


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (0, "1 s"),
        (0.2, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "2 min"),
        (3599, "1 h"),
        (11_520, "3 h 12 min"),
        (86_400, "24 h"),
        (172_799, "2 days"),
        (timedelta(days=3, hours=4), "3 days 4 h"),
    ],
)
def test_a_wait_is_told_in_words(wait, words):
    assert in_words(wait) == words


def test_what_was_granted_raises_both_limits():
    left = allowed(used_today=5, total_limit=10, extra_today=2, extra_total=3)
    assert (left.daily_limit, left.left_today, left.total_limit, left.left_total) == (7, 2, 13, 4)


@pytest.mark.parametrize(("total", "most"), [(None, 35), (20, 20), (99, 35)])
def test_a_team_submits_as_often_as_its_days_and_its_total_allow(total: int | None, most: int) -> None:
    assert most_submissions(7, 5, total) == most


def test_a_wait_is_said_in_a_sentence_as_people_say_it() -> None:
    assert str(Wait(3 * 3600 + 12 * 60)) == "3 h 12 min"

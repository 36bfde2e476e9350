"""How numbers, times and other people's text are said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from unseen import words
from unseen.output import csv_cell

NOW = datetime(2026, 11, 23, 12, 48, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, 16, tzinfo=UTC)


def test_a_score_keeps_its_digits():
    assert [words.score(value) for value in (0.1, 240.0, 1e-07, None)] == ["0.1", "240.0", "1e-07", "–"]


@pytest.mark.parametrize(
    ("significant", "shown", "said"),
    [
        (None, 8.5, ""),
        (True, 8.5, "significant improvement"),
        (False, 8.5, "no significant improvement"),
        (False, None, "not yet better than the baseline"),
    ],
)
def test_the_ladder_has_three_verdicts(significant, shown, said):
    assert words.verdict(significant, shown) == said


def test_a_difference_is_exact_in_decimals():
    assert words.difference(0.1, 0.3) == "-0.2"
    assert words.difference(0.3, 0.1) == "+0.2"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0.5, "1 min"), (12, "12 min"), (192, "3 h 12 min"), (180, "3 h"), (13265, "9 d 5 h"), (1441, "1 d")],
)
def test_a_duration_has_its_two_largest_units(minutes, said):
    assert words.duration(timedelta(minutes=minutes)) == said


def test_a_reset_names_hour_zone_and_wait():
    local = MIDNIGHT.astimezone(timezone(timedelta(hours=8)))
    said = "resets 00:00 Asia/Taipei (in 3 h 12 min)"
    assert words.reset(MIDNIGHT, local, "Asia/Taipei", NOW) == said
    assert words.reset(MIDNIGHT, None, "Asia/Taipei", NOW) == said


def test_a_zone_this_computer_does_not_know_is_told_in_utc():
    assert words.reset(MIDNIGHT, None, "Mars/Base", NOW) == "resets 16:00 UTC (in 3 h 12 min)"


def test_a_clock_a_little_ahead_makes_no_future_of_the_past():
    assert words.relative(NOW, NOW) == "just now"
    assert words.relative(NOW - timedelta(hours=5, minutes=3), NOW) == "5 h ago"


def test_nothing_in_a_name_moves_the_terminal():
    gone = "\N{REPLACEMENT CHARACTER}"
    assert words.plain("a\x1b[31m\u202eb\n") == f"a{gone}[31m{gone}b{gone}"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "＝1", "\u3000=1"])
def test_text_that_a_spreadsheet_would_run_is_guarded(text):
    assert csv_cell(text)[0] in "'\N{REPLACEMENT CHARACTER}"


def test_nor_does_it_run_where_a_spreadsheet_parts_at_semicolons():
    assert csv_cell("Ann; =1+1;-2") == "Ann; '=1+1;'-2"


@pytest.mark.parametrize(
    ("value", "cell"), [(-0.1, "-0.1"), (1e-07, "1e-07"), (None, ""), (True, "true"), ([1, 3], "[1, 3]")]
)
def test_numbers_go_to_csv_as_they_are(value, cell):
    assert csv_cell(value) == cell


def test_a_size_is_short():
    assert [words.size(n) for n in (0, 999, 2411, 5_000_000, None)] == ["0 B", "999 B", "2.4 kB", "5.0 MB", "–"]

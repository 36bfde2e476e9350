"""The receipt that `unseen submit` prints: score, best before, rank and its change, whatever came of the submission."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from unseen.records import Receipt
from unseen.tables import receipt_heading, receipt_lines

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
FILE = {"ref": 7, "file_name": "p.csv", "sha256": "ab" * 32, "metric": "mse", "direction": "lower", "teams": 20}
LIMIT = {"left_today": 3, "daily_limit": 5, "resets_at": NOON + timedelta(hours=12), "time_zone": "Asia/Taipei"}


def told(now=NOON, **other):
    receipt = Receipt(**{**FILE, **LIMIT, "resets_at_local": LIMIT["resets_at"], **other})
    return receipt_heading(receipt), dict(receipt_lines(receipt, now))


def test_the_first_file():
    heading, lines = told(public_score=13.0, improved=True, rank=4)
    assert heading == "Submission 7: 13.0 (MSE, lower is better)"
    assert lines["best before"] == "none, this is your first score"
    assert lines["rank"] == "4 of 20"


def test_a_better_one():
    _, lines = told(public_score=12.5, previous_best=13.0, improved=True, rank=2, previous_rank=4)
    assert lines["best before"] == "13.0 (this one -0.5, better)"
    assert lines["rank"] == "2 of 20, up 2 from 4"


def test_a_worse_one():
    _, lines = told(public_score=14.0, previous_best=13.0, rank=4, previous_rank=4)
    assert lines["best before"] == "13.0 (this one +1.0, no better)"
    assert lines["rank"] == "4 of 20, as before"


def test_an_equal_one():
    _, lines = told(public_score=13.0, previous_best=13.0, rank=4, previous_rank=4)
    assert lines["best before"] == "13.0 (this one is the same)"


@pytest.mark.parametrize("score", [12.5, 14.0])
def test_a_late_one_is_never_called_better_or_first(score):
    heading, lines = told(public_score=score, late=True, previous_best=13.0, rank=4, previous_rank=4)
    assert heading.startswith(f"Submission 7: {score}")
    assert lines["late"] == "scored, but never ranked"
    assert lines["best before"] == "13.0, and it stays"
    _, lines = told(public_score=score, late=True)
    assert "best before" not in lines
    assert "rank" not in lines


def test_a_file_that_is_no_significant_improvement_tells_nothing_of_its_score():
    heading, lines = told(public_score=13.0, previous_best=13.0, significant=False, rank=4, previous_rank=4)
    assert heading == "Submission 7: no significant improvement (MSE, lower is better)"
    assert lines["best before"] == "13.0, and it stays"
    heading, lines = told(significant=False)
    assert heading == "Submission 7: not yet better than the baseline (MSE, lower is better)"
    assert "rank" not in lines


def test_what_is_left_is_told_until_the_day_resets():
    assert told(public_score=1.0)[1]["left today"].startswith("3 of 5, resets")
    assert "left today" not in told(NOON + timedelta(days=1), public_score=1.0)[1]

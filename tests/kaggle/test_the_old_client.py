"""Kaggle's client before version 2, which asks differently and is found on computers that nobody updates."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest
from tests.installations import Installation

pytestmark = pytest.mark.slow


def rows(told: Any) -> list[dict[str, str]]:
    assert told.returncode == 0, told
    return list(csv.DictReader(io.StringIO(told.stdout)))


def test_looking_and_downloading(old_student: Any, made: Installation) -> None:
    assert [one["ref"] for one in rows(old_student.competitions("list", "--csv"))] == [made.slug]
    names = {file["name"] for file in rows(old_student.competitions("files", made.slug, "--csv"))}
    assert names >= {"train.csv", "test.csv", "sample_submission.csv"}
    told = old_student.competitions("download", made.slug)
    assert told.returncode == 0, told
    with zipfile.ZipFile(old_student.here / f"{made.slug}.zip") as archive:
        assert set(archive.namelist()) == names
        test = archive.read("test.csv")
    told = old_student.competitions("download", made.slug, "-f", "test.csv")
    assert told.returncode == 0, told
    assert (old_student.here / "test.csv").read_bytes() == test == (made.folder / "test.csv").read_bytes()


def test_submitting_and_the_board(old_student: Any, made: Installation) -> None:
    told = old_student.submit(made.noisy(4.0))
    assert told.returncode == 0, told
    assert "Successfully submitted to Lectures" in told.stdout
    found = made.client(old_student.name).get(f"/api/competitions/{made.slug}/submissions").get_json()["submissions"]
    [listed] = rows(old_student.competitions("submissions", made.slug, "--csv"))
    assert [float(listed["publicScore"])] == [one["public_score"] for one in found]
    board = made.client("alice").get(f"/api/competitions/{made.slug}/leaderboard").get_json()["entries"]
    shown = rows(old_student.competitions("leaderboard", made.slug, "--show", "--csv"))
    assert [row["teamName"] for row in shown] == [entry["team"] for entry in board]
    told = old_student.competitions("leaderboard", made.slug, "--download", "-p", "lb")
    assert told.returncode == 0, told
    with zipfile.ZipFile(old_student.here / "lb" / f"{made.slug}.zip") as archive:
        assert archive.namelist() == [f"{made.slug}-publicleaderboard.csv"]


def test_its_refusals(old_student: Any, made: Installation) -> None:
    for told, words in (
        (old_student.competitions("files", "lectrue"), "lectrue"),
        (old_student.competitions("list", KAGGLE_KEY="unseen_wrong"), "401"),
        (old_student.submit(b"id,minutes\n1,many\n"), "ine 2"),
    ):
        assert told.returncode == 1
        assert words in told.stdout + told.stderr
        assert "Traceback" not in told.stdout + told.stderr

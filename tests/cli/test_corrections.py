"""Extensions and corrected answers on the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from tests.cli.test_commands import Run, answer, labelled, run  # noqa: F401 - fixtures


@pytest.fixture
def opened(run: Run, labelled: str) -> Run:  # noqa: F811
    """An open competition “talks” with a student and a baseline."""
    run("init")
    run("course", "add", "ml", "--title", "ML", "--time-zone", "Asia/Taipei")
    run("competition", "init", "talks", "--from", labelled, "--target", "minutes", "--time-zone", "Asia/Taipei")
    assert run("competition", "create", "talks").returncode == 0
    assert run("competition", "launch", "talks").returncode == 0
    assert run("user", "add", "alice", "--course", "ml", "--role", "student").returncode == 0
    sample = "talks/sample_submission.csv"
    assert run("baseline", "add", "talks", sample, "--name", "Mean", "--tier", "simple").returncode == 0
    return run


def test_an_extension_is_added_listed_and_withdrawn(opened: Run) -> None:
    added = opened(
        "extension", "add", "talks", "alice", "--until", "2099-01-01 12:00", "--extra", "2", "--reason", "ill"
    )
    assert "until 2099-01-01 12:00 Asia/Taipei (2099-01-01 04:00 UTC), 2 more on" in added.stdout
    (listed,) = json.loads(opened("extension", "list", "talks", "--format", "json").stdout)
    assert (listed["username"], listed["live"], listed["reason"]) == ("alice", True, "ill")
    assert opened("extension", "withdraw", str(listed["id"]), "--reason", "well again").returncode == 0
    assert "withdrawn" in opened("extension", "list", "talks").stdout
    assert "Refused" in opened("extension", "withdraw", "1", "--reason", "again").stderr
    assert "Refused" in opened("extension", "add", "talks", "nobody", "--extra", "1", "--reason", "x").stderr


MIDDLE = 70.0


def from_the_middle(row: str) -> float:
    return float(row.split(",")[1]) - MIDDLE


def further_from_the_middle(row: str) -> str:
    """By more than any split's grid, and public."""
    row_id, label, _ = row.split(",")
    return f"{row_id},{float(label) + math.copysign(45, from_the_middle(row))},Public"


@pytest.mark.slow
def test_answers_are_corrected_after_a_dry_run(opened: Run, tmp_path: Path) -> None:
    file = tmp_path / "talks" / "solution.csv"
    header, *rows = file.read_text().splitlines()
    rows.sort(key=lambda row: abs(from_the_middle(row)))  # those that stay within the bounds come first
    corrected = tmp_path / "corrected.csv"
    corrected.write_text("\n".join([header, *map(further_from_the_middle, rows[:3]), *rows[3:]]) + "\n")
    dry = opened("rescore", "talks", str(corrected), "--dry-run")
    assert "Labels that differ: 3." in dry.stdout
    assert "Mean" in dry.stdout
    assert "Nothing was changed" in dry.stderr
    done = answer(opened("rescore", "talks", str(corrected), "--format", "json"))
    assert (done["key_version"], done["labels_changed"]) == (2, 3)
    assert "nothing to do" in opened("rescore", "talks", str(corrected)).stdout
    (tmp_path / "wrong.csv").write_text(f"{header}\n")
    refused = opened("rescore", "talks", "wrong.csv")
    assert refused.returncode == 1
    assert "no row is Public" in refused.stderr
    assert opened("doctor").returncode == 0

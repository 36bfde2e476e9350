"""Kaggle's present client, unmodified and led here by variables alone, does what a student does in a term."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.installations import Installation

pytestmark = pytest.mark.slow

either_way = pytest.mark.parametrize("student", ["bearer", "basic"], indirect=True)
DATA = ("train.csv", "test.csv", "sample_submission.csv")


def rows(told: Any) -> list[dict[str, str]]:
    """What a command with --csv printed."""
    assert told.returncode == 0, told
    return list(csv.DictReader(io.StringIO(told.stdout)))


def native(made: Installation, student: Any, path: str) -> Any:
    return made.client(student.name).get(path).get_json()


def own_submissions(made: Installation, student: Any) -> Any:
    return native(made, student, f"/api/competitions/{made.slug}/submissions")["submissions"]


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def served(made: Installation) -> dict[str, bytes]:
    listed = made.client("alice").get(f"/api/competitions/{made.slug}/files").get_json()["files"]
    return {file["name"]: made.client("alice").get(file["url"], buffered=True).data for file in listed}


def assert_refused(told: Any, *words: str) -> None:
    """Exit code 1, the reason on standard error, and no traceback anywhere."""
    assert told.returncode == 1, told
    assert "Traceback" not in told.stdout + told.stderr
    assert [word for word in words if word not in told.stderr] == [], told


def test_looking_around(student: Any, made: Installation) -> None:
    found = rows(student.competitions("list", "--csv"))
    assert [one["ref"] for one in found] == [made.slug]
    assert found[0]["userHasEntered"] == "True"
    listed = rows(student.competitions("files", made.slug, "--csv"))
    assert {file["name"]: int(file["size"]) for file in listed} == {n: len(b) for n, b in served(made).items()}
    assert {file["name"] for file in listed} >= set(DATA)


def test_what_is_downloaded_is_what_is_served(student: Any, made: Installation) -> None:
    told = student.competitions("download", made.slug)
    assert told.returncode == 0, told
    assert contents(student.here / f"{made.slug}.zip") == served(made)
    told = student.competitions("download", made.slug, "-f", "train.csv", "-p", "one")
    assert told.returncode == 0, told
    assert (student.here / "one" / "train.csv").read_bytes() == served(made)["train.csv"]


@either_way
def test_a_submission_is_the_same_as_any_other_and_counts_once(student: Any, made: Installation) -> None:
    content = made.noisy(3.0)
    told = student.submit(content, message="café, closed form")
    assert told.returncode == 0, told
    [found] = own_submissions(made, student)
    assert "Successfully submitted to Lectures" in told.stdout
    assert found["sha256"] == hashlib.sha256(content).hexdigest()
    assert (found["message"], found["file_name"]) == ("café, closed form", "predictions.csv")
    [listed] = rows(student.competitions("submissions", made.slug, "--csv"))
    assert float(listed["publicScore"]) == found["public_score"]
    assert (listed["fileName"], listed["description"], listed["privateScore"]) == (
        "predictions.csv",
        "café, closed form",
        "",
    )
    limits = json.loads(student.competitions("submission-limits", made.slug, "--json").stdout)
    assert (limits["numToday"], limits["numTotal"], limits["numAllowedNow"]) == (1, 1, 2)


def test_the_board_is_ours(student: Any, made: Installation) -> None:
    assert student.submit(made.noisy(5.0)).returncode == 0
    shown = rows(student.competitions("leaderboard", made.slug, "--show", "--csv"))
    board = native(made, student, f"/api/competitions/{made.slug}/leaderboard")["entries"]
    assert [(row["teamName"], float(row["score"])) for row in shown] == [(e["team"], e["score"]) for e in board]
    told = student.competitions("leaderboard", made.slug, "--download", "-p", "lb")
    assert told.returncode == 0, told
    [text] = contents(student.here / "lb" / f"{made.slug}.zip").values()
    kept = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert [(row["TeamName"], float(row["Score"])) for row in kept] == [(e["team"], e["score"]) for e in board]


def test_when_the_day_is_used_up_the_client_says_so(student: Any, made: Installation) -> None:
    for values in (40.0, 50.0, 60.0):
        assert student.submit(made.file(values)).returncode == 0
    assert_refused(student.submit(made.file(70.0)), "all 3 submissions")
    assert len(own_submissions(made, student)) == 3


def test_a_bad_file_is_explained_by_its_line_and_costs_nothing(student: Any, made: Installation) -> None:
    lines = made.file().decode().splitlines()
    lines[4] = re.sub(",.*", ",many", lines[4])
    assert_refused(student.submit("\n".join(lines).encode()), "ine 5")
    assert_refused(student.submit(b""))
    assert own_submissions(made, student) == []


@either_way
def test_a_wrong_token_ends_without_a_traceback(student: Any) -> None:
    wrong = {name: "unseen_wrong" for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY") if name in student.variables}
    for command in (("list",), ("submissions", "lecture")):
        told = student.competitions(*command, **wrong)
        assert told.returncode == 1
        assert "Traceback" not in told.stdout + told.stderr
        assert "lecture" not in told.stdout


def test_an_unknown_competition_is_named(student: Any, made: Installation) -> None:
    for command in (("files",), ("download",), ("submissions",), ("leaderboard", "--show"), ("submission-limits",)):
        assert_refused(student.competitions(*command, "lectrue"), "lectrue")
    assert_refused(student.submit(made.file(), slug="lectrue"), "lectrue")


def test_a_closed_competition_says_so(student: Any, made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "now", made.bundle.settings.deadline + timedelta(seconds=1))
    assert_refused(student.submit(made.file()), "deadline")
    assert own_submissions(made, student) == []


ASK_FOR_ONE = """
import sys
from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest
from kaggle import api
with api.build_kaggle_client() as kaggle:
    asked = ApiGetSubmissionRequest()
    asked.ref = int(sys.argv[1])
    print(kaggle.competitions.competition_api_client.get_submission(asked).file_name)
"""


def test_a_submission_is_shown_to_its_team_alone(bearer: Any, basic: Any, made: Installation) -> None:
    assert bearer.submit(made.file()).returncode == 0
    ref = str(own_submissions(made, bearer)[0]["ref"])

    assert bearer.python(ASK_FOR_ONE, ref).stdout.strip() == "predictions.csv"
    for nobodys in (ref, "2147483647"):
        told = basic.python(ASK_FOR_ONE, nobodys)
        assert told.stdout == ""
        assert f"no submission {nobodys} of yours" in told.stderr

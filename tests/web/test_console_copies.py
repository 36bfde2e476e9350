"""The page of copies, the same over the API and on the command line, and the warning of burnt rows."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from tests.cli.test_commands import Run, answer, run  # noqa: F401 - a fixture
from tests.installations import Build, Installation
from tests.visitors import browser, place_baseline, send

from unseen_server.services import reveal, withdrawals
from unseen_server.services.principals import SERVER

CAUTION = "a reason to ask, never a proof"


@pytest.fixture
def made(build: Build, run: Run, monkeypatch: pytest.MonkeyPatch) -> Installation:  # noqa: F811
    """Bob sends what Alice sent, Carol a line of it."""
    installation = build()
    monkeypatch.setenv("UNSEEN_HOME", str(installation.config.home))
    labels = installation.bundle.key.labels
    for who, values in (("alice", labels), ("bob", labels), ("carol", 0.8 * labels + 9)):
        send(installation, installation.file(values), who)
        installation.now += timedelta(minutes=1)
    return installation


def page(made: Installation, address: str = "/copies/") -> str:
    return made.client("teacher").get(f"/console/competitions/{made.slug}{address}").text


def test_the_page_shows_who_sent_what_when_and_says_that_it_proves_nothing(made: Installation) -> None:
    withdrawals.withdraw(made.db, ref=2, reason="a copy", **made.asking())
    shown = page(made)
    assert CAUTION in shown
    assert re.findall(r'href="[^"]*/submissions/(\d)"', shown) == ["1", "2", "3"]
    assert "like 1: identical file" in shown
    assert "like 1: affine: 0.8 x + 9" in shown
    assert shown.count("withdrawn</span>") == 1
    assert len(re.findall("<time datetime=", shown.split("<table")[1])) == 3
    assert "Between teams" in shown


def test_whoever_has_a_baseline_stands_apart(build: Build) -> None:
    made = build()
    place_baseline(made)
    send(made, made.file(50.0))
    assert "No two teams sent the same." in page(made)
    assert "2 with the same value in every row were left out" in page(made)


def test_staff_ask_over_the_api_and_students_are_refused(made: Installation) -> None:
    address = f"/api/competitions/{made.slug}/copies"
    found = made.client("teacher").get(address).get_json()
    assert (found["compared"], found["constant"]) == (3, 0)
    assert CAUTION in found["caution"]
    (group,) = found["groups"]
    assert [(one["ref"], one["team"], one["like"], one["relation"]) for one in group["submissions"]] == [
        (1, "Alice", None, None),
        (2, "Bob", 1, "identical_file"),
        (3, "Carol", 1, "affine"),
    ]
    assert made.client("alice").get(address).status_code == 403
    assert made.client("rival").get(address).status_code == 403
    assert made.client().get(address).status_code == 401


def test_the_command_prints_a_table_or_json(made: Installation, run: Run) -> None:  # noqa: F811
    printed = run("copies", made.slug)
    assert [line.split()[:3] for line in printed.stdout.splitlines()[1:]] == [
        ["1", "1", "Alice"],
        ["1", "2", "Bob"],
        ["1", "3", "Carol"],
    ]
    assert CAUTION in printed.stderr
    assert answer(run("copies", made.slug, "--format", "json"))["compared"] == 3
    assert run("copies", "nothing").returncode == 1
    assert run("copies", made.slug, "--format", "text").returncode == 2


@pytest.mark.slow
def test_burnt_rows_are_named_wherever_they_could_be_used_again(made: Installation, run: Run) -> None:  # noqa: F811
    export = str(made.config.home / "taken.zip")
    for address in ("", "/copy"):
        assert "burnt" not in page(made, address)
    assert "burnt." not in run("competition", "export", made.slug, export).stderr
    assert answer(run("competition", "show", made.slug, "--format", "json"))["burnt"] is False
    made.pass_deadline()
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    send(made, made.file(made.bundle.key.labels + 1))
    for address in ("", "/copy"):
        shown = page(made, address)
        assert "are burnt" in shown
        assert "Submissions scored after the reveal: 1." in shown
    assert "Answers that are known stay known." in page(made, "/copy")
    assert "burnt." in run("competition", "export", made.slug, export.replace("taken", "again")).stderr
    told = run("competition", "show", made.slug, "--format", "json")
    assert "burnt." in told.stderr
    assert answer(told)["burnt"] is True
    students = browser(made).get(f"/competitions/{made.slug}").text
    assert "burnt" not in students

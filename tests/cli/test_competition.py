"""Competitions kept going from the command line: exported, moved, removed and brought back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.test_commands import Run, answer, labelled, run

from unseen_server.services.bundles import read_bundle, read_zip

__all__ = ["labelled", "run"]


@pytest.fixture
def talks(run: Run, labelled: str) -> str:
    """A draft in an installation of its own."""
    answer(run("init", "--format", "json"))
    answer(run("competition", "init", "talks", "--from", labelled, "--target", "minutes", "--format", "json"))
    answer(run("competition", "create", "talks", "--format", "json"))
    return "talks"


def test_the_advice_is_a_table_for_people_and_whole_for_programs(run: Run, labelled: str) -> None:
    answer(run("init", "--format", "json"))
    made = run("competition", "init", "talks", "--from", labelled, "--target", "minutes")
    assert "Leak ratio                   6.8 (red)" in made.stdout
    assert "no way of showing scores is both safe and informative" in made.stderr
    assert "Worst-case gap" in run("competition", "check", "talks").stdout
    given = answer(run("competition", "check", "talks", "--format", "json"))["advice"]
    assert {"n_public", "n_private", "submissions", "leak_ratio", "level", "meaning", "worst_case_gap"} < set(given)
    assert {"honest_optimism", "resolution", "warnings", "suggestions"} < set(given)
    assert "(red)" in run("competition", "create", "talks").stdout


def test_the_advice_is_as_wide_as_the_terminal(run: Run, labelled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    made = run("competition", "init", "talks", "--from", labelled, "--target", "minutes").stdout
    lines = made[made.index("split advice") :].splitlines()
    assert 60 < max(map(len, lines)) <= 80
    assert "board says little about who is best." in " ".join(line.strip() for line in lines)


def test_an_exported_folder_can_be_brought_in_again(run: Run, talks: str, tmp_path: Path) -> None:
    assert "solution.csv" in str(answer(run("competition", "export", talks, "again", "--format", "json"))["files"])
    assert run("competition", "check", "again").returncode == 0
    assert read_bundle(tmp_path / "again").settings == read_bundle(tmp_path / "talks").settings
    assert (tmp_path / "again" / "solution.csv").stat().st_mode & 0o077 == 0
    assert run("competition", "export", talks, "again.zip").returncode == 0
    assert read_zip((tmp_path / "again.zip").read_bytes()).key.ids == read_bundle(tmp_path / "talks").key.ids


def test_an_export_writes_over_nothing(run: Run, talks: str) -> None:
    done = run("competition", "export", talks, "talks")
    assert done.returncode == 1
    assert "already holds something" in done.stderr


def test_a_removed_competition_is_gone_from_the_list_until_it_is_restored(run: Run, talks: str) -> None:
    assert run("competition", "remove", talks).returncode == 0
    assert talks not in run("competition", "list").stdout
    assert "Bring it back first" in run("competition", "launch", talks).stderr
    assert run("competition", "restore", talks).returncode == 0
    assert talks in run("competition", "list").stdout


def test_a_start_that_is_not_reached_can_be_moved(run: Run, talks: str) -> None:
    later, latest = "2098-01-01 09:00", "2098-01-02 09:00"
    answer(run("competition", "export", talks, "far", "--format", "json"))
    toml = Path("far/competition.toml")
    changed = toml.read_text().replace('slug = "talks"', 'slug = "far"')
    far = 'deadline = "2099-01-01 23:59"'
    lines = [far if line.startswith("deadline") else line for line in changed.split("\n")]
    toml.write_text("\n".join(lines))
    answer(run("competition", "create", "far", "--format", "json"))
    first = answer(run("competition", "launch", "far", "--at", later, "--format", "json"))
    moved = answer(run("competition", "launch", "far", "--at", latest, "--format", "json"))
    assert (first["phase"], moved["starts_at"]) == ("draft", "2098-01-02T09:00:00Z")
    assert moved["seal"] == first["seal"]
    assert "launched already" in run("competition", "launch", "far").stderr


def test_a_baseline_has_points_from_its_first_day(run: Run, talks: str) -> None:
    words = ("--name", "Mean", "--tier", "simple", "--points-public", "1.5", "--points-private", "2")
    assert run("baseline", "add", talks, "talks/sample_submission.csv", *words).returncode == 0
    answer(run("competition", "export", talks, "again", "--format", "json"))
    declared = read_bundle(Path("again")).settings.baselines[0]
    assert (declared.points_public, declared.points_private) == (1.5, 2.0)


def test_every_seal_is_shown_in_words(run: Run, talks: str) -> None:
    answer(run("competition", "launch", talks, "--format", "json"))
    seals = answer(run("competition", "show", talks, "--format", "json"))["seals"]
    told = run("competition", "show", talks).stdout
    assert f"{seals[0]['seal']} (version 1)" in told
    assert "Seal(" not in told

"""The overfitting meter on the command line."""

from __future__ import annotations

import json

import pytest
from tests.cli.test_commands import Run, run  # noqa: F401 - a fixture
from tests.installations import Build, Installation
from tests.services.test_meter import asked
from tests.visitors import send


@pytest.fixture
def made(build: Build, run: Run, monkeypatch: pytest.MonkeyPatch) -> Installation:  # noqa: F811
    """Alice has improved once, Bob has sent one file; the commands work on this installation."""
    installation = build()
    monkeypatch.setenv("UNSEEN_HOME", str(installation.config.home))
    for n, who in enumerate(("alice", "alice", "bob")):
        send(installation, installation.noisy(9.0 - 2 * n, n), who)
    return installation


def test_it_is_printed_for_people_and_for_programs(made: Installation, run: Run) -> None:  # noqa: F811
    printed = run("meter", made.slug)
    assert printed.returncode == 0
    assert "consistent with overfitting" in printed.stdout
    assert "as it was" in printed.stdout
    told = json.loads(run("meter", made.slug, "--format", "json").stdout)
    found = asked(made)
    assert [team["z"] for team in told["teams"]] == [team.z for team in found.teams]
    assert len(told["replays"]) == 10
    assert run("meter", "nothing").returncode == 1

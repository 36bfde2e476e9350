"""Teams corrected on the command line."""

from __future__ import annotations

import secrets

import pytest
from tests.cli.test_commands import Run, answer, run  # noqa: F401 - a fixture
from tests.installations import Server

from unseen_server.services.submit import submit


def test_two_teams_are_merged_and_renamed_with_a_reason(
    live: Server,
    run: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = live.installation
    monkeypatch.setenv("UNSEEN_HOME", str(made.config.home))
    for who in ("alice", "bob"):
        upload = made.upload(made.noisy(3.0), key=secrets.token_hex())
        submit(made.db, made.keys, slug=made.slug, principal=made.principal(who), upload=upload, received_at=made.now)
    assert run("team", "merge", made.slug, "Alice", "Bob").returncode == 2  # a reason is needed
    merged = answer(run("team", "merge", made.slug, "Alice", "Bob", "--reason", "one homework", "--format", "json"))
    assert merged == {"team": "Alice", "members": 2, "submissions": 2, "finals_cleared": False}
    assert "called A & B now" in run("team", "rename", made.slug, "Alice", "A & B", "--reason", "asked").stdout
    refused = run("team", "merge", made.slug, "A & B", "A and B", "--reason", "x")
    assert (refused.returncode, "Did you mean “A & B”?" in refused.stderr) == (1, True)

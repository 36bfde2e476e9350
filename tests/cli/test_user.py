"""People on the command line: links, disabling, enabling; and that no log holds a link."""

from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from tests.cli.test_commands import Run, run  # noqa: F401 - a fixture
from tests.installations import Server
from tests.services.test_links import issued, signs_in

from unseen_server.core.errors import NotSignedIn
from unseen_server.db.session import Database
from unseen_server.services import accounts, tokens

NEW = {"password": "battery staple", "again": "battery staple"}


@pytest.fixture
def home(run: Run, tmp_path: Path) -> Path:  # noqa: F811
    """An installation with alice in it."""
    run("init")
    run("user", "add", "alice")
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ({"UNSEEN_PUBLIC_URL": "https://ml.example.edu/"}, "https://ml.example.edu/welcome/"),
        ({"UNSEEN_PORT": "9000"}, "http://127.0.0.1:9000/welcome/"),
    ],
)
def test_a_link_is_printed_alone(
    run: Run,  # noqa: F811
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    begins: str,
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    printed = run("user", "reset", "alice").stdout
    assert re.fullmatch(re.escape(begins) + r"[\w-]{43}\n", printed)
    assert run("user", "reset", "alice", "--url", "https://other/").stdout.startswith("https://other/welcome/")


def test_an_invitation_is_for_somebody_without_a_password(run: Run, home: Path) -> None:  # noqa: F811
    done = run("user", "invite", "alice")
    assert (done.returncode, done.stdout) == (1, "")
    assert "user reset" in done.stderr
    with closing(Database(f"sqlite:///{home / 'unseen.db'}")) as db, db.write() as session:
        accounts.user_named(session, "alice").password_hash = None
    told = json.loads(run("user", "invite", "alice", "--format", "json").stdout)
    assert (told["username"], told["purpose"]) == ("alice", "invite")


@pytest.mark.parametrize("command", ["invite", "reset", "disable", "enable"])
def test_an_unknown_name_is_refused(run: Run, home: Path, command: str) -> None:  # noqa: F811
    done = run("user", command, "nobody")
    assert (done.returncode, "no user “nobody”" in done.stderr) == (1, True)


def test_somebody_is_kept_out_and_let_in_again(run: Run, home: Path) -> None:  # noqa: F811
    token = run("token", "issue", "alice").stdout.strip()
    assert run("user", "disable", "alice").returncode == 0
    assert run("token", "issue", "alice").returncode == 1
    assert run("user", "enable", "alice").returncode == 0
    assert run("token", "issue", "alice").returncode == 0
    with closing(Database(f"sqlite:///{home / 'unseen.db'}")) as db, pytest.raises(NotSignedIn):
        tokens.principal_of_token(db, token, datetime.now(UTC))


def test_a_served_link_works_and_stands_in_no_log(live: Server) -> None:
    made = live.installation
    secret = issued(made, "alice", "invite")
    address = f"{live.url}/welcome/{secret}"
    with httpx2.Client() as client:
        assert "Alice" in client.get(address).text
        assert client.post(address, data=NEW).status_code == 303
    assert httpx2.post(address, data=NEW).status_code == 404
    assert signs_in(made, "alice", "battery staple")
    assert secret not in live.log.read_text()

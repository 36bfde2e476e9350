"""No secret is ever in a log: known ones go through every way in, while everything works and while nothing does."""

from __future__ import annotations

import base64
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from tests.installations import Build, Installation, Server, install, make_folder, new_sqlite, serving
from tests.visitors import PASSWORD, add, hidden

from unseen_server import storage
from unseen_server.config import Config
from unseen_server.core import metrics, predictions
from unseen_server.db import sqlite
from unseen_server.services import entries, joining, links
from unseen_server.services.principals import SERVER
from unseen_server.web.context import SESSION_COOKIE

SECRET_KEY, MAIL_PASSWORD, CLIENT_SECRET = "canary-of-the-key", "canary-of-the-mail", "canary-of-the-client"
TYPED = "canary-that-was-typed"
SETTINGS = {
    "UNSEEN_SECRET_KEY": SECRET_KEY,
    "UNSEEN_PUBLIC_URL": "http://localhost",
    "UNSEEN_SMTP_URL": f"smtp://unseen:{MAIL_PASSWORD}@127.0.0.1:9",
    "UNSEEN_MAIL_FROM": "unseen@example.edu",
    "UNSEEN_OIDC_ISSUER": "http://127.0.0.1:9/idp",
    "UNSEEN_OIDC_CLIENT_ID": "unseen",
    "UNSEEN_OIDC_CLIENT_SECRET": CLIENT_SECRET,
}
# What requests write secrets and whatever was typed into.
TABLES = ("sessions", "failed_sign_ins", "submissions", "rejections", "upload_tickets", "device_logins")


@pytest.fixture
def server(tmp_path: Path, sqlite_template: Path) -> Iterator[Server]:
    now = datetime.now(UTC)
    folder = make_folder(tmp_path, now=now)
    with (
        new_sqlite(tmp_path, sqlite_template) as url,
        closing(install(Config(home=tmp_path, database_url=url), folder, now=now)) as made,
    ):
        add(made, "dora", "Dora")
        with serving(made, processes=1, **SETTINGS) as server:
            yield server


def knock(server: Server, secrets: dict[str, str], form_token: str) -> list[int]:
    """Bring every secret to every kind of place that takes one, right and wrong."""
    api, kaggle = f"{server.url}/api/competitions/{server.slug}", f"{server.url}/api/v1"
    bearer = {"Authorization": f"Bearer {secrets['token']}"}
    basic = {"Authorization": "Basic " + base64.b64encode(f"alice:{secrets['token']}".encode()).decode()}
    browser = {"Cookie": f"{SESSION_COOKIE}={secrets['cookie']}"}
    file = {"file": (f"{TYPED}.csv", server.installation.file())}
    password = {"name": "dora", "password": PASSWORD, "csrf_token": form_token}
    with httpx2.Client(timeout=30) as client:
        answers = [
            client.post(f"{server.url}/login", data=password),
            client.post(f"{server.url}/login", data={**password, "password": TYPED}),
            client.post(f"{server.url}/account/password", data={"old": TYPED, "csrf_token": TYPED}, headers=browser),
            client.post(f"{server.url}/forgot", data={"name": "dora"}),
            client.get(f"{server.url}/account", headers=browser),
            client.get(f"{server.url}/welcome/{secrets['link']}"),
            client.post(f"{server.url}/welcome/{secrets['link']}", data={"password": TYPED, "again": "other"}),
            client.get(f"{server.url}/join/{secrets['join code']}"),
            client.get(f"{server.url}/login/sso"),
            client.get(f"{server.url}/login/sso/callback", params={"code": TYPED, "state": TYPED}),
            client.post(f"{api}/submissions", files=file, data={"message": TYPED}, headers=bearer),
            client.post(f"{api}/submissions", files={"file": ("p.csv", b"no prediction file")}, headers=bearer),
            client.get(f"{api}/limits", headers={"Authorization": f"Bearer {TYPED}"}),
            client.post(f"{api}/rescore", content=secrets["labels"].encode(), headers=bearer),
            client.post(f"{server.url}/api/device/token", json={"device_code": TYPED}),
            client.post(f"{server.url}/api/device/code", json={"name": "laptop"}),
            client.get(f"{kaggle}/competitions/list", headers=basic),
            client.post(f"{kaggle}/security.OAuthService/IntrospectToken", json={"token": secrets["token"]}),
            client.put(f"{kaggle}/uploads/{secrets['ticket']}", content=TYPED.encode()),
            client.request("TRACE", f"{server.url}/welcome/{secrets['link']}", headers=bearer | browser),
        ]
    return [answer.status_code for answer in answers]


def test_no_secret_is_in_the_log_whatever_happens(server: Server) -> None:
    made, token = server.installation, server.token("alice")
    with httpx2.Client(timeout=30) as client:
        client.post(f"{server.url}/login", data={"name": "dora", "password": PASSWORD})
        cookie = client.cookies[SESSION_COOKIE]
        form_token = hidden(client.get(f"{server.url}/account").text, "csrf_token")
        ticket = client.post(
            f"{server.url}/api/v1/competitions/{server.slug}/submissions/url/9/1",
            data={"fileName": "p.csv"},
            headers={"Authorization": f"Bearer {token}"},
        ).json()["token"]
    link = links.issue_for(made.db, course="ml", username="alice", principal=SERVER, now=made.now)
    code = joining.set_code(made.db, course="ml", principal=SERVER, now=made.now)
    labels = (made.folder / "solution.csv").read_text()
    secrets = {"token": token, "cookie": cookie, "ticket": ticket, "link": link.secret, "join code": code}
    secrets["labels"] = labels

    assert {200, 201, 401, 403} <= {*knock(server, secrets, form_token)}
    with closing(sqlite.driver.connect(made.config.home / "unseen.db")) as outside:
        for table in TABLES:  # from now on every row for them is refused, with all its values at hand
            refuse = "SELECT RAISE(ABORT, 'broken by the test')"
            outside.execute(f"CREATE TRIGGER break_{table} BEFORE INSERT ON {table} BEGIN {refuse}; END")
        outside.commit()
    assert 503 in knock(server, secrets, form_token)
    with suppress(httpx2.HTTPError):
        httpx2.get(server.url, headers={"Cookie": "x" * 40_000 + cookie})
    server.process.kill()
    server.process.wait(30)

    log = server.log.read_text()
    assert "Traceback" in log
    assert "broken by the test" in log
    for secret in (PASSWORD, TYPED, form_token, SECRET_KEY, MAIL_PASSWORD, CLIENT_SECRET):
        assert secret not in log
    for name, secret in secrets.items():
        if name != "labels":
            assert secret not in log, name
    rows = [line for line in labels.splitlines()[1:] if line.endswith("Private")]
    assert not [row for row in rows if row in log]
    assert made.file().decode() not in log


# what is in an uploaded file, where a library quotes what it was given

FAILING = """
import {module} as broken

def quote(*given, **named):
    raise ValueError(f"cannot use {{given!r}} {{named!r}} {{[getattr(one, 'content', None) for one in given]}}")

broken.{function} = quote
"""
LEFT_TO_A_WORKER = {"UNSEEN_ROWS_AT_ONCE": "10"}


@contextmanager
def broken(function: Callable[..., object], made: Installation, folder: Path, **settings: str) -> Iterator[Server]:
    """A server where this function, whoever calls it, quotes in an error what it was given."""
    names = {"module": function.__module__, "function": function.__name__}
    (folder / "sitecustomize.py").write_text(FAILING.format(**names))
    path = os.pathsep.join([str(folder), *sys.path])
    with serving(made, processes=1, PYTHONPATH=path, **settings) as server:
        yield server


def uploaded(server: Server) -> httpx2.Response:
    return httpx2.post(
        f"{server.url}/api/competitions/{server.slug}/submissions",
        files={"file": (f"{TYPED}.csv", server.installation.file(43.19750123))},
        data={"message": TYPED},
        headers={"Authorization": f"Bearer {server.token('alice')}", "Idempotency-Key": f"key-{TYPED}"},
    )


def assert_it_quotes_nothing(log: str) -> None:
    assert "builtins.ValueError\n" in log
    assert "in quote" in log
    assert not [word for word in (TYPED, "43.1975", "array([") if word in log]


@pytest.mark.parametrize(
    "function",
    [predictions.read_predictions, metrics.score, entries.accept, entries.count, storage.keep],
    ids=lambda function: function.__name__,
)
def test_what_was_uploaded_is_in_no_log_wherever_scoring_fails(
    build: Build, tmp_path: Path, function: Callable[..., object]
) -> None:
    with broken(function, build(deadline="2999-01-01 00:00"), tmp_path) as server:
        reply = uploaded(server)
        assert (reply.status_code, TYPED in reply.text, "43.1975" in reply.text) == (503, False, False)
    assert_it_quotes_nothing(server.log.read_text())


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(predictions.read_predictions, marks=pytest.mark.long),
        metrics.score,
        pytest.param(entries.count, marks=pytest.mark.long),
    ],
    ids=lambda function: function.__name__,
)
def test_what_was_uploaded_is_in_no_log_of_a_worker_either(
    build: Build, tmp_path: Path, function: Callable[..., object]
) -> None:
    with broken(function, build(deadline="2999-01-01 00:00"), tmp_path, **LEFT_TO_A_WORKER) as server:
        assert uploaded(server).json()["status"] == "pending"
        patience = time.monotonic() + 60
        while "in quote" not in server.log.read_text() and time.monotonic() < patience:
            time.sleep(0.05)
    assert_it_quotes_nothing(server.log.read_text())

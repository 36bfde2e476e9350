"""A real server for all, a server that misbehaves on command for faults no real one can be asked to have."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.installations import Server, install, make_folder, new_sqlite, serving

from unseen import Client, wire
from unseen_server.config import Config
from unseen_server.services import accounts

RECEIPT = {
    "ref": 7,
    "status": "scored",
    "public_score": 0.1,
    "competition": "lecture",
    "metric": "mse",
    "direction": "lower",
    "left_today": 4,
    "daily_limit": 5,
    "file_name": "predictions.csv",
    "sha256": "ab" * 32,
}


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    claimed: int | None = None  # a Content-Length that is not the body's: the connection breaks off
    lost: bool = False  # hang up without a word


@dataclass
class FaultyServer:
    """`replies` are given in order, the last one again and again; `seen` are the requests that came."""

    url: str = ""
    replies: list[Reply | Callable[[Request], Reply]] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)

    def next_reply(self, request: Request) -> Reply:
        self.seen.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(request) if callable(reply) else reply


def answer(content: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})


def problem(status: int, code: str, detail: str, **members: Any) -> Reply:
    content = {"status": status, "code": code, "detail": detail, **members}
    headers = {"Content-Type": "application/problem+json"}
    if "retry_after" in members:
        headers["Retry-After"] = str(members["retry_after"])
    return Reply(status, json.dumps(content).encode(), headers)


def page(status: int = 200) -> Reply:
    return Reply(status, b"<html>Welcome to the campus network</html>", {"Content-Type": "text/html"})


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setattr(wire, "PAUSES", (0.0, 0.0))
    server = FaultyServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length))
            reply = server.next_reply(request)
            self.close_connection = True
            if reply.lost:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            send_status = self.send_response_only if "Date" in reply.headers else self.send_response
            send_status(reply.status)
            self.send_header("Connection", "close")  # or the client asks again on a connection that is closing
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) if reply.claimed is None else reply.claimed))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = reply  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def client(faulty: FaultyServer) -> Iterator[Client]:
    with Client(faulty.url, "unseen_test", timeout=5) as client:
        yield client


class Term(Server):
    """A real server that outlives a test; each test brings a student of its own, enrolled when first asked for."""

    def token(self, username: str, scope: str | None = None) -> str:
        made = self.installation
        if f"{username}:{scope or 'submit'}" not in made.tokens:
            with made.db.write() as session:
                user = accounts.add_user(session, username, display_name=username, now=made.now, actor="test")
                accounts.enrol(session, user, made.course(session), "student", now=made.now, actor="test")
        return super().token(username, scope)


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Term]:
    home, now = tmp_path_factory.mktemp("term"), datetime.now(UTC)
    folder = make_folder(home, now=now)
    with (
        new_sqlite(home, sqlite_template) as url,
        closing(install(Config(home=home, database_url=url), folder, now=now)) as installation,
        serving(installation, processes=1) as server,
    ):
        yield Term(server.url, installation, server.process, server.log)


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "settings"
    monkeypatch.setenv("UNSEEN_CONFIG_DIR", str(folder))
    for name in ("UNSEEN_URL", "UNSEEN_TOKEN", "UNSEEN_COMPETITION", "UNSEEN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def faults() -> Any:
    """The makers of replies, by name; a fixture because test folders are no packages."""
    from types import SimpleNamespace

    return SimpleNamespace(answer=answer, problem=problem, page=page, Reply=Reply, RECEIPT=RECEIPT)


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

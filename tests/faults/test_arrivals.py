"""What the server refuses before it is a request is said as everything else, and strangers' large bodies never come."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.faults.test_slow_clients import (
    MALFORMED,
    SUBMISSIONS,
    answering,
    asked,
    dial,
    everything_from,
    hasty,
    until,
)
from tests.installations import Build, Installation
from tests.visitors import add, sign_in

from unseen_server.arrivals import IN_MEMORY
from unseen_server.connections import Stage
from unseen_server.logs import without_addresses
from unseen_server.web.context import SESSION_COOKIE

LARGE = IN_MEMORY + 100_000
BODIES = {"with its length": f"Content-Length: {LARGE}\r\n\r\n", "in chunks": "Transfer-Encoding: chunked\r\n\r\n"}

Place = tuple[str, int]


@pytest.fixture
def made(build: Build) -> Installation:
    return build()


@pytest.fixture
def place(made: Installation) -> Iterator[Place]:
    with answering(made.app) as address:
        yield address


def parts_of(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = reply.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


# how it is said


@pytest.mark.parametrize(("sent", "status"), MALFORMED.values(), ids=MALFORMED)
def test_a_refusal_carries_the_headers_and_tells_nothing_of_the_server(place: Place, sent: bytes, status: int) -> None:
    found, headers, _ = parts_of(asked(place, sent))
    assert found == status
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in headers["Cache-Control"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Server" not in headers
    assert headers["Connection"] == "close"


BROKEN = (b" HTTP/1.1\r\nHost : x\r\n\r\n", b" HTTP/1.1\r\nX: " + b"1" * 40_000 + b"\r\n\r\n")


@pytest.mark.parametrize("broken", BROKEN, ids=["a bad line", "a long head"])
def test_a_program_is_told_in_the_form_that_it_reads(place: Place, broken: bytes) -> None:
    status, headers, body = parts_of(asked(place, b"POST /api/competitions" + broken))
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["status"] == status
    status, headers, body = parts_of(asked(place, b"GET /api/v1/competitions/list" + broken))
    assert (headers["Content-Type"], json.loads(body)["code"]) == ("application/json", status)
    status, headers, body = parts_of(asked(place, b"GET /competitions" + broken))
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"{status}".encode() in body


def test_a_head_that_trickles_in_is_told_so_in_the_same_form(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty(monkeypatch, Stage.HEAD)
    with dial(place) as wire:
        wire.sendall(b"GET /api/whoami HTTP/1.1\r\nX: ")
        status, headers, _ = parts_of(everything_from(wire))
    assert (status, headers["Content-Type"]) == (408, "application/problem+json")


def test_where_even_that_fails_the_last_resort_carries_the_headers() -> None:
    def failing(_environ: Any, _start_response: Any) -> list[bytes]:
        raise RuntimeError("broken by the test")

    with answering(failing) as address:
        status, headers, _ = parts_of(asked(address, b"GET / HTTP/1.0\r\n\r\n"))
    assert (status, headers["Cache-Control"], headers["X-Content-Type-Options"]) == (500, "no-store", "nosniff")


# whose body may come


def head(path: str, body: str, *headers: str, method: str = "POST") -> bytes:
    lines = "".join(f"{line}\r\n" for line in ("Host: x", *headers))
    return f"{method} {path} HTTP/1.1\r\n{lines}{body}".encode()


def some_of(body: str) -> bytes:
    """As much of a body as a server takes into memory before it would write it to its disk, and no end of it."""
    return b"" if "Length" in body else b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(
    "claimed", ["X: y", "Authorization: Bearer unseen_made_up", f"Cookie: {SESSION_COOKIE}=made-up"]
)
def test_a_stranger_is_refused_before_a_large_body_has_come(place: Place, body: str, claimed: str) -> None:
    with dial(place) as wire:
        wire.sendall(head(SUBMISSIONS, body, claimed))
        for _ in range(8):
            wire.sendall(some_of(body))
        status, headers, said = parts_of(until_closed(wire))
    assert (status, json.loads(said)["code"]) == (401, "not_signed_in")
    assert headers["Connection"] == "close"


def until_closed(wire: socket.socket) -> bytes:
    wire.settimeout(20)
    found = b""
    while b"\r\n\r\n" not in found or not found.rstrip().endswith(b"}"):
        more = wire.recv(65536)
        if not more:
            break
        found += more
    return found


def test_nobody_is_asked_for_what_will_be_refused(place: Place) -> None:
    with dial(place) as wire:
        wire.sendall(head(SUBMISSIONS, BODIES["with its length"], "Expect: 100-continue"))
        assert until_closed(wire).startswith(b"HTTP/1.1 401 ")


def test_whoever_is_known_is_asked_for_it_and_heard(made: Installation, place: Place) -> None:
    add(made, "dora", "Dora")
    browser = made.app.test_client()
    sign_in(browser, "dora")
    cookie = browser.get_cookie(SESSION_COOKIE)
    assert cookie
    for shown in (f"Authorization: Bearer {made.token('alice')}", f"Cookie: {SESSION_COOKIE}={cookie.value}"):
        with dial(place) as wire:
            wire.sendall(head(SUBMISSIONS, BODIES["with its length"], "Expect: 100-continue", shown))
            assert until(wire, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.sendall(b"x" * LARGE)
            assert json.loads(parts_of(until_closed(wire))[2])["status"] in (400, 403)  # no file in it; no form token


def test_a_large_file_that_comes_with_a_token_counts(made: Installation, place: Place) -> None:
    form = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"; filename="p.csv"\r\n\r\n%s\r\n' % part
        for part in ((b"other", b"x" * LARGE), (b"file", made.file()))
    )
    form += b"--b--\r\n"
    named = ("Content-Type: multipart/form-data; boundary=b", f"Authorization: Bearer {made.token('alice')}")
    with dial(place) as wire:
        wire.sendall(head(SUBMISSIONS, f"Content-Length: {len(form)}\r\n\r\n", *named) + form)
        assert until_closed(wire).startswith(b"HTTP/1.1 201 ")


def test_a_kaggle_upload_is_known_by_its_ticket(made: Installation, place: Place) -> None:
    begun = made.client("alice").post(
        f"/api/v1/competitions/{made.slug}/submissions/url/9/1", data={"fileName": "p.csv"}
    )
    ticket = begun.get_json()["token"]
    for token, answer in ((ticket, b"HTTP/1.1 100 Continue"), ("made-up", b"HTTP/1.1 404 ")):
        with dial(place) as wire:
            wire.sendall(
                head(f"/api/v1/uploads/{token}", BODIES["with its length"], "Expect: 100-continue", method="PUT")
            )
            assert wire.recv(65536).startswith(answer)


def test_a_small_body_is_nobodys_question(place: Place) -> None:
    form = b"name=nobody&password=" + b"x" * 1000
    named = ("Content-Type: application/x-www-form-urlencoded", "Connection: close")
    reply = asked(place, head("/login", f"Content-Length: {len(form)}\r\n\r\n", *named) + form)
    assert reply.startswith(b"HTTP/1.1 401 ")
    assert b"do not belong together" in reply


# what is logged


def test_a_client_that_goes_away_leaves_no_address_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    gone, answered = threading.Event(), threading.Event()

    def slow(_environ: Any, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"begun"
        gone.wait(20)
        for _ in range(200):
            yield b"x" * 65536
        answered.set()

    waitress = logging.getLogger("waitress")
    waitress.addFilter(without_addresses)
    try:
        with caplog.at_level(logging.INFO), answering(slow) as address:
            with closing(dial(address)) as wire:
                wire.sendall(b"GET /welcome/a-one-time-secret HTTP/1.1\r\nHost: x\r\n\r\n")
                wire.recv(1000)
            gone.set()
            while not (answered.is_set() or "serving" in caplog.text):
                answered.wait(0.05)
    finally:
        waitress.removeFilter(without_addresses)
    assert "while serving a request" in caplog.text
    assert "a-one-time-secret" not in caplog.text

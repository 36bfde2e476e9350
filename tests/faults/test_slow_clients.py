"""Whoever trickles, drips, never reads or sends what is no request costs a connection, and nobody else anything."""

from __future__ import annotations

import json
import random
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import httpx2
import psutil
import pytest
from tests.installations import SLUG, Build, Server, install, make_folder, new_sqlite

from unseen_server import connections
from unseen_server.config import Config
from unseen_server.connections import PATIENCE, Stage
from unseen_server.web.context import REFUSED_ON_ARRIVAL

SLOW = 100
LARGE = 32 * 1024 * 1024  # more than the kernel keeps of an answer that nobody reads, and than waitress likes to
WORKERS = 2

SUBMISSIONS = f"/api/competitions/{SLUG}/submissions"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Tells the path and the body; /large tells much, piece by piece; what was refused on arrival, with that status."""
    if refused := environ.get(REFUSED_ON_ARRIVAL):
        start_response(f"{refused} Refused", [])
        return []
    told = [environ["PATH_INFO"].encode() + b"|" + environ["wsgi.input"].read()]
    start_response("200 Told", [("Content-Type", "text/plain")])
    return [b"x" * (LARGE // 64)] * 64 if environ["PATH_INFO"] == "/large" else told


@contextmanager
def answering(app: Any = application, *, most: int = 1000, **settings: Any) -> Iterator[tuple[str, int]]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = connections.Server(
        app,
        listening,
        most=most,
        shares=connections.Shares(1),
        place=0,
        threads=2,
        max_request_body_size=2**20,
        **settings,
    )
    stopping = threading.Event()

    def turn() -> None:
        while not stopping.is_set():
            server.turn()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        stopping.set()
        server.pull_trigger()
        thread.join()
        server.task_dispatcher.shutdown()
        for channel in list(server.active_channels.values()):
            channel.handle_close()
        connections.wasyncore.close_all(server._map)


@pytest.fixture
def place() -> Iterator[tuple[str, int]]:
    with answering() as address:
        yield address


def hasty(monkeypatch: pytest.MonkeyPatch, stage: Stage, seconds: float = 0.2) -> None:
    monkeypatch.setitem(PATIENCE, stage, seconds)
    monkeypatch.setattr(connections, "TURN_SECONDS", 0.05)


def dial(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=20)


def everything_from(wire: socket.socket) -> bytes:
    return b"".join(iter(lambda: wire.recv(65536), b""))


def asked(address: tuple[str, int], sent: bytes) -> bytes:
    with dial(address) as wire:
        wire.sendall(sent)
        return everything_from(wire)


def until(wire: socket.socket, end: bytes) -> bytes:
    found = b""
    while not found.endswith(end):
        found += wire.recv(65536)
    return found


def everything_kept_for(wire: socket.socket) -> bytes:
    """What comes until the connection is cut."""
    found = b""
    with suppress(ConnectionResetError):
        while more := wire.recv(65536):
            found += more
    return found


def drip(wire: socket.socket, byte: bytes) -> None:
    """One byte after the other, until there is an answer."""
    while not select.select([wire], [], [], 0.02)[0]:
        wire.sendall(byte)


# deadlines


def test_a_head_that_trickles_in_is_ended(place: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    hasty(monkeypatch, Stage.HEAD)
    with dial(place) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nX: ")
        drip(wire, b"1")
        assert everything_from(wire).startswith(b"HTTP/1.0 408 ")


def test_a_body_that_trickles_in_is_ended_with_a_sentence(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty(monkeypatch, Stage.BODY)
    head = b"POST /api/competitions/lecture/submissions HTTP/1.1\r\nHost: x\r\nAccept-Language: zh-TW\r\n"
    with answering(build().app) as address, dial(address) as wire:
        wire.sendall(head + b"Content-Length: 100000\r\n\r\n")
        drip(wire, b"x")
        reply = everything_from(wire)
    answer, _, body = reply.partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in answer
    assert json.loads(body)["code"] == "request_timeout"


def test_a_body_that_comes_steadily_may_take_long(place: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    hasty(monkeypatch, Stage.BODY, seconds=2)
    body = b"x" * 60_000
    with dial(place) as wire:
        wire.sendall(
            f"POST /kept HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        for start in range(0, len(body), 1000):
            wire.sendall(body[start : start + 1000])
            time.sleep(0.05)
        assert everything_from(wire).endswith(b"/kept|" + body)


def test_an_answer_that_nobody_fetches_is_ended(place: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    hasty(monkeypatch, Stage.ANSWER)
    monkeypatch.setattr(connections, "SLOWEST", 10**9)
    with closing(socket.socket()) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(20)
        wire.connect(place)
        wire.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1)
        assert len(everything_kept_for(wire)) < LARGE


def test_readers_of_large_answers_hold_no_thread(place: tuple[str, int]) -> None:
    with ExitStack() as slow:
        for _ in range(5):
            slow.enter_context(dial(place)).sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked(place, b"GET /in HTTP/1.0\r\n\r\n").endswith(b"/in|")


def test_silence_between_requests_is_ended(place: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    hasty(monkeypatch, Stage.SILENCE)
    with dial(place) as wire, dial(place) as mute:
        wire.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert everything_from(wire).endswith(b"/a|")
        assert everything_from(mute) == b""


def test_when_connections_run_out_the_one_furthest_behind_goes() -> None:
    with answering(most=20) as address, ExitStack() as slow:
        wires = [slow.enter_context(dial(address)) for _ in range(20)]
        for wire in wires:
            wire.sendall(b"GET /")
            time.sleep(0.01)
        assert asked(address, b"GET /in HTTP/1.0\r\n\r\n").endswith(b"/in|")
        wires[0].settimeout(5)
        assert wires[0].recv(1) == b""
        wires[-1].sendall(b"last HTTP/1.0\r\n\r\n")
        assert everything_from(wires[-1]).endswith(b"/last|")


# what is no request


HEAD = b"Host: x\r\nConnection: close\r\n"
MALFORMED = {
    "both lengths": (
        b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "an empty encoding": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: \r\nContent-Length: 1\r\n\r\nx", 400),
    "an unknown encoding": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "two lengths": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
    "a negative length": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "a length of many digits": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    "a chunk of no size": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "an endless chunk line": (
        b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 5000,
        400,
    ),
    "an endless trailer": (
        b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a" * 5000,
        400,
    ),
    "a bracket": (b"GET http://[::1 HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "no words": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "a bare line feed": (b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "a long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 414),
    "many headers": (b"GET / HTTP/1.1\r\n" + HEAD + b"X: 1\r\n" * 200 + b"\r\n", 431),
    "a long header": (b"GET / HTTP/1.1\r\n" + HEAD + b"X: " + b"1" * 40_000 + b"\r\n\r\n", 431),
}


@pytest.fixture(scope="module")
def real_place(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> Iterator[tuple[str, int]]:

    home = tmp_path_factory.mktemp("malformed")
    folder = make_folder(home)
    with (
        new_sqlite(home, sqlite_template) as url,
        closing(install(Config(home=home, database_url=url), folder)) as made,
        answering(made.app) as address,
    ):
        yield address


@pytest.mark.parametrize(("sent", "status"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_request_is_refused(real_place: tuple[str, int], sent: bytes, status: int) -> None:
    assert asked(real_place, sent).split(b" ")[1] == str(status).encode()


def test_random_bytes_are_never_a_fault_of_ours(real_place: tuple[str, int]) -> None:
    rng = random.Random(1)
    whole = b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nCookie: a=b\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    for _ in range(300):
        sent = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            sent[rng.randrange(len(sent))] = rng.randrange(256)
        with dial(real_place) as wire:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            reply = everything_from(wire)
        assert not reply.startswith((b"HTTP/1.1 500", b"HTTP/1.0 500")), bytes(sent)


@pytest.mark.parametrize("expects", [b"", b"Expect: 100-continue\r\n"], ids=["at once", "asking first"])
@pytest.mark.parametrize(
    "length", [b"Content-Length: 9000000", b"Transfer-Encoding: chunked"], ids=["by its length", "by its chunk"]
)
def test_what_is_too_large_is_refused_before_it_has_come(
    real_place: tuple[str, int], expects: bytes, length: bytes
) -> None:
    with dial(real_place) as wire:
        wire.sendall(f"POST {SUBMISSIONS} HTTP/1.1\r\nHost: x\r\n".encode() + expects + length + b"\r\n\r\n")
        if b"chunked" in length:
            if expects:
                assert wire.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.sendall(b"900000\r\n")
        head, _, body = everything_from(wire).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["code"] == "file_too_large"


def test_a_refusal_is_read_by_a_client_that_sends_its_file_regardless(real_place: tuple[str, int]) -> None:
    head = f"POST {SUBMISSIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n"
    assert asked(real_place, head.encode() + b"x" * 30_000_000).startswith(b"HTTP/1.1 413 ")


def test_a_full_disk_is_told_and_nothing_else_happens(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer.append", full)
    body = b"x" * 800_000
    made = build()
    who = f"Authorization: Bearer {made.token('alice')}"
    head = f"POST {SUBMISSIONS} HTTP/1.1\r\nHost: x\r\n{who}\r\nContent-Length: {len(body)}\r\n\r\n"
    with answering(made.app) as address:
        reply = asked(address, head.encode() + body)
    assert reply.startswith(b"HTTP/1.1 507 ")
    assert b"storage_full" in reply


# what a connection may be used for


def test_a_connection_is_kept_and_answers_in_order(place: tuple[str, int]) -> None:
    with dial(place) as wire:
        for name in (b"/a", b"/b"):
            wire.sendall(b"GET " + name + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            assert until(wire, b"|").endswith(name + b"|")
        paths = [f"/{n}".encode() for n in range(50)]
        wire.sendall(b"".join(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths))
        wire.sendall(b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        told = [part.split(b"|")[0] for part in everything_from(wire).split(b"\r\n\r\n")[1:]]
    assert [path.removesuffix(b"HTTP/1.1 200 Told") for path in told] == [*paths, b"/last"]


def test_a_client_that_asks_whether_to_go_on_is_told_so(place: tuple[str, int]) -> None:
    with dial(place) as wire:
        wire.sendall(
            b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
        )
        assert wire.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"ok")
        assert everything_from(wire).endswith(b"/a|ok")


def test_head_answers_without_a_body(real_place: tuple[str, int]) -> None:
    reply = asked(real_place, b"HEAD /competitions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert reply.endswith(b"\r\n\r\n")


# the server as it is run


def slow_connections(server: Server, stack: ExitStack, *kinds: bytes) -> None:
    address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    for sent in kinds:
        for _ in range(SLOW):
            wire = stack.enter_context(dial(address))
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            wire.sendall(sent)


@pytest.mark.slow
def test_a_hundred_slow_connections_of_each_kind_keep_nobody_out(live: Server) -> None:
    content = live.installation.file()
    board = f"GET /competitions/{live.slug}/leaderboard HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    body = f"POST {SUBMISSIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode() + b"x" * 1000
    with ExitStack() as slow, httpx2.Client(timeout=20) as honest:
        slow_connections(live, slow, board[:-2], body, board * 20)
        for _ in range(10):
            assert honest.get(f"{live.url}/competitions/{live.slug}/leaderboard").status_code == 200
        reply = honest.post(
            f"{live.url}{SUBMISSIONS}",
            files={"file": ("p.csv", content)},
            headers={"Authorization": f"Bearer {live.token('alice')}"},
        )
        assert reply.status_code == 201


@pytest.mark.slow
def test_a_server_out_of_files_makes_room(live: Server) -> None:
    for worker in psutil.Process(live.process.pid).children():
        open_now = worker.num_fds()
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (open_now + 30, open_now + 30))
    with ExitStack() as slow, httpx2.Client(timeout=20) as honest:
        slow_connections(live, slow, b"GET /")
        for _ in range(10):
            assert honest.get(f"{live.url}/api/health", headers={"Connection": "close"}).status_code == 200
    assert len(live.log.read_bytes()) < 100_000  # it neither span nor cried


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(live: Server) -> None:
    parent = psutil.Process(live.process.pid)
    before = {worker.pid for worker in parent.children()}
    assert len(before) == WORKERS
    for worker in parent.children():
        worker.kill()
    patience = time.monotonic() + 30
    while time.monotonic() < patience and len({child.pid for child in parent.children()} - before) < WORKERS:
        time.sleep(0.1)
    assert httpx2.get(f"{live.url}/api/health", timeout=20).status_code == 200

"""The proxy's configuration works with the server: TLS, uploads, addresses, slow clients."""

from __future__ import annotations

import ssl
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import httpx2
import pytest
from tests.faults.test_slow_clients import SUBMISSIONS, answering, dial, everything_from
from tests.installations import SLUG, Server, free_port
from tests.proxies import CLIENT, in_front_of, needs_nginx

from unseen import Client
from unseen.errors import OutcomeUnknown
from unseen_server.config import Config
from unseen_server.serving import proxy_believed

SLOW = 100
LARGE = 1_000_000  # bytes of a body that nginx keeps on its disk

pytestmark = needs_nginx


def port_of(server: Server) -> int:
    return int(server.url.rsplit(":", 1)[1])


def test_the_address_of_the_client_and_its_scheme_are_seen_and_what_it_says_of_them_is_not(tmp_path: Path) -> None:
    def tell(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']} {environ['HTTP_HOST']}".encode()]

    believed = proxy_believed(Config(home=tmp_path, database_url="", trusted_proxy="127.0.0.1"))
    with (
        answering(tell, **believed) as (_, port),
        in_front_of([port], tmp_path / "nginx") as proxy,
        proxy.client() as client,
    ):
        said = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
        assert client.get("/", headers=said).text == f"{CLIENT} https localhost"


def test_an_upload_and_a_page_go_through(live: Server, tmp_path: Path) -> None:
    with in_front_of([port_of(live)], tmp_path / "nginx") as proxy, proxy.client() as client:
        reply = client.post(
            SUBMISSIONS,
            files={"file": ("p.csv", live.installation.file())},
            headers={"Authorization": f"Bearer {live.token('alice')}"},
        )
        assert reply.status_code == 201
        assert client.get(f"/competitions/{live.slug}/leaderboard").status_code == 200


@pytest.mark.slow
def test_slow_clients_of_the_proxy_do_not_reach_the_server(live: Server, tmp_path: Path) -> None:
    with in_front_of([port_of(live)], tmp_path / "nginx") as proxy, proxy.client() as client, ExitStack() as slow:
        assert client.base_url.port
        for _ in range(SLOW):
            plain = slow.enter_context(dial(("127.0.0.1", client.base_url.port)))
            wire = slow.enter_context(proxy.trusted.wrap_socket(plain, server_hostname="localhost"))
            wire.sendall(f"POST {SUBMISSIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n1".encode())
        for _ in range(10):
            assert client.get(f"/competitions/{live.slug}/leaderboard").status_code == 200


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
IN_A_CHUNK = b"%x\r\n%s\r\n0\r\n" % (len(HIDDEN), HIDDEN)
LENGTH, CHUNKED = b"Content-Length: %d\r\n" % len(HIDDEN), b"Transfer-Encoding: chunked\r\n"
SMUGGLED = {
    "a length and chunks": LENGTH + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "chunks and no length": CHUNKED + b"Content-Length: 0\r\n\r\n" + IN_A_CHUNK + b"\r\n",
    "two lengths": LENGTH + b"Content-Length: 0\r\n\r\n" + HIDDEN,
    "a list of lengths": b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "a sign": b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "two encodings": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "an encoding with a tab": LENGTH + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "an encoding before a space": LENGTH + b"Transfer-Encoding : chunked\r\n\r\n" + HIDDEN,
    "an encoding with an underscore": LENGTH + b"Transfer_Encoding: chunked\r\n\r\n" + HIDDEN,
    "an underscore for a length": LENGTH + b"Content_Length: 0\r\n\r\n" + HIDDEN,
    "a length that is of this hop alone": LENGTH + b"Connection: Content-Length\r\n\r\n" + HIDDEN,
    "a length in a trailer": CHUNKED + b"\r\n" + IN_A_CHUNK + b"Content-Length: 0\r\n\r\n",
    "a chunk of too many digits": CHUNKED + b"\r\nffffffffffffffff1\r\n" + HIDDEN,
    "a line feed in an extension": CHUNKED + b"\r\n%x;\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
    "another protocol": LENGTH + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n" + HIDDEN,
    "a folded header": LENGTH + b"X: 1\r\n Content-Length: 0\r\n\r\n" + HIDDEN,
}


def test_no_request_is_hidden_in_another(tmp_path: Path) -> None:
    """Nor does a header come through that is not what it says, by another spelling or at the end of the body."""
    paths: list[str] = []
    seen = set()

    def tell(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        environ["wsgi.input"].read()
        paths.append(environ["PATH_INFO"])
        seen.update((environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"heard"]

    spoofed = b"X_Forwarded_For: 10.9.9.9\r\nX-Forwarded_Proto: http\r\nForwarded: for=10.9.9.9\r\n"
    believed = proxy_believed(Config(home=tmp_path, database_url="", trusted_proxy="127.0.0.1"))
    with (
        answering(tell, **believed) as (_, port),
        in_front_of([port], tmp_path / "nginx") as proxy,
        proxy.client() as client,
    ):
        assert client.base_url.port
        for name, sent in SMUGGLED.items():
            with (
                dial(("127.0.0.1", client.base_url.port)) as plain,
                proxy.trusted.wrap_socket(plain, server_hostname="localhost") as wire,
            ):
                wire.settimeout(1)
                wire.sendall(b"POST /open HTTP/1.1\r\nHost: localhost\r\n" + spoofed + sent)
                with suppress(TimeoutError, ConnectionError):
                    everything_from(wire)
            client.get("/after")
            assert "/hidden" not in paths, name
    assert {"/open", "/after"} <= set(paths)
    assert seen == {"127.0.0.1", CLIENT, "https"}


# what nginx answers by itself


def refused(client: httpx2.Client, path: str, **request: Any) -> httpx2.Response:
    """The answer to the head of an upload that never comes."""
    assert client.base_url.port
    head = {"Host": "localhost", "Content-Length": str(LARGE), "Connection": "close", **request}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    reply = b""
    with (
        dial(("127.0.0.1", client.base_url.port)) as plain,
        ssl._create_unverified_context().wrap_socket(plain) as wire,
    ):
        wire.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode())
        reply = everything_from(wire)
    head_of_reply, _, body = reply.partition(b"\r\n\r\n")
    status, *named = head_of_reply.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in named)
    headers.pop("Transfer-Encoding", None)
    return httpx2.Response(int(status.split()[1]), headers=headers, content=body)


def assert_a_problem(reply: httpx2.Response, status: int, code: str) -> None:
    said = reply.json()
    assert (reply.status_code, said["status"], said["code"]) == (status, status, code)
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert (reply.headers["X-Content-Type-Options"], reply.headers["Cache-Control"]) == ("nosniff", "no-store")
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert reply.headers["Server"] == "nginx"


def test_nobody_fills_its_disk_who_is_not_signed_in(live: Server, tmp_path: Path) -> None:
    token = {"Authorization": f"Bearer {live.token('alice')}"}
    with in_front_of([port_of(live)], tmp_path / "nginx") as proxy, proxy.client() as client:
        assert_a_problem(refused(client, SUBMISSIONS), 401, "not_signed_in")
        assert_a_problem(refused(client, SUBMISSIONS, Authorization="Bearer unseen_made_up"), 401, "not_signed_in")
        assert client.post(SUBMISSIONS, content=iter([b"in chunks"])).headers["Server"] == "nginx"
        large = {"file": ("p.csv", b"x" * LARGE)}
        assert client.post(SUBMISSIONS, files=large, headers=token).json()["code"] == "bad_file"
        small = {"file": ("p.csv", b"x")}
        assert "Permissions-Policy" in client.post(SUBMISSIONS, files=small).headers, "not the server's own answer"


def test_a_kaggle_upload_goes_through_by_its_ticket(live: Server, tmp_path: Path) -> None:
    token = {"Authorization": f"Bearer {live.token('alice')}"}
    content = live.installation.file()
    with in_front_of([port_of(live)], tmp_path / "nginx") as proxy, proxy.client() as client:
        path = f"/api/v1/competitions/{live.slug}/submissions/url/{len(content)}/1"
        begun = client.post(path, data={"fileName": "p.csv"}, headers=token).json()
        assert client.put(f"/api/v1/uploads/{begun['token']}", content=content).status_code == 201


def test_what_nginx_refuses_is_said_as_the_server_says_it(live: Server, tmp_path: Path) -> None:
    with in_front_of([port_of(live)], tmp_path / "nginx") as proxy, proxy.client() as client:
        huge = {"Content-Length": str(300 * 2**20)}
        assert_a_problem(refused(client, SUBMISSIONS, **huge), 413, "file_too_large")
        assert_a_problem(client.get("/api/" + "a" * 9000), 414, "request_uri_too_long")
        huge["Accept-Language"] = "zh-TW,en;q=0.5"
        assert "沒有計入" in refused(client, SUBMISSIONS, **huge).json()["detail"]
        page = client.get("/" + "a" * 9000)
        assert (page.status_code, page.headers["Content-Type"]) == (414, "text/html; charset=utf-8")
        assert "This address is too long." in page.text


def test_a_server_that_does_not_answer_leaves_it_open_what_became_of_a_request(tmp_path: Path) -> None:
    sent = tmp_path / "p.csv"
    sent.write_bytes(b"id,minutes\n1,1\n")
    with in_front_of([free_port()], tmp_path / "nginx") as proxy, proxy.client() as client:
        assert_a_problem(client.get("/api/whoami"), 502, "outcome_unknown")
        with pytest.raises(OutcomeUnknown), Client(proxy.url, "unseen_x", transport=proxy.transport()) as student:
            student.submit(SLUG, sent)

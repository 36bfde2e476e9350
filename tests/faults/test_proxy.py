"""The proxy's configuration works with the server: TLS, uploads, addresses, slow clients."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.faults.test_slow_clients import SUBMISSIONS, answering, dial
from tests.installations import Server, free_port

from unseen_server.config import Config
from unseen_server.serving import proxy_believed

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
SLOW = 100
CLIENT = "127.0.0.2"
SELF_SIGNED = (
    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
    *("-addext", "subjectAltName=DNS:localhost"),
)

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

AROUND = """
daemon off; pid {home}/nginx.pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/answers; fastcgi_temp_path {home}/f;
    uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
    include {home}/unseen.conf;
}}
"""


@contextmanager
def in_front_of(port: int, home: Path) -> Iterator[httpx2.Client]:
    """nginx as it is configured, but for ports, names and a certificate of its own, and a client that trusts that."""
    home.mkdir()
    tls, plain = free_port(), free_port()
    certificate, key = home / "cert.pem", home / "key.pem"
    subprocess.run(
        [*SELF_SIGNED, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    text = CONFIGURATION.read_text()
    for shipped, here in {
        "127.0.0.1:8000": f"127.0.0.1:{port}",
        "listen 443": f"listen 127.0.0.1:{tls}",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "unseen.example.edu": "localhost",
        "/etc/ssl/certs/unseen.pem": str(certificate),
        "/etc/ssl/private/unseen.key": str(key),
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    (home / "unseen.conf").write_text(text)
    (home / "nginx.conf").write_text(AROUND.format(home=home))
    process = subprocess.Popen([str(NGINX), "-p", str(home), "-c", str(home / "nginx.conf")], stderr=subprocess.PIPE)
    trusted = ssl.create_default_context(cafile=str(certificate))
    transport = httpx2.HTTPTransport(verify=trusted, local_address=CLIENT)
    try:
        with httpx2.Client(base_url=f"https://localhost:{tls}", transport=transport, timeout=20) as client:
            _wait_for(client, process)
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _wait_for(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    patience = time.monotonic() + 20
    while time.monotonic() < patience and process.poll() is None:
        try:
            client.get("/")
            return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise RuntimeError("nginx did not start")


def test_the_address_of_the_client_and_its_scheme_are_seen_and_what_it_says_of_them_is_not(tmp_path: Path) -> None:
    def tell(environ, start_response):  # type: ignore[no-untyped-def]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']} {environ['HTTP_HOST']}".encode()]

    believed = proxy_believed(Config(home=tmp_path, database_url="", trusted_proxy="127.0.0.1"))
    with answering(tell, **believed) as (_, port), in_front_of(port, tmp_path / "nginx") as client:
        said = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
        assert client.get("/", headers=said).text == f"{CLIENT} https localhost"


def test_an_upload_and_a_page_go_through(live: Server, tmp_path: Path) -> None:
    port = int(live.url.rsplit(":", 1)[1])
    with in_front_of(port, tmp_path / "nginx") as client:
        reply = client.post(
            SUBMISSIONS,
            files={"file": ("p.csv", live.installation.file())},
            headers={"Authorization": f"Bearer {live.token('alice')}"},
        )
        assert reply.status_code == 201
        assert client.get(f"/competitions/{live.slug}/leaderboard").status_code == 200


@pytest.mark.slow
def test_slow_clients_of_the_proxy_do_not_reach_the_server(live: Server, tmp_path: Path) -> None:
    port = int(live.url.rsplit(":", 1)[1])
    with in_front_of(port, tmp_path / "nginx") as client, ExitStack() as slow:
        assert client.base_url.port
        context = ssl.create_default_context(cafile=str(tmp_path / "nginx" / "cert.pem"))
        for _ in range(SLOW):
            plain = slow.enter_context(dial(("127.0.0.1", client.base_url.port)))
            wire = slow.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            wire.sendall(f"POST {SUBMISSIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n1".encode())
        for _ in range(10):
            assert client.get(f"/competitions/{live.slug}/leaderboard").status_code == 200

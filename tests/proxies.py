"""nginx as it is shipped, in front of servers of the test."""

from __future__ import annotations

import getpass
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from tests.installations import free_port

CONFIGURATION = Path(__file__).parents[1] / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
CLIENT = "127.0.0.2"
SELF_SIGNED = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
    *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
)

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

AROUND = """
user {me}; pid {home}/nginx.pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 2048; }}
http {{
    log_format asked '$status|$upstream_addr|$upstream_connect_time|$request';
    access_log {home}/asked.log asked;
    client_body_temp_path {home}/body; proxy_temp_path {home}/answers; fastcgi_temp_path {home}/f;
    uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
    include {home}/unseen.conf;
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A running nginx. `configuration` is its copy of what is shipped."""

    home: Path
    url: str

    @property
    def configuration(self) -> Path:
        return self.home / "unseen.conf"

    @property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.home / "cert.pem"))

    def transport(self) -> httpx2.HTTPTransport:
        return httpx2.HTTPTransport(verify=self.trusted, local_address=CLIENT)

    def client(self) -> httpx2.Client:
        """Trusts its certificate, and asks from an address of its own."""
        return httpx2.Client(base_url=self.url, transport=self.transport(), timeout=20)

    def asked(self) -> list[Asked]:
        """What was asked of it so far."""
        lines = [line.split("|", 3) for line in (self.home / "asked.log").read_text().splitlines()]
        return [
            Asked(int(status), servers.split(", "), connected.split(", "), request)
            for status, servers, connected, request in lines
        ]


@dataclass(frozen=True)
class Asked:
    """The status of an answer, the servers tried for it, how long connecting to each took, and what was asked."""

    status: int
    servers: Sequence[str]
    connected: Sequence[str]  # "-" where nothing listened, so that nothing was sent
    request: str

    @property
    def was_sent_twice(self) -> bool:
        return sum(seconds != "-" for seconds in self.connected) > 1


@contextmanager
def in_front_of(ports: Sequence[int], home: Path) -> Iterator[Proxy]:
    """nginx as it is configured, but for ports, names and a certificate of its own."""
    home.mkdir()
    tls, plain = free_port(), free_port()
    certificate, key = home / "cert.pem", home / "key.pem"
    subprocess.run([*SELF_SIGNED, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    proxy = Proxy(home, f"https://localhost:{tls}")
    text = CONFIGURATION.read_text(encoding="utf-8")
    for shipped, here in {
        "server 127.0.0.1:8000;": " ".join(f"server 127.0.0.1:{port};\n" for port in ports),
        "listen 443": f"listen 127.0.0.1:{tls}",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "unseen.example.edu": "localhost",
        "/etc/ssl/certs/unseen.pem": str(certificate),
        "/etc/ssl/private/unseen.key": str(key),
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    proxy.configuration.write_text(text, encoding="utf-8")
    (home / "nginx.conf").write_text(AROUND.format(home=home, me=getpass.getuser()))
    command = [str(NGINX), "-p", str(home), "-c", str(home / "nginx.conf"), "-g", "daemon off;"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _wait_for(tls, process)
        yield proxy
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    patience = time.monotonic() + 20
    while time.monotonic() < patience and process.poll() is None:
        try:
            httpx2.get(f"https://127.0.0.1:{port}/api/health", verify=False)
            return
        except httpx2.TransportError:
            time.sleep(0.05)
    assert process.stderr
    raise RuntimeError(f"nginx did not start: {os.read(process.stderr.fileno(), 4096).decode()}")

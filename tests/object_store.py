"""A bucket to test with, and a way to it that can be cut, blocked or answered with an error."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from moto.server import ThreadedMotoServer

BUCKET = "unseen-test"


class Way:
    """Passes connections on to the bucket's server, unless `mode` says that it fails: error, silence or cut."""

    def __init__(self, port: int) -> None:
        self.mode = "open"
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError):
            client.settimeout(10)
            asked = client.recv(65536)
            if self.mode == "cut":
                return
            if self.mode == "error":
                client.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            if self.mode == "silence":
                client.recv(1)  # until the other side gives up
                return
            with socket.create_connection(("127.0.0.1", self._to), timeout=10) as server:
                server.sendall(asked)
                back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server)
                back.join(10)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while some := one.recv(65536):
            other.sendall(some)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


@contextmanager
def bucket(patch: pytest.MonkeyPatch) -> Iterator[Way]:
    """An empty bucket at `s3://unseen-test/...`, as the environment tells, and the way to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    for method, path in (("POST", "moto-api/reset"), ("PUT", BUCKET)):
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/{path}", method=method)).close()
    with closing(Way(port)) as way:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{way.port}")
        yield way
    server.stop()

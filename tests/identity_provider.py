"""A real OpenID Connect provider for tests, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
from tests.installations import free_port


@dataclass
class Provider:
    """`vouches` says what it knows of somebody; claims of no standard scope overrule those of the token."""

    url: str

    def vouches(self, subject: str, **claims: object) -> None:
        httpx2.put(f"{self.url}/users/{subject}", json=claims).raise_for_status()

    def authorizes(self, address: str, subject: str) -> str:
        """What its sign-in form answers: the address to go back to."""
        answer = httpx2.post(address, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        location: str = answer.headers["Location"]
        return location


@contextmanager
def running_provider() -> Iterator[Provider]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"],
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield Provider(url)
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str) -> None:
    patience = time.monotonic() + 60
    while True:
        try:
            httpx2.get(url)
            return
        except httpx2.TransportError:
            assert time.monotonic() < patience
            time.sleep(0.1)

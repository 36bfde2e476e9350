"""Clients that keep a server waiting: heads and bodies that trickle in, answers that are fetched byte by byte."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PAUSE = 1.0  # seconds between two bytes
SMALL_WINDOW = 2048


@dataclass(frozen=True)
class Crowd:
    """How many of each kind, and what the readers ask for."""

    heads: int = 0
    bodies: int = 0
    readers: int = 0
    path: str = "/"

    @property
    def everybody(self) -> list[tuple[bytes, bytes]]:
        """What each sends at once, and what it then repeats byte by byte; readers repeat nothing, and read."""
        line = f"GET {self.path} HTTP/1.1\r\nHost: slow.invalid\r\n".encode()
        body = b"POST /login HTTP/1.1\r\nHost: slow.invalid\r\nContent-Length: 500000\r\n\r\n"
        return (
            [(line, b"X")] * self.heads + [(body, b"x")] * self.bodies + [((line + b"\r\n") * 20, b"")] * self.readers
        )


@contextmanager
def waiting_on(port: int, crowd: Crowd) -> Iterator[None]:
    """The crowd in a process of its own; whoever is sent away comes again."""
    process = multiprocessing.get_context("spawn").Process(target=_keep_waiting, args=(port, crowd), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _keep_waiting(port: int, crowd: Crowd) -> None:
    async def everybody() -> None:
        await asyncio.gather(*(_again_and_again(port, *one) for one in crowd.everybody))

    asyncio.run(everybody())


async def _again_and_again(port: int, at_once: bytes, then: bytes) -> None:
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
            wire.setblocking(False)
            try:
                await loop.sock_connect(wire, ("127.0.0.1", port))
                await loop.sock_sendall(wire, at_once)
                await _dawdle(loop, wire, then)
            except OSError:
                pass
        await asyncio.sleep(PAUSE)


async def _dawdle(loop: asyncio.AbstractEventLoop, wire: socket.socket, then: bytes) -> None:
    while True:
        await asyncio.sleep(PAUSE)
        if not then:
            if not await loop.sock_recv(wire, 1):
                return
            continue
        await loop.sock_sendall(wire, then)

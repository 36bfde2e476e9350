"""Requests over plain sockets: prepared as bytes, sent over connections that stay open, every answer timed.

A client library would spend more of the two cores on asking than the server spends on answering.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

HOST = "bench.invalid"


@dataclass(frozen=True)
class Reply:
    """`seconds` from when the request should have been sent to the last byte of the answer; status 0: no answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    what: str = ""


@dataclass(frozen=True)
class Request:
    """The bytes of one request; `what` names its kind in figures."""

    content: bytes
    what: str = ""

    def seen(self, reply: Reply) -> None:
        """What was prepared does not depend on what was answered before."""


class Page:
    """A page as one browser asks for it again and again: whether it has changed since."""

    def __init__(self, path: str, *, cookie: str | None = None, what: str = "") -> None:
        self.what = what or path
        self._path, self._cookie = path, cookie
        self._etag: str | None = None

    @property
    def content(self) -> bytes:
        return get(self._path, cookie=self._cookie, etag=self._etag).content

    def seen(self, reply: Reply) -> None:
        self._etag = reply.headers.get("etag", self._etag)


def get(
    path: str, *, token: str | None = None, cookie: str | None = None, etag: str | None = None, what: str = ""
) -> Request:
    headers = {"Authorization": f"Bearer {token}" if token else None, "Cookie": cookie, "If-None-Match": etag}
    return Request(_head("GET", path, headers) + b"\r\n", what or path)


def form(path: str, fields: str, *, cookie: str | None = None, what: str = "") -> Request:
    """`fields` as they are encoded in the body."""
    body = fields.encode()
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    return Request(_head("POST", path, headers) + b"\r\n" + body, what or path)


def upload(
    path: str, content: bytes, *, token: str | None = None, name: str = "submission.csv", what: str = ""
) -> Request:
    """A file as the multipart field `file`, under an idempotency key of its own."""
    boundary = uuid.uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: text/csv\r\n\r\n".encode()
        + content
        + f"\r\n--{boundary}--\r\n".encode()
    )
    headers = {
        "Authorization": f"Bearer {token}" if token else None,
        "Idempotency-Key": uuid.uuid4().hex,
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(body)),
    }
    return Request(_head("POST", path, headers) + b"\r\n" + body, what or path)


def _head(method: str, path: str, headers: dict[str, str | None]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    return "".join(f"{text}\r\n" for text in [*lines, *(f"{k}: {v}" for k, v in headers.items() if v)]).encode()


class Connection:
    """One connection that stays open, opened again where the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request | Page, due: float | None = None) -> Reply:
        """`due` (time.perf_counter): when it should have been sent; what it waited since counts, too."""
        reply = await self._reply(request, due)
        request.seen(reply)
        return reply

    async def _reply(self, request: Request | Page, due: float | None) -> Reply:
        start = time.perf_counter() if due is None else due
        try:
            if self._streams is None or self._streams[0].at_eof():
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
            reader, writer = self._streams
            writer.write(request.content)
            await writer.drain()
            status, headers, body = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return Reply(0, {}, b"", time.perf_counter() - start, request.what)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(status, headers, body, time.perf_counter() - start, request.what)

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in head[1:] if text)}
    status = int(head[0].split(" ", 2)[1])
    if status in (204, 304):
        return status, headers, b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return status, headers, b"".join([chunk async for chunk in _chunks(reader)])
    if "content-length" in headers:
        return status, headers, await reader.readexactly(int(headers["content-length"]))
    return status, headers, await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readline()
    await reader.readline()


def ask_in_turn(port: int, requests: Iterable[Request]) -> list[Reply]:
    """Each after the answer to the one before, over one connection."""
    return at_once(port, [requests])


def at_once(port: int, clients: Sequence[Iterable[Request | Page]]) -> list[Reply]:
    """Each client sends its requests one after the other over a connection of its own, all clients at once."""
    return asyncio.run(_at_once(port, clients))


async def _at_once(port: int, clients: Sequence[Iterable[Request | Page]]) -> list[Reply]:
    async def client(requests: Iterable[Request | Page]) -> list[Reply]:
        connection = Connection(port)
        replies = [await connection.ask(request) for request in requests]
        connection.close()
        return replies

    return [reply for replies in await asyncio.gather(*map(client, clients)) for reply in replies]


def for_seconds(seconds: float, make: Callable[[], Request | Page]) -> Iterator[Request | Page]:
    """Requests until so much time has passed since the first was asked for."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield make()


def on_time(port: int, timetable: Sequence[tuple[float, Request | Page]]) -> list[Reply]:
    """Each request so many seconds after the start, whether or not those before it were answered; replies in order."""
    return asyncio.run(_on_time(port, timetable))


async def _on_time(port: int, timetable: Sequence[tuple[float, Request | Page]]) -> list[Reply]:
    start, idle = time.perf_counter(), list[Connection]()

    async def one(after: float, request: Request | Page) -> Reply:
        connection = idle.pop() if idle else Connection(port)
        reply = await connection.ask(request, start + after)
        idle.append(connection)
        return reply

    tasks = []
    for after, request in sorted(timetable, key=lambda item: item[0]):
        await asyncio.sleep(max(0.0, start + after - time.perf_counter()))
        tasks.append(asyncio.create_task(one(after, request)))
    replies = await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()
    return replies


def beside(
    port: int, clients: Sequence[Iterable[Request | Page]], timetable: Sequence[tuple[float, Request | Page]]
) -> tuple[list[Reply], list[Reply]]:
    """What the clients of `at_once` got while the requests of `on_time` came in, and the replies to those."""

    async def both() -> tuple[list[Reply], list[Reply]]:
        return await asyncio.gather(_at_once(port, clients), _on_time(port, timetable))

    return asyncio.run(both())

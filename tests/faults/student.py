"""A student who goes on asking a server while its machine fails."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx2
from tests.installations import Server


class Student:
    """Uploads files and looks at boards over HTTP, as somebody of the class."""

    def __init__(self, server: Server, who: str = "alice") -> None:
        self.server, self.content = server, server.installation.noisy(8.0)
        self._path = f"{server.url}/api/competitions/{server.slug}"
        self._http = httpx2.Client(headers={"Authorization": f"Bearer {server.token(who)}"}, timeout=60)

    def __enter__(self) -> Student:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def upload(self, key: str | None = None, content: bytes | None = None) -> httpx2.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self._http.post(
            f"{self._path}/submissions", files={"file": ("p.csv", content or self.content)}, headers=headers
        )

    def get(self, what: str, **params: str) -> httpx2.Response:
        """What the interface tells of the competition."""
        return self._http.get(f"{self._path}/{what}", params=params)

    def used(self) -> int:
        used: int = self.get("limits").json()["used_total"]
        return used

    def look_around(self) -> dict[str, int]:
        """What students read, and the statuses with which it comes."""
        page = f"{self.server.url}/competitions/{self.server.slug}"
        replies: dict[str, Any] = {name: self.get(name) for name in ("leaderboard", "submissions", "limits", "files")}
        replies |= {name: self._http.get(f"{page}/{name}") for name in ("leaderboard", "data", "rules")}
        replies["health"] = self._http.get(f"{self.server.url}/api/health")
        return {name: reply.status_code for name, reply in replies.items()}


def says_that_nothing_was_counted(reply: httpx2.Response) -> bool:
    return "nothing was counted" in reply.json()["detail"]

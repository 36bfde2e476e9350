"""Pages rendered a moment ago, by the tag that says all they depend on."""

from __future__ import annotations

import threading

KEPT = 128


class KeptPages:
    """The last pages rendered, at most KEPT of them; a page whose tag comes back is not drawn again."""

    def __init__(self) -> None:
        self._pages: dict[str, str] = {}
        self._lock = threading.Lock()

    def get(self, tag: str) -> str | None:
        return self._pages.get(tag)

    def keep(self, tag: str, page: str) -> str:
        with self._lock:
            if len(self._pages) >= KEPT:
                self._pages.pop(next(iter(self._pages)))
            self._pages[tag] = page
        return page

"""Room in memory for what is being read: so many bytes at once, and who finds none is told to come again."""

from __future__ import annotations

import threading

from unseen_server.core.errors import Busy

NEEDS_NONE = 4 * 1024 * 1024  # bytes; the number of threads bounds what is that small
WAIT = 5  # seconds, about as long as a file of ten million rows takes


class Room:
    """`size` bytes for everybody together; one that needs more than all of it gets in when nobody else is."""

    def __init__(self, size: int) -> None:
        self._size, self._taken = size, 0
        self._lock = threading.Lock()

    def take(self, needed: int) -> int:
        """How many bytes were taken, to be given back by `leave`; Busy where there is no room for them now."""
        if needed <= NEEDS_NONE:
            return 0
        with self._lock:
            if self._taken and self._taken + needed > self._size:
                raise Busy(retry_after=WAIT)
            self._taken += needed
        return needed

    def leave(self, taken: int) -> None:
        if taken:
            with self._lock:
                self._taken -= taken

    @property
    def taken(self) -> int:
        return self._taken

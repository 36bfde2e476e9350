"""The last few things that took long to compute, each by all that it depends on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from unseen_server.core.errors import Busy

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Kept(Generic[K, T]):
    """At most so many are held in memory; those that were made first go first.

    Who finds another thing being made waits for so many seconds at most: a server needs its threads for the rest, too.
    """

    def __init__(self, most: int, patience: float = threading.TIMEOUT_MAX) -> None:
        self._most, self._patience = most, patience
        self._things: dict[K, T] = {}
        self._lock = threading.Lock()

    def of(self, key: K, make: Callable[[], T]) -> T:
        """What was made for this key; where nothing was, `make` is called, and never twice at once.

        Busy where that takes longer than the patience.
        """
        found = self._things.get(key)
        return self._made(key, make) if found is None else found

    def _made(self, key: K, make: Callable[[], T]) -> T:
        if not self._lock.acquire(timeout=self._patience):
            raise Busy()
        try:
            found = self._things.get(key)  # somebody else may have made it meanwhile
            if found is None:
                found = make()
                if len(self._things) >= self._most:
                    self._things.pop(next(iter(self._things)))
                self._things[key] = found
            return found
        finally:
            self._lock.release()

"""The last few things that took long to compute, each by all that it depends on, and by one thread for all."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from unseen_server.core.errors import Busy

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Kept(Generic[K, T]):
    """At most so many are held in memory; those that were made first go first.

    Who finds another thing being made waits for so many seconds at most, and only so many wait at once: a server needs
    its threads for the rest, too.
    """

    def __init__(self, most: int, patience: float = threading.TIMEOUT_MAX, waiting: int = sys.maxsize) -> None:
        self._most, self._patience = most, patience
        self._things: dict[K, T] = {}
        self._lock = threading.Lock()
        self._places = threading.Semaphore(waiting)

    def of(self, key: K, make: Callable[[], T]) -> T:
        """What was made for this key; where nothing was, `make` is called, and never twice at once.

        Busy where that takes longer than the patience, and for who comes when enough wait already.
        """
        found = self._things.get(key)
        return self._made(key, make) if found is None else found

    def _made(self, key: K, make: Callable[[], T]) -> T:
        if not self._lock.acquire(blocking=False) and not self._waited():
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

    def _waited(self) -> bool:
        """Whether it is one's turn after waiting for it."""
        if not self._places.acquire(blocking=False):
            return False
        try:
            return self._lock.acquire(timeout=self._patience)
        finally:
            self._places.release()


def _always(_thing: object) -> bool:
    return True


class Shared(Generic[K, T]):
    """The newest thing of each kind, made anew for who brings another stamp, by one thread for all who bring that.

    Nobody is given what has not the very stamp they bring. At most so many kinds are held in memory; those not asked
    for longest go first.
    """

    def __init__(self, most: int, patience: float) -> None:
        self._most, self._patience = most, patience
        self._slots: OrderedDict[K, _Slot[T]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, kind: K, stamp: Hashable, make: Callable[[T | None], T], lasts: Callable[[T], bool] = _always) -> T:
        """What has this stamp, or what `make` makes of the one before. It is kept only where it `lasts`.

        Whoever has waited as long as the patience lasts makes their own.
        """
        slot = self._slot(kind)
        found = slot.with_stamp(stamp)
        if found is not None:
            return found
        if not slot.lock.acquire(timeout=self._patience):
            return make(None)
        try:
            found = slot.with_stamp(stamp)
            return slot.renewed(stamp, make, lasts) if found is None else found
        finally:
            slot.lock.release()

    def unless_busy(self, kind: K, stamp: Hashable, make: Callable[[T | None], T], lasts: Callable[[T], bool]) -> None:
        """The same for nobody who waits for it: where another one is being made, it is left to who asks next."""
        slot = self._slot(kind)
        if slot.lock.acquire(blocking=False):
            try:
                if slot.with_stamp(stamp) is None:
                    slot.renewed(stamp, make, lasts)
            finally:
                slot.lock.release()

    def _slot(self, kind: K) -> _Slot[T]:
        with self._lock:
            slot = self._slots.setdefault(kind, _Slot())
            self._slots.move_to_end(kind)
            if len(self._slots) > self._most:
                self._slots.popitem(last=False)
            return slot


class _Slot(Generic[T]):
    """One kind: the newest thing with its stamp."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._newest: tuple[Hashable, T] | None = None

    def with_stamp(self, stamp: Hashable) -> T | None:
        newest = self._newest
        return newest[1] if newest and newest[0] == stamp else None

    def renewed(self, stamp: Hashable, make: Callable[[T | None], T], lasts: Callable[[T], bool]) -> T:
        thing = make(self._newest[1] if self._newest else None)
        self._newest = (stamp, thing) if lasts(thing) else None
        return thing

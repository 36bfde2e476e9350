"""What is kept for all who ask: never older than its asker, made by one thread, and waited for by few."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from unseen_server.core.errors import Busy
from unseen_server.services.kept import Kept, Shared

PATIENCE = 30.0


def shared(most: int = 4, patience: float = PATIENCE) -> Shared[str, str]:
    return Shared(most, patience)


def until(met: Callable[[], bool]) -> None:
    for _ in range(3000):
        if met():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


class Slow:
    """Something that takes until it is `done`; it says how manieth it was."""

    def __init__(self) -> None:
        self.begun, self.done = threading.Event(), threading.Event()
        self.times = 0

    def __call__(self, _before: str | None) -> str:
        self.times += 1
        made = f"number {self.times}"
        self.begun.set()
        assert self.done.wait(PATIENCE)
        return made


def test_the_same_stamp_has_the_same_thing_and_another_one_is_made_of_it() -> None:
    kept = shared()
    assert kept.of("board", "1", lambda before: f"after {before}") == "after None"
    assert kept.of("board", "1", lambda _: "never made") == "after None"
    assert kept.of("board", "2", lambda before: f"after {before}") == "after after None"
    assert kept.of("page", "2", lambda before: f"after {before}") == "after None"


def test_nobody_is_given_what_has_another_stamp() -> None:
    kept, slow = shared(), Slow()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(kept.of, "board", "1", slow)
        assert slow.begun.wait(PATIENCE)
        later = [pool.submit(kept.of, "board", str(stamp), slow) for stamp in range(2, 7)]
        slow.done.set()
        assert first.result(PATIENCE) == "number 1"
        assert {one.result(PATIENCE) for one in later} == {f"number {n}" for n in range(2, 7)}


def test_those_who_wait_with_the_same_stamp_share_one() -> None:
    kept, slow = shared(), Slow()
    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(kept.of, "board", "1", slow) for _ in range(6)]
        assert slow.begun.wait(PATIENCE)
        until(lambda: pool._work_queue.empty())
        slow.done.set()
        assert {one.result(PATIENCE) for one in asking} == {"number 1"}


def test_who_waited_long_enough_makes_their_own_which_is_not_kept() -> None:
    kept = shared(patience=0.01)
    with kept._slot("board").lock:
        assert kept.of("board", "1", lambda before: f"own after {before}") == "own after None"
    assert kept.of("board", "1", lambda before: f"after {before}") == "after None"


def test_what_does_not_last_is_made_again() -> None:
    kept = shared()
    assert kept.of("board", "1", lambda _: "half", lambda _: False) == "half"
    assert kept.of("board", "1", lambda before: f"after {before}") == "after None"


def test_what_cannot_be_made_keeps_nobody_out() -> None:
    kept = shared()

    def broken(_before: str | None) -> str:
        raise MemoryError

    with pytest.raises(MemoryError):
        kept.of("board", "1", broken)
    assert kept.of("board", "1", lambda _: "made") == "made"


def test_for_nobody_in_particular_it_is_made_unless_somebody_is_at_it() -> None:
    kept = shared()
    with kept._slot("board").lock:
        kept.unless_busy("board", "1", lambda _: "made meanwhile", lambda _: True)
    kept.unless_busy("board", "1", lambda before: f"after {before}", lambda _: True)
    assert kept.of("board", "1", lambda _: "never made") == "after None"


def test_only_so_many_kinds_are_held_and_those_asked_for_stay() -> None:
    kept = shared(most=2)
    for kind in ("one", "two", "one", "three"):
        kept.of(kind, "1", lambda before: f"after {before}")
    assert kept.of("one", "2", lambda before: f"after {before}") == "after after None"
    assert kept.of("two", "2", lambda before: f"after {before}") == "after None"


def test_only_so_many_wait_for_what_takes_long() -> None:
    kept, slow = Kept[str, str](4, PATIENCE, waiting=2), Slow()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(kept.of, "one", lambda: slow(None))
        assert slow.begun.wait(PATIENCE)
        waiting = [pool.submit(kept.of, "one", lambda: slow(None)) for _ in range(2)]
        until(lambda: kept._places._value == 0)
        with pytest.raises(Busy):
            kept.of("two", lambda: "another")
        slow.done.set()
        assert {one.result(PATIENCE) for one in (first, *waiting)} == {"number 1"}
    assert kept.of("two", lambda: "another") == "another"

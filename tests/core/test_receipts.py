"""The words that are signed, and the chain."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from unseen_server.core.receipts import START, Leaf, entry, first_broken, instant, link, signed_text

NOON = datetime(2026, 11, 23, 4, 0, 0, 5, tzinfo=UTC)


def chain(n: int) -> list[Leaf]:
    leaves, head = [], START
    for ref in range(1, n + 1):
        one = entry(ref, "ab" * 32, NOON + timedelta(seconds=ref), team=ref % 2)
        head = link(head, one)
        leaves.append(Leaf(ref, one, head))
    return leaves


def head(leaves: list[Leaf]) -> str:
    return leaves[-1].link or START


def test_the_words_are_those_of_the_document() -> None:
    text = f"unseen entry 1\n12\n{'ab' * 32}\n2026-11-23T04:00:00.000005Z\n3\n"
    assert entry(12, "ab" * 32, NOON, 3) == hashlib.sha256(text.encode()).hexdigest()
    assert link(START, "cd") == hashlib.sha256(f"unseen link 1\n{START}\ncd\n".encode()).hexdigest()
    words = signed_text(
        competition="lecture", ref=12, sha256="ab", submitted_at=NOON, seal=None, previous="cd", link="ef"
    )
    assert words == "unseen receipt 1\nlecture\n12\nab\n2026-11-23T04:00:00.000005Z\n-\ncd\nef\n"


def test_an_instant_has_one_spelling_in_every_zone() -> None:
    assert instant(NOON.astimezone(timezone(timedelta(hours=8)))) == instant(NOON)


def test_a_whole_chain_holds() -> None:
    leaves = chain(5)
    assert first_broken(leaves, head(leaves)) is None
    assert first_broken([], START) is None


def test_what_came_before_there_was_a_chain_is_no_part_of_it() -> None:
    leaves = chain(3)
    assert first_broken([Leaf(0, "ab", None), *leaves], head(leaves)) is None


@pytest.mark.parametrize("ref", [1, 3, 5])
def test_a_changed_submission_is_named(ref: int) -> None:
    leaves = chain(5)
    changed = [replace(leaf, entry="0" * 64) if leaf.ref == ref else leaf for leaf in leaves]
    assert first_broken(changed, head(leaves)) == ref


@pytest.mark.parametrize("ref", [1, 3, 5])
def test_a_submission_without_a_link_is_named(ref: int) -> None:
    leaves = chain(5)
    changed = [replace(leaf, link=None) if leaf.ref == ref else leaf for leaf in leaves]
    assert first_broken(changed, head(leaves)) == (2 if ref == 1 else ref)


@pytest.mark.parametrize("ref", [1, 3])
def test_the_first_after_a_removed_submission_is_named(ref: int) -> None:
    leaves = chain(5)
    assert first_broken([leaf for leaf in leaves if leaf.ref != ref], head(leaves)) == ref + 1


def test_a_chain_without_its_end_is_noticed() -> None:
    leaves = chain(5)
    assert first_broken(leaves[:4], head(leaves)) == 0
    assert first_broken([], head(leaves)) == 0


def test_an_added_submission_is_named() -> None:
    leaves = chain(5)
    forged = Leaf(6, "0" * 64, link(head(leaves), "0" * 64))
    assert first_broken([*leaves, forged], head(leaves)) == 0
    assert first_broken([*leaves[:2], forged, *leaves[2:]], head(leaves)) == 6

"""Extensions, withdrawals and corrected answers let no byte of a private label out before the reveal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from tests.faults.test_secrecy import as_seen, looks, upload, worlds  # noqa: F401 - a fixture
from tests.installations import Installation
from tests.services.test_rescore import Row, solution
from werkzeug.test import TestResponse

from unseen_server.services import extensions, rescore, withdrawals
from unseen_server.services.extensions import Wanted
from unseen_server.services.principals import SERVER


def correct(made: Installation, by: float) -> None:
    """Other public labels in both worlds, and private ones that differ between them."""

    def change(n: int, row: Row) -> None:
        if n % 3 == 0:
            row["minutes"] = f"{float(row['minutes']) + (10.0 if row['Usage'] == 'Public' else by):.1f}"

    place: dict[str, Any] = {"slug": made.slug, "principal": SERVER, "now": made.now}
    rescore.rescore(made.db, made.keys, content=solution(made, change), **place)
    with made.db.write() as session:  # a salted hash, different everywhere
        session.execute(text("UPDATE competitions SET seal = 'sealed'"))


def everything_after_corrections(made: Installation, by: float) -> Iterator[TestResponse]:
    place: dict[str, Any] = {"slug": made.slug, "principal": SERVER, "now": made.now}
    alice, bob = made.client("alice"), made.client("bob")
    for n, client in enumerate([alice, bob, alice]):
        yield upload(client, made.slug, made.noisy_in_public(4.0 + n, n))
    wanted = Wanted("alice", until="2026-12-10 23:59", extra=2, reason="ill")
    extensions.grant(made.db, wanted=wanted, **place)
    withdrawals.withdraw(made.db, ref=3, reason="a copy", **place)
    correct(made, by)
    yield from looks(made, alice)
    made.pass_deadline()
    yield upload(alice, made.slug, made.noisy_in_public(1.0, 9))
    yield from looks(made, bob)


def test_two_worlds_answer_alike_after_every_kind_of_correction(
    worlds: tuple[Installation, Installation],  # noqa: F811
) -> None:
    one, two = worlds
    replies = zip(everything_after_corrections(one, 0.0), everything_after_corrections(two, 7.0), strict=True)
    seen = []
    for a, b in replies:
        assert as_seen(a) == as_seen(b)
        seen.append(a.text if a.mimetype == "text/html" else "")
    assert any("The answers were corrected" in page for page in seen)
    assert any("a copy" in page for page in seen)

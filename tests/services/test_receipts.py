"""Receipts in their chain: over teams, merges, withdrawals, corrections, removals, and many submissions at once."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select, text
from tests.installations import Build, Installation
from tests.visitors import place_baseline

from unseen_server.core.receipts import signed_text
from unseen_server.db import migrate, sqlite
from unseen_server.db.models import Submission, Team
from unseen_server.services import (
    accounts,
    baselines,
    doctor,
    erasing,
    receipts,
    rescore,
    submissions,
    team_corrections,
    withdrawals,
)
from unseen_server.services.principals import SERVER
from unseen_server.services.receipts import ChainPart, Signer
from unseen_server.services.submit import Receipt, submit

SIGNER = Signer("a secret")
COLUMNS = """competition_id, team_id, entered_as, user_id, quota_day, request_digest, file_name, message, sha256,
    submitted_at, late, selected, chain"""


def send(
    made: Installation, content: bytes, who: str = "alice", key: str | None = None, signer: Signer | None = SIGNER
) -> Receipt:
    place: dict[str, Any] = {"slug": made.slug, "principal": made.principal(who), "received_at": made.now}
    return submit(made.db, made.keys, upload=made.upload(content, key), signer=signer, **place).receipt


def verify(receipt: Receipt, public_key: str = SIGNER.public_key) -> None:
    words = signed_text(
        competition=receipt.competition,
        ref=receipt.ref,
        sha256=receipt.sha256,
        submitted_at=receipt.submitted_at,
        seal=receipt.seal,
        previous=receipt.previous_link or "",
        link=receipt.link or "",
    )
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
        bytes.fromhex(receipt.signature or ""), words.encode()
    )


def chain(made: Installation) -> ChainPart:
    return receipts.chain(made.db, after=0, limit=1000, **made.asking("alice"))


def what_the_doctor_says(made: Installation, of: str = "chain") -> tuple[bool, str]:
    [finding] = [one for one in doctor.examine(made.config, made.db) if str(one.what).startswith(of)]
    return finding.ok, str(finding.found)


def change(made: Installation, statement: str, **values: Any) -> None:
    with made.db.write() as session:
        session.execute(text(statement), values)


def test_a_receipt_is_signed_and_hangs_on_the_one_before_it(installation: Installation) -> None:
    first, second = (send(installation, installation.file(value)) for value in (50.0, 51.0))
    for receipt in (first, second):
        verify(receipt)
    assert second.previous_link == first.link
    with installation.db.read() as session:
        assert [one.chain for one in session.scalars(select(Submission))] == [first.link, second.link]


@pytest.mark.parametrize(
    "other",
    [
        {"competition": "concrete"},
        {"ref": 2},
        {"sha256": "cd" * 32},
        {"submitted_at": datetime.fromisoformat("2026-11-23T04:00:00.000001+00:00")},
        {"seal": None},
        {"previous_link": "1" * 64},
        {"link": "1" * 64},
    ],
    ids=lambda other: next(iter(other)),
)
def test_no_signed_word_can_be_changed(build: Build, other: dict[str, Any]) -> None:
    made = build()
    receipt = send(made, made.file())
    with pytest.raises(InvalidSignature):
        verify(replace(receipt, **other))


def test_the_same_secret_signs_with_the_same_key_and_another_with_another() -> None:
    assert Signer("a secret").public_key == SIGNER.public_key
    assert Signer("another").public_key != SIGNER.public_key
    assert "a secret" not in repr(SIGNER)


def test_a_repeated_request_gets_the_very_same_receipt(installation: Installation) -> None:
    first = send(installation, installation.file(), key="once")
    send(installation, installation.file(40.0))
    assert send(installation, installation.file(), key="once") == first
    assert submissions.own_receipt(installation.db, ref=first.ref, principal=installation.principal("alice")) == first


def test_old_receipts_hold_after_the_secret_was_changed(installation: Installation) -> None:
    old = send(installation, installation.file())
    new_signer = Signer("another secret")
    new = send(installation, installation.file(40.0), signer=new_signer)
    published = {key.key_id: key for key in receipts.published_keys(installation.db, new_signer)}
    for receipt in (old, new):
        verify(receipt, published[receipt.key_id or ""].public_key)
    assert all(key.since for key in published.values())


def test_a_key_is_published_before_it_signs(installation: Installation) -> None:
    [key] = receipts.published_keys(installation.db, SIGNER)
    assert (key.public_key, key.since) == (SIGNER.public_key, None)


def test_many_submissions_at_once_make_one_chain_in_their_order(installation: Installation) -> None:
    made, people = installation, [(who, n) for n in range(4) for who in ("alice", "bob", "carol")]
    for who in ("alice", "bob", "carol"):
        made.principal(who)  # tokens first: threads share the installation's
    files = {place: made.file(40.0 + n) for n, place in enumerate(people)}
    with ThreadPoolExecutor(6) as pool:
        sent = list(pool.map(lambda place: send(made, files[place], place[0], secrets.token_hex()), people))
    links = chain(made).links
    assert [link.ref for link in links] == sorted(receipt.ref for receipt in sent)
    previous = chain(made).start
    for receipt in sorted(sent, key=lambda one: one.ref):
        verify(receipt)
        assert receipt.previous_link == previous
        previous = receipt.link or ""
    assert chain(made).head == previous
    assert what_the_doctor_says(made) == (True, "every link follows from the one before it")


def test_baselines_staff_and_late_files_are_in_the_chain(build: Build) -> None:
    made = build()
    place_baseline(made)
    send(made, made.file(), "teacher")
    made.pass_deadline()
    made.tokens.clear()
    assert send(made, made.file(41.0)).late
    assert [link.ref for link in chain(made).links] == [1, 2, 3]
    assert what_the_doctor_says(made)[0]


def test_a_removed_baseline_leaves_its_link(build: Build) -> None:
    made = build()
    place_baseline(made)
    receipt = send(made, made.file())
    before = chain(made)
    with made.db.read() as session:
        number = session.scalars(select(Team.id).where(Team.kind == "baseline")).one()
    baselines.remove(made.db, number=number, **made.asking())
    assert chain(made) == before
    assert before.links[-1].link == receipt.link
    assert what_the_doctor_says(made)[0]


def test_the_chain_comes_in_parts_as_well(build: Build) -> None:
    made = build()
    for value in (40.0, 41.0, 42.0):
        send(made, made.file(value))
    parts = [receipts.chain(made.db, after=after, limit=2, **made.asking("bob")).links for after in (0, 2, 3)]
    assert [[link.ref for link in part] for part in parts] == [[1, 2], [3], []]


@pytest.mark.slow
def test_merges_withdrawals_and_corrections_leave_chain_and_receipts_whole(installation: Installation) -> None:
    made = installation
    sent = [send(made, made.noisy(4.0, n), who) for n, who in enumerate(("alice", "bob", "carol", "alice"))]
    before = chain(made)
    names = [made.principal(who).display_name for who in ("alice", "bob")]
    team_corrections.merge(made.db, team=names[0], other=names[1], reason="a test", **made.asking())
    withdrawals.withdraw(made.db, ref=sent[0].ref, reason="a test", **made.asking())
    solution = (made.folder / "solution.csv").read_text().splitlines()
    id_, label, half = solution[1].split(",")
    solution[1] = f"{id_},{float(label) + 1},{half}"
    rescore.rescore(made.db, made.keys, content="\n".join(solution).encode() + b"\n", **made.asking())
    assert chain(made) == before
    assert what_the_doctor_says(made)[0]
    for receipt, who in zip(sent, ("alice", "bob", "carol", "alice"), strict=True):
        assert submissions.own_receipt(made.db, ref=receipt.ref, principal=made.principal(who)) == receipt
        verify(receipt)
    assert what_the_doctor_says(made, "sealed") == (True, "as its seal says")


def test_receipts_of_an_erased_person_go_on_to_hold(installation: Installation) -> None:
    made = installation
    receipt = send(made, made.file(), "bob")
    last = send(made, made.file(40.0), "alice")
    with made.db.write() as session:
        accounts.user_named(session, "bob").student_id = made.slug  # no word of a receipt, whatever people are called
    erasing.erase(made.db, username="bob", principal=SERVER, now=made.now)
    assert [link.link for link in chain(made).links] == [receipt.link, last.link]
    assert what_the_doctor_says(made)[0]
    with made.db.read() as session:
        kept = msgspec.convert(session.get_one(Submission, receipt.ref).receipt, Receipt)
    assert kept == replace(receipt, file_name=erasing.FILE_NAME)
    verify(kept)


def test_receipts_from_before_there_were_signatures_are_still_read(installation: Installation) -> None:
    made = installation
    old = send(made, made.file(), signer=None)
    migrate.downgrade(made.db, "0002")
    strip = ("significant", "team_number", "seal", "previous_link", "link", "key_id", "signature")
    migrate.upgrade(made.db)
    with made.db.write() as session:
        row = session.get_one(Submission, old.ref)
        row.receipt = {name: value for name, value in (row.receipt or {}).items() if name not in strip}
    read = submissions.own_receipt(made.db, ref=old.ref, principal=made.principal("alice"))
    assert (read.ref, read.signature) == (old.ref, None)
    new = send(made, made.file(40.0))
    assert new.previous_link == chain(made).start
    assert what_the_doctor_says(made)[0]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE submissions SET sha256 = 'ab' WHERE id = 2", "broken at submission 2"),
        ("UPDATE submissions SET submitted_at = '2026-11-23 03:00:00.000000' WHERE id = 2", "broken at submission 2"),
        ("UPDATE submissions SET entered_as = 7 WHERE id = 1", "broken at submission 1"),
        ("UPDATE submissions SET chain = NULL WHERE id = 2", "broken at submission 2"),
        ("DELETE FROM submissions WHERE id = 2", "broken at submission 3"),
        ("DELETE FROM submissions WHERE id = 3", "its last submissions are missing"),
        (
            f"INSERT INTO submissions (id, slot, {COLUMNS}) SELECT 9, 9, {COLUMNS} FROM submissions WHERE id = 3",
            "broken at submission 9",
        ),
    ],
    ids=["file", "time", "team", "unlinked", "removed", "the last removed", "added"],
)
def test_the_doctor_names_the_first_submission_that_does_not_fit(build: Build, statement: str, said: str) -> None:
    made = build()
    for value in (40.0, 41.0, 42.0):
        send(made, made.file(value))
    assert what_the_doctor_says(made)[0]
    with closing(sqlite.driver.connect(made.db.file or "")) as connection, connection:
        connection.execute(statement)  # foreign keys do not bind whoever has the file
    ok, found = what_the_doctor_says(made)
    assert not ok
    assert found.startswith(said)


def test_the_doctor_names_the_version_of_a_key_that_was_changed(build: Build) -> None:
    made = build()
    assert what_the_doctor_says(made, "sealed")[0]
    change(made, "UPDATE answer_keys SET usage = :usage", usage=bytes(len(made.bundle.key.ids)))
    assert what_the_doctor_says(made, "sealed") == (False, "version 1 is not what its seal says")

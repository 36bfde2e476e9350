"""Receipts that can be checked without this server: each follows from all before it, and each is signed.

The key that signs is derived from the server's secret, so that all nodes share it and nothing else has to be kept. The
public keys ever used stay published, so that receipts outlive a change of the secret.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import bindparam, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from unseen_server.core import receipts
from unseen_server.core.receipts import Leaf
from unseen_server.db import queries
from unseen_server.db.models import Chain, Competition, ReceiptKey, RemovedLink, Submission
from unseen_server.db.queries.asking import connection_of
from unseen_server.db.session import Database
from unseen_server.services import competitions
from unseen_server.services.principals import Principal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PURPOSE = b"unseen: the Ed25519 key that signs receipts, 1"
AT_ONCE = 5000  # submissions read in one go


@dataclass(frozen=True)
class Signer:
    """Signs with the Ed25519 key that follows from the server's secret (HKDF-SHA256)."""

    secret: str = field(repr=False)
    published_in: WeakSet[Database] = field(default_factory=WeakSet, init=False, repr=False, compare=False)

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        # here, because most of what the server's command does signs nothing
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(hashes.SHA256(), length=32, salt=None, info=PURPOSE).derive(self.secret.encode())
        return Ed25519PrivateKey.from_private_bytes(derived)

    @cached_property
    def public_key(self) -> str:
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, text: str) -> str:
        return self._key.sign(text.encode()).hex()


@dataclass(frozen=True)
class Vouched:
    """What a receipt vouches for: the number of a submission, the hash of its file, when it came, and whose it is."""

    ref: int
    sha256: str
    submitted_at: datetime
    team_id: int


@dataclass(frozen=True)
class Linked:
    """Where a submission hangs in the chain of its competition."""

    previous: str
    link: str


@dataclass(frozen=True)
class Signature:
    """What makes a receipt proof; `seal` is that of the answer key when the submission came in."""

    seal: str | None
    key_id: str
    signature: str


@dataclass(frozen=True)
class PublishedKey:
    """An Ed25519 public key (hex) of receipts; `since` is None where none has been signed with it yet."""

    key_id: str
    public_key: str
    since: datetime | None


@dataclass(frozen=True)
class ChainLink:
    """One submission in the chain: a hash of its number, file, time and team, and the link it makes."""

    ref: int
    entry: str
    link: str


@dataclass(frozen=True)
class ChainPart:
    """Links in the order of their submissions; `head` is the last of the whole chain."""

    competition: str
    start: str
    head: str
    links: list[ChainLink]


# inside the transaction of a submission


def add_link(session: Session, competition: Competition, head: str, vouched: Vouched) -> Linked:
    """Hang a submission into its competition's chain, whose end the caller holds until the commit; then `keep` it."""
    entry = receipts.entry(vouched.ref, vouched.sha256, vouched.submitted_at, vouched.team_id)
    link = receipts.link(head, entry)
    connection_of(session).execute(_MOVE_ON, {"competition": competition.id, "link": link})
    return Linked(head, link)


_MOVE_ON = update(Chain).where(Chain.competition_id == bindparam("competition")).values(head=bindparam("link"))


def keep_links(session: Session, submissions: Sequence[Submission]) -> None:
    """Before these baselines are deleted: what stays of them, so that the chain goes on to hold."""
    for submission in submissions:
        if submission.chain is not None:
            leaf = _leaf(
                submission.id, submission.sha256, submission.submitted_at, submission.entered_as, submission.chain
            )
            place = {"submission_id": leaf.ref, "competition_id": submission.competition_id}
            session.add(RemovedLink(**place, entry=leaf.entry, link=submission.chain))


def sign(signer: Signer, competition: Competition, vouched: Vouched, linked: Linked) -> Signature:
    text = receipts.signed_text(
        competition=competition.slug,
        ref=vouched.ref,
        sha256=vouched.sha256,
        submitted_at=vouched.submitted_at,
        seal=competition.seal,
        previous=linked.previous,
        link=linked.link,
    )
    return Signature(competition.seal, receipts.key_id(signer.public_key), signer.sign(text))


def keep(session: Session, ref: int, linked: Linked, receipt: dict[str, Any] | None = None) -> None:
    """Its link, and the receipt as it is given now, for whoever asks for the same again; a baseline has none."""
    place = {"ref": ref, "link": linked.link}
    if receipt is None:
        connection_of(session).execute(_KEEP_LINK, place)
    else:
        connection_of(session).execute(_KEEP, place | {"given": receipt})


_KEEP_LINK = update(Submission).where(Submission.id == bindparam("ref")).values(chain=bindparam("link"))
_KEEP = _KEEP_LINK.values(receipt=bindparam("given"))


# publishing


def publish(db: Database, signer: Signer, now: datetime) -> None:
    """Write the public key down, once, before anything is signed with its other half."""
    if db in signer.published_in:
        return
    with db.read() as session:
        known = queries.chains.is_known_receipt_key(session, signer.public_key)
    if not known:
        with contextlib.suppress(IntegrityError), db.write() as session:  # another process was faster
            session.add(ReceiptKey(public_key=signer.public_key, since=now))
    signer.published_in.add(db)


def published_keys(db: Database, signer: Signer) -> list[PublishedKey]:
    """Every key that receipts were signed with, the oldest first, and the one that signs now."""
    with db.read() as session:
        known: dict[str, datetime | None] = {key.public_key: key.since for key in queries.chains.receipt_keys(session)}
    known.setdefault(signer.public_key, None)
    return [PublishedKey(receipts.key_id(public), public, since) for public, since in known.items()]


def chain(db: Database, *, slug: str, principal: Principal, now: datetime, after: int, limit: int) -> ChainPart:
    """The chain of a competition after that submission, for who takes part."""
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        head = queries.chains.head(session, competition.id)
        removed = _removed(session, competition.id)
        rows = queries.chains.chained(session, competition.id, after, limit, begun=True)
    leaves = receipts.in_order((_leaf(*row) for row in rows), (leaf for leaf in removed if leaf.ref > after))
    links = [ChainLink(leaf.ref, leaf.entry, leaf.link) for leaf in leaves[:limit] if leaf.link is not None]
    return ChainPart(slug, receipts.START, head, links)


# looking it over


def first_broken(db: Database, competition: Competition) -> int | None:
    """The first submission that its chain does not hold; 0 where the end is missing, None where all is well."""
    with db.read() as session:
        head = queries.chains.head(session, competition.id)
        removed = _removed(session, competition.id)
    leaves = receipts.in_order(_leaves(db, competition), removed)
    with db.read() as session:
        moved_on = queries.chains.head(session, competition.id) != head
    if moved_on:  # what came in meanwhile was not asked about
        leaves = leaves[: 1 + next((n for n, leaf in enumerate(leaves) if leaf.link == head), -1)]
    return receipts.first_broken(leaves, head)


def _leaves(db: Database, competition: Competition) -> Iterator[Leaf]:
    """Read a few at a time, so that no reader keeps the writers of SQLite waiting."""
    after = 0
    while True:
        with db.read() as session:
            rows = queries.chains.chained(session, competition.id, after, AT_ONCE)
        if not rows:
            return
        yield from (_leaf(*row) for row in rows)
        after = rows[-1].id


def _removed(session: Session, competition_id: int) -> list[Leaf]:
    return [
        Leaf(row.submission_id, row.entry, row.link) for row in queries.chains.removed_links(session, competition_id)
    ]


def _leaf(ref: int, sha256: str, submitted_at: datetime, team_id: int | None, link: str | None) -> Leaf:
    return Leaf(ref, receipts.entry(ref, sha256, submitted_at, team_id or 0), link)

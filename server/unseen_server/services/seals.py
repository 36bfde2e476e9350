"""The sealed answer key: a salted hash from the launch on, and after the reveal the very text it is the hash of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core.errors import NotFound
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import competitions
from unseen_server.services.competitions import Seal
from unseen_server.services.keys import unpacked
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class OpenedKey:
    """One version of the answer key: the text whose SHA-256 is its seal."""

    version: int
    text: str


def opened(db: Database, *, slug: str, version: int | None, principal: Principal, now: datetime) -> OpenedKey:
    """The key that counts, or an older version of it; NotFound before the reveal, for everybody."""
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        sealed = {seal.version: seal for seal in competitions.seals_of(session, competition)}
        wanted = sealed.get(competition.key_version if version is None else version)
        if competition.revealed_at is None or wanted is None or wanted.salt is None:
            raise _not_open(session, competition, version)
        row = queries.competitions.answer_key(session, competition.id, wanted.version)
    return OpenedKey(wanted.version, unpacked(competition, row).sealed_text(wanted.salt))


def _not_open(session: Session, competition: Competition, version: int | None) -> NotFound:
    if competition.revealed_at is None:
        return NotFound(
            what=say("opened answer key of “{slug}”", slug=competition.slug),
            advice=say("It opens when the competition is revealed. Until then its seal is published."),
        )
    known = [str(seal.version) for seal in competitions.seals_of(session, competition)]
    return NotFound(
        what=say("version {version} of the answer key", version=version),
        advice=say("There are: {names}.", names=", ".join(known)),
    )


def broken(db: Database, competition: Competition) -> Iterator[int]:
    """Versions of the answer key that are no longer what their published seal says."""
    with db.read() as session:
        sealed: list[Seal] = competitions.seals_of(session, competition, opened=True)
    for seal in sealed:
        with db.read() as session:
            row = queries.competitions.answer_key(session, competition.id, seal.version)
        if seal.salt is None or unpacked(competition, row).sealed_hash(seal.salt) != seal.seal:
            yield seal.version

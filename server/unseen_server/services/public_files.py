"""The public files of a competition: listed, and kept on this machine's disk to be sent from there."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from unseen_server.core.errors import NotFound, StorageFull
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.session import Database
from unseen_server.services import competitions, names
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class ListedFile:
    name: str
    size: int
    sha256: str
    modified_at: datetime
    url: str


@dataclass(frozen=True)
class KeptFile:
    """A public file on this machine's disk, ready to be sent."""

    name: str
    path: Path
    sha256: str
    modified_at: datetime


def listed(db: Database, *, slug: str, principal: Principal, now: datetime) -> list[ListedFile]:
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        return [
            ListedFile(f.name, f.size, f.sha256, f.modified_at, f"/api/competitions/{competition.slug}/files/{f.name}")
            for f in queries.competitions.files_of(session, competition.id)
        ]


def on_disk(db: Database, *, slug: str, name: str, principal: Principal, now: datetime, folder: Path) -> KeptFile:
    """A public file, brought from the database to `folder` once and served from there."""
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        public = {public.name: public for public in queries.competitions.files_of(session, competition.id)}
        if name not in public:
            raise NotFound(
                what=say("file “{name}”", name=names.printable(name)),
                advice=say("There are: {names}.", names=", ".join(public)),
            )
        wanted = public[name]
        path = folder / wanted.sha256
        if not path.exists():
            _keep(path, queries.competitions.stored_content(session, wanted.sha256))
    return KeptFile(name, path, wanted.sha256, wanted.modified_at)


def _keep(path: Path, content: bytes) -> None:
    """Under a name of its own first, so that nobody ever reads half a file."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise StorageFull() from None

"""The public files of a competition: listed, and kept on this machine's disk to be sent from there."""

from __future__ import annotations

import secrets
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from unseen_server.core.digests import digest_of
from unseen_server.core.errors import NotFound, StorageFull
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import CompetitionFile
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
            with _aside(path) as partial:
                partial.write_bytes(queries.competitions.stored_content(session, wanted.sha256))
    return KeptFile(name, path, wanted.sha256, wanted.modified_at)


def all_on_disk(db: Database, *, slug: str, principal: Principal, now: datetime, folder: Path) -> KeptFile:
    """All public files in one zip, made once; the same bytes whenever it is made again, so that a download resumes."""
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        public = queries.competitions.files_of(session, competition.id)
        if not public:
            raise NotFound(what=say("public file"), advice=say("The course staff may still add some."))
        # zlib's next version may pack the same files into other bytes
        made_of = [zlib.ZLIB_RUNTIME_VERSION, *(f"{f.name} {f.sha256} {f.modified_at.timestamp()}" for f in public)]
        digest = digest_of("\n".join(made_of))
        path = folder / f"{digest}.zip"
        if not path.exists():
            with _aside(path) as partial:
                _pack(session, partial, public)
    return KeptFile(f"{competition.slug}.zip", path, digest, max(f.modified_at for f in public))


def _pack(session: Session, path: Path, public: Sequence[CompetitionFile]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for file in public:
            member = zipfile.ZipInfo(file.name, file.modified_at.timetuple()[:6])
            member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(member, queries.competitions.stored_content(session, file.sha256))


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A place to write under a name of its own first, so that nobody ever reads half a file."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError:
        raise StorageFull() from None
    finally:
        partial.unlink(missing_ok=True)

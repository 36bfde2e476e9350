"""Files that staff uploaded and have not confirmed yet: kept between two pages of a form, for their uploader alone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete

from unseen_server.core.errors import FileTooLarge, NotFound
from unseen_server.core.sentences import N_, say
from unseen_server.db import queries
from unseen_server.db.models import HeldFile
from unseen_server.db.session import Database
from unseen_server.services import names
from unseen_server.services.principals import Principal

KEPT = timedelta(days=1)
KEPT_OF_EACH = 3  # files of one person; the oldest make room
MEBIBYTE = 1024 * 1024
LARGEST = 64 * MEBIBYTE
NO_SUCH_FILE = N_("uploaded file")


@dataclass(frozen=True)
class Held:
    """`name` finds the file again; `file_name` is what the uploader called it."""

    name: str
    file_name: str
    content: bytes


def keep(db: Database, *, file_name: str, content: bytes, principal: Principal, now: datetime) -> str:
    """Keep a file for a day and return the name that finds it again; what is older is forgotten here."""
    if len(content) > LARGEST:
        raise FileTooLarge(limit=f"{LARGEST // MEBIBYTE} MiB", advice=say("Upload a smaller file."))
    name = secrets.token_urlsafe(24)
    with db.write() as session:
        session.execute(delete(HeldFile).where(HeldFile.created_at <= now - KEPT))
        too_many = queries.people.held_files_of(session, principal.user_id)[KEPT_OF_EACH - 1 :]
        session.execute(delete(HeldFile).where(HeldFile.id.in_(too_many)))
        session.add(
            HeldFile(
                name=name,
                user_id=principal.user_id,
                file_name=names.without_controls(file_name)[:255],
                content=content,
                created_at=now,
            )
        )
    return name


def take(db: Database, *, name: str, principal: Principal, now: datetime) -> Held:
    """The file, which stays until it is dropped or a day old; NotFound where it is another person's."""
    with db.read() as session:
        found = queries.people.held_file(session, names.without_controls(name), principal.user_id)
        if found is None or found.created_at <= now - KEPT:
            raise NotFound(what=say(NO_SUCH_FILE), advice=say("Uploads are kept for a day. Upload the file again."))
        return Held(found.name, found.file_name, found.content)


def drop(db: Database, *, name: str, principal: Principal) -> None:
    """Forget a file that has served its purpose."""
    with db.write() as session:
        session.execute(delete(HeldFile).where(HeldFile.name == name, HeldFile.user_id == principal.user_id))

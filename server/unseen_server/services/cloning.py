"""A competition copied for another term: the same files, pages, baselines and settings, as a draft of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from unseen_server.core import schedule
from unseen_server.core.sentences import say
from unseen_server.core.splits import drawn_anew
from unseen_server.db.session import Database
from unseen_server.services import bundles, competitions, folders, launching, names
from unseen_server.services.competitions import Shown
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class Copy:
    """What the copy is to be: its `deadline` is local to the original's time zone; `split_anew` draws other halves."""

    course: str
    slug: str
    title: str
    deadline: str
    split_anew: bool


def clone(db: Database, *, slug: str, copy: Copy, principal: Principal, now: datetime) -> Shown:
    """Make the copy, which somebody must be allowed to do in both courses."""
    with db.read() as session:
        files = folders.folder_of(session, competitions.instructed(session, slug, principal, now))
    original = bundles.read_files(files)
    settings = replace(
        original.settings,
        slug=names.checked_slug(copy.slug),
        title=names.checked_text(copy.title, say("A competition's title"), 200),
        starts_at=None,
        deadline=schedule.local_to_utc(copy.deadline, original.settings.time_zone),
    )
    key = drawn_anew(original.key) if copy.split_anew else original.key
    bundle = bundles.read_files(bundles.written(replace(original, settings=settings, key=key)))
    origin = f"copy of {slug}, split anew" if copy.split_anew else f"copy of {slug}"
    return launching.create(db, bundle, course=copy.course, principal=principal, now=now, origin=origin)

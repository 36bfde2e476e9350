"""A draft made from an uploaded table: its columns looked over, then split and brought in like any folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from unseen_server.core import schedule
from unseen_server.core.advice import Advice
from unseen_server.core.errors import BadRequest
from unseen_server.core.metrics import METRICS
from unseen_server.core.release import check_release
from unseen_server.core.sentences import say
from unseen_server.db.session import Database
from unseen_server.services import bundles, courses, editing, held, launching, names
from unseen_server.services.bundles.problems import Problems
from unseen_server.services.bundles.tables import Table, is_number, read_table
from unseen_server.services.competitions import Shown
from unseen_server.services.held import Held
from unseen_server.services.principals import Principal

LOOKED_AT = 256 * 1024  # bytes: enough to show a table by, whatever its size
SHOWN_ROWS = 5


@dataclass(frozen=True)
class Column:
    """One column of the table: its first fields, and whether it could be what is to be predicted."""

    name: str
    first: Sequence[str]
    is_number: bool
    is_unique: bool


@dataclass(frozen=True)
class Wanted:
    """What the competition is to be. Times are local to `time_zone`; no `id_column` means that new ids are made.

    Without `public` the public share of the test rows is the advised one.
    """

    target: str
    id_column: str | None
    title: str
    slug: str
    metric: str
    time_zone: str
    deadline: str
    test_size: float
    public: float | None
    daily_limit: int
    total_limit: int | None
    final_submissions: int
    largest_team: int
    release: str
    late_submissions: bool


def columns(uploaded: Held) -> list[Column]:
    """The columns by the first rows of the file. Raises BadBundle where they cannot be read."""
    problems = Problems()
    table = read_table(uploaded.file_name, _beginning(uploaded.content), problems)
    problems.raise_if_any()
    assert table is not None  # noqa: S101 - or there would have been a problem
    return [_column(table, name) for name in table.header]


def likely_target(found: Sequence[Column]) -> str:
    """The last column of numbers, where the target usually stands; else the last one."""
    numbers = [column.name for column in found if column.is_number]
    return (numbers or [column.name for column in found])[-1]


def advised(uploaded: Held, wanted: Wanted, now: datetime) -> Advice:
    """What the competition would allow, before it is made; refused as `make` would refuse the same."""
    _check(wanted)
    return bundles.split_advice(
        uploaded.file_name,
        uploaded.content,
        wanted.target,
        wanted.id_column,
        wanted.test_size,
        wanted.public,
        begins=now,
        deadline=_in_the_future(wanted, now),
        time_zone=schedule.checked_zone(wanted.time_zone).key,
        daily_limit=wanted.daily_limit,
        total_limit=wanted.total_limit,
        release=wanted.release,
        metric=wanted.metric,
    )


def make(db: Database, *, uploaded: Held, wanted: Wanted, course: str, principal: Principal, now: datetime) -> Shown:
    """Split the table in secret, bring the competition in as a draft, and forget the upload."""
    with db.read() as session:
        courses.instructed(session, course, principal)  # before a large table is split
    counts = _check(wanted)
    files = bundles.labelled_bundle(
        uploaded.file_name,
        uploaded.content,
        wanted.target,
        wanted.id_column,
        wanted.test_size,
        wanted.public,
        now=now,
        slug=names.checked_slug(wanted.slug),
        title=names.checked_text(wanted.title, say("A competition's title"), 200),
        metric=wanted.metric,
        time_zone=schedule.checked_zone(wanted.time_zone).key,
        deadline=_in_the_future(wanted, now),
    )
    bundle = bundles.read_files(files)
    settings = replace(bundle.settings, **counts, release=wanted.release, late_submissions=wanted.late_submissions)
    made = launching.create(
        db, replace(bundle, settings=settings), course=course, principal=principal, now=now, origin="table"
    )
    held.drop(db, name=uploaded.name, principal=principal)
    return made


def _check(wanted: Wanted) -> dict[str, Any]:
    """Its limits by their names; BadRequest for what no competition can have, before a large table is read."""
    counts = {name: getattr(wanted, name) for name in editing.COUNTED if hasattr(wanted, name)}
    editing.check_counts(counts)
    if wanted.metric in METRICS:
        check_release(wanted.release, METRICS[wanted.metric])
    return counts


def _in_the_future(wanted: Wanted, now: datetime) -> datetime:
    deadline = schedule.local_to_utc(wanted.deadline, wanted.time_zone)
    if deadline <= now:
        when = schedule.Moment(deadline, wanted.time_zone)
        raise BadRequest(reason=say("The deadline {when} has passed already. Write a later one.", when=when))
    return deadline


def _beginning(content: bytes) -> bytes:
    """Whole lines from the start of the file, and all of it where it is short."""
    if len(content) <= LOOKED_AT:
        return content
    end = content.rfind(b"\n", 0, LOOKED_AT) + 1
    while content.count(b'"', 0, end) % 2:  # the line break stands in a quoted field
        end = content.rfind(b"\n", 0, end - 1) + 1
    return content[:end]


def _column(table: Table, name: str) -> Column:
    texts = [text.strip() for text in table.column(name)]
    return Column(
        name=name,
        first=texts[:SHOWN_ROWS],
        is_number=bool(texts) and all(map(is_number, texts)),
        is_unique=len(set(texts)) == len(texts),
    )

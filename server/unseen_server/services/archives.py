"""The end of a term: a competition as a folder that needs no server, with names or, on demand, without."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from unseen_server import storage
from unseen_server.core.splits import AnswerKey
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import (
    audit,
    audits,
    competitions,
    exports,
    folders,
    grades,
    pseudonyms,
    received,
    standings,
)
from unseen_server.services.audits import Deeds
from unseen_server.services.bundles.tables import to_csv
from unseen_server.services.comparisons import Comparisons
from unseen_server.services.competitions import Shown
from unseen_server.services.entries import SCORED
from unseen_server.services.grades import Gradebook
from unseen_server.services.keys import KeyRing, unpacked
from unseen_server.services.principals import Principal
from unseen_server.services.received import Received
from unseen_server.services.standings import Board

AT_ONCE = 20  # uploaded files in memory
LONGEST_NAME = 80
# Gathering and packing one submission takes as long as so many of its rows: 0.6 ms and 3 to 5 us a row, of which 12
# bytes are left (November 2026, two busy cores, SQLite).
A_SUBMISSION = 150  # rows
LONG = 1_000_000  # rows: about four seconds
LARGEST_KEPT = 90_000_000  # rows: about a gigabyte

File = tuple[str, bytes]  # name in the folder, content


@dataclass(frozen=True)
class Record:
    """What there is to tell of a competition; `private` is None before the reveal. `files` are those of its bundle."""

    competition: Shown
    public: Board
    private: Board | None
    grades: Gradebook
    submissions: list[Received]
    deeds: Deeds
    files: list[str]
    pseudonymous: bool
    made_at: datetime


# The pages, and what they need to look like something, by file name.
Draw = Callable[[Record], Mapping[str, str]]


@dataclass(frozen=True)
class Archive:
    """An archive about to be written: what is small is here already, the students' files are read one by one."""

    record: Record
    texts: Mapping[str, str]
    bundle: Mapping[str, bytes]
    key: AnswerKey

    @property
    def count(self) -> int:
        return len(self.record.submissions) + len(self.texts) + len(self.bundle)


@dataclass(frozen=True)
class Extent:
    """How much an archive would hold: so many submissions of so many rows each."""

    students: int
    submissions: int
    rows: int

    @property
    def is_long(self) -> bool:
        """Whether a worker should make it. The largest ones nobody could keep for a day: they are only ever sent on."""
        return LONG < self.submissions * (self.rows + A_SUBMISSION) <= LARGEST_KEPT


def extent(db: Database, *, slug: str, principal: Principal, now: datetime) -> Extent:
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
        everything = queries.received.ReceivedWanted(competition.id, competition.key_version)
        return Extent(
            students=queries.people.students_counted(session, competition.course_id),
            submissions=queries.received.submissions_received_counted(session, everything),
            rows=competition.test_rows,
        )


def prepare(
    db: Database,
    *,
    slug: str,
    pseudonymous: bool,
    draw: Draw,
    principal: Principal,
    now: datetime,
    language: str = competitions.ENGLISH_PAGES,
) -> Archive:
    """Gather what goes into the archive and write down who took it; for instructors, as it holds the hidden answers."""
    competition = _taken(db, slug, pseudonymous, principal, now)
    with db.read() as session:
        bundle = folders.folder_of(session, competition)
        key = unpacked(competition, queries.competitions.answer_key(session, competition.id, competition.key_version))
        names = pseudonyms.drawn(session, competition) if pseudonymous else None
    place: dict[str, Any] = {"slug": slug, "principal": principal, "now": now}
    compared = Comparisons(db, KeyRing(db))
    record = Record(
        competition=competitions.shown(db, **place, language=language),
        public=standings.board(db, compared, which="public", **place),
        private=standings.board(db, compared, which="private", **place) if competition.revealed_at else None,
        grades=grades.gradebook(db, **place),
        submissions=[sent for sent in received.search(db, limit=None, **place).listed[::-1] if sent.state == SCORED],
        deeds=audits.of_competition(db, **place),
        files=sorted(bundle),
        pseudonymous=pseudonymous,
        made_at=now,
    )
    record = _without_names(record, names) if names else record
    return Archive(record, {**_tables(record), **draw(record)}, bundle, key)


def _taken(db: Database, slug: str, pseudonymous: bool, principal: Principal, now: datetime) -> Competition:
    """The competition, once it is written down that its archive was taken."""
    with db.write() as session:
        competition = competitions.instructed(session, slug, principal, now)
        audit.record_in(session, competition, principal, now, "competition.archive", slug, pseudonymous=pseudonymous)
        return competition


def _without_names(record: Record, names: pseudonyms.Pseudonyms) -> Record:
    return replace(
        record,
        public=names.board(record.public),
        private=names.board(record.private) if record.private else None,
        grades=names.gradebook(record.grades),
        submissions=[names.submission(sent) for sent in record.submissions],
        deeds=replace(record.deeds, listed=[names.deed(deed) for deed in record.deeds.listed]),
    )


def _tables(record: Record) -> dict[str, str]:
    boards = {"public": record.public, "private": record.private}
    return {
        **{f"leaderboard-{which}.csv": exports.board_csv(board) for which, board in boards.items() if board},
        "submissions.csv": _submissions_csv(record),
        "grades.csv": exports.grades_csv(record.grades),
        "audit.csv": audits.as_csv(record.deeds),
    }


def _submissions_csv(record: Record) -> str:
    return exports.csv_text(
        (
            *("ref", "team", "kind", "username", "submitted_at", "file", "file_name", "message", "sha256"),
            *("public_score_shown", "public_score", "private_score"),
            *("late", "selected", "withdrawn_at", "withdrawn_by", "withdrawn_reason"),
        ),
        (
            (
                *(sent.ref, sent.team, sent.kind, sent.username, sent.submitted_at.isoformat(), _file_of(sent)),
                *(sent.file_name, sent.message, sent.sha256, sent.shown, sent.public_score, sent.private_score),
                *(sent.late, sent.selected, sent.withdrawn_at and sent.withdrawn_at.isoformat()),
                *(sent.withdrawn_by, sent.withdrawn_reason),
            )
            for sent in record.submissions
        ),
    )


def _file_of(sent: Received) -> str:
    """Where the file lies in the archive; a name of its own is kept as far as every file system can hold it."""
    stem = re.sub(r"[^\w.-]+", "-", sent.file_name)[-LONGEST_NAME:].strip("-.")
    return f"submissions/{sent.ref:06}-{stem}" if stem else f"submissions/{sent.ref:06}.csv"


# writing


def files(db: Database, archive: Archive) -> Iterator[File]:
    """Every file, the start page last: a folder without it is not whole."""
    submissions = archive.record.submissions
    for first in range(0, len(submissions), AT_ONCE):
        yield from _uploads(db, archive, submissions[first : first + AT_ONCE])
    for name, content in archive.bundle.items():
        yield f"bundle/{name}", content
    for name, text in sorted(archive.texts.items(), key=lambda file: (file[0] == "index.html", file)):
        yield name, text.encode()


def _uploads(db: Database, archive: Archive, some: Sequence[Received]) -> Iterator[File]:
    """The files as they were sent; without names as they were read, for even a packed file may tell whose it was."""
    names = {sent.ref: _file_of(sent) for sent in some}
    with db.read() as session:
        if not archive.record.pseudonymous:
            for ref, content in storage.uploaded_files(session, list(names)):
                yield names[ref], content
            return
        header = (archive.key.id_column, archive.key.target_column)
        for ref, predictions in storage.predictions_of(session, list(names)):
            rows = zip(archive.key.ids, map(repr, predictions.tolist()), strict=True)
            yield names[ref], to_csv(header, rows).encode()


def write(written: Iterable[File], folder: Path) -> None:
    """Write the files one by one into a new or empty folder."""
    folders.check_new(folder)
    for name, content in written:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def file_name(archive: Archive) -> str:
    """What the zip is called."""
    return f"{archive.record.competition.slug}-archive{'-pseudonymous' if archive.record.pseudonymous else ''}.zip"


def zipped(written: Iterable[File], archive: Archive) -> Iterator[bytes]:
    """The same in a zip, piece by piece, so that no archive has to fit into memory."""
    pipe, made_at = _Pipe(), archive.record.made_at.timetuple()[:6]
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in written:
            member = zipfile.ZipInfo(f"{archive.record.competition.slug}/{name}", made_at)
            member.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(member, content)
            yield pipe.taken()
    yield pipe.taken()


class _Pipe(io.RawIOBase):
    """What a zip is written to: it cannot seek, and gives out what has gathered."""

    def __init__(self) -> None:
        super().__init__()
        self._gathered: list[bytes] = []

    def write(self, content: Any) -> int:
        self._gathered.append(bytes(content))
        return len(content)

    def taken(self) -> bytes:
        content, self._gathered = b"".join(self._gathered), []
        return content

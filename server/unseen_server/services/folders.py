"""A competition's folder, put together again from the database: to be kept, moved to another server, or copied."""

from __future__ import annotations

import math
import re
from datetime import datetime
from pathlib import Path, PurePosixPath

from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core.containers import unpack
from unseen_server.core.errors import BadRequest
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import audit, bundles, competitions
from unseen_server.services.bundles import Bundle, DeclaredBaseline, Settings
from unseen_server.services.keys import unpacked
from unseen_server.services.principals import Principal

LARGEST_BASELINE = 1 << 28  # bytes unpacked; it was accepted once, by a narrower limit


def folder_of(session: Session, competition: Competition) -> dict[str, bytes]:
    """The files that would make this competition again, by the answer key that counts now.

    They are not read here: while a transaction is open, some databases let nobody write.
    """
    declared, files = _baselines(session, competition)
    key = unpacked(competition, queries.competitions.answer_key(session, competition.id, competition.key_version))
    bundle = Bundle(
        settings=_settings(competition, declared),
        pages={
            (page.name, page.language): page.markdown for page in queries.competitions.pages_of(session, competition.id)
        },
        key=key,
        public_files={
            file.name: queries.competitions.stored_content(session, file.sha256)
            for file in queries.competitions.files_of(session, competition.id)
        },
        baseline_files=files,
        training_mean=math.nan,  # stands in no file
    )
    return bundles.written(bundle)


def export(db: Database, *, slug: str, principal: Principal, now: datetime) -> dict[str, bytes]:
    """Every file of the folder, the hidden answers among them; so it is for instructors alone, and it is audited."""
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
        files = folder_of(session, competition)
    with db.write() as session:
        audit.record_in(session, competition, principal, now, "competition.export", slug)
    return files


def check_new(target: Path) -> None:
    """BadRequest unless nothing would be overwritten there."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadRequest(reason=say("{target} already holds something. Name a new one.", target=target))


def write(files: dict[str, bytes], target: Path, slug: str) -> None:
    """Into a new or empty folder, or into a new file that ends in .zip."""
    check_new(target)
    if target.suffix.lower() == ".zip":
        target.touch(mode=0o600)
        target.write_bytes(bundles.zipped(files, slug))
        return
    for name, content in files.items():
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # before anything secret is in it: course machines are shared
        file.write_bytes(content)


def _settings(competition: Competition, declared: tuple[DeclaredBaseline, ...]) -> Settings:
    c = competition
    return Settings(
        slug=c.slug,
        title=c.title,
        metric=c.metric,
        time_zone=c.time_zone,
        starts_at=c.starts_at,
        deadline=c.deadline,
        bounds=(c.lower_bound, c.upper_bound),
        daily_limit=c.daily_limit,
        total_limit=c.total_limit,
        rejected_per_hour=c.rejected_per_hour,
        final_submissions=c.final_submissions,
        largest_team=c.largest_team,
        release=c.release,
        public_intervals=c.public_intervals,
        late_submissions=c.late_submissions,
        baselines=declared,
    )


def _baselines(session: Session, competition: Competition) -> tuple[tuple[DeclaredBaseline, ...], dict[str, bytes]]:
    """The baselines in the order they were placed, each with its file as CSV; a withdrawn one is left out."""
    declared: list[DeclaredBaseline] = []
    files: dict[str, bytes] = {}
    for team, submission in queries.competitions.baselines_of(session, competition.id):
        if submission.withdrawn_at is not None:
            continue
        name = _free_name(submission.file_name, files)
        content = storage.uploaded_file(session, submission.id)
        files[name] = bytes(unpack(content, submission.file_name, LARGEST_BASELINE))
        declared.append(DeclaredBaseline(team.name, team.tier or "", name, team.points_public, team.points_private))
    return tuple(declared), files


def _free_name(file_name: str, taken: dict[str, bytes]) -> str:
    """A name in the folder baselines that no other has, as close to the file's own as a folder allows."""
    stem = PurePosixPath(file_name).name
    for suffix in (".gz", ".zip", ".csv"):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "baseline"
    name, number = f"baselines/{stem}.csv", 1
    while name in taken:
        number += 1
        name = f"baselines/{stem}-{number}.csv"
    return name

"""A competition written as the folder it came from, so that reading it again gives the same competition."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime

from unseen_server.core.schedule import local, local_to_utc
from unseen_server.core.splits import USAGE_NAMES, AnswerKey
from unseen_server.services.bundles.reading import SOLUTION, Bundle
from unseen_server.services.bundles.settings import FILE, DeclaredBaseline, Settings
from unseen_server.services.bundles.tables import to_csv

_USAGE_NAME = {number: name for name, number in USAGE_NAMES.items()}
_AT_ONCE = (1980, 1, 1, 0, 0, 0)  # the date of every file in a zip: the same competition makes the same bytes


def written(bundle: Bundle) -> dict[str, bytes]:
    """Every file of the folder, by its name in it."""
    pages = {
        f"{name}.md" if language == "en" else f"{name}.{language}.md": text.encode()
        for (name, language), text in bundle.pages.items()
    }
    return {
        FILE: settings_toml(bundle.settings).encode(),
        **pages,
        **bundle.public_files,
        SOLUTION: solution_csv(bundle.key).encode(),
        **bundle.baseline_files,
    }


def zipped(files: Mapping[str, bytes], folder: str) -> bytes:
    """The files in a zip, inside one folder."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(f"{folder}/{name}", _AT_ONCE)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
    return content.getvalue()


def solution_csv(key: AnswerKey) -> str:
    """The hidden answers, labels as the shortest text that reads back the same."""
    rows = zip(key.ids, map(repr, key.labels.tolist()), (_USAGE_NAME[use] for use in key.usage.tolist()), strict=True)
    return to_csv([key.id_column, key.target_column, "Usage"], rows)


def settings_toml(settings: Settings) -> str:
    """competition.toml; what is not set is left out."""
    return "\n".join([*_settings(settings), *(line for each in settings.baselines for line in _baseline(each))]) + "\n"


def _settings(settings: Settings) -> Iterator[str]:
    for name in ("slug", "title", "metric", "time_zone"):
        yield f"{name} = {_text(getattr(settings, name))}"
    for name in ("starts_at", "deadline"):
        instant: datetime | None = getattr(settings, name)
        if instant is not None:
            yield f"{name} = {_text(local_text(instant, settings.time_zone))}"
    yield f"bounds = [{settings.bounds[0]!r}, {settings.bounds[1]!r}]"
    for name in ("daily_limit", "total_limit", "rejected_per_hour", "final_submissions", "largest_team"):
        count: int | None = getattr(settings, name)
        if count is not None:
            yield f"{name} = {count}"
    yield f"release = {_text(settings.release)}"
    for name in ("public_intervals", "late_submissions"):
        yield f"{name} = {_text(getattr(settings, name))}"


def _baseline(declared: DeclaredBaseline) -> Iterator[str]:
    yield ""
    yield "[[baseline]]"
    for name in ("name", "tier", "file"):
        yield f"{name} = {_text(getattr(declared, name))}"
    for name in ("points_public", "points_private"):
        yield f"{name} = {getattr(declared, name)!r}"


def _text(value: str | bool) -> str:
    """A string or a truth value as TOML has it, which is as JSON has it."""
    return json.dumps(value, ensure_ascii=False)


def local_text(instant: datetime, time_zone: str) -> str:
    """An instant as competition.toml says it: in local time, with its offset only where it would be mistaken."""
    there = local(instant, time_zone)
    text = there.replace(tzinfo=None).isoformat(" ").removesuffix(":00")
    return text if local_to_utc(text, time_zone) == there else there.isoformat(" ")

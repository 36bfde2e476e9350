"""A competition folder made from any labelled CSV, split in secret."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen_server.core import advice as advising
from unseen_server.core.advice import Advice, recommended_public_share
from unseen_server.core.errors import BadRequest
from unseen_server.core.limits import quota_days
from unseen_server.core.metrics import METRICS, Metric
from unseen_server.core.schedule import local, local_to_utc
from unseen_server.core.sentences import say
from unseen_server.core.splits import PUBLIC, TRAINING, public_rows, split, test_rows
from unseen_server.services.bundles import page_texts
from unseen_server.services.bundles.page_texts import Texts
from unseen_server.services.bundles.problems import Problems
from unseen_server.services.bundles.reading import SOLUTION, Bundle, mean_of, read_files
from unseen_server.services.bundles.settings import FILE
from unseen_server.services.bundles.tables import Table, check_ids, is_number, nearest_column, read_numbers, read_table
from unseen_server.services.bundles.tables import to_csv as csv
from unseen_server.services.bundles.writing import local_text
from unseen_server.services.names import printable

FEWEST_ROWS = 10
OPEN_FOR = timedelta(days=14)


def init_bundle(
    folder: Path,
    labelled: Path,
    target: str,
    id_column: str | None = None,
    test_size: float = 0.3,
    public: float | None = None,
    seed: int | None = None,
    *,
    now: datetime,
    slug: str | None = None,
    title: str | None = None,
    metric: str = "mse",
    time_zone: str = "UTC",
    deadline: datetime | str | None = None,
    force: bool = False,
) -> Bundle:
    """Writes the whole folder from the rows of `labelled` and returns it as read back.

    `test_size` of the rows become the test set and `public` of those its public part (by default as much as is advised
    for so many rows), stratified by label. Rows are
    shuffled and numbered anew, so that neither place nor id tells where a row stood; a column called “id” is replaced.
    With `id_column` the ids stay as they are. Other fields are copied as text, untouched. The seed is secret and random
    unless given, and is written nowhere. Without a `deadline` (aware, or a local
    date and time) it is the end of the day two weeks after `now`.

    Raises BadRequest for arguments that do not fit and for a folder that holds something (unless `force`), BadBundle
    for rows that cannot be used, each with its line. Then nothing has been written.
    """
    taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if taken and not (force and folder.is_dir()):
        raise BadRequest(
            reason=say(
                "{folder} already holds something. Name a new folder, or write over it with --force.", folder=folder
            )
        )
    contents = labelled_bundle(
        labelled.name,
        _content(labelled),
        target,
        id_column,
        test_size,
        public,
        seed,
        now=now,
        slug=slug or slug_of(folder.resolve().name),
        title=title or title_of(folder.resolve().name),
        metric=metric,
        time_zone=time_zone,
        deadline=deadline,
    )
    bundle = read_files(contents)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SOLUTION).touch()
    (folder / SOLUTION).chmod(0o600)  # before anything secret is in it: course machines are shared
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    return bundle


def labelled_bundle(
    file_name: str,
    content: bytes,
    target: str,
    id_column: str | None = None,
    test_size: float = 0.3,
    public: float | None = None,
    seed: int | None = None,
    *,
    now: datetime,
    slug: str,
    title: str,
    metric: str = "mse",
    time_zone: str = "UTC",
    deadline: datetime | str | None = None,
) -> dict[str, bytes]:
    """The files of `init_bundle`, written nowhere; `content` is the labelled CSV, `file_name` what to call it."""
    _check_arguments(test_size, public, seed, metric)
    seed = secrets.randbits(128) if seed is None else seed
    table, labels = _labelled_rows(file_name, content, target, id_column)
    share = recommended_public_share(test_rows(len(labels), test_size)) if public is None else public
    parts = _parts(
        table, labels, target, id_column, split(labels, test_share=test_size, public_share=share, seed=seed), seed
    )
    files = parts.tables() | {
        FILE: _SETTINGS.format(
            slug=json.dumps(slug),
            title=json.dumps(title, ensure_ascii=False),
            metric=json.dumps(metric),
            time_zone=json.dumps(time_zone),
            deadline=json.dumps(_deadline(deadline, now, time_zone)),
            bounds=list(_bounds(parts.training_labels, labels)),
        ),
        **_pages(parts, title, METRICS[metric]),
    }
    return {file: text.encode() for file, text in files.items()}


def split_advice(
    file_name: str,
    content: bytes,
    target: str,
    id_column: str | None,
    test_size: float,
    public: float | None,
    *,
    begins: datetime,
    deadline: datetime,
    time_zone: str,
    daily_limit: int,
    total_limit: int | None,
    release: str,
    metric: str,
) -> Advice:
    """What the split that `labelled_bundle` would make of these rows allows; nothing is split."""
    _check_arguments(test_size, public, None, metric)
    _, labels = _labelled_rows(file_name, content, target, id_column)
    n_test = test_rows(len(labels), test_size)
    return advising.advice(
        n_test,
        n_public=None if public is None else public_rows(n_test, public),
        days=quota_days(begins, deadline, time_zone),
        daily_limit=daily_limit,
        total_limit=total_limit,
        spread=advising.spread(METRICS[metric], labels),
        release=release,
        metric=METRICS[metric],
    )


def _check_arguments(test_size: float, public: float | None, seed: int | None, metric: str) -> None:
    if not 0 < test_size < 1:
        raise BadRequest(
            reason=say("The test size must lie between 0 and 1, as 0.3 does; {share} does not.", share=test_size)
        )
    if public is not None and not 0 < public < 1:
        raise BadRequest(
            reason=say("The public share must lie between 0 and 1, as 0.5 does; {share} does not.", share=public)
        )
    if seed is not None and seed < 0:
        raise BadRequest(reason=say("A seed is a whole number from 0. Without one it is random and secret."))
    if metric not in METRICS:
        raise BadRequest(
            reason=say(
                "There is no metric “{metric}”. Choose one of: {known}.",
                metric=printable(metric),
                known=", ".join(METRICS),
            )
        )


# the labelled rows


def _labelled_rows(
    file_name: str, content: bytes, target: str, id_column: str | None
) -> tuple[Table, NDArray[np.float64]]:
    """The rows and their labels (n,), both in the order of the file."""
    problems = Problems()
    table = read_table(file_name, content, problems)
    problems.raise_if_any()
    assert table is not None  # noqa: S101 - or there would have been a problem
    _check_columns(table, file_name, target, id_column)
    if id_column is not None:
        check_ids(table, id_column, problems)
    labels = np.array(read_numbers(table, target, problems))
    problems.raise_if_any()
    if len(labels) < FEWEST_ROWS:
        raise BadRequest(
            reason=say(
                "{file} has {rows} rows; a competition needs at least {fewest}.",
                file=file_name,
                rows=len(labels),
                fewest=FEWEST_ROWS,
            )
        )
    if labels.min() == labels.max():
        raise BadRequest(
            reason=say(
                "Every “{target}” is {value}: there is nothing to predict. Choose another target.",
                target=printable(target),
                value=float(labels[0]),
            )
        )
    return table, labels


def _check_columns(table: Table, file_name: str, target: str, id_column: str | None) -> None:
    """The target and the id column, where one is named, are two columns of the table."""
    if target not in table.header:
        advice = nearest_column(target, table.header)
        raise BadRequest(
            reason=say(
                "The target “{column}” is not a column of {file}. {advice}",
                column=printable(target),
                file=file_name,
                advice=advice,
            )
        )
    if id_column is not None and id_column not in table.header:
        advice = nearest_column(id_column, table.header)
        raise BadRequest(
            reason=say(
                "The id column “{column}” is not a column of {file}. {advice}",
                column=printable(id_column),
                file=file_name,
                advice=advice,
            )
        )
    if id_column == target:
        raise BadRequest(reason=say("The id column cannot be the target. Choose another of them."))


def _content(labelled: Path) -> bytes:
    try:
        return labelled.read_bytes()
    except OSError as fault:
        raise BadRequest(reason=say("{file} cannot be read ({why}).", file=labelled, why=fault.strerror)) from None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The rows as they will stand in the files: `train` and `test` rows begin with the id; the target is apart."""

    id_column: str
    features: list[str]
    target: str
    train: list[list[str]]
    training_labels: list[float]
    test: list[list[str]]
    training_texts: list[str]
    test_texts: list[str]
    usage: list[str]

    def tables(self) -> dict[str, str]:
        mean = repr(mean_of(self.training_labels))
        test_ids = [row[0] for row in self.test]
        return {
            "train.csv": csv(
                [self.id_column, *self.features, self.target],
                [[*row, label] for row, label in zip(self.train, self.training_texts, strict=True)],
            ),
            "test.csv": csv([self.id_column, *self.features], self.test),
            "sample_submission.csv": csv([self.id_column, self.target], [[row_id, mean] for row_id in test_ids]),
            SOLUTION: csv(
                [self.id_column, self.target, "Usage"], list(zip(test_ids, self.test_texts, self.usage, strict=True))
            ),
        }


def _parts(
    table: Table,
    labels: NDArray[np.float64],
    target: str,
    id_column: str | None,
    assignment: NDArray[np.uint8],
    seed: int,
) -> _Parts:
    shuffled = np.random.default_rng([seed, 1]).permutation(len(labels))
    train = [int(row) for row in shuffled if assignment[row] == TRAINING]
    test = [int(row) for row in shuffled if assignment[row] != TRAINING]
    id_name = id_column or next((name for name in table.header if name.casefold() == "id" and name != target), "id")
    if id_column is None:
        new_ids = {row: str(number) for number, row in enumerate(train + test, start=1)}
    else:
        new_ids = dict(enumerate(table.column(id_column)))
    places = [place for place, name in enumerate(table.header) if name not in (id_name, target)]
    texts = [text.strip(" ") for text in table.column(target)]

    def rows(part: Sequence[int]) -> list[list[str]]:
        return [[new_ids[row], *(table.rows[row][place] for place in places)] for row in part]

    return _Parts(
        id_column=id_name,
        features=[table.header[place] for place in places],
        target=target,
        train=rows(train),
        training_labels=[float(labels[row]) for row in train],
        training_texts=[texts[row] for row in train],
        test=rows(test),
        test_texts=[texts[row] for row in test],
        usage=["Public" if assignment[row] == PUBLIC else "Private" for row in test],
    )


# the settings


def _bounds(training_labels: Sequence[float], labels: NDArray[np.float64]) -> tuple[float, float]:
    """Training min - half the range, max + half the range; the margin doubles until every label lies within."""
    low, high = min(training_labels), max(training_labels)
    margin = (high - low) / 2 or 1.0
    while True:
        bounds = float(f"{low - margin:.6g}"), float(f"{high + margin:.6g}")
        if bounds[0] <= labels.min() and labels.max() <= bounds[1]:
            return bounds
        margin *= 2


def _deadline(deadline: datetime | str | None, now: datetime, time_zone: str) -> str:
    """Local time, in which competition.toml is written; with its offset only where it would be mistaken."""
    if deadline is None:
        last_day = local(now, time_zone).date() + OPEN_FOR
        return f"{last_day} 23:59"
    return local_text(local_to_utc(deadline, time_zone).replace(microsecond=0), time_zone)


def slug_of(name: str) -> str:
    """The name of a folder or file, as an address has it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-") or "competition"


def title_of(name: str) -> str:
    """The same, as people read it."""
    words = " ".join(re.sub(r"[^\w]|_", " ", name).split())
    return (words[:1].upper() + words[1:])[:200] or "Competition"


_SETTINGS = """\
# What this competition is and what it allows; `unseen-server competition check` names every mistake in it.

# its address: lower-case letters, digits, hyphens
slug = {slug}
title = {title}
# mse, rmse, mae or r2
metric = {metric}

# the zone of the deadline, and of the day by which submissions are counted
time_zone = {time_zone}
# local times; without starts_at it starts when it is launched
# starts_at = "2026-09-01 09:00"
deadline = {deadline}

# submissions of a team: a day, and (if wanted) in all
daily_limit = 5
# total_limit = 50
# files with mistakes cost nothing, but nobody may send more of them in an hour
rejected_per_hour = 30
# how many a team chooses for the private leaderboard
final_submissions = 2
# how many people may form a team; 1 means that everybody works alone
largest_team = 3

# predictions outside are refused: the training labels, and half their range on either side
bounds = {bounds}
# what students see of public scores. "rounded": every score, as fine as the noise of the public rows allows;
# "ladder": a new score only for a significant improvement (mse, mae); "full": everything, for exercises in breaking a
# leaderboard
release = "rounded"
# say on the public leaderboard which teams are tied
public_intervals = true
# after the deadline files are scored and marked, never ranked
late_submissions = true

# predictions to beat; tier is simple, medium, strong or boss
# [[baseline]]
# name = "A straight line"
# tier = "simple"
# file = "baselines/line.csv"
# points_public = 1
# points_private = 1
"""


# the pages


def _pages(parts: _Parts, title: str, metric: Metric) -> dict[str, str]:
    """Overview, rules and data, in every language."""
    return {
        name: page.format(**_values(parts, title, metric, texts))
        for texts in page_texts.LANGUAGES
        for name, page in texts.pages.items()
    }


def _values(parts: _Parts, title: str, metric: Metric, texts: Texts) -> dict[str, Any]:
    direction = texts.lower if metric.direction == "lower" else texts.higher
    return {
        "title": title,
        "target": _code(parts.target),
        "id": _code(parts.id_column),
        "metric": direction.format(metric=metric.title),
        "n_train": len(parts.train),
        "n_test": len(parts.test),
        "columns": "\n".join(_column_line(parts, place, texts) for place in range(len(parts.features))),
    }


def _column_line(parts: _Parts, place: int, words: Texts) -> str:
    """One row of the table of columns, from the training rows alone."""
    texts = [row[1 + place] for row in parts.train]
    present = [text for text in texts if text.strip()]
    kind = words.number if present and all(is_number(text.strip()) for text in present) else words.text
    return f"| {_code(parts.features[place])} | {kind} | {len(set(present))} | {len(texts) - len(present)} |"


def _code(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "\\|").replace("\n", " ") + "`"

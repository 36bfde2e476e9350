"""A competition read from its folder or from a zip of it: all of it is right, or everything wrong with it is told."""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from unseen_server.core.errors import BadSolution, Refusal
from unseen_server.core.expected import LONGEST_ID, is_writable
from unseen_server.core.predictions import Expected, canonical_order, read_predictions
from unseen_server.core.sentences import N_, say
from unseen_server.core.splits import USAGE_NAMES, AnswerKey
from unseen_server.services.bundles import settings as toml
from unseen_server.services.bundles.problems import Problems
from unseen_server.services.bundles.settings import Settings, read_settings
from unseen_server.services.bundles.tables import Table, check_ids, find_column, read_numbers, read_table
from unseen_server.services.names import printable

PAGES = ("overview", "rules", "data")
PUBLIC_FILES = ("train.csv", "test.csv", "sample_submission.csv")
SOLUTION = "solution.csv"
_BELONGS = re.compile(r"(overview|rules|data)(\.([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*))?\.md|baselines/[^/\\]+\.csv")

LARGEST_ZIP = 1 << 28  # bytes, unpacked; a folder on the server's own disk may be larger
_MOST_MEMBERS = 2000
_CHUNK = 1 << 20
THE_ZIP = N_("the zip")


class _Unwelcome(Exception):  # noqa: N818 - said to whoever sent the zip
    """A zip that could be unpacked and will not be; holds the end of a sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A whole competition.

    `pages` by (name, language), Markdown; `public_files` by name, the bytes students download; `baseline_files` by
    name as in the settings; `training_mean` the mean label of train.csv, which a competition without a declared
    baseline measures its grid by; `unused` files of the folder that mean nothing here.
    """

    settings: Settings
    pages: Mapping[tuple[str, str], str]
    key: AnswerKey
    public_files: Mapping[str, bytes]
    baseline_files: Mapping[str, bytes]
    training_mean: float
    unused: tuple[str, ...] = ()

    def expected(self) -> Expected:
        """What a prediction file of this competition must contain."""
        key, bounds = self.key, self.settings.bounds
        return Expected(key.ids, id_column=key.id_column, target_column=key.target_column, bounds=bounds)


def read_bundle(folder: Path) -> Bundle:
    """The competition in `folder`. Raises BadBundle with every problem found."""
    problems = Problems()
    if not folder.is_dir():
        problems.add("no_folder", say("there is no such folder."), file=str(folder))
    problems.raise_if_any()
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return bundle_of({name: (folder / name).read_bytes() for name in names if _belongs(name)}, _unused(names), problems)


def read_zip(content: bytes, *, largest: int = LARGEST_ZIP) -> Bundle:
    """The competition in a zip, whose files may lie in one folder. Nothing is written to disk.

    Raises BadBundle, also for more than `largest` bytes when unpacked, counted while reading.
    """
    problems = Problems()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files, unused = _unpack(archive, largest, problems)
    except _Unwelcome as unwelcome:
        problems.add("bad_zip", say("it cannot be unpacked ({why}).", why=say(str(unwelcome))), file=say(THE_ZIP))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError) as fault:
        said = say("it cannot be unpacked ({why}).", why=printable(str(fault)))
        problems.add("bad_zip", said, file=say(THE_ZIP))
    problems.raise_if_any()
    return bundle_of(files, unused, problems)


def _unpack(archive: zipfile.ZipFile, largest: int, problems: Problems) -> tuple[dict[str, bytes], tuple[str, ...]]:
    members = {
        m.filename: m
        for m in archive.infolist()
        if not m.filename.endswith("/") and not m.filename.startswith("__MACOSX/")
    }
    if len(archive.infolist()) > _MOST_MEMBERS or len(set(archive.namelist())) < len(archive.infolist()):
        problems.add("bad_zip", say("it has too many files, or one twice."), file=say(THE_ZIP))
    for name in members:
        if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts:
            problems.add("bad_zip", say("“{name}” points outside of it.", name=printable(name)), file=say(THE_ZIP))
    problems.raise_if_any()
    homes = [name.removesuffix(toml.FILE) for name in members if PurePosixPath(name).name == toml.FILE]
    home = min(homes, key=len, default="")
    if home.count("/") > 1:
        problems.add("bad_zip", say("competition.toml lies more than one folder deep."), file=say(THE_ZIP))
    names = {name.removeprefix(home): member for name, member in members.items() if name.startswith(home)}
    files: dict[str, bytes] = {}
    for name, member in names.items():
        if _belongs(name):
            files[name] = _unpacked(archive, member, largest - sum(map(len, files.values())))
    return files, _unused(names)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, room: int) -> bytes:
    """The bytes of a member; _Unwelcome as soon as there are more than `room`, whatever the zip declares."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _Unwelcome(N_("it is packed in an uncommon way; use the ordinary one, deflate"))
    content = bytearray()
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            content += chunk
            if len(content) > room:
                raise _Unwelcome(N_("it unpacks to more than is allowed"))
    return bytes(content)


def _belongs(name: str) -> bool:
    return name in (toml.FILE, SOLUTION, *PUBLIC_FILES) or _BELONGS.fullmatch(name) is not None


def _unused(names: Mapping[str, object] | list[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not _belongs(name) and not PurePosixPath(name).name.startswith("."))


def read_files(files: Mapping[str, bytes]) -> Bundle:
    """The competition whose folder would hold these files. Raises BadBundle with every problem found."""
    return bundle_of(files, (), Problems())


def bundle_of(files: Mapping[str, bytes], unused: tuple[str, ...], problems: Problems) -> Bundle:
    for name in (toml.FILE, SOLUTION, *PUBLIC_FILES):
        if name not in files:
            problems.add("missing_file", say("it is missing from the folder."), file=name)
    settings = read_settings(files[toml.FILE], problems) if toml.FILE in files else None
    tables = {name: read_table(name, files[name], problems) for name in (SOLUTION, *PUBLIC_FILES) if name in files}
    key = training_mean = None
    solution, train, test, sample = (tables.get(name) for name in (SOLUTION, *PUBLIC_FILES))
    if solution and sample:
        key = _answer_key(solution, sample, problems)
    if key and test:
        _check_test(test, key, problems)
    if key and train:
        training_mean = _training_mean(train, key, problems)
    if settings and key and training_mean is not None:
        _check_bounds(settings.bounds, key, training_mean, problems)
    problems.raise_if_any()
    assert settings is not None and key is not None and training_mean is not None  # noqa: S101, PT018 - or a problem
    bundle = Bundle(
        settings=settings,
        pages=_pages(files, problems),
        key=key,
        public_files={name: files[name] for name in PUBLIC_FILES},
        baseline_files={b.file: files[b.file] for b in settings.baselines if b.file in files},
        training_mean=training_mean,
        unused=unused + tuple(sorted(_undeclared(files, settings))),
    )
    _check_predictions(bundle, problems)
    problems.raise_if_any()
    return bundle


def _undeclared(files: Mapping[str, bytes], settings: Settings) -> set[str]:
    return {name for name in files if name.startswith("baselines/")} - {b.file for b in settings.baselines}


def _answer_key(solution: Table, sample: Table, problems: Problems) -> AnswerKey | None:
    """The hidden key, its columns named by the header of sample_submission.csv."""
    before = len(problems.found)
    if len(sample.header) != 2:
        problems.add("bad_header", say("it needs two columns, the id and the target."), file=sample.file)
        return None
    id_column, target = sample.header
    for name in sample.header:
        if not is_writable(name):
            said = say(
                "the column “{name}” cannot stand in a prediction file. Rename it: 1 to {longest} characters, and no "
                "quote, comma or line break.",
                name=printable(name),
                longest=LONGEST_ID,
            )
            problems.add("bad_header", said, file=sample.file)
    ids, _, usages = (find_column(solution, name, problems) for name in (id_column, target, "Usage"))
    for name in solution.header:
        if name not in (id_column, target, "Usage"):
            problems.add("extra_column", say("“{name}” does not belong here.", name=printable(name)), file=SOLUTION)
    if ids is None or usages is None or len(problems.found) > before:
        return None
    check_ids(solution, id_column, problems)
    labels = read_numbers(solution, target, problems)
    usage = _usage(solution, usages, problems)
    if len(problems.found) > before:
        return None
    place = {row_id: row for row, row_id in enumerate(ids)}
    order = [place[row_id] for row_id in canonical_order(ids)]
    return AnswerKey(id_column, target, tuple(ids[row] for row in order), np.array(labels)[order], usage[order])


def _usage(solution: Table, names: list[str], problems: Problems) -> NDArray[np.uint8]:
    """0, 1 or 2 for each row, (n,); a key needs a row in either half."""
    for line, name in zip(solution.lines, names, strict=True):
        if name not in USAGE_NAMES:
            said = say("Usage is “{found}”; it must be Public, Private or Ignored.", found=printable(name))
            problems.add("bad_usage", said, file=SOLUTION, line=line)
    for half in ("Public", "Private"):
        if half not in names:
            problems.add("empty_half", say("no row is {half}.", half=half), file=SOLUTION)
    return np.array([USAGE_NAMES.get(name, 0) for name in names], dtype=np.uint8)


def _check_test(test: Table, key: AnswerKey, problems: Problems) -> None:
    """test.csv holds the ids of the key, each once, and never what is to be predicted."""
    for hidden in (key.target_column, "Usage"):
        if hidden in test.header:
            said = say("it has the column “{name}”, which must stay hidden. Rename it or take it out.", name=hidden)
            problems.add("hidden_column", said, file=test.file)
    ids = find_column(test, key.id_column, problems)
    if ids is None:
        return
    check_ids(test, key.id_column, problems)
    wanted = set(key.ids)
    for line, row_id in zip(test.lines, ids, strict=True):
        if row_id not in wanted:
            said = say("the id “{id}” is not in solution.csv.", id=printable(row_id))
            problems.add("unsolved_id", said, file=test.file, line=line, id=printable(row_id))
    for row_id in sorted(wanted - set(ids)):
        problems.add(
            "missing_id", say("the id “{id}” of solution.csv is missing.", id=row_id), file=test.file, id=row_id
        )


def _training_mean(train: Table, key: AnswerKey, problems: Problems) -> float | None:
    """The mean label of the training rows, none of which may be a test row."""
    if find_column(train, key.target_column, problems) is None:
        return None
    labels = read_numbers(train, key.target_column, problems)
    if not labels:
        problems.add("empty_file", say("it has no rows."), file=train.file)
        return None
    if key.id_column in train.header:
        hidden = set(key.ids)
        for line, row_id in zip(train.lines, train.column(key.id_column), strict=True):
            if row_id in hidden:
                said = say("the id “{id}” is a test id, too.", id=printable(row_id))
                problems.add("test_id_in_train", said, file=train.file, line=line, id=printable(row_id))
    return mean_of(labels)


def mean_of(labels: Sequence[float]) -> float:
    """Of the training labels: the constant that everything else is measured by."""
    return math.fsum(labels) / len(labels)


def mean_label(content: bytes, column: str) -> float:
    """The mean label of a train.csv that was accepted once."""
    problems = Problems()
    train = read_table("train.csv", content, problems)
    problems.raise_if_any()
    return mean_of(read_numbers(train, column, problems)) if train else math.nan


def read_solution(content: bytes, current: AnswerKey, bounds: tuple[float, float]) -> AnswerKey:
    """A corrected solution.csv: labels and usage may differ from the current key's, ids and columns may not.

    Raises BadSolution with every problem found.
    """
    problems = Problems()
    sample = Table("sample_submission.csv", [current.id_column, current.target_column], [], [])
    solution = read_table(SOLUTION, content, problems)
    key = _answer_key(solution, sample, problems) if solution else None
    if key:
        _check_same_ids(key, current, problems)
        _check_labels(bounds, key, problems)
    if key is None or problems.found:
        raise BadSolution(problems.found, problems.counts)
    return key


def _check_same_ids(key: AnswerKey, current: AnswerKey, problems: Problems) -> None:
    found, wanted = set(key.ids), set(current.ids)
    for row_id in sorted(found - wanted):
        said = say("the id “{id}” is no test id of this competition.", id=printable(row_id))
        problems.add("unknown_id", said, file=SOLUTION, id=row_id)
    for row_id in sorted(wanted - found):
        problems.add("missing_id", say("the test id “{id}” is missing.", id=row_id), file=SOLUTION, id=row_id)


def _check_bounds(bounds: tuple[float, float], key: AnswerKey, training_mean: float, problems: Problems) -> None:
    """A perfect submission and the constant mean must be files that are accepted."""
    _check_labels(bounds, key, problems)
    lo, hi = bounds
    if not lo <= training_mean <= hi:
        said = say("its mean label {mean!r} is outside the bounds {bounds}.", mean=training_mean, bounds=[lo, hi])
        problems.add("outside_bounds", said, file="train.csv")


def _check_labels(bounds: tuple[float, float], key: AnswerKey, problems: Problems) -> None:
    lo, hi = bounds
    for row in np.flatnonzero((key.labels < lo) | (key.labels > hi)):
        said = say(
            "the label {label!r} of the id “{id}” is outside the bounds {bounds}.",
            id=key.ids[row],
            label=float(key.labels[row]),
            bounds=[lo, hi],
        )
        problems.add("outside_bounds", said, file=SOLUTION, id=key.ids[row])


def _pages(files: Mapping[str, bytes], problems: Problems) -> dict[tuple[str, str], str]:
    """The Markdown pages by (name, language): overview.md is English, overview.zh-Hant.md is not."""
    pages = {}
    for name, content in files.items():
        match = _BELONGS.fullmatch(name)
        if match and match[1]:
            try:
                pages[match[1], match[3] or "en"] = content.decode("utf-8-sig")
            except UnicodeDecodeError:
                problems.add("not_utf8", say("this is not UTF-8 text. Save the file as UTF-8."), file=name)
    return pages


def _check_predictions(bundle: Bundle, problems: Problems) -> None:
    """sample_submission.csv and the declared baselines must be files that a student could submit."""
    expected = bundle.expected()
    files = dict(bundle.baseline_files) | {"sample_submission.csv": bundle.public_files["sample_submission.csv"]}
    for baseline in bundle.settings.baselines:
        if baseline.file not in files:
            problems.add("missing_file", say("it is missing from the folder."), file=baseline.file)
    for name, content in files.items():
        try:
            read_predictions(content, name, expected)
        except Refusal as refusal:
            for problem in refusal.problems:
                problems.add(problem.code, problem.sentence, file=name, line=problem.line, id=problem.id)
            if not refusal.problems:
                problems.add(refusal.code, refusal.sentence, file=name)

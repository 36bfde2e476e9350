"""Mutated prediction files: the fast path, the careful path and an independent oracle must agree on every one."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from tests.core import prediction_files as table
from tests.core.oracle import verdict
from tests.figures import Tell, seed_of_this_run

from unseen_server.core import careful_path, fast_path
from unseen_server.core.careful_path import read_carefully
from unseen_server.core.errors import BadFile
from unseen_server.core.fast_path import read_quickly
from unseen_server.core.predictions import Expected, canonical_order

BOUNDS = (-1000.0, 1000.0)
MILLION, CHUNKS = 1_000_000, 200  # a chunk of files is one test, so that several processes share them

# Each test set brings another way to find an id: dense, with gaps, far apart, prefixed, padded, negative, any text.
TEST_SETS = (
    [str(i) for i in range(8)],
    [str(i) for i in (3, 10, 11, 12, 99, 100, 101)],
    [str(i) for i in (5, 10**9, 10**12, 4 * 10**15)],
    [f"test_{i}" for i in range(7, 13)],
    [f"a rather long prefix {i:03d}" for i in range(5)],
    [f"{i:09d}" for i in range(95, 102)],
    [f"e{i:05d}" for i in range(5)],
    [str(i) for i in range(-3, 3)],
    ["b1", "a2", "01", "1", "1.0", "é", "a b"],
    ["1e5", "nan", "-", ".", "x" * 64],
)
EXPECTED = [Expected(canonical_order(ids), id_column="id", target_column="y", bounds=BOUNDS) for ids in TEST_SETS]

# What a mutation may put somewhere: the bytes a parser trips over.
MORSELS = [
    *(bytes([byte]) for byte in b'0123456789,,\n\n\r".+-eE \t;_xX\0'),
    *(b"\r\n", b'"1"', b'""', b"1e5", b"e0001", b"e+12", b"nan", b"inf", b"1e309", b"1e-400", b"1" * 38, b"0x1F"),
    *(
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc3\xa9",
        "１".encode(),
        "٣".encode(),
        b"id,y\n",
        b",1\n",
        b"\n\n",
        b'"\n"',
        b"," * 3,
    ),
]


def clean_file(draw: random.Random, expected: Expected) -> bytes:
    ids = list(expected.ids)
    if draw.random() < 0.5:
        draw.shuffle(ids)
    quote = draw.choice(("", "", '"'))
    end = draw.choice(("\n", "\n", "\r\n"))
    rows = [f"{quote}{name}{quote},{number(draw)}" for name in ids]
    text = end.join([draw.choice(("id,y", '"id","y"')), *rows]) + draw.choice(("", end, end + "\n"))
    return draw.choice((b"", b"", b"\xef\xbb\xbf")) + text.encode()


def number(draw: random.Random) -> str:
    value = draw.choice((draw.uniform(-1000, 1000), draw.gauss(0, 1e-7), float(draw.randint(-9, 9))))
    return draw.choice((repr, "{:+.3e}".format, "{:g}".format, "{:.20f}".format, "{:.0f}.".format))(value)


def mutated(draw: random.Random, data: bytes) -> bytes:
    for _ in range(draw.choice((0, 1, 1, 1, 2, 4))):
        at = draw.randint(0, len(data))
        reach = at + draw.choice((0, 0, 1, 1, 2, 7))
        match draw.randint(0, 3):
            case 0:
                data = data[:at] + draw.choice(MORSELS) + data[reach:]
            case 1:
                data = data[:at] + data[reach:]
            case 2:
                data = data[:at] + data[at:reach] + data[at:]
            case _:
                lines = data.split(b"\n")
                lines[draw.randrange(len(lines))] = draw.choice(lines)
                data = b"\n".join(lines)
    return data


def check(data: bytes, expected: Expected) -> bool:
    """Whether the file is good, after asking all three judges."""
    truth = verdict(data, expected.ids, (expected.id_column, expected.target_column), expected.bounds)
    quick = read_quickly(data, expected)
    if truth is None:
        assert quick is None, data
        stepwise, leaping = refused(data, expected, leaps=False), refused(data, expected, leaps=True)
        assert stepwise.counts == leaping.counts, data
        assert stepwise.problems == leaping.problems, data
        return False
    values = np.array([truth[name] for name in expected.ids])
    assert np.array_equal(read_carefully(data, expected, leaps=False), values), data
    assert np.array_equal(read_carefully(data, expected), values), data
    assert quick is None or np.array_equal(quick, values), data
    return True


def refused(data: bytes, expected: Expected, *, leaps: bool) -> BadFile:
    with pytest.raises(BadFile) as refusal:
        read_carefully(data, expected, leaps=leaps)
    return refusal.value


def fuzzed(files: int, seed: int | str) -> Iterator[bool]:
    draw = random.Random(seed)
    for _ in range(files):
        expected = draw.choice(EXPECTED)
        yield check(mutated(draw, clean_file(draw, expected)), expected)


@pytest.mark.slow
def test_three_judges_agree_on_mutated_files() -> None:
    good = sum(fuzzed(files=6000, seed=1))
    assert 600 < good < 5400  # both verdicts are common, or the test is blind


@pytest.mark.slow
def test_three_judges_agree_where_a_file_has_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fast_path, careful_path):
        monkeypatch.setattr(module, "BLOCK", 48)
    monkeypatch.setattr(careful_path, "_LINES_BETWEEN_LEAPS", 2)
    assert 300 < sum(fuzzed(files=3000, seed=4)) < 2700


@pytest.mark.long
@pytest.mark.figure("parser")
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_three_judges_agree_on_a_million_mutated_files(chunk: int, figure: Tell) -> None:
    """Others in each run: UNSEEN_SEED, which the table names, makes the same ones again."""
    files = MILLION // CHUNKS
    assert 0.1 < sum(fuzzed(files, seed=f"{seed_of_this_run()} {chunk}")) / files < 0.9
    figure("files", files)


def test_three_judges_agree_on_the_table() -> None:
    names = {"id_column": table.ID_COLUMN, "target_column": table.TARGET_COLUMN}
    expected = Expected(table.IDS, bounds=table.BOUNDS, **names)
    for case in table.FILES:
        if case.file_name == "submission.csv" and case.refusal == "bad_file" and case.codes != ("wrong_name",):
            assert not check(case.data, expected), case.name
    assert all(check(good.data, expected) for good in table.GOOD if good.file_name == "submission.csv")


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.ids[0])
def test_the_fast_path_takes_clean_files_of_every_form(expected: Expected) -> None:
    draw = random.Random(3)
    assert all(read_quickly(clean_file(draw, expected), expected) is not None for _ in range(100))

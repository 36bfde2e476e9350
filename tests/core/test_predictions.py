"""The prediction file: what is accepted, what is refused, and what the student then reads."""

from __future__ import annotations

import contextlib
import gzip
import math
import random
import tracemalloc
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from tests.core.prediction_files import (
    BOUNDS,
    CLEAN,
    FILES,
    GOOD,
    ID_COLUMN,
    IDS,
    TARGET_COLUMN,
    Case,
    Good,
    gzip_bomb,
    zip_bomb,
    zipped,
)

from unseen_server.core.careful_path import read_carefully
from unseen_server.core.containers import is_packed
from unseen_server.core.errors import BadFile, Refusal
from unseen_server.core.expected import Numbering
from unseen_server.core.fast_path import read_quickly
from unseen_server.core.file_sentences import SENTENCES
from unseen_server.core.predictions import Expected, canonical_order, read_predictions

EXPECTED = Expected(IDS, id_column=ID_COLUMN, target_column=TARGET_COLUMN, bounds=BOUNDS)


def refused(data: bytes, file_name: str = "submission.csv", expected: Expected = EXPECTED) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_predictions(data, file_name, expected)
    return caught.value


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_a_bad_file_is_refused_with_a_sentence_about_its_line(case: Case) -> None:
    refusal = refused(case.data, case.file_name)
    assert refusal.code == case.refusal
    assert set(getattr(refusal, "counts", {})) == set(case.codes)
    sentences = [(str(refusal), None)] if not case.codes else [(p.message, p.line) for p in refusal.problems]
    assert any(case.fragment in sentence and line == case.line for sentence, line in sentences), sentences


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_a_good_file_gives_its_values_in_canonical_order(good: Good) -> None:
    values = read_predictions(good.data, good.file_name, EXPECTED)
    assert values.dtype == np.float64
    assert values.tobytes() == np.array(good.values).tobytes()


def test_the_table_has_no_name_twice_and_is_not_small() -> None:
    names = [case.name for case in [*FILES, *GOOD]]
    assert len(set(names)) == len(names)
    assert len(FILES) >= 120
    assert len(GOOD) >= 25


def expected_for(ids: Iterable[str], bounds: tuple[float, float] = BOUNDS) -> Expected:
    return Expected(canonical_order(ids), id_column="id", target_column="y", bounds=bounds)


def test_all_problems_are_reported_at_once_with_line_id_and_the_way_out() -> None:
    refusal = refused(b"id,minutes\n7,50\n08,1\n9,nan\n9,1\n\n10,60,5\n11,1e9\n")
    assert [(p.code, p.line, p.id) for p in refusal.problems] == [
        ("unknown_id", 3, "08"),
        ("missing_value", 4, "9"),
        ("duplicate_id", 5, "9"),
        ("blank_line", 6, None),
        ("decimal_comma", 7, "10"),
        ("out_of_bounds", 8, "11"),
        ("missing_id", None, "8"),
        ("missing_id", None, "12"),
    ]
    assert refusal.problems[4].message == "Line 7: `60,5` looks like a decimal comma. Write 60.5."
    assert str(refusal).startswith("The file was not accepted and cost no submission. Line 3")


@pytest.mark.parametrize(
    ("bad", "listed", "last"), [(19, 19, "`x`"), (20, 20, "`x`"), (21, 20, "2 more"), (900, 20, "881 more")]
)
def test_at_most_twenty_of_a_kind_are_listed_and_all_are_counted(bad: int, listed: int, last: str) -> None:
    rows = [f"{i},x" if i < bad else f"{i},1" for i in range(1000)]
    refusal = refused("\n".join(["id,y", *rows]).encode(), expected=expected_for(map(str, range(1000))))
    assert isinstance(refusal, BadFile)
    assert refusal.counts == {"not_a_number": bad}
    assert len(refusal.problems) == listed
    assert last in refusal.problems[-1].message


def test_many_missing_ids_are_counted_and_twenty_of_them_named() -> None:
    refusal = refused(b"id,y\n0,1\n", expected=expected_for(map(str, range(1000))))
    assert isinstance(refusal, BadFile)
    assert refusal.counts == {"missing_id": 999}
    assert [p.id for p in refusal.problems] == [str(i) for i in range(1, 20)] + [None]
    assert "980 more" in refusal.problems[-1].message


@pytest.mark.slow
def test_reading_stops_after_a_hundred_thousand_problems() -> None:
    rows = 100_500
    data = b"id,y\n" + b"".join(b"%d,x\n" % i for i in range(rows))
    refusal = refused(data, expected=expected_for(map(str, range(rows))))
    assert isinstance(refusal, BadFile)
    assert refusal.counts == {"not_a_number": 100_001, "too_many_problems": 1}


def test_one_bad_row_in_a_long_file_is_found_with_its_line() -> None:
    rows = [f"{i},{i % 200}" for i in range(60_000)]
    rows[41_234] = "41234,1_0"
    rows[59_000] = rows[2]
    refusal = refused("\r\n".join(["id,y", *rows]).encode(), expected=expected_for(map(str, range(60_000))))
    assert [(p.code, p.line, p.id) for p in refusal.problems] == [
        ("not_a_number", 41_236, "41234"),
        ("duplicate_id", 59_002, "2"),
        ("missing_id", None, "59000"),
    ]


def test_a_sentence_shows_a_value_shortened_and_printable() -> None:
    message = refused(CLEAN.replace(b"60.5", b"\x1b[31m" + b"x" * 5000)).problems[0].message
    assert len(message) < 200
    assert message.isprintable()


def test_every_sentence_can_be_filled() -> None:
    seen = {problem.template for case in FILES for problem in refused(case.data, case.file_name).problems}
    untried = {kind for kind, sentence in SENTENCES.items() if sentence not in seen}
    assert untried <= {"too_many_problems"}  # has a test of its own, above


@pytest.mark.slow
@pytest.mark.parametrize("bomb", [("s.csv.gz", gzip_bomb), ("s.zip", zip_bomb)], ids=["gzip", "zip"])
def test_a_bomb_is_never_unpacked_beyond_the_limit(bomb: tuple[str, Callable[[int], bytes]]) -> None:
    file_name, make = bomb
    data = make(256)
    tracemalloc.start()
    refusal = refused(data, file_name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refusal.code == "file_too_large"
    assert peak < 4 * EXPECTED.max_bytes


def test_a_gzip_of_very_many_members_is_refused() -> None:
    assert refused(gzip.compress(b"") * 20_000, "s.csv.gz").problems[0].code == "damaged_archive"


def test_no_cut_of_an_archive_is_anything_but_refused() -> None:
    for data, file_name in ((gzip.compress(CLEAN), "s.csv.gz"), (zipped(("s.csv", CLEAN)), "s.zip")):
        for length in range(len(data)):
            assert refused(data[:length], file_name).code == "bad_file"


def test_a_damaged_archive_is_refused_or_read_right() -> None:
    draw = random.Random(1)
    right = read_predictions(CLEAN, "s.csv", EXPECTED)
    for file_name, data in (("s.csv.gz", gzip.compress(CLEAN)), ("s.zip", zipped(("s.csv", CLEAN)))):
        for _ in range(1500):
            damaged = bytearray(data)
            for _ in range(draw.randint(1, 3)):
                damaged[draw.randrange(len(data))] = draw.randrange(256)
            with contextlib.suppress(Refusal):
                assert np.array_equal(read_predictions(bytes(damaged), file_name, EXPECTED), right)


def test_the_longest_valid_file_is_within_the_limit() -> None:
    ids = [f"{'é' * 60}{i:04d}" for i in range(9000)]
    expected = expected_for(ids)
    rows = [f'"{name}","0.{"1" * 38}"' for name in ids]
    data = "\ufeff" + "\r\n".join(['"id","y"', *rows]) + "\r\n\r\n"
    assert expected.max_bytes > 1 << 20
    assert len(data.encode()) <= expected.max_bytes
    assert read_predictions(data.encode(), "s.csv", expected)[0] == float("0." + "1" * 38)


def test_a_small_competition_still_explains_files_of_a_mebibyte() -> None:
    assert EXPECTED.max_bytes == 1 << 20
    assert refused(CLEAN + b"x" * (EXPECTED.max_bytes - len(CLEAN))).code == "bad_file"
    assert refused(CLEAN + b"x" * (EXPECTED.max_bytes - len(CLEAN) + 1)).code == "file_too_large"


def test_ids_are_sorted_as_numbers_only_if_all_are_plain_integers() -> None:
    assert canonical_order(["10", "9", "-3", "0"]) == ["-3", "0", "9", "10"]
    assert canonical_order(["10", "9", "03"]) == ["03", "10", "9"]
    assert canonical_order(["b", "a10", "a9"]) == ["a10", "a9", "b"]


@pytest.mark.parametrize("form", ["{}", "{:04d}", "row {}", "row_{:09d}", "-{}", "{}x", "{:x}", "{}000000000000"])
def test_every_form_of_id_knows_its_place_and_no_other(form: str) -> None:
    ids = canonical_order(form.format(i) for i in range(5, 300, 7))
    expected = expected_for(ids)
    assert list(expected.ids) == ids
    assert [expected.position(name) for name in ids] == list(range(len(ids)))
    strangers = ["", " " + ids[0], "0" + ids[0], ids[0] + "0", form.format(6), form.format(10**12), "x", "٥", "-", "+5"]
    assert [expected.position(name) for name in strangers] == [-1] * len(strangers)


@pytest.mark.parametrize(
    ("ids", "stranger", "code"),
    [
        (["row_5", "row_6"], b"raw_6", "unknown_id"),
        (["student_5", "student_6"], b"student-6", "unknown_id"),
        (["student-number_5", "student-number_6"], b"student-lumber_6", "unknown_id"),
        (["Ana", "Zo"], b"Zo\xeb", "not_utf_8"),
    ],
    ids=["prefix", "eighth byte of the prefix", "ninth byte of the prefix", "not UTF-8"],
)
def test_an_id_written_otherwise_is_left_to_the_careful_path_and_refused(
    ids: list[str], stranger: bytes, code: str
) -> None:
    expected = expected_for(ids)
    data = f"id,y\n{expected.ids[0]},1\n{expected.ids[1]},2\n".encode()
    right = read_quickly(data, expected)
    assert right is not None
    assert right.tolist() == read_carefully(data, expected).tolist() == [1, 2]
    odd = b"id,y\n%b,1\n%b,2\n" % (expected.ids[0].encode(), stranger)
    assert read_quickly(odd, expected) is None
    with pytest.raises(BadFile) as refusal:
        read_carefully(odd, expected)
    assert code in refusal.value.counts


@pytest.mark.parametrize("ids", [["1", "1"], [""], ["a,b"], ['"'], ["a\nb"], ["a\rb"], ["\0"], ["x" * 65]])
def test_ids_that_no_file_could_contain_are_refused(ids: list[str]) -> None:
    with pytest.raises(ValueError, match=r"twice|cannot stand"):
        expected_for(ids)


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.nan)])
def test_bounds_that_hold_no_number_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="hold no number"):
        expected_for(["1"], bounds)


@pytest.mark.parametrize("ids", [[], ["01", "1"], ["a01", "a001", "a3"]])
def test_ids_that_only_look_numbered_are_found_as_text(ids: list[str]) -> None:
    assert Numbering.of(ids) is None


def test_packed_files_are_told_by_their_names() -> None:
    names = ("a.csv", "a.CSV.GZ", "a.zip", "zip.csv")
    assert [is_packed(name) for name in names] == [False, True, True, False]

"""Every form of predictions becomes the same file, and nothing is aligned by guessing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unseen.errors import UnusablePredictions
from unseen.predictions import Sample, number, to_upload

NAMES = ("id", "minutes")
SAMPLE = Sample(NAMES, ("a", "b", "c"))
EXPECTED = b"id,minutes\na,1.5\nb,2.5\nc,1e-07\n"
VALUES = [1.5, 2.5, 1e-07]


def content(predictions, ids=None, sample=SAMPLE) -> bytes:
    return to_upload(predictions, names=lambda: NAMES, sample=lambda: sample, ids=ids).content


FRAME = pd.DataFrame({"id": ["a", "b", "c"], "minutes": VALUES})


@pytest.mark.parametrize(
    "predictions",
    [
        *(VALUES, tuple(VALUES), np.array(VALUES), np.array(VALUES).reshape(-1, 1), pd.Series(VALUES)),
        *(dict(zip("abc", VALUES, strict=True)), pd.Series(VALUES, index=list("abc"))),
        *(FRAME, FRAME[["minutes", "id"]], FRAME.set_index("id")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_form_becomes_the_same_file(predictions):
    assert content(predictions) == EXPECTED


@pytest.mark.slow
def test_a_polars_frame_becomes_the_same_file():
    polars = pytest.importorskip("polars")
    assert content(polars.DataFrame({"id": list("abc"), "minutes": VALUES})) == EXPECTED


def test_a_file_is_sent_as_it_is(tmp_path: Path):
    file = tmp_path / "mine.csv.gz"
    file.write_bytes(b"\x1f\x8bwhatever")
    upload = to_upload(file, names=lambda: NAMES, sample=lambda: SAMPLE)
    assert (upload.name, upload.content) == ("mine.csv.gz", b"\x1f\x8bwhatever")


def test_ids_of_a_series_decide_and_not_its_order():
    assert content(pd.Series([2.5, 1.5], index=["b", "a"])) == b"id,minutes\nb,2.5\na,1.5\n"


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(VALUES, index=[7, 8, 9]),
        pd.Series(VALUES, index=["a", "b", "d"]),
        pd.Series(VALUES)[::-1],
        pd.Series([0.0, *VALUES])[1:],
    ],
    ids=["numbers", "one stranger", "turned round", "cut"],
)
def test_a_series_whose_index_is_not_the_ids_is_never_matched_by_position(series):
    with pytest.raises(UnusablePredictions, match="not of this competition's ids"):
        content(series)


def test_a_counted_index_that_could_be_the_ids_is_asked_about():
    sample = Sample(NAMES, ("2", "0", "1"))
    with pytest.raises(UnusablePredictions, match="could be these ids"):
        content(pd.Series(VALUES), sample=sample)
    assert content(pd.Series(VALUES), sample=Sample(NAMES, ("0", "1", "2"))).startswith(b"id,minutes\n0,1.5\n")
    assert content(pd.Series(VALUES).to_numpy(), sample=sample).startswith(b"id,minutes\n2,1.5\n")


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        *((np.array(VALUES), np.array(list("abc"))), (VALUES, ("a", "b", "c")), (np.array(VALUES), FRAME["id"])),
        *((pd.Series(VALUES), FRAME["id"]), (np.array(VALUES).reshape(-1, 1), pd.Index(list("abc")))),
        (np.array(VALUES), pd.Series(list("abc"), index=[5, 3, 9])),
        (iter(VALUES), iter("abc")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_beside_ids_become_the_same_file(values, ids):
    assert content(values, ids) == EXPECTED


def test_ids_decide_the_rows_whatever_the_order_of_the_sample():
    assert content([2.5, 1.5], ids=["b", "a"]) == b"id,minutes\nb,2.5\na,1.5\n"


@pytest.mark.parametrize(
    ("values", "ids", "sentence"),
    [
        (VALUES, ["a", "b"], "3 predictions, but 2 ids"),
        (dict(zip("abc", VALUES, strict=True)), list("abc"), "bring their own ids"),
        (FRAME, list("abc"), "bring their own ids"),
        ("predictions.csv", list("abc"), "bring their own ids"),
        (VALUES, {"a", "b", "c"}, "in order"),
        (VALUES, "abc", "in order"),
        (pd.Series(VALUES, index=[2, 1, 0]), FRAME["id"], "different indexes"),
        (np.ones((3, 2)), list("abc"), "more than one column"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_values_and_ids_that_may_not_belong_together_are_refused(values, ids, sentence):
    with pytest.raises(UnusablePredictions, match=sentence):
        content(values, ids)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1, "1"),
        (np.float32(0.1), "0.10000000149011612"),
        (np.int64(3), "3"),
        (True, "1"),
        (1e300, "1e+300"),
    ],
)
def test_a_number_reads_back_as_itself(value, text):
    assert number(value) == text
    assert float(text) == float(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "1,5"])
def test_what_is_no_number_is_left_for_the_server_to_explain(value):
    assert content({"a": value}).startswith(b"id,minutes\na,")


@pytest.mark.parametrize(
    ("predictions", "sentence"),
    [
        (VALUES[:2], "2 predictions, but sample_submission.csv lists 3"),
        (np.ones((3, 2)), "more than one column"),
        (FRAME.rename(columns={"minutes": "y"}), "columns id, y; this competition wants exactly id and minutes"),
        (FRAME.assign(extra=1), "wants exactly id and minutes"),
        ({}, "no predictions"),
        (3.5, "not float"),
        ({3.5, 1.5, 2.5}, "no order"),
        ("missing.csv", "no file"),
        (".", "folder"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_a_file_is_said_in_a_sentence(predictions, sentence):
    with pytest.raises(UnusablePredictions, match=sentence):
        content(predictions)


def test_the_sample_may_have_a_byte_order_mark_and_quotes():
    assert Sample.parse(b'\xef\xbb\xbf"id","minutes"\r\n"a",0\r\n01,0\r\n') == Sample(NAMES, ("a", "01"))

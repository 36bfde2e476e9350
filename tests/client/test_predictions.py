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


def content(predictions) -> bytes:
    return to_upload(predictions, names=lambda: NAMES, sample=lambda: SAMPLE).content


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

"""The prediction file: what is accepted, what is refused, and what the student then reads."""

from __future__ import annotations

import numpy as np
import pytest
from tests.core.prediction_files import BOUNDS, FILES, GOOD, ID_COLUMN, IDS, TARGET_COLUMN, Case, Good

from unseen_server.core.errors import Refusal
from unseen_server.core.predictions import Expected, read_predictions

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

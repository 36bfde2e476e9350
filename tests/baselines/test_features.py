"""From a table of text to numbers: missing values, categories, ratios, and statistics from training rows alone."""

import numpy as np
import pandas as pd
import pytest

from unseen_baselines.errors import BadTable
from unseen_baselines.features import Preparation, Standardisation, ratio


def table(**columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype=str)


def test_a_missing_number_becomes_the_median_and_is_flagged():
    preparation = Preparation.fit(table(pages=["1", "NA", "3", "8"]))
    assert preparation.apply(table(pages=["", "5"])).tolist() == [[3, 1], [5, 0]]


def test_a_number_missing_only_in_the_test_rows_still_gets_the_training_median():
    preparation = Preparation.fit(table(pages=["1", "2", "9"]))
    assert preparation.apply(table(pages=["nan", "4"])).tolist() == [[2], [4]]


def test_a_category_becomes_zeros_and_ones_and_an_unknown_one_zeros():
    preparation = Preparation.fit(table(course=["b", "a", "", "a"]))
    assert preparation.apply(table(course=["a", "b", "?", "new"])).tolist() == [
        [0, 1, 0],
        [0, 0, 1],
        [1, 0, 0],
        [0, 0, 0],
    ]


def test_text_where_numbers_belong_is_named_with_its_line():
    with pytest.raises(BadTable, match=r"train\.csv, line 4: `many` stands in `pages`"):
        Preparation.fit(table(pages=["1", "2", "many", "4"]))


def test_infinity_is_not_a_number_here():
    with pytest.raises(BadTable, match="`inf`"):
        Preparation.fit(table(pages=["1", "2", "inf"]))


@pytest.mark.parametrize("same", ["3", "", "x"])
def test_a_constant_feature_is_refused_with_what_to_do(same):
    with pytest.raises(BadTable, match="--drop pages"):
        Preparation.fit(table(pages=[same] * 3, words=["1", "2", "3"]))


def test_a_column_of_names_is_refused():
    with pytest.raises(BadTable, match="60 different values"):
        Preparation.fit(table(title=[f"lecture {i}" for i in range(60)]))


def test_words_per_page_is_a_quotient_and_missing_where_there_are_no_pages():
    made = ratio(table(words=["90", "10", "", "7"], pages=["3", "4", "2", "0"]), "words", "pages")
    assert made["words_per_page"].tolist() == ["30.0", "2.5", "", ""]


def test_standardisation_uses_the_training_rows_alone():
    train, test = np.array([[0.0, 5.0], [2.0, 5.0]]), np.array([[4.0, 6.0]])
    scale = Standardisation.fit(train)
    assert scale.apply(train).tolist() == [[-1, 0], [1, 0]]
    assert scale.apply(test).tolist() == [[3, 1]]

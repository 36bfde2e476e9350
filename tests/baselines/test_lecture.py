"""The eighteen experiments: the designed figures come out, and the shapes the lecture teaches."""

import numpy as np
import pytest

from unseen_baselines import lecture
from unseen_baselines.lecture import Notebook, Row


@pytest.fixture(scope="module")
def book() -> Notebook:
    return lecture.give(seed=0, quick=True)


def rows(book: Notebook, number: int) -> list[Row]:
    return [row for row in book.rows if row.row == number]


def here(book: Notebook, number: int, words: str) -> float:
    (found,) = [row.here for row in rows(book, number) if words in row.what]
    return found


@pytest.mark.slow
def test_every_row_of_the_lecture_is_there(book):
    assert [row.row for row in book.rows] == sorted(row.row for row in book.rows)
    assert {row.row for row in book.rows} == set(range(1, 19))


@pytest.mark.parametrize("number", [1, 2, 3, 5, 7, 8, 10])
def test_what_was_designed_comes_out_within_two_percent(book, number):
    for row in rows(book, number):
        if not isinstance(row.lecture, str):
            assert row.here == pytest.approx(row.lecture, rel=0.02), row.what


def test_too_large_a_step_explodes_within_a_hundred_updates(book):
    (row,) = rows(book, 4)
    assert row.here.startswith("infinite at update ")
    assert int(row.here.split()[-1]) <= 100


def test_smaller_batches_travel_further(book):
    full, mini, single = (here(book, 6, f"{name}: way of b") for name in ("full batch", "mini-batch", "SGD"))
    assert full < mini < single


def test_plain_gradient_descent_leaves_the_network_worse_than_the_line(book):
    assert here(book, 12, "middle of 5 starts") > 71


def test_adam_does_better_than_any_line_and_overfits(book):
    assert here(book, 13, "Adam, pages: ") < 45
    assert here(book, 13, "words per page") < 30
    assert here(book, 14, "2025") > 500


@pytest.mark.parametrize("seed", range(4))
def test_early_stopping_beats_the_line_whatever_the_start(seed):
    book = Notebook(seed)
    lecture.early_stopping(book)
    assert here(book, 16, "lowest") < 122
    assert here(book, 16, "at the end") > 500


def test_the_stopped_network_keeps_the_parameters_of_its_best_epoch(book):
    stopped = book.kept["stopped"]
    assert stopped.loss("genai2025") == pytest.approx(stopped.history.best_loss)


def test_the_first_lazy_function_is_perfect_on_training_and_useless_elsewhere(book):
    assert here(book, 15, "train") == 0
    assert here(book, 15, "validation") > 1000


def test_another_seed_gives_another_table(book):
    other = Notebook(seed=1)
    lecture.random_guess(other)
    lecture.early_stopping(other)
    assert here(other, 1, "random") != here(book, 1, "random")
    assert here(other, 16, "lowest") != here(book, 16, "lowest")


def test_an_experiments_chance_does_not_depend_on_the_others(book):
    alone = Notebook(seed=0, quick=True)
    lecture.lazy_2(alone)
    assert rows(alone, 18) == rows(book, 18)


@pytest.mark.slow
def test_the_report_holds_the_table_and_every_picture(book, tmp_path):
    from unseen_baselines.plots import CAPTIONS
    from unseen_baselines.report import write_report

    text = write_report(book, tmp_path).read_text(encoding="utf-8")
    assert text.count("data:image/png") == len(CAPTIONS)
    assert "not the original measurements" in text
    for name in CAPTIONS:
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
        assert (tmp_path / f"{name}.svg").stat().st_size > 5000


def test_the_lecture_is_the_same_twice():
    twice = [Notebook(seed=5), Notebook(seed=5)]
    for book in twice:
        lecture.early_stopping(book)
    assert twice[0].rows == twice[1].rows
    assert np.array_equal(twice[0].kept["stopped"].network.theta, twice[1].kept["stopped"].network.theta)

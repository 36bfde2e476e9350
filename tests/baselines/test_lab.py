"""What a leaderboard is worth when nobody counts the submissions."""

import numpy as np
import pytest

from unseen_baselines.lab import MemoryBoard, OutOfSubmissions, against, climb, in_memory


@pytest.fixture
def board():
    rng = np.random.default_rng(0)
    return MemoryBoard(rng.normal(60, 20, 100), rng.permutation(100) < 50, submissions=400)


def test_hill_climbing_fits_the_public_half_and_not_the_private_one(board):
    start = np.full(100, 60.0)
    game = climb(board, start, 2.0, np.random.default_rng(1))
    assert game.public[-1] < 0.5 * game.public[0]
    assert board.private(game.best) > 0.9 * board.private(start)


def test_the_public_score_knows_nothing_of_the_private_rows(board):
    guess = np.full(100, 60.0)
    other = np.where(board.public, guess, 0.0)
    assert board.submit(guess) == board.submit(other)


def test_a_board_takes_no_more_than_its_limit(board):
    for _ in range(400):
        board.submit(np.zeros(100))
    with pytest.raises(OutOfSubmissions):
        board.submit(np.zeros(100))


def test_a_daily_limit_keeps_public_and_private_closer_together():
    outcomes, curves = in_memory(0, unlimited=600)
    gap = {(o.player, o.limit): o.private - o.public for o in outcomes}
    limited, unlimited = (gap["hill-climbing", limit] for limit in ("5 a day for 14 days", "none"))
    assert limited < 0.7 * unlimited
    assert {len(public) for public, _ in curves.values()} == {70, 600}


def test_on_a_running_competition_the_server_says_when_it_is_enough():
    scores = iter([9.0, 8.0, 8.5])

    def submit(predictions: np.ndarray) -> float:
        try:
            return next(scores)
        except StopIteration:
            raise OutOfSubmissions from None

    from unseen_baselines.lab import RunningBoard

    outcome = against(RunningBoard(submit, 100), np.zeros(4), "hill-climbing", 1.0, np.random.default_rng(0))
    assert (outcome.submissions, outcome.public_at_first, outcome.public, outcome.private) == (3, 9.0, 8.0, None)

"""The lecture's last part as an experiment: what a leaderboard is worth when nobody counts the submissions.

A player who learns nothing from data, only from the public score, submits guess after guess and keeps what scores
better. Without a limit the public score falls and falls; the private score, which nobody could see, does not follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .features import Preparation
from .lecture_length import lectures
from .linear import closed_form, mse

Array = NDArray[np.floating]


class OutOfSubmissions(Exception):  # noqa: N818 - a board's answer, not a fault
    """The board takes no more."""


class Board(Protocol):
    """What a player meets: predictions (n,) in, the public score out; or OutOfSubmissions."""

    def submit(self, predictions: Array) -> float: ...


@dataclass
class MemoryBoard:
    """A competition in memory: labels y (n,), who is public (n,), and how many submissions there are in all."""

    y: Array
    public: NDArray[np.bool_]
    submissions: int
    used: int = 0

    def submit(self, predictions: Array) -> float:
        if self.used == self.submissions:
            raise OutOfSubmissions
        self.used += 1
        return mse(predictions[self.public], self.y[self.public])

    def private(self, predictions: Array) -> float:
        return mse(predictions[~self.public], self.y[~self.public])


@dataclass
class Game:
    """One player's way: the best predictions so far (n,), and the public score of the best after each submission."""

    best: Array
    public: list[float] = field(default_factory=list)
    bests: list[Array] = field(default_factory=list)

    def offer(self, board: Board, predictions: Array) -> None:
        score = board.submit(predictions)
        if not self.public or score < self.public[-1]:
            self.best = predictions
            self.public.append(score)
        else:
            self.public.append(self.public[-1])
        self.bests.append(self.best)


def guess_at_random(board: Board, start: Array, spread: float, rng: np.random.Generator) -> Game:
    """Again and again the start with fresh noise of that spread, none learning from another."""
    game = Game(start)
    _play(game, board, start, lambda: start + rng.normal(0, spread, len(start)))
    return game


def climb(board: Board, start: Array, spread: float, rng: np.random.Generator) -> Game:
    """Hill-climbing: noise on the best so far, kept when the public score likes it."""
    game = Game(start)
    _play(game, board, start, lambda: game.best + rng.normal(0, spread, len(start)))
    return game


def _play(game: Game, board: Board, start: Array, next_one: Callable[[], Array]) -> None:
    try:
        game.offer(board, start)
        while True:
            game.offer(board, next_one())
    except OutOfSubmissions:
        return


@dataclass(frozen=True)
class Outcome:
    """How a player ended; `private` is None where the board keeps it."""

    player: str
    limit: str
    submissions: int
    public_at_first: float
    public: float
    private_at_first: float | None
    private: float | None


PLAYERS = {"random guessing": guess_at_random, "hill-climbing": climb}
GUESS_SPREAD = {"random guessing": 3.0, "hill-climbing": 1.0}  # minutes, about what serves each best


def in_memory(
    seed: int, *, daily_limit: int = 5, days: int = 14, unlimited: int = 3000, rows: int = 200
) -> tuple[list[Outcome], dict[str, tuple[list[float], list[float]]]]:
    """Both players, with and without a daily limit, on invented lectures, starting from a straight line's predictions.

    Gives the outcomes, and for each unlimited player the public and private score after each submission.
    """
    rng = np.random.default_rng(seed)
    start, y = line_predictions(rows, rng)
    public = rng.permutation(rows) < rows // 2
    outcomes, curves = [], {}
    for limit, submissions in ((f"{daily_limit} a day for {days} days", daily_limit * days), ("none", unlimited)):
        for name, player in PLAYERS.items():
            board = MemoryBoard(y, public, submissions)
            game = player(board, start, GUESS_SPREAD[name], rng)
            private = [board.private(best) for best in game.bests]
            curves[f"{name}, limit: {limit}"] = (game.public, private)
            outcomes.append(Outcome(name, limit, board.used, game.public[0], game.public[-1], private[0], private[-1]))
    return outcomes, curves


def line_predictions(rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """What a line trained on 1000 other lectures says of `rows` new ones (rows,), and how long they were (rows,)."""
    table = lectures(1000 + rows, int(rng.integers(2**31)))
    features, y = table.drop(columns="minutes").astype(str), table["minutes"].to_numpy(dtype=np.float64)
    X = Preparation.fit(features[:1000]).apply(features)
    return closed_form(X[:1000], y[:1000]).predict(X[1000:]), y[1000:]


@dataclass
class RunningBoard:
    """A competition on a server, asked through the client; the limit is the server's, and so is the private score."""

    submit_to_server: Callable[[Array], float]
    most: int
    used: int = 0

    def submit(self, predictions: Array) -> float:
        if self.used == self.most:
            raise OutOfSubmissions
        score = self.submit_to_server(predictions)
        self.used += 1
        return score


def against(board: RunningBoard, start: Array, player: str, spread: float, rng: np.random.Generator) -> Outcome:
    """Play until the board takes no more."""
    game = PLAYERS[player](board, start, spread, rng)
    if not game.public:
        raise OutOfSubmissions
    return Outcome(player, "the server's", board.used, game.public[0], game.public[-1], None, None)

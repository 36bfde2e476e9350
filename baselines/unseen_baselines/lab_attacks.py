"""Attacks on a leaderboard: they learn nothing from data, only from the scores that it shows.

An attack asks the board about predictions (n,) and hears a score, or None where it says nothing yet. Sources:
Blum & Hardt 2015 (The Ladder, arXiv 1502.04585); Hardt 2017 (Climbing a shaky ladder, 1706.02733); Whitehill 2017
(Climbing the Kaggle leaderboard by exploiting the log-loss oracle, 1707.01825); Neto et al. 2016 (Reducing overfitting
in challenge-based competitions, 1607.00091); Hung-yi Lee's lecture (the second lazy function).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from .lab_trial import CONSTANT, HIGHEST, LOWEST, PUBLIC_ROWS, Array, Trial, inside

Ask = Callable[[Array], float | None]

CLIMBING_STEP = 2.4 / np.sqrt(PUBLIC_ROWS)  # about the best one for as many uploads as there are public rows
BOOSTING_STEP = 2.0
SCALES = np.linspace(1, 0.1, 7)  # how far to go in the direction that boosting finds
STAIRCASE_STEP, STAIRCASE_WEIGHT = 0.3, 0.2
GROUP = 4
PROBED_AT_ONCE = 40  # labels in one number: 2^-40 of the first one's weight is still seen in a sum of 64 bits


@dataclass
class Attempt:
    """Every upload (n,), what was shown of it, and what the attacker would hand in after it (n,).

    `boards` are the same board as several teams see it. `best` is the best so far by what was `shown` of it.
    """

    boards: Sequence[Ask]
    best: Array
    shown: float | None = None
    sent: list[Array] = field(default_factory=list)
    told: list[float | None] = field(default_factory=list)
    way: list[Array] = field(default_factory=list)

    def ask(self, predictions: Array) -> float | None:
        """The score shown for these predictions (n,), which are the best from now on if it is strictly lower."""
        told = self.probe(predictions)
        if told is not None and (self.shown is None or told < self.shown):
            self.best, self.shown = predictions, told
        self.way[-1] = self.best
        return told

    def probe(self, predictions: Array, team: int = 0) -> float | None:
        """The score shown for predictions (n,) that are not meant to be handed in."""
        told = self.boards[team](predictions)
        self.sent.append(predictions)
        self.told.append(told)
        self.way.append(self.best)
        return told

    def ends_with(self, predictions: Array) -> Attempt:
        """Hands in what was worked out at the end (n,)."""
        self.way[-1] = predictions
        return self


def hill_climb(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """Noise on the best so far, kept when the board shows it strictly lower."""
    play = Attempt(boards, trial.honest)
    play.ask(trial.honest)
    for _ in range(uploads):
        play.ask(inside(play.best + CLIMBING_STEP * rng.standard_normal(len(trial.y))))
    return play


def permute(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """Hill-climbing by permutations: the predictions of a tenth of the rows change places with their neighbours'.

    No value is new, so bounds do not hinder it (after the permutations of Neto et al.).
    """
    play = Attempt(boards, trial.honest)
    play.ask(trial.honest)
    n = len(trial.y)
    for _ in range(uploads):
        by_size = np.argsort(play.best + 0.5 * rng.standard_normal(n))
        at = rng.permutation(n - 1)[: n // 10]
        candidate = play.best.copy()
        for first, second in zip(by_size[at], by_size[at + 1], strict=True):
            candidate[first], candidate[second] = candidate[second], candidate[first]
        play.ask(candidate)
    return play


def decode(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """n + 1 equations for n labels and their sum of squares, solved by least squares; even if nobody is ever better.

    n R = sum p² - 2 p·y + sum y² is linear in what is not known. Noise is on the public rows alone, as if somebody had
    found out which these are.
    """
    play, rows = Attempt(boards, trial.honest), trial.public
    base = np.clip(10 + 2 * trial.g, 2, 18)
    equations, values = [], []
    for _ in range(uploads):
        p = base + np.where(rows, rng.uniform(-2, 2, len(base)), 0.0)
        told = play.ask(p)
        if told is not None:
            equations.append(np.append(-2 * p[rows] / PUBLIC_ROWS, 1.0))
            values.append(told - float(p[rows] @ p[rows]) / PUBLIC_ROWS)
    found = base.copy()
    if values:
        solved = np.linalg.lstsq(np.array(equations), np.array(values), rcond=None)[0]
        found[rows] = solved[:-1]
    return play.ends_with(found)


def honest_progress(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """No attack: a student whose predictions come nearer to the best that can be known, by a fifth each time."""
    play = Attempt(boards, trial.honest)
    u = rng.standard_normal(len(trial.y))
    for k in range(uploads):
        play.ask(inside(trial.honest + np.sqrt(4 * 0.8**k) * u))
    return play


def lazy_function(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """The lecture's second lazy function: random predictions again and again, and the best of them at the end."""
    first = rng.uniform(LOWEST, HIGHEST, len(trial.y))
    play = Attempt(boards, first)
    play.ask(first)
    for _ in range(uploads - 1):
        play.ask(rng.uniform(LOWEST, HIGHEST, len(trial.y)))
    return play


def boost(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """Blum & Hardt's attack for squared error: random signs s, averaged with how much better each of them scored.

    R(h + a s) = R(h) + a² - 2 a mean((y - h) s), so (n / 2a) mean(w s) is near y - h, w = mean R - R. No upload is
    close to another, so small differences need not be seen.
    """
    play, h = Attempt(boards, trial.honest), trial.honest
    signs, shown = [], []
    for _ in range(uploads - len(SCALES) - 1):
        s = rng.choice([-1.0, 1.0], len(h))
        told = play.probe(inside(h + BOOSTING_STEP * s))
        if told is not None:
            signs.append(s)
            shown.append(told)
    play.ask(h)
    if signs:
        w = np.mean(shown) - np.array(shown)
        direction = PUBLIC_ROWS / (2 * BOOSTING_STEP) * (w @ np.array(signs)) / len(signs)
        for scale in SCALES:
            play.ask(inside(h + scale * direction))
    return play


def staircase(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """Against a ladder: come down from the constant in small steps, so that it has many chances to say yes.

    Each step carries random signs; those with which the board changed what it shows go into the predictions, the
    others by a little the other way. Several boards are several teams of one person: each comes down by itself.
    """
    play, h = Attempt(boards, trial.honest), trial.honest
    signs, accepted = [], []
    for team in range(len(boards)):
        before, steps = None, uploads // len(boards)
        for k in range(1, steps + 1):
            s = rng.choice([-1.0, 1.0], len(h))
            told = play.probe(inside(CONSTANT + k / steps * (h - CONSTANT) + STAIRCASE_STEP * s), team)
            signs.append(s)
            accepted.append(float(told != before))
            before = told
    a = np.array(accepted)
    return play.ends_with(inside(h + STAIRCASE_WEIGHT * (a - a.mean()) @ np.array(signs)))


def score_oracle(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """Whitehill's oracle for squared error and labels of two classes: forty labels from one number.

    With predictions 10 + w where w halves from row to row, n R = 100 n + sum w² - 20 sum (±w): a number in binary
    digits, of which each is a label.
    """
    play = Attempt(boards, np.full(len(trial.y), CONSTANT))
    found, rows = play.best.copy(), np.flatnonzero(trial.public)
    for begin in range(0, min(len(rows), uploads * PROBED_AT_ONCE), PROBED_AT_ONCE):
        probed = rows[begin : begin + PROBED_AT_ONCE]
        w = (HIGHEST - CONSTANT) * 0.5 ** np.arange(len(probed))
        p = np.full(len(trial.y), CONSTANT)
        p[probed] += w
        told = play.ask(p)
        if told is not None:
            left = (100 * PUBLIC_ROWS + float(w @ w) - PUBLIC_ROWS * told) / 20
            for row, weight in zip(probed, w, strict=True):
                found[row] = HIGHEST if left > 0 else LOWEST
                left -= np.copysign(weight, left)
    return play.ends_with(found)


def guess_in_groups(trial: Trial, boards: Sequence[Ask], rng: np.random.Generator, uploads: int) -> Attempt:
    """Against a ladder, labels of two classes: four rows at a time, every pattern of labels until it says yes.

    Where m rows improve by the same amount and no other changes, mean(d) / (std(d) / sqrt(n)) is sqrt(m): four rows
    are enough for two standard errors, and sixteen patterns for four rows.
    """
    play = Attempt(boards, np.full(len(trial.y), CONSTANT))
    rows = np.flatnonzero(trial.public)
    rows = rows[np.argsort(-np.abs(trial.g[rows]))]  # the surest first
    before, found = None, play.best
    for group in rows.reshape(-1, GROUP):
        likely, doubt = trial.g[group] > 0, np.abs(trial.g[group])
        for flips in sorted(product((False, True), repeat=GROUP), key=lambda flips: float(doubt @ np.array(flips))):
            if len(play.sent) == uploads:
                return play
            guess = found.copy()
            guess[group] = np.where(likely ^ np.array(flips), HIGHEST, LOWEST)
            told = play.probe(guess)
            if told != before:
                before, found = told, guess
                play.best = guess
                play.ends_with(guess)
                break
    return play


@dataclass(frozen=True)
class Attack:
    """How it is played: by how many teams, with how many uploads in all, on labels of two classes or not.

    `only` names the release it is made for, where it does nothing to others.
    """

    name: str
    play: Callable[[Trial, Sequence[Ask], np.random.Generator, int], Attempt]
    uploads: int
    teams: int = 1
    two_classes: bool = False
    only: str | None = None


ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("hill-climb", hill_climb, 200),
        Attack("decode", decode, 260),
        Attack("honest", honest_progress, 10),
        Attack("lazy", lazy_function, 200),
        Attack("boost", boost, 200),
        Attack("permute", permute, 200),
        Attack("staircase", staircase, 200, only="ladder"),
        Attack("coalition", staircase, 400, teams=2, only="ladder"),
        Attack("oracle", score_oracle, 5, two_classes=True),
        Attack("groups", guess_in_groups, 260, two_classes=True, only="ladder"),
    )
}

"""Every attack against every release: played on a stage, measured with the labels that the lab itself made."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from .lab_attacks import ATTACKS, Attack, Attempt
from .lab_server import Stage
from .lab_trial import Trial, trial

RELEASES = ("full", "rounded", "ladder")
SPARE = 1000  # a day's limit that no attack reaches


@dataclass(frozen=True)
class Finding:
    """What one attack did to one release.

    Errors are exact ones: `public` and `private` of what is handed in at the end, `public_at_first` and
    `private_at_first` of what would have been handed in after the first upload; `honest_public` of the best
    predictions that can be known without the board. `excess` is how much more the public score flatters the end than
    the honest ones, in units of `honest_public`. `furthest_label` is by how much the worst of the public labels is
    missed. `numbers_shown` counts different ones.
    """

    attack: str
    release: str
    seed: int
    uploads: int
    numbers_shown: int
    public_at_first: float
    private_at_first: float
    public: float
    private: float
    honest_public: float
    excess: float
    furthest_label: float


@dataclass(frozen=True)
class Played:
    """A finding, and upload by upload: what was shown, its exact public error, both of what would be handed in."""

    finding: Finding
    told: list[float | None]
    sent_public: list[float]
    public: list[float]
    private: list[float]


def all_attacks(
    stage: Stage, attacks: Iterable[str], releases: Sequence[str], seeds: Sequence[int]
) -> Iterator[tuple[str, Callable[[], Played]]]:
    """What there is to play, each with its name. What needs more teams or is made for another release is left out."""
    run = secrets.token_hex(3)  # a server may have seen the lab before
    for name, release, seed in product(attacks, releases, seeds):
        attack = ATTACKS[name]
        if attack.teams <= len(stage.players) and attack.only in (None, release):
            yield f"{name}, {release}, seed {seed}", _later(stage, attack, release, seed, run)


def _later(stage: Stage, attack: Attack, release: str, seed: int, run: str) -> Callable[[], Played]:
    return lambda: play(stage, attack, release, seed, slug=f"lab-{run}-{attack.name}-{release}-{seed}")


def play(stage: Stage, attack: Attack, release: str, seed: int, *, slug: str) -> Played:
    """One attack on a scratch competition of its own."""
    made = trial(seed, two_classes=attack.two_classes)
    with stage.competition(made, slug, release, SPARE) as boards:
        attempt = attack.play(made, boards[: attack.teams], np.random.default_rng((seed, 2)), attack.uploads)
    return measured(attack, release, made, attempt)


def measured(attack: Attack, release: str, made: Trial, attempt: Attempt) -> Played:
    public, private = ([error(each) for each in attempt.way] for error in (made.public_error, made.private_error))
    final = attempt.way[-1]
    finding = Finding(
        attack=attack.name,
        release=release,
        seed=made.seed,
        uploads=len(attempt.sent),
        numbers_shown=len(set(attempt.told) - {None}),
        public_at_first=public[0],
        private_at_first=private[0],
        public=public[-1],
        private=private[-1],
        honest_public=made.public_error(made.honest),
        excess=made.excess(final),
        furthest_label=float(np.abs(final - made.y)[made.public].max()),
    )
    return Played(finding, attempt.told, [made.public_error(each) for each in attempt.sent], public, private)

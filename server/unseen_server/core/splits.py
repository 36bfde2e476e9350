"""Which test rows are public, and which stay hidden until the deadline."""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unseen_server.core.release import Level, leak_level, leak_meaning, leak_ratio
from unseen_server.core.sentences import Sentence, say

IGNORED, PUBLIC, PRIVATE = 0, 1, 2
TRAINING = 3  # only in what `split` returns: such a row is no test row

# The Usage column of solution.csv (Kaggle's convention).
USAGE_NAMES = {"Ignored": IGNORED, "Public": PUBLIC, "Private": PRIVATE}
_NAME_OF = {number: name for name, number in USAGE_NAMES.items()}

STRATA = 10


@dataclass(frozen=True, slots=True, eq=False)
class AnswerKey:
    """What solution.csv holds: `ids` (n,) in canonical order, `labels` float64 (n,), `usage` uint8 (n,)."""

    id_column: str
    target_column: str
    ids: tuple[str, ...]
    labels: NDArray[np.float64]
    usage: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.labels) == len(self.usage):
            raise ValueError("an answer key needs one label and one usage for each id")

    @property
    def n_public(self) -> int:
        return int(np.count_nonzero(self.usage == PUBLIC))

    @property
    def n_private(self) -> int:
        return int(np.count_nonzero(self.usage == PRIVATE))

    def sealed_text(self, salt: str) -> str:
        """The salt in a first line, then the key as CSV; labels as the shortest text that reads back the same."""
        rows = zip(self.ids, self.labels.tolist(), self.usage.tolist(), strict=True)
        lines = [salt, f"{self.id_column},{self.target_column},Usage"]
        lines += [f"{row_id},{label!r},{_NAME_OF[usage]}" for row_id, label, usage in rows]
        return "\n".join(lines) + "\n"

    def sealed_hash(self, salt: str) -> str:
        """SHA-256 (hex) of `sealed_text`, published at launch. Anyone checks the opened text with sha256sum.

        The salt must be secret and random until the reveal: labels can be guessed, 128 random bits cannot.
        """
        return hashlib.sha256(self.sealed_text(salt).encode()).hexdigest()


def split(
    labels: NDArray[np.float64], *, test_share: float, public_share: float, seed: int | None = None
) -> NDArray[np.uint8]:
    """TRAINING, PUBLIC or PRIVATE for each row, shape (n,); the sizes are exact, at least one row each.

    Stratified on (up to) ten label quantiles, so that the three parts are alike. The order of the rows plays no part:
    rows are sorted by label, equal labels at random. The seed is secret and random unless given.
    ValueError for fewer than three rows, labels that are not finite, or shares outside (0, 1).
    """
    n = len(labels)
    if n < 3 or not np.isfinite(labels).all():
        raise ValueError("a split needs three rows with finite labels")
    if not (0 < test_share < 1 and 0 < public_share < 1):
        raise ValueError("shares lie between 0 and 1")
    rng = np.random.default_rng(secrets.randbits(128) if seed is None else seed)
    n_test = min(max(round(n * test_share), 2), n - 1)
    n_public = min(max(round(n_test * public_share), 1), n_test - 1)

    by_label = np.lexsort((rng.random(n), labels))
    test = by_label[_chosen(n, n_test, rng)]  # still by label
    assignment = np.full(n, TRAINING, dtype=np.uint8)
    assignment[test] = PRIVATE
    assignment[test[_chosen(n_test, n_public, rng)]] = PUBLIC
    return assignment


def drawn_anew(key: AnswerKey, seed: int | None = None) -> AnswerKey:
    """The same rows with other halves: as many public ones as before, stratified by label; ignored rows stay ignored.

    The seed is secret and random unless given.
    """
    rng = np.random.default_rng(secrets.randbits(128) if seed is None else seed)
    counted = np.flatnonzero(key.usage != IGNORED)
    by_label = counted[np.lexsort((rng.random(len(counted)), key.labels[counted]))]
    usage = key.usage.copy()
    usage[counted] = PRIVATE
    usage[by_label[_chosen(len(counted), key.n_public, rng)]] = PUBLIC
    return replace(key, usage=usage)


def _chosen(n: int, k: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """k of the positions 0 .. n-1, ascending: an even share of each of (up to) ten consecutive blocks."""
    edges = np.linspace(0, n, min(STRATA, n) + 1).round().astype(np.intp)
    # one random shift decides which blocks round up; the quotas add up to k whatever it is
    quotas = np.diff(np.floor(edges * k / n + rng.random()).astype(np.intp))
    blocks = zip(edges, edges[1:], quotas, strict=False)
    return np.sort(np.concatenate([start + rng.permutation(end - start)[:quota] for start, end, quota in blocks]))


@dataclass(frozen=True, slots=True)
class Advice:
    """What a split allows: `submissions` K a team may make, and what K does to n_public rows.

    `worst_case_gap` (share of the loss an attacker can hide) and `leak_ratio` are pure numbers; `honest_optimism`
    and `resolution` are in units of the metric, None when the spread of the losses is not known.
    """

    n_public: int
    n_private: int
    submissions: int
    leak_ratio: float
    level: Level
    meaning: Sentence
    worst_case_gap: float
    honest_optimism: float | None
    resolution: float | None
    recommended_public_share: float
    warnings: tuple[Sentence, ...]


def recommended_public_share(n_test: int) -> float:
    """30/70 below 5000 test rows, where the private half needs them more; 50/50 from there on."""
    return 0.3 if n_test < 5000 else 0.5


def advice(
    n_test: int,
    *,
    days: int,
    daily_limit: int,
    total_limit: int | None = None,
    n_public: int | None = None,
    loss_sd: float | None = None,
) -> Advice:
    """Advice on a split of `n_test` rows over `days` quota days (n_public None: the recommended share).

    With s = `loss_sd`, the spread of the difference in loss between two models: honest optimism of the best of K is
    0.8 s sqrt(2 ln K / n_public), and the smallest true difference that the private rows show (5 % one-sided, 80 %
    power) is 2.49 s / sqrt(n_private). Rules: n_public >= 10 K, n_private >= n_public. ValueError below two rows.
    """
    if n_test < 2:
        raise ValueError("a test set needs a public and a private row")
    share = recommended_public_share(n_test)
    n_pub = min(max(round(n_test * share), 1), n_test - 1) if n_public is None else n_public
    n_priv = n_test - n_pub
    K = max(1, days * daily_limit)
    if total_limit is not None:
        K = max(1, min(K, total_limit))
    ratio = leak_ratio(K, n_pub)
    return Advice(
        n_public=n_pub,
        n_private=n_priv,
        submissions=K,
        leak_ratio=ratio,
        level=leak_level(ratio),
        meaning=leak_meaning(ratio),
        worst_case_gap=min(1.0, ratio),
        honest_optimism=None if loss_sd is None else 0.8 * loss_sd * math.sqrt(2 * math.log(K) / n_pub),
        resolution=None if loss_sd is None or n_priv == 0 else 2.49 * loss_sd / math.sqrt(n_priv),
        recommended_public_share=share,
        warnings=tuple(_warnings(K, n_pub, n_priv)),
    )


def _warnings(K: int, n_public: int, n_private: int) -> list[Sentence]:
    found = []
    if n_public < 10 * K:
        found.append(
            say(
                "A team may make {submissions} submissions on {rows} public rows; at least {enough} rows are advised. "
                "A lower daily_limit, a total_limit of {limit}, or more public rows would help.",
                submissions=K,
                rows=n_public,
                enough=10 * K,
                limit=max(1, n_public // 10),
            )
        )
    if n_private < n_public:
        found.append(
            say(
                "There are fewer private rows ({private}) than public ones ({public}): decide on the larger part.",
                private=n_private,
                public=n_public,
            )
        )
    if n_public < 200:
        found.append(
            say(
                "With {public} public rows (fewer than 200) no way of showing scores is both safe and informative.",
                public=n_public,
            )
        )
    return found

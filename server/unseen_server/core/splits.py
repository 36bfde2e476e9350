"""Which test rows are public, and which stay hidden until the deadline."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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
    n_test = test_rows(n, test_share)
    n_public = public_rows(n_test, public_share)

    by_label = np.lexsort((rng.random(n), labels))
    test = by_label[_chosen(n, n_test, rng)]  # still by label
    assignment = np.full(n, TRAINING, dtype=np.uint8)
    assignment[test] = PRIVATE
    assignment[test[_chosen(n_test, n_public, rng)]] = PUBLIC
    return assignment


def test_rows(n: int, share: float) -> int:
    """How many of n rows are hidden: their share, and at least one public, one private and one training row."""
    return min(max(round(n * share), 2), n - 1)


def public_rows(n_test: int, share: float) -> int:
    """How many of the test rows are public: their share, and at least one row in each part."""
    return min(max(round(n_test * share), 1), n_test - 1)


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

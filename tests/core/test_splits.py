"""Who is public and who is private: exact sizes, like halves, no trace of the order of rows, a sealed key."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unseen_server.core.splits import (
    IGNORED,
    PRIVATE,
    PUBLIC,
    TRAINING,
    USAGE_NAMES,
    AnswerKey,
    split,
)

LABELS = arrays(np.float64, st.integers(3, 300), elements=st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0]))
SHARES = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**64)
KEY = AnswerKey("id", "y", ("a", "b", "c"), np.array([0.1, -2.0, 3e300]), np.array([1, 2, 0], dtype=np.uint8))


@given(LABELS, SHARES, SHARES, SEEDS)
def test_the_sizes_are_those_asked_for_and_no_part_is_empty(labels, test_share, public_share, seed):
    counts = np.bincount(split(labels, test_share=test_share, public_share=public_share, seed=seed), minlength=4)
    n, n_test = len(labels), counts[PUBLIC] + counts[PRIVATE]
    assert counts[IGNORED] == 0
    assert counts[TRAINING] + n_test == n
    assert n_test == min(max(round(n * test_share), 2), n - 1)
    assert counts[PUBLIC] == min(max(round(n_test * public_share), 1), n_test - 1)
    assert counts.min(initial=n, where=[False, True, True, True]) >= 1


@given(arrays(np.float64, st.integers(3, 60), elements=st.floats(-1e6, 1e6), unique=True), SEEDS, st.randoms())
def test_the_order_of_the_rows_plays_no_part(labels, seed, random):
    order = random.sample(range(len(labels)), len(labels))
    straight = split(labels, test_share=0.4, public_share=0.5, seed=seed)
    assert split(labels[order], test_share=0.4, public_share=0.5, seed=seed).tolist() == straight[order].tolist()


def test_equal_labels_are_assigned_at_random_and_not_by_place():
    assignments = [split(np.zeros(20), test_share=0.5, public_share=0.5, seed=seed) for seed in range(60)]
    assert {a[0] for a in assignments} == {TRAINING, PUBLIC, PRIVATE}
    # a split spread evenly over the file would always put five test rows in its first half
    assert len({np.count_nonzero(a[:10] != TRAINING) for a in assignments}) > 2


@pytest.mark.parametrize("n", [50, 100, 1000])
def test_every_tenth_of_the_labels_has_its_share_of_each_part(n):
    labels = np.random.default_rng(n).lognormal(size=n)
    assignment = split(labels, test_share=0.4, public_share=0.5, seed=1)
    for block in np.array_split(assignment[np.argsort(labels)], 10):
        test = np.count_nonzero(block != TRAINING)
        assert abs(test - 0.4 * len(block)) <= 1
        assert abs(np.count_nonzero(block == PUBLIC) - 0.2 * len(block)) <= 2


def test_the_halves_are_more_alike_than_chance_would_make_them():
    labels = np.random.default_rng(0).standard_normal(400)

    def difference(assignment):
        return abs(labels[assignment == PUBLIC].mean() - labels[assignment == PRIVATE].mean())

    ours = [difference(split(labels, test_share=0.5, public_share=0.5, seed=s)) for s in range(50)]
    chance = [difference(np.random.default_rng(s).choice([PUBLIC, PRIVATE, TRAINING], 400)) for s in range(50)]
    assert np.mean(ours) < np.mean(chance) / 2


def test_the_seed_is_secret_unless_given():
    labels = np.arange(200.0)
    assert (
        split(labels, test_share=0.5, public_share=0.5).tolist()
        != split(labels, test_share=0.5, public_share=0.5).tolist()
    )
    again = [split(labels, test_share=0.5, public_share=0.5, seed=7).tolist() for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize(
    ("labels", "shares"),
    [
        ([1, 2], (0.5, 0.5)),
        ([1, 2, math.nan], (0.5, 0.5)),
        ([1, 2, 3], (0, 0.5)),
        ([1, 2, 3], (0.5, 1)),
        ([1, 2, 3], (math.nan, 0.5)),
    ],
)
def test_what_cannot_be_split_is_refused(labels, shares):
    with pytest.raises(ValueError, match=r"rows|shares"):
        split(np.array(labels, dtype=float), test_share=shares[0], public_share=shares[1])


def test_a_key_counts_its_halves():
    assert (KEY.n_public, KEY.n_private) == (1, 1)
    with pytest.raises(ValueError, match="one label and one usage"):
        replace(KEY, labels=np.zeros(2))


def test_the_usage_names_are_those_of_the_csv():
    assert USAGE_NAMES == {"Ignored": IGNORED, "Public": PUBLIC, "Private": PRIVATE}


def test_the_sealed_text_is_the_csv_under_its_salt():
    assert KEY.sealed_text("s4lt") == "s4lt\nid,y,Usage\na,0.1,Public\nb,-2.0,Private\nc,3e+300,Ignored\n"


def test_anyone_can_check_the_opened_text_against_the_seal():
    assert KEY.sealed_hash("s4lt") == hashlib.sha256(KEY.sealed_text("s4lt").encode()).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, ids=("b", "a", "c")),
        replace(KEY, labels=np.array([math.nextafter(0.1, 1), -2.0, 3e300])),
        replace(KEY, usage=np.array([2, 1, 0], dtype=np.uint8)),
    ],
)
def test_the_seal_breaks_with_any_id_label_or_usage(other):
    assert other.sealed_hash("s4lt") != KEY.sealed_hash("s4lt")
    assert KEY.sealed_hash("other") != KEY.sealed_hash("s4lt")

"""Copies are found whatever was done to them on a straight line, and similar models are left in peace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from unseen_server.core import copies
from unseen_server.core.copies import Entry, Found, Kind, find, half_step, likeness
from unseen_server.core.metrics import Floats

N = 400
RNG = np.random.default_rng(5)
MODEL = 60 + 16 * RNG.standard_normal(N)


def another(r: float, seed: int = 0, like: Floats = MODEL) -> Floats:
    """A model whose predictions correlate with those of `like` by r."""
    noise = np.random.default_rng(seed).standard_normal(len(like))
    centred = like - like.mean()
    noise -= noise.mean() + centred * (noise @ centred) / (centred @ centred)
    made: Floats = like.mean() + r * centred + np.sqrt(1 - r * r) * centred.std() * noise / noise.std()
    return made


def compare(vectors: Sequence[Floats], teams: Sequence[int] | None = None, files: Sequence[str] | None = None) -> Found:
    """What is found among these vectors, numbered from 1; a team each where nothing else is said."""
    teams, files = teams or range(len(vectors)), files or [str(n) for n in range(len(vectors))]
    entries = [Entry(n + 1, team, file) for n, (team, file) in enumerate(zip(teams, files, strict=True))]

    def read(refs: Sequence[int]) -> Iterable[tuple[int, Floats]]:
        return [(ref, vectors[ref - 1].copy()) for ref in refs]

    return find(entries, len(vectors[0]), read)


def refs(found: Found) -> list[list[int]]:
    return [[member.ref for member in cluster] for cluster in found.clusters]


def relation(p: Floats, q: Floats) -> Kind | None:
    """What `find` says of two teams; `likeness` alone says the same."""
    found = compare([p, q])
    alone = likeness(p, q, half_step(p), half_step(q))
    said = found.clusters[0][1].likeness if found.clusters else None
    assert said == alone
    return said.kind if said else None


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda p: p, Kind.EQUAL),
        (lambda p: np.round(p, 3), Kind.ROUNDED),
        (lambda p: np.round(p, 1), Kind.ROUNDED),
        (lambda p: np.round(p), Kind.ROUNDED),
        (lambda p: p * (1 + 1e-13), Kind.ROUNDED),
        (lambda p: 2 * p - 3, Kind.AFFINE),
        (lambda p: np.round(0.3 * p + 7, 1), Kind.AFFINE),
        (lambda p: -p, Kind.AFFINE),
        (lambda p: 1e6 + p, Kind.AFFINE),
        (lambda p: (1.7 * p.astype(np.float32) + np.float32(3)).astype(np.float64), Kind.AFFINE),
        (lambda p: np.array([float(str(v)) for v in 1.7 * p.astype(np.float32)]), Kind.AFFINE),
    ],
)
def test_a_changed_copy_is_found_and_named(change: Callable[[Floats], Floats], kind: Kind) -> None:
    assert relation(MODEL, change(MODEL)) is kind


@pytest.mark.parametrize("decimals", [6, 3, 2, 1])
def test_a_line_is_seen_through_the_rounding_of_both(decimals: int) -> None:
    found = likeness(p := MODEL.round(decimals), q := (1.5 * MODEL + 4).round(decimals), half_step(p), half_step(q))
    assert found is not None
    assert found.kind is Kind.AFFINE
    assert (found.a, found.b) == pytest.approx((1.5, 4), abs=0.1)
    assert relation(p, q) is Kind.AFFINE


@pytest.mark.parametrize("n", [40, 400, 5000])
@pytest.mark.parametrize("decimals", [(None, None), (4, 4), (2, 2), (1, 1), (0, 0), (None, 1), (3, 1), (2, 0), (1, 0)])
def test_models_alike_by_chance_do_not_match(n: int, decimals: tuple[int | None, int | None]) -> None:
    def written(p: Floats, places: int | None) -> Floats:
        return p if places is None else p.round(places)

    for seed in range(10):
        for spread in (4.0, 16.0):
            like = 60 + spread * np.random.default_rng((seed, n)).standard_normal(n)
            p, q = written(like, decimals[0]), written(another(0.9999, seed, like), decimals[1])
            assert relation(p, q) is None or (p == q).all()


def test_models_of_two_features_are_no_line_of_each_other() -> None:
    x, z = RNG.standard_normal((2, N))
    p, q = 3 * x + 0.02 * z, 3 * x + 0.05 * z
    assert np.corrcoef(p, q)[0, 1] > 0.9999
    assert relation(p, q) is None


def test_one_row_changed_makes_another_model() -> None:
    changed = MODEL.copy()
    changed[N // 2] += 5
    assert relation(MODEL, changed) is None


def test_a_group_holds_everybody_who_is_connected_the_earliest_first() -> None:
    other = another(0.5, 1)
    vectors = [other, MODEL, another(0.9, 2), 2 * MODEL, other.round(4), MODEL.round(2), 1 - other]
    found = compare(vectors)
    assert refs(found) == [[1, 5, 7], [2, 4, 6]]
    first, second, third = found.clusters[1]
    assert (first.like, first.likeness) == (None, None)
    assert (second.like, third.like) == (2, 2)
    assert second.likeness is not None
    assert (second.likeness.a, second.likeness.b) == pytest.approx((2, 0), abs=1e-9)


def test_whoever_is_connected_by_a_rounded_copy_is_told_how_it_follows_from_that() -> None:
    rounded = (2 * MODEL).round(1)
    near = rounded / 2 + 0.02 * np.cos(np.arange(N))
    found = compare([MODEL, near, rounded])
    kinds = {member.ref: (member.like, member.likeness) for member in found.clusters[0]}
    like, line = kinds[2]
    assert like == 3
    assert line is not None
    assert (line.a, line.b) == pytest.approx((0.5, 0), abs=0.01)


def test_a_team_may_repeat_itself() -> None:
    assert refs(compare([MODEL, MODEL, 2 * MODEL, MODEL.round(2)], [7, 7, 7, 7])) == []
    assert refs(compare([MODEL, MODEL, 2 * MODEL, another(0.9)], [7, 7, 8, 9])) == [[1, 2, 3]]


def test_an_identical_file_is_told_from_equal_predictions() -> None:
    found = compare([MODEL, MODEL, MODEL, MODEL], files=["a", "b", "b", "a"])
    kinds = [(member.ref, member.like, member.likeness.kind) for member in found.clusters[0] if member.likeness]
    assert kinds == [(2, 1, Kind.EQUAL), (3, 2, Kind.IDENTICAL), (4, 1, Kind.IDENTICAL)]


def test_constants_are_left_out_and_counted() -> None:
    found = compare([np.full(N, 3.0), np.full(N, 3.0), np.full(N, 4.0), MODEL, MODEL])
    assert (refs(found), found.constant, found.compared) == ([[4, 5]], 3, 5)


def test_what_is_constant_on_the_sampled_rows_alone_is_compared_by_equality() -> None:
    n, probe = 5000, np.full(5000, 50.0)
    probe[next(row for row in range(n) if row not in copies._sampled_rows(n))] = 80.0
    assert refs(compare([probe, probe, 2 * probe, np.full(n, 50.0)])) == [[1, 2]]


@pytest.mark.slow
def test_every_copy_among_many_is_found_again_and_nothing_else() -> None:
    rng = np.random.default_rng(3)
    like = 60 + 16 * rng.standard_t(3, 1500)
    vectors = [another(rng.choice([0.9999, 0.999, 0.9]), seed, like) for seed in range(1200)]
    planted = {}
    for ref in range(1, 1200, 40):
        line = rng.uniform(-2, 2) * vectors[ref - 1] + rng.uniform(-9, 9)
        planted[ref] = len(vectors) + 1
        vectors.append(line.round(int(rng.integers(2, 9))))
    assert refs(compare(vectors)) == [[ref, copy] for ref, copy in planted.items()]


def test_a_class_that_sends_nothing_but_lines_of_one_model_is_one_group_read_once_more() -> None:
    vectors = [MODEL * (1 + n / 1000) + n for n in range(300)]
    asked: list[int] = []

    def read(refs: Sequence[int]) -> Iterable[tuple[int, Floats]]:
        asked.extend(refs)
        return [(ref, vectors[ref - 1]) for ref in refs]

    found = find([Entry(n + 1, n, str(n)) for n in range(300)], N, read)
    assert [len(cluster) for cluster in found.clusters] == [300]
    assert {member.like for member in found.clusters[0][1:]} == {1}
    assert len(asked) == 600


@pytest.mark.parametrize(
    ("values", "half"),
    [
        ([0.5, 1.25], 0.005),
        ([1.0, 2.0], 0.5),
        ([200.0, 1300.0], 50.0),
        ([0.1 + 0.2, 1 / 3], (1 / 3 - 0.3) * 1e-9),
        ([1e6, 1e6 + 0.001], 0.0005),
        ([0.0, -3.5], 0.05),
    ],
)
def test_half_a_step_is_read_from_the_values(values: list[float], half: float) -> None:
    assert half_step(np.array(values)) == pytest.approx(half)

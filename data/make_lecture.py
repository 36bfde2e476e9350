"""Reconstruct the lecture's tables, so that its published figures come out at the precision it printed.

The lecture shows its figures but not its measurements. So: draw plausible lectures, bend them by linear algebra until
the figures are right, round (whole pages and words, minutes to 0.1), and nudge single cells to make up for the
rounding. The same seed gives the same tables.

    python data/make_lecture.py           write lecture/*.csv and say which figures come out
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unseen_baselines.linear import Line, closed_form, mse
from unseen_baselines.search import brute_force

FOLDER = Path(__file__).parent / "lecture"
SEEDS = {"ml2021": 0, "genai2024": 3, "genai2025": 5}
Array = NDArray[np.float64]
Table = dict[str, Array]  # pages, words, minutes, each (n,)
Figures = dict[str, tuple[float, float, float]]  # name: (the lecture's, ours, how far apart they may be)

# Pages drawn once so that var(x) / (mean(x²) + 1) is 0.230 and 0.137: this ratio is the slope of the canyon's floor,
# and with it gradient descent is as slow as the lecture's.
PAGES_2021 = (9, 16, 17, 20, 24, 27, 28, 36, 43, 44, 48, 52, 62, 67, 69, 71, 73, 77, 85, 112)
PAGES_2024 = (9, 13, 13, 13, 13, 13, 15, 20, 21, 22, 22, 25, 27, 27, 27, 30, 37, 40)
PAGES_2025 = (27, 35, 97, 40, 20)
LINE_2021 = Line(np.array([1.67]), 4.85)
LINE_2024 = Line(np.array([0.78]), 12.85)
UNFINISHED = (0.0, 20.0)  # where gradient descent on 2024 starts, in a corner of the map


def main() -> None:
    tables = reconstruct(SEEDS)
    for name, table in tables.items():
        write(FOLDER / f"{name}.csv", table)
    for name, (lecture, here, _) in figures(tables).items():
        print(f"{name:28} lecture {lecture:>9}   here {here:.3f}")


def reconstruct(seeds: dict[str, int]) -> dict[str, Table]:
    chance = {name: np.random.default_rng(seed) for name, seed in seeds.items()}
    tables = {name: draw(chance[name]) for name, draw in DRAW.items()}
    t2021, t2024, t2025 = tables.values()
    nudge(t2021, "minutes", lambda: figures_2021(t2021), chance["ml2021"])
    nudge(t2024, "minutes", lambda: figures_2024(t2024), chance["genai2024"])
    nudge(t2025, "minutes", lambda: figures_2025(tables), chance["genai2025"])
    nudge(t2025, "words", lambda: figures_2025_words(tables), chance["genai2025"])
    return tables


# --- what has to come out


def figures(tables: dict[str, Table]) -> Figures:
    return {
        **figures_2021(tables["ml2021"]),
        **figures_2024(tables["genai2024"]),
        **figures_2025(tables),
        **figures_2025_words(tables),
    }


def figures_2021(t: Table) -> Figures:
    x, y = t["pages"], t["minutes"]
    line = closed_form(x[:, None], y)
    found: Figures = {
        "2021 w": (1.67, float(line.w[0]), 0.004),
        "2021 b": (4.85, line.b, 0.004),
        "2021 train": (240, mse(line.predict(x[:, None]), y), 0.45),
    }
    grid = brute_force(x, y, np.linspace(0, 3, 100), np.linspace(0, 20, 300))
    found["2021 w by brute force"] = (1.67, float(grid.best.w[0]), 0.004)
    found["2021 b by brute force"] = (4.88, grid.best.b, 0.004)
    for updates, lecture in ((100, 263), (1000, 261), (10000, 249)):
        loss = mse(descended(x, y, (1, 15), updates).predict(x[:, None]), y)
        found[f"2021 after {updates} updates"] = (lecture, loss, 0.45)
    return found


def figures_2024(t: Table) -> Figures:
    x, y = t["pages"], t["minutes"]
    line = closed_form(x[:, None], y)
    return {
        "2024 w": (0.78, float(line.w[0]), 0.004),
        "2024 b": (12.85, line.b, 0.004),
        "2024 train": (71, mse(line.predict(x[:, None]), y), 0.45),
        "2024 train, total words": (69, mse(fit(t, words).predict(words(t)), y), 0.45),
        "2024 train, words per page": (65, mse(fit(t, per_page).predict(per_page(t)), y), 0.45),
        "2024 train, unfinished": (78, mse(descended(x, y, UNFINISHED, 1000).predict(x[:, None]), y), 0.45),
    }


def figures_2025(tables: dict[str, Table]) -> Figures:
    t2021, t2024, t = tables["ml2021"], tables["genai2024"], tables["genai2025"]
    x, y = t["pages"][:, None], t["minutes"]
    unfinished = descended(t2024["pages"], t2024["minutes"], UNFINISHED, 1000)
    return {
        "2025, the 2021 line": (1143, mse(fit(t2021, pages).predict(x), y), 0.45),
        "2025, the 2024 line": (122, mse(fit(t2024, pages).predict(x), y), 0.45),
        "2025, unfinished": (350, mse(unfinished.predict(x), y), 0.45),
    }


def figures_2025_words(tables: dict[str, Table]) -> Figures:
    t = tables["genai2025"]
    plane = fit(tables["genai2024"], per_page)
    return {"2025, words per page": (124, mse(plane.predict(per_page(t)), t["minutes"]), 0.45)}


def pages(t: Table) -> Array:
    return t["pages"][:, None]


def words(t: Table) -> Array:
    return np.stack([t["pages"], t["words"]], axis=1)


def per_page(t: Table) -> Array:
    return np.stack([t["pages"], t["words"] / t["pages"]], axis=1)


def fit(t: Table, features: Callable[[Table], Array]) -> Line:
    return closed_form(features(t), t["minutes"])


def descended(x: Array, y: Array, start: tuple[float, float], updates: int) -> Line:
    """Where gradient descent has got to: with η = 0.0001, each update takes θ - θ* to (1 - η H)(θ - θ*)."""
    best = closed_form(x[:, None], y)
    target = np.array([best.w[0], best.b])
    H = 2 * np.array([[np.mean(x * x), x.mean()], [x.mean(), 1]])
    w, b = target + np.linalg.matrix_power(np.eye(2) - 1e-4 * H, updates) @ (np.array(start) - target)
    return Line(np.array([w]), float(b))


# --- drawing


def draw_2021(rng: np.random.Generator) -> Table:
    """Noise at right angles to 1 and x, so that the line stays the best one; scaled to an MSE of 239.5."""
    x = np.array(PAGES_2021, dtype=float)
    e = without(rng.normal(size=len(x)), np.ones(len(x)), x)
    minutes = LINE_2021.predict(x[:, None]) + e * np.sqrt(239.5 / np.mean(e**2))
    return {"pages": x, "words": np.round(x * rng.uniform(18, 45, len(x))), "minutes": np.round(minutes, 1)}


def draw_2024(rng: np.random.Generator) -> Table:
    """A curve with a kink, crowded pages, and noise; then as much of the words as the lecture's lines found in them.

    With q and u the parts of words per page and of total words at right angles to 1 and x (and of length 1), a second
    feature lowers the MSE by (e·q)²/n or (e·u)²/n: 71 - 65 and 71 - 69.
    """
    x = np.array(PAGES_2024, dtype=float)
    n = len(x)
    crowd = rng.permutation(np.linspace(20, 46, n))
    w = np.round(x * crowd)
    curve = KINK_SLOPE * np.maximum(x - KINK, 0) + CROWDING * np.maximum(crowd - CROWDED, 0)
    drawn = curve + rng.normal(0, NOISE, n)
    q, u = (unit(without(feature, np.ones(n), x)) for feature in (w / x, w))
    rest = without(drawn, np.ones(n), x, q, u)
    along = np.linalg.solve([[1, q @ u], [q @ u, 1]], [np.sqrt(6 * n), np.sqrt(2 * n)])
    told = along[0] * q + along[1] * u
    e = told + unit(rest) * np.sqrt(71 * n - told @ told)
    return {"pages": x, "words": w, "minutes": np.round(LINE_2024.predict(x[:, None]) + e, 1)}


def draw_2025(rng: np.random.Generator) -> Table:
    """Five lectures near the 2024 line except the longest, which lasts far longer than it says."""
    x = np.array(PAGES_2025, dtype=float)
    return {
        "pages": x,
        "words": np.round(x * rng.uniform(15, 45, len(x))),
        "minutes": np.array([30.0, 36.0, 110.0, 41.0, 26.0]),
    }


DRAW = {"ml2021": draw_2021, "genai2024": draw_2024, "genai2025": draw_2025}
KINK, KINK_SLOPE, CROWDED, CROWDING, NOISE = 28, 1.5, 34, 1.0, 3.0


def without(v: Array, *directions: Array) -> Array:
    """What is left of v (n,) at right angles to all the directions."""
    basis, _ = np.linalg.qr(np.stack(directions, axis=1))
    rest: Array = v - basis @ (basis.T @ v)
    return rest


def unit(v: Array) -> Array:
    length: Array = v / np.linalg.norm(v)
    return length


# --- making up for the rounding


def nudge(t: Table, column: str, found: Callable[[], Figures], rng: np.random.Generator, moves: int = 20_000) -> None:
    """Change up to three cells of the column a little, and keep what does not take the figures further away."""
    cells, distance, step = t[column], misfit(found()), 0.1 if column == "minutes" else 1
    for _ in range(moves):
        if distance == 0:
            return
        before = cells.copy()
        at = rng.integers(len(cells), size=rng.integers(1, 4))
        cells[at] = np.round(cells[at] + step * np.round(rng.normal(0, 3, len(at))), 1)
        tried = misfit(found())
        if tried <= distance:
            distance = tried
        else:
            cells[:] = before
    raise SystemExit(f"The figures did not come out with this seed; {distance:.2f} away.")


def misfit(found: Figures) -> float:
    return sum(max(0.0, abs(here - lecture) / tolerance - 1) for lecture, here, tolerance in found.values())


def write(path: Path, t: Table) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["pages", "words", "minutes"])
        out.writerows(
            (int(p), int(w), f"{m:.1f}") for p, w, m in zip(t["pages"], t["words"], t["minutes"], strict=True)
        )


if __name__ == "__main__":
    main()

"""The lecture's three courses, reconstructed to reproduce its published figures; not the original measurements."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RECONSTRUCTED = "reconstructed to reproduce the lecture's published figures; not the original measurements"

Array = NDArray[np.float64]


NAMES = {"ml2021": "ML 2021", "genai2024": "GenAI 2024", "genai2025": "GenAI-ML 2025"}


@dataclass(frozen=True)
class Course:
    """pages, words and minutes of n lectures, each (n,)."""

    name: str
    pages: Array
    words: Array
    minutes: Array

    @property
    def words_per_page(self) -> Array:
        return self.words / self.pages


def features(course: Course, *names: str) -> Array:
    """X (n, len(names)), from names such as "pages" and "words_per_page"."""
    return np.stack([getattr(course, name) for name in names], axis=1)


@cache
def course(name: str) -> Course:
    """ml2021, genai2024 or genai2025 (validation)."""
    rows = np.loadtxt(_folder() / f"{name}.csv", delimiter=",", skiprows=1)
    return Course(NAMES[name], *rows.T)


# Lecture 5 of 2025, the test: looked at once.
TEST = Course("lecture 5", np.array([84.0]), np.array([3388.0]), np.array([107.0]))


def shown(figure: float | str) -> str:
    """A figure as a person reads it: four digits that count, whole numbers as such."""
    if isinstance(figure, str):
        return figure
    return f"{figure:.0f}" if figure == round(figure) or abs(figure) >= 1000 else f"{figure:.4g}"


def _folder() -> Path:
    """Beside this file in an installed wheel, in data/ in a checkout."""
    installed = Path(__file__).parent / "lecture_tables"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "data" / "lecture"

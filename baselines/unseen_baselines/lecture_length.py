"""The competition `lecture-length`: a few thousand invented lectures with the structure of the lecture's own data.

    words      = pages x words per page
    pace       = minutes per page: one for each course, slower up to KINK pages, faster beyond
    crowding   = extra minutes for every word beyond CROWDED words per page
    minutes    = opening + pace + crowding + noise

So a line on pages fits badly (a kink), one line for all courses fits worse (a shift between courses), words help only
as words per page, and the title's length and the word "learning" in it help nobody, though they can be overfitted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROWS = 4000
COURSES = ("ML2021", "GenAI2024", "GenAI2025")
SHARES = (0.5, 0.3, 0.2)  # most of what there is to learn from is the oldest course
OPENING = {"ML2021": 5.0, "GenAI2024": 12.0, "GenAI2025": 9.0}  # minutes before the first page is turned
SLOW = {"ML2021": 1.7, "GenAI2024": 0.95, "GenAI2025": 1.15}  # minutes per page up to the kink
FAST = {"ML2021": 1.1, "GenAI2024": 0.5, "GenAI2025": 0.75}  # and beyond it: long decks are flipped through
KINK = 45
CROWDED = 26
CROWDING = 0.7
NOISE = 4.5  # minutes; the best possible MSE is its square, about 20

Array = NDArray[np.float64]


def lectures(rows: int = ROWS, seed: int | None = None) -> pd.DataFrame:
    """`rows` lectures with their minutes (the label, to 0.1); without a seed, different ones each time."""
    rng = np.random.default_rng(seed)
    course = rng.choice(COURSES, size=rows, p=SHARES)
    pages = np.clip(np.round(rng.lognormal(np.log(40), 0.5, rows)), 6, 150)
    words = np.round(pages * np.clip(rng.gamma(12, 32 / 12, rows), 6, 90))
    exact = expected_minutes(course, pages, words)
    return pd.DataFrame(
        {
            "course": course,
            "pages": pages.astype(int),
            "words": words.astype(int),
            "title_length": rng.integers(6, 61, rows),
            "mentions_learning": rng.integers(0, 2, rows),
            "minutes": np.maximum(np.round(exact + rng.normal(0, NOISE, rows), 1), 3.0),
        }
    )


def expected_minutes(course: NDArray[np.str_], pages: Array, words: Array) -> Array:
    """The minutes (n,) without the noise: what no entry can know better."""
    opening, slow, fast = (np.array([table[c] for c in course]) for table in (OPENING, SLOW, FAST))
    pace = slow * np.minimum(pages, KINK) + fast * np.maximum(pages - KINK, 0)
    crowding = CROWDING * np.maximum(words / pages - CROWDED, 0)
    minutes: Array = opening + pace + crowding
    return minutes

"""How baselines turn into points: who reaches one on a board earns what it is worth there.

Say “line” is worth 3 points on the public board and 2 on the private one, and “network” 3 and 4. A team that shows as
good as the line in public, and beats both in the end, has 3 + 2 + 4 = 9 of 12 points:

>>> line = Baseline("line", points_public=3, points_private=2, public_score=9.0, private_score=9.5)
>>> network = Baseline("network", points_public=3, points_private=4, public_score=4.0, private_score=4.4)
>>> earned = points([line, network], public=9.0, private=4.1, direction="lower")
>>> (total_public(earned), total_private(earned), total(earned), worth([line, network]))
(3.0, 6.0, 9.0, 12.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from unseen_server.core.ranking import Direction, better


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a baseline is worth on either board, and its scores there (None where it has none, or none yet)."""

    name: str
    points_public: float
    points_private: float
    public_score: float | None
    private_score: float | None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Earned:
    """What a team got for one baseline on either board."""

    baseline: str
    public: float
    private: float


def points(
    baselines: Iterable[Baseline], *, public: float | None, private: float | None, direction: Direction
) -> list[Earned]:
    """What a team earned for each baseline, by the score it shows in public and its final private score.

    To equal a baseline is to reach it. A score that is None (no submission that counts; not revealed yet) reaches none.
    """
    return [
        Earned(
            one.name,
            one.points_public if _reached(public, one.public_score, direction) else 0.0,
            one.points_private if _reached(private, one.private_score, direction) else 0.0,
        )
        for one in baselines
    ]


def total_public(earned: Iterable[Earned]) -> float:
    return _sum(one.public for one in earned)


def total_private(earned: Iterable[Earned]) -> float:
    return _sum(one.private for one in earned)


def total(earned: Iterable[Earned]) -> float:
    return _sum(points for one in earned for points in (one.public, one.private))


def worth(baselines: Iterable[Baseline]) -> float:
    """All the points there are."""
    return _sum(points for one in baselines for points in (one.points_public, one.points_private))


def _reached(score: float | None, baseline: float | None, direction: Direction) -> bool:
    return score is not None and baseline is not None and not better(baseline, score, direction)


def _sum(points: Iterable[float]) -> float:
    """A tenth and two tenths of a point are three tenths, as a grade book writes them."""
    return round(math.fsum(points), 9)

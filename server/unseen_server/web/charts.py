"""Small drawings beside numbers, as SVG attributes: where a score lies among the others on its board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 100.0
OUTLIER = 3.0  # spreads of the middle half beyond which a score is drawn at the edge


@dataclass(frozen=True)
class Scale:
    """A line from the best score (left, 0) to the worst that still tells something (right, WIDTH)."""

    best: float
    worst: float

    @classmethod
    def of(cls, scores: Sequence[float], direction: str) -> Scale | None:
        """None where there is nothing to compare. One hopeless score does not press the others together."""
        if len(set(scores)) < 2:
            return None
        ordered = sorted(scores, reverse=direction == "higher")
        spread = abs(ordered[(3 * len(ordered)) // 4] - ordered[len(ordered) // 4]) or abs(ordered[-1] - ordered[0])
        best, last = ordered[0], ordered[-1]
        furthest = ordered[len(ordered) // 2] + (OUTLIER * spread if direction == "lower" else -OUTLIER * spread)
        return cls(best, min(last, furthest) if direction == "lower" else max(last, furthest))

    def place(self, score: float) -> float:
        """Where on the line, 0 to WIDTH."""
        if self.worst == self.best:
            return 0.0
        share = (score - self.best) / (self.worst - self.best)
        return round(WIDTH * min(1.0, max(0.0, share)), 1)


def guides(scale: Scale | None, scores: Sequence[float]) -> str:
    """An SVG path of upright lines through a row, 2 high: where the baselines lie."""
    return "".join(f"M{scale.place(score)} 0v2" for score in scores) if scale else ""


DAY, TALL = 4, 40  # a day's width and the highest bar, in units of the drawing


def bars(counts: Sequence[int]) -> str:
    """An SVG path of one bar for each day, in a drawing DAY times as wide as there are days and TALL high."""
    most = max(counts, default=0) or 1
    return "".join(
        f"M{DAY * place} {TALL}v{-round(TALL * count / most, 1)}h{DAY - 1}V{TALL}z"
        for place, count in enumerate(counts)
        if count
    )

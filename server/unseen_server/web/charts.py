"""Drawings as SVG attributes: where a score lies among the others on its board, and how the leaders got there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unseen_server.services.standings import Line, Progress

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
        return round(WIDTH * min(1.0, max(0.0, self._share(score))), 1)

    def band(self, lead: float, behind: Sequence[float]) -> str:
        """An SVG path along a row 2 high, over so much [low, high] behind the leader's score."""
        low, high = (self.place(lead + distance) for distance in behind)
        return f"M{low} 1H{high}"

    def holds(self, score: float) -> bool:
        return 0.0 <= self._share(score) <= 1.0

    def down_to(self, scores: Iterable[float]) -> Scale:
        """With the worst of these at its end, so that no room stays empty."""
        worst = max(scores, key=self._share)
        return self if worst == self.best else Scale(self.best, worst)

    def _share(self, score: float) -> float:
        return 0.0 if self.worst == self.best else (score - self.best) / (self.worst - self.best)


def guides(scale: Scale | None, scores: Sequence[float]) -> str:
    """An SVG path of upright lines through a row, 2 high: where the baselines lie."""
    return "".join(f"M{scale.place(score)} 0v2" for score in scores) if scale else ""


DAY, TALL = 4, 40  # a day's width and the highest bar, in units of the drawing


def width(days: int) -> int:
    """How wide a drawing of so many days is: a few of them take a part of it, not the whole."""
    return DAY * max(days, 14)


def bars(counts: Sequence[int]) -> str:
    """An SVG path of one bar for each day, DAY wide, the highest TALL."""
    most = max(counts, default=0) or 1
    return "".join(
        f"M{DAY * place} {TALL}v{-round(TALL * count / most, 1)}h{DAY - 1}V{TALL}z"
        for place, count in enumerate(counts)
        if count
    )


# progress over time: a square of WIDTH, stretched to the page; heights are percent from the top, where the best is

HEADROOM = 6.0
LABEL_GAP = 9.0  # a line of text


@dataclass(frozen=True)
class Curve:
    """A team's steps; its label stands at `label`, as near to the line's `end` as the others let it."""

    line: Line
    path: str
    end: float
    label: float


@dataclass(frozen=True)
class Level:
    """What a baseline reaches."""

    name: str
    score: float
    height: float
    label: float


@dataclass(frozen=True)
class Drawing:
    curves: Sequence[Curve]
    levels: Sequence[Level]


def drawing(progress: Progress) -> Drawing | None:
    """None where nothing has changed yet that could be drawn."""
    scores = [score for line in progress.lines for _, score in line.steps]
    levels = [*scores, *(score for _, score in progress.baselines)]
    scale = Scale.of(levels, progress.direction)
    if scale is None or not scores or progress.ends_at <= progress.starts_at:
        return None
    scale = scale.down_to(filter(scale.holds, levels))
    lines = sorted(progress.lines, key=lambda line: _height(scale, line.steps[-1][1]))
    ends = [_height(scale, line.steps[-1][1]) for line in lines]
    reached = sorted((_height(scale, score), name, score) for name, score in progress.baselines if scale.holds(score))
    return Drawing(
        [
            Curve(line, _steps(progress, scale, line), end, label)
            for line, end, label in zip(lines, ends, apart(ends), strict=True)
        ],
        [
            Level(name, score, height, label)
            for (height, name, score), label in zip(reached, apart(height for height, _, _ in reached), strict=True)
        ],
    )


def apart(heights: Iterable[float]) -> list[float]:
    """Heights for labels, in order and a line of text from each other, near the wanted ones and inside the square."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + LABEL_GAP) if placed else height)
    limit = WIDTH - HEADROOM
    for i in reversed(range(len(placed))):
        placed[i] = round(min(placed[i], limit), 1)
        limit = placed[i] - LABEL_GAP
    return placed


def _steps(progress: Progress, scale: Scale, line: Line) -> str:
    """Level until the score improves, then up; on to the end."""
    span = (progress.ends_at - progress.starts_at).total_seconds()
    path = ""
    for at, score in line.steps:
        share = (at - progress.starts_at).total_seconds() / span
        across = round(WIDTH * min(1.0, max(0.0, share)), 1)
        path += f"{f'H{across}V' if path else f'M{across} '}{_height(scale, score)}"
    return f"{path}H{WIDTH:g}"


def _height(scale: Scale, score: float) -> float:
    return round(HEADROOM + scale.place(score) * (WIDTH - 2 * HEADROOM) / WIDTH, 1)

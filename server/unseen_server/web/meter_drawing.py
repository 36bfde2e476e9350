"""The overfitting meter as drawings: public against private scores, and the best so far by submission number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unseen_server.core.meter import Step
from unseen_server.services.meter import Meter, Point

SIDE = 100.0  # of the scatter's square, and the width of a curve
TALL = 60.0  # height of a curve
OUTLIER = 3.0  # spreads of the middle half beyond which a score is drawn at the edge
TICKS = 4  # about so many on an axis


@dataclass(frozen=True)
class Axis:
    """Scores from `low` to `high` on a line of that length, and where it is labelled."""

    low: float
    high: float
    length: float

    @classmethod
    def of(cls, scores: Sequence[float], length: float) -> Axis | None:
        """None where there is nothing to tell apart. One hopeless score does not press the others together."""
        if len(set(scores)) < 2:
            return None
        ordered = sorted(scores)
        middle, spread = ordered[len(ordered) // 2], ordered[(3 * len(ordered)) // 4] - ordered[len(ordered) // 4]
        reach = OUTLIER * spread or ordered[-1] - ordered[0]
        low, high = max(ordered[0], middle - reach), min(ordered[-1], middle + reach)
        margin = 0.04 * (high - low)
        if not 0 < margin < math.inf:
            return None
        return cls(low - margin, high + margin, length)

    def place(self, score: float) -> float:
        """From the start of the line; what lies beyond it is at its end."""
        share = (score - self.low) / (self.high - self.low)
        return round(self.length * min(1.0, max(0.0, share)), 1)

    def rise(self, score: float) -> float:
        """From the top of a drawing in which larger scores are higher."""
        return round(self.length - self.place(score), 1)

    @property
    def ticks(self) -> list[tuple[str, float]]:
        """Round numbers on the axis, as they are written, each with its place."""
        rough = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        decimals = max(0, -math.floor(math.log10(step)))
        labels = [(n * step, f"{n * step:.{decimals}f}".replace("-", "\N{MINUS SIGN}")) for n in range(first, last + 1)]
        return [(label, self.place(value)) for value, label in labels]


@dataclass(frozen=True)
class Scatter:
    """A dot for each submission, as a path; the chosen team's in one of their own. `fitted` is the line's path."""

    axis: Axis
    dots: str
    own_dots: str
    fitted: str | None


@dataclass(frozen=True)
class Curve:
    """Two lines of steps, and the numbers of submissions from the first to the last."""

    axis: Axis
    public: str
    private: str
    first: int
    last: int


def scatter(meter: Meter, team: str | None) -> Scatter | None:
    axis = Axis.of([score for point in meter.points for score in (point.public, point.private)], SIDE)
    if axis is None:
        return None
    return Scatter(
        axis,
        _dots(axis, (point for point in meter.points if point.team != team)),
        _dots(axis, (point for point in meter.points if point.team == team)),
        None if meter.slope is None or meter.intercept is None else _line(axis, meter.slope, meter.intercept),
    )


def curve(steps: Sequence[Step], submissions: int) -> Curve | None:
    """None where the best never changed, so that there is no way to be drawn."""
    axis = Axis.of([score for step in steps for score in (step.public, step.private)], TALL)
    if axis is None or len(steps) < 2:
        return None
    first, last = steps[0].number, max(submissions, steps[-1].number)
    return Curve(
        axis,
        _steps([(step.number, axis.rise(step.public)) for step in steps], first, last),
        _steps([(step.number, axis.rise(step.private)) for step in steps], first, last),
        first,
        last,
    )


def _dots(axis: Axis, points: Iterable[Point]) -> str:
    return "".join(f"M{axis.place(point.public)} {axis.rise(point.private)}h0" for point in points)


def _line(axis: Axis, slope: float, intercept: float) -> str | None:
    """As much of it as lies inside the square."""
    ends = sorted((edge - intercept) / slope for edge in (axis.low, axis.high)) if slope else [axis.low, axis.high]
    begin, end = max(axis.low, ends[0]), min(axis.high, ends[1])
    if begin >= end:
        return None
    (x1, y1), (x2, y2) = ((axis.place(x), axis.rise(intercept + slope * x)) for x in (begin, end))
    return f"M{x1} {y1}L{x2} {y2}"


def _steps(corners: Sequence[tuple[int, float]], first: int, last: int) -> str:
    path = ""
    for number, height in corners:
        across = round(SIDE * (number - first) / (last - first), 1)
        path += f"H{across}V{height}" if path else f"M{across} {height}"
    return f"{path}H{SIDE:g}"

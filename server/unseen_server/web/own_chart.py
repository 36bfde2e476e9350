"""A team's own scores over time as a drawing: a mark for each submission, and the best so far as a line of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from unseen_server.services.submissions import OwnSubmission
from unseen_server.web.charts import WIDTH, Scale

DRAWN = 400  # marks at most; of more submissions, the newest
MARGIN = 8.0  # percent above the best and below the worst


@dataclass(frozen=True)
class Mark:
    """A submission, `across` and `down` in percent of the drawing. `kind`: counts, late or withdrawn."""

    ref: int
    score: float
    kind: str
    across: float
    down: float


@dataclass(frozen=True)
class Step:
    """A piece of the line of the best so far, from one corner to the next."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class OwnChart:
    """`best` and `worst` are the scores at the upper and the lower edge."""

    marks: list[Mark]
    steps: list[Step]
    best: float
    worst: float
    begins: datetime
    ends: datetime


def own_chart(submissions: Sequence[OwnSubmission], direction: str) -> OwnChart | None:
    """Drawn from the scores as they were shown, newest first; None where there is nothing to compare yet.

    On the ladder a file that is no significant improvement has no score of its own, and is not drawn.
    """
    own = [s for s in submissions if s.public_score is not None and s.significant is not False]
    scored = own[:DRAWN][::-1]
    scale = Scale.of([s.public_score for s in scored if s.public_score is not None], direction)
    if scale is None:
        return None
    begins, ends = scored[0].submitted_at, scored[-1].submitted_at
    span = (ends - begins).total_seconds() or 1.0
    marks = [
        Mark(
            ref=s.ref,
            score=s.public_score,
            kind="withdrawn" if s.status == "withdrawn" else "late" if s.late else "counts",
            across=round(3 + 94 * (s.submitted_at - begins).total_seconds() / span, 2),
            down=round(MARGIN + scale.place(s.public_score) * (WIDTH - 2 * MARGIN) / WIDTH, 2),
        )
        for s in scored
        if s.public_score is not None
    ]
    return OwnChart(marks, _best_so_far(marks), scale.best, scale.worst, begins, ends)


def _best_so_far(marks: Sequence[Mark]) -> list[Step]:
    """Higher on the page is better, so the line only rises."""
    steps: list[Step] = []
    last: tuple[float, float] | None = None
    for mark in marks:
        if mark.kind != "counts":
            continue
        if last is None:
            last = mark.across, mark.down
        elif mark.down < last[1]:
            steps += [Step(*last, mark.across, last[1]), Step(mark.across, last[1], mark.across, mark.down)]
            last = mark.across, mark.down
    if last is not None:
        steps.append(Step(*last, WIDTH, last[1]))
    return steps

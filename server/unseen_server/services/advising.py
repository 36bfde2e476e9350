"""The split advice on a competition that is there already, and what other limits would change of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import advice as advising
from unseen_server.core import limits, metrics
from unseen_server.core.advice import Advice
from unseen_server.core.leak import level_word
from unseen_server.core.metrics import Floats, Metric
from unseen_server.core.sentences import Sentence, say
from unseen_server.core.splits import IGNORED, PUBLIC
from unseen_server.db import queries
from unseen_server.db.models import Competition


@dataclass(frozen=True)
class Rows:
    """What its advice depends on that no setting changes: the labels (n,) that count, and each baseline on them."""

    metric: Metric
    n_public: int
    labels: Floats
    baselines: Sequence[Floats]


def rows_of(session: Session, competition: Competition) -> Rows:
    row = queries.competitions.answer_key(session, competition.id, competition.key_version)
    usage = np.frombuffer(row.usage, dtype=np.uint8)
    counted = usage != IGNORED
    refs = queries.submissions.baseline_submission_ids(session, competition.id)
    baselines = [predictions[counted] for _, predictions in storage.predictions_of(session, refs)]
    return Rows(
        metric=metrics.metric(competition.metric),
        n_public=int(np.count_nonzero(usage == PUBLIC)),
        labels=np.frombuffer(row.labels, dtype="<f8").astype(np.float64)[counted],
        baselines=baselines,
    )


def advised(
    rows: Rows,
    *,
    begins: datetime,
    deadline: datetime,
    time_zone: str,
    daily_limit: int,
    total_limit: int | None,
    release: str,
) -> Advice:
    """The advice under these settings."""
    return advising.advice(
        len(rows.labels),
        n_public=rows.n_public,
        days=limits.quota_days(begins, deadline, time_zone),
        daily_limit=daily_limit,
        total_limit=total_limit,
        spread=advising.spread(rows.metric, rows.labels, rows.baselines),
        release=release,
        metric=rows.metric,
    )


def changed(before: Advice, after: Advice) -> list[Sentence]:
    """What the staff should know of other limits or another release: the new leak ratio, and every new warning."""
    said = []
    if after.submissions != before.submissions:
        said.append(
            say(
                "A team may make {after} submissions in all, up to now {before}: the leak ratio becomes {ratio:.2g} "
                "({level}). {meaning}",
                after=after.submissions,
                before=before.submissions,
                ratio=after.leak_ratio,
                level=level_word(after.level),
                meaning=after.meaning,
            )
        )
    known = {sentence.template for sentence in (*before.warnings, *before.suggestions)}
    return said + [one for one in (*after.warnings, *after.suggestions) if one.template not in known]

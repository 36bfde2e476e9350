"""What public scores are measured by: one prediction, a declared baseline's or a mean, on the public rows."""

from __future__ import annotations

from unseen_server.core import metrics, release
from unseen_server.core.metrics import Floats, Metric
from unseen_server.core.release import Constants
from unseen_server.core.splits import PUBLIC, AnswerKey


def constants(metric: Metric, key: AnswerKey, predictions: Floats) -> Constants:
    """The release's constants under this key, from the predictions (n,) that scores are held against."""
    losses = metric.losses(key.labels, predictions)[key.usage == PUBLIC]
    score = metrics.score(metric, key.labels, predictions, key.usage).public.value
    return release.constants(metric, losses, baseline_score=score)

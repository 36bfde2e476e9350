"""The pre-flight: what should be known of a competition before anybody else sees it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unseen_server.core import advice as advising
from unseen_server.core.advice import Advice
from unseen_server.core.leak import level_word
from unseen_server.core.limits import quota_days
from unseen_server.core.metrics import METRICS, Scores, score
from unseen_server.core.predictions import read_predictions
from unseen_server.core.ranking import better
from unseen_server.core.schedule import Moment
from unseen_server.core.sentences import N_, Sentence, say
from unseen_server.core.splits import IGNORED, PRIVATE, PUBLIC
from unseen_server.services.bundles.problems import Problems
from unseen_server.services.bundles.reading import PAGES, Bundle
from unseen_server.services.bundles.settings import TIERS
from unseen_server.services.bundles.tables import Table, read_table, to_csv

Floats = NDArray[np.float64]
Level = Literal["ok", "warning", "error"]

ALARM = 4.0  # standard deviations: once in sixteen thousand sound competitions


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it stands, and a sentence with its number."""

    level: Level
    code: str
    message: Sentence


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, errors first, and `ready` where there is none; scores of perfect, mean, sample and baselines."""

    ready: bool
    findings: tuple[Finding, ...]
    rows: dict[str, int]
    scores: dict[str, dict[str, float]]
    advice: Advice


def check_bundle(bundle: Bundle, now: datetime) -> Report:
    """Everything worth knowing of a bundle that `read_bundle` accepted; it has no problems, it may still be unwise."""
    scores = {name: _score(bundle, predictions) for name, predictions in _probes(bundle)}
    split = advised(bundle, now)
    train, test = _table(bundle, "train.csv"), _table(bundle, "test.csv")
    findings = [
        *_time(bundle, now),
        *_orders(bundle, train, test),
        *_halves(bundle),
        *_scores(bundle, scores),
        *_rows_of_both(bundle, train, test),
        *_training_range(bundle, train),
        *_split(split),
        *_folder(bundle),
    ]
    findings.sort(key=lambda finding: ("error", "warning", "ok").index(finding.level))
    return Report(
        ready=all(finding.level != "error" for finding in findings),
        findings=tuple(findings),
        rows={
            "train": len(train.rows),
            "test": len(test.rows),
            "public": bundle.key.n_public,
            "private": bundle.key.n_private,
        },
        scores={name: {"public": s.public.value, "private": s.private.value} for name, s in scores.items()},
        advice=split,
    )


def _table(bundle: Bundle, name: str) -> Table:
    table = read_table(name, bundle.public_files[name], Problems())
    assert table is not None  # noqa: S101 - it has been read before
    return table


def _found(level: Level, code: str, message: Sentence) -> Iterator[Finding]:
    yield Finding(level, code, message)


# time


def _time(bundle: Bundle, now: datetime) -> Iterator[Finding]:
    settings = bundle.settings
    when = Moment(settings.deadline, settings.time_zone)
    if settings.deadline <= now:
        yield Finding("warning", "deadline", say("The deadline {when} has passed.", when=when))
    else:
        yield Finding("ok", "deadline", say("The deadline is {when}.", when=when))


# the order of rows and ids, which must say nothing


def _orders(bundle: Bundle, train: Table, test: Table) -> Iterator[Finding]:
    """Rank correlation of label and usage with the place in canonical order of ids, and in the test file."""
    key = bundle.key
    place = {row_id: row for row, row_id in enumerate(test.column(key.id_column))}
    in_file = np.array([place[row_id] for row_id in key.ids])
    orders = {N_("the ids"): np.arange(len(key.ids)), N_("the rows of test.csv"): in_file}
    secrets = {N_("the label"): key.labels, N_("being public"): (key.usage == PUBLIC).astype(float)}
    telling = []
    for what, order in orders.items():
        for secret, values in secrets.items():
            r = rank_correlation(order, values)
            if _is_alarming(r, len(order)):
                level: Level = "error" if abs(r) > 0.5 else "warning"
                message = say(
                    "The order of {what} tells {secret} (rank correlation {r:.2f}).",
                    what=say(what),
                    secret=say(secret),
                    r=r,
                )
                telling.append(Finding(level, "telling_order", message))
        by_place = key.labels[np.argsort(order)]
        r = rank_correlation(by_place[:-1], by_place[1:]) if len(by_place) > 2 else 0.0
        if _is_alarming(r, len(by_place)):
            message = say(
                "Neighbours in the order of {what} have similar labels (rank correlation {r:.2f}).", what=say(what), r=r
            )
            telling.append(Finding("warning", "telling_neighbours", message))
    nothing = say("The order of ids and rows says nothing of labels and halves.")
    yield from telling or _found("ok", "telling_order", nothing)


def rank_correlation(x: NDArray[np.generic], y: NDArray[np.generic]) -> float:
    """Spearman's rho with average ranks for ties; 0 where either is constant."""
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    length = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / length if length > 0 else 0.0


def _ranks(values: NDArray[np.generic]) -> Floats:
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    average: Floats = np.cumsum(counts) - (counts - 1) / 2
    return average[group]


def _is_alarming(r: float, n: int) -> bool:
    return abs(r) * math.sqrt(max(n - 1, 1)) > ALARM


# the halves, which must be alike


def _halves(bundle: Bundle) -> Iterator[Finding]:
    """The two-sample Kolmogorov-Smirnov test between public and private labels."""
    key = bundle.key
    public, private = key.labels[key.usage == PUBLIC], key.labels[key.usage == PRIVATE]
    n, m = len(public), len(private)
    gap = largest_gap(public, private)
    # Smirnov 1948: P(gap > c sqrt((n + m) / (n m))) is about 2 exp(-2 c^2), .001 for c = 1.95
    if gap > 1.95 * math.sqrt((n + m) / (n * m)):
        message = say(
            "Public and private labels differ (Kolmogorov-Smirnov {gap:.2f}): the public board will mislead.", gap=gap
        )
        yield Finding("warning", "unlike_halves", message)
    else:
        message = say("Public and private labels are alike (Kolmogorov-Smirnov {gap:.2f}).", gap=gap)
        yield Finding("ok", "unlike_halves", message)


def largest_gap(a: Floats, b: Floats) -> float:
    """The Kolmogorov-Smirnov statistic: the largest difference of the two empirical distribution functions."""
    values = np.concatenate([a, b])
    a_below = np.searchsorted(np.sort(a), values, side="right") / len(a)
    b_below = np.searchsorted(np.sort(b), values, side="right") / len(b)
    return float(np.abs(a_below - b_below).max())


# submissions, which must score as they should


def _probes(bundle: Bundle) -> Iterator[tuple[str, Floats]]:
    """Predictions (n,) of files that anybody can imagine, read as a student's file would be."""
    key, expected = bundle.key, bundle.expected()
    header = [key.id_column, key.target_column]
    files = {
        "perfect": to_csv(header, zip(key.ids, map(repr, key.labels.tolist()), strict=True)).encode(),
        "mean": to_csv(header, [(row_id, repr(bundle.training_mean)) for row_id in key.ids]).encode(),
        "sample": bundle.public_files["sample_submission.csv"],
    }
    files |= bundle.baseline_files
    for name, content in files.items():
        yield name, read_predictions(content, "predictions.csv", expected)


def _score(bundle: Bundle, predictions: Floats) -> Scores:
    return score(METRICS[bundle.settings.metric], bundle.key.labels, predictions, bundle.key.usage)


def _scores(bundle: Bundle, scores: dict[str, Scores]) -> Iterator[Finding]:
    """A perfect file is best; the sample gives nothing away; baselines stand in the order of their tiers."""
    metric = METRICS[bundle.settings.metric]
    perfect, mean, sample = (scores[name] for name in ("perfect", "mean", "sample"))
    for half, best, plain, given in (
        (N_("the public rows"), perfect.public.value, mean.public.value, sample.public.value),
        (N_("the private rows"), perfect.private.value, mean.private.value, sample.private.value),
    ):
        if not better(best, plain, metric.direction):
            message = say("The mean label is as good as a perfect file on {half}.", half=say(half))
            yield Finding("error", "no_challenge", message)
        elif abs(given - best) < 0.5 * abs(plain - best):
            message = say(
                "sample_submission.csv scores {score:.6g} on {half}: it tells the labels.", score=given, half=say(half)
            )
            yield Finding("error", "telling_sample", message)
    message = say(
        "{metric} on the public and private rows: perfect {perfect}, mean label {mean}, sample {sample}.",
        metric=metric.title,
        perfect=_both(perfect),
        mean=_both(mean),
        sample=_both(sample),
    )
    yield Finding("ok", "scores", message)
    yield from _tiers(bundle, scores)


def _both(scores: Scores) -> Sentence:
    return say("{public:.6g} and {private:.6g}", public=scores.public.value, private=scores.private.value)


def _tiers(bundle: Bundle, scores: dict[str, Scores]) -> Iterator[Finding]:
    direction = METRICS[bundle.settings.metric].direction
    ordered = sorted(bundle.settings.baselines, key=lambda b: TIERS.index(b.tier))
    for easy, hard in pairwise(ordered):
        if easy.tier != hard.tier and not better(
            scores[hard.file].private.value, scores[easy.file].private.value, direction
        ):
            message = say(
                "The baseline “{hard}” ({hard_tier}) is not better than “{easy}” ({easy_tier}).",
                hard=hard.name,
                hard_tier=hard.tier,
                easy=easy.name,
                easy_tier=easy.tier,
            )
            yield Finding("warning", "baseline_order", message)


# train and test


def _rows_of_both(bundle: Bundle, train: Table, test: Table) -> Iterator[Finding]:
    """Test rows that stand in train.csv, by all the features that both have."""
    key = bundle.key
    shared = [name for name in test.header if name in train.header and name != key.id_column]
    missing = [name for name in test.header if name not in train.header]
    if missing:
        message = say("train.csv lacks columns of test.csv: {names}.", names=", ".join(missing[:10]))
        yield Finding("warning", "columns", message)
    if not shared:
        yield Finding("warning", "columns", say("train.csv and test.csv share no feature."))
        return
    known = set(_features(train, shared))
    twins = sum(row in known for row in _features(test, shared))
    if twins:
        message = say(
            "{twins} of {rows} test rows have the same features as a row of train.csv: "
            "their labels can be looked up where equal features mean equal labels.",
            twins=twins,
            rows=len(test.rows),
        )
        yield Finding("warning", "twins", message)
    else:
        yield Finding("ok", "twins", say("No test row has the features of a training row."))


def _features(table: Table, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    places = [table.header.index(name) for name in names]
    return (tuple(row[place] for place in places) for row in table.rows)


def _training_range(bundle: Bundle, train: Table) -> Iterator[Finding]:
    labels = np.array(train.column(bundle.key.target_column), dtype=np.float64)
    lo, hi = bundle.settings.bounds
    low, high = float(labels.min()), float(labels.max())
    if low < lo or high > hi:
        message = say(
            "Training labels go from {low:.6g} to {high:.6g}, beyond the bounds {lo:g} to {hi:g}.",
            low=low,
            high=high,
            lo=lo,
            hi=hi,
        )
        yield Finding("warning", "bounds", message)
    elif hi - lo > 20 * max(high - low, math.ulp(0.0)):
        message = say(
            "The bounds {lo:g} to {hi:g} are far wider than the training labels ({low:.6g} to {high:.6g}). "
            "Wide bounds make scores easier to read labels from.",
            lo=lo,
            hi=hi,
            low=low,
            high=high,
        )
        yield Finding("warning", "bounds", message)
    else:
        yield Finding("ok", "bounds", say("The bounds {lo:g} to {hi:g} hold all labels.", lo=lo, hi=hi))


# the split


def advised(bundle: Bundle, now: datetime) -> Advice:
    """What the bundle's own split and settings allow."""
    settings, key, metric = bundle.settings, bundle.key, METRICS[bundle.settings.metric]
    counted, expected = key.usage != IGNORED, bundle.expected()
    baselines = [
        read_predictions(bundle.baseline_files[declared.file], declared.file, expected)[counted]
        for declared in settings.baselines
    ]
    return advising.advice(
        key.n_public + key.n_private,
        n_public=key.n_public,
        days=quota_days(settings.starts_at or now, settings.deadline, settings.time_zone),
        daily_limit=settings.daily_limit,
        total_limit=settings.total_limit,
        spread=advising.spread(metric, key.labels[counted], baselines),
        release=settings.release,
        metric=metric,
    )


def _split(split: Advice) -> Iterator[Finding]:
    message = say(
        "{public} public and {private} private rows, at most {submissions} submissions a team: "
        "leak ratio {ratio:.2g} ({level}). {meaning}",
        public=split.n_public,
        private=split.n_private,
        submissions=split.submissions,
        ratio=split.leak_ratio,
        level=level_word(split.level),
        meaning=split.meaning,
    )
    yield Finding("ok" if split.level == "green" else "warning", "leak_ratio", message)
    for warning in split.warnings:
        yield Finding("warning", "split", warning)
    for suggestion in split.suggestions:
        yield Finding("warning", "suggestion", suggestion)


# the rest of the folder


def _folder(bundle: Bundle) -> Iterator[Finding]:
    missing = [f"{name}.md" for name in PAGES if (name, "en") not in bundle.pages]
    if missing:
        yield Finding("warning", "pages", say("These pages are missing: {names}.", names=", ".join(missing)))
    if bundle.unused:
        unused = ", ".join(bundle.unused[:10])
        yield Finding("warning", "unused", say("Files that mean nothing here: {names}.", names=unused))

"""Split advice: how far public scores may mislead, how fine the private ones resolve, and what would help."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from unseen_server.core.leak import Level, leak_level, leak_meaning, leak_ratio, level_word
from unseen_server.core.limits import most_submissions
from unseen_server.core.meter import expected_optimism
from unseen_server.core.metrics import METRICS, Floats, Metric
from unseen_server.core.release import LADDER
from unseen_server.core.sentences import Sentence, say
from unseen_server.core.splits import public_rows

ROWS_FOR_LADDER = 500  # on fewer public rows only large improvements are significant
FEWEST_PUBLIC = 200
ROWS_A_SUBMISSION = 10
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Spread:
    """sd_pair, the spread by rows of the difference in loss between two models: `measured`, or else guessed."""

    sd: float
    measured: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """What a split allows: `submissions` K a team may make, and what K does to n_public rows.

    `worst_case_gap` (share of the loss an attacker can hide) and `leak_ratio` are pure numbers; `sd_pair`,
    `honest_optimism` and `resolution` are in units of the metric, None where it is no mean of losses; `sd_measured`
    says whether sd_pair comes from two baselines. `warnings` name what is unwise, `suggestions` what would be better.
    """

    n_public: int
    n_private: int
    submissions: int
    release: str
    leak_ratio: float
    level: Level
    meaning: Sentence
    worst_case_gap: float
    sd_pair: float | None
    sd_measured: bool
    honest_optimism: float | None
    resolution: float | None
    recommended_public_share: float
    warnings: tuple[Sentence, ...]
    suggestions: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One number of the advice, as people read it: what it is called, its value, what it means, perhaps a colour."""

    name: Sentence
    value: Sentence | str
    meaning: Sentence
    level: Level | None = None


def recommended_public_share(n_test: int) -> float:
    """30/70 below 5000 test rows, where the private half needs them more; 50/50 from there on."""
    return 0.3 if n_test < 5000 else 0.5


def spread(metric: Metric, labels: Floats, baselines: Sequence[Floats] = ()) -> Spread | None:
    """sd_pair on these rows: labels and the predictions of each baseline are (n,).

    The median over all pairs of different baselines. Without such a pair it is the spread of the losses of the mean
    label: two models usually differ by less than a model and the mean, so that is a cautious guess. None where the
    metric is no mean of losses, or a single row has no spread.
    """
    if not metric.is_mean or len(labels) < 2:
        return None
    losses = [metric.losses(labels, predictions) for predictions in baselines]
    pairs = [float(np.std(a - b, ddof=1)) for a, b in combinations(losses, 2)]
    told_apart = [sd for sd in pairs if sd > 0]
    if told_apart:
        return Spread(float(np.median(told_apart)), measured=True)
    plain = metric.losses(labels, np.full(len(labels), labels.mean()))
    return Spread(float(np.std(plain, ddof=1)), measured=False)


def advice(
    n_test: int,
    *,
    days: int,
    daily_limit: int,
    total_limit: int | None = None,
    n_public: int | None = None,
    spread: Spread | None = None,
    release: str = "rounded",
    metric: Metric = METRICS["mse"],
) -> Advice:
    """Advice on a split of `n_test` rows over `days` quota days (n_public None: the recommended share).

    With s = sd_pair: honest optimism of the best of K is 0.8 s sqrt(2 ln K / n_public), and the smallest true
    difference that the private rows show (5 % one-sided, 80 % power) is 2.49 s / sqrt(n_private). Rules:
    n_public >= 10 K, n_private >= n_public. ValueError below two rows.
    """
    if n_test < 2:
        raise ValueError("a test set needs a public and a private row")
    share = recommended_public_share(n_test)
    n_pub = public_rows(n_test, share) if n_public is None else n_public
    n_priv = n_test - n_pub
    K = most_submissions(days, daily_limit, total_limit)
    ratio, s = leak_ratio(K, n_pub), spread.sd if spread else None
    return Advice(
        n_public=n_pub,
        n_private=n_priv,
        submissions=K,
        release=release,
        leak_ratio=ratio,
        level=leak_level(ratio),
        meaning=leak_meaning(ratio),
        worst_case_gap=min(1.0, ratio),
        sd_pair=s,
        sd_measured=spread is not None and spread.measured,
        honest_optimism=None if s is None else expected_optimism(s, K, n_pub),
        resolution=None if s is None or n_priv == 0 else 2.49 * s / math.sqrt(n_priv),
        recommended_public_share=share,
        warnings=(*_of_the_rows(K, n_pub, n_priv), *_of_the_release(release, n_pub)),
        suggestions=tuple(_suggestions(release, metric, ratio, n_pub)),
    )


def _of_the_rows(K: int, n_public: int, n_private: int) -> Iterator[Sentence]:
    if n_public < ROWS_A_SUBMISSION * K:
        yield say(
            "A team may make {submissions} submissions on {rows} public rows; at least {enough} rows are advised. "
            "Fewer submissions a day, at most {limit} in all, or more public rows would help.",
            submissions=K,
            rows=n_public,
            enough=ROWS_A_SUBMISSION * K,
            limit=max(1, n_public // ROWS_A_SUBMISSION),
        )
    if n_private < n_public:
        yield say(
            "There are fewer private rows ({private}) than public ones ({public}): decide on the larger part.",
            private=n_private,
            public=n_public,
        )
    if n_public < FEWEST_PUBLIC:
        yield say(
            "With {public} public rows (fewer than 200) no way of showing scores is both safe and informative.",
            public=n_public,
        )


def _of_the_release(release: str, n_public: int) -> Iterator[Sentence]:
    if release == "full":
        yield say(
            "Public scores are shown in full: {submissions} submissions recover every public label. Choose that only "
            "for an exercise in breaking a leaderboard.",
            submissions=n_public + 1,
        )
    if release == LADDER and n_public < ROWS_FOR_LADDER:
        yield say(
            "On {public} public rows (fewer than 500) the ladder shows only large improvements, and real but smaller "
            "ones stay hidden. More public rows help; else choose the release “rounded”.",
            public=n_public,
        )


def _suggestions(release: str, metric: Metric, ratio: float, n_public: int) -> Iterator[Sentence]:
    if leak_level(ratio) == "green" or n_public < ROWS_FOR_LADDER or release == LADDER:
        return
    if metric.is_mean:
        yield say(
            'Choose the release “ladder” (release = "ladder" in competition.toml): with it a team is told a new score '
            "only for a significant improvement, and trying often gains little."
        )
    else:
        yield say(
            "The metrics mse and mae would allow the release “ladder”, with which trying often gains little; "
            "{metric} does not.",
            metric=metric.title,
        )


# in words


def lines(split: Advice) -> list[Line]:
    """The advice as a table for people: every number with what it means."""
    return [*_counts(split), *_dangers(split)]


def _counts(split: Advice) -> Iterator[Line]:
    yield Line(
        say("Public and private rows"),
        say("{public} and {private}", public=split.n_public, private=split.n_private),
        say(
            "{percent:.0f} % of the test rows are public; {advised:.0f} % are advised for so many rows.",
            percent=100 * split.n_public / (split.n_public + split.n_private),
            advised=100 * split.recommended_public_share,
        ),
    )
    yield Line(
        say("Submissions a team may make"),
        str(split.submissions),
        say("At least {rows} public rows are advised for them.", rows=ROWS_A_SUBMISSION * split.submissions),
    )
    yield Line(
        say("Leak ratio"),
        say("{ratio:.2g} ({level})", ratio=split.leak_ratio, level=level_word(split.level)),
        split.meaning,
        split.level,
    )


def _dangers(split: Advice) -> Iterator[Line]:
    yield Line(
        say("Worst-case gap"),
        f"{split.worst_case_gap:.2g}",
        say("The share of its public loss that a team can hide by working against the board."),
    )
    yield Line(
        say("Honest optimism"),
        _amount(split.honest_optimism),
        say(
            "The best of {submissions} honest submissions looks better on the public rows by about this much.",
            submissions=split.submissions,
        ),
    )
    yield Line(
        say("Private resolution"),
        _amount(split.resolution),
        say("Smaller true differences between two models drown in the noise of the private rows."),
    )
    yield Line(say("Spread between two models"), _amount(split.sd_pair), _of_the_spread(split))


def _amount(value: float | None) -> str:
    """To two significant digits, without an exponent where people need none: “370”."""
    return UNKNOWN if value is None else f"{float(f'{value:.2g}'):g}"


def _of_the_spread(split: Advice) -> Sentence:
    if split.sd_pair is None:
        return say("Only a metric that is a mean of losses, mse or mae, has one; what follows from it is not known.")
    if split.sd_measured:
        return say("How the losses of the baselines differ from row to row; the two numbers above follow from it.")
    return say(
        "Guessed from the mean label, whose losses spread more than those of good models; with two baselines it is "
        "measured. The two numbers above follow from it."
    )

"""The lecture's eighteen experiments, run in its order, with its own figures beside ours.

Each experiment is a function that notes rows in a Notebook and keeps there what the pictures need. Nothing is forced:
another seed gives other numbers wherever chance has a part (rows 1, 6 and 12 to 18).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import Diverged
from .features import Standardisation
from .hinges import through
from .linear import Line, LinearModel, closed_form, mse
from .mlp import MLP
from .optimisers import Adam, GradientDescent
from .search import LazyFunction, brute_force, lazy_function_2
from .tables import TEST, course, features
from .training import History, Model, train

Array = NDArray[np.floating]
Number = float | int | str

START = (1.0, 15.0)  # where the lecture's gradient descent sets out, as (w, b)
CORNER = (0.0, 20.0)  # and where ours does on the 2024 course
TRAINED = {"learning_rate": 3e-3, "batch_size": 4, "epochs": 350}  # row 13's answer after its sweep


@dataclass(frozen=True)
class Row:
    """One figure of experiment `row`: what it is, what the lecture showed, and what came out here."""

    row: int
    what: str
    lecture: Number
    here: Number


@dataclass
class Notebook:
    """`rows` for the table; `kept` for the pictures, by name."""

    seed: int
    quick: bool = False
    rows: list[Row] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    def note(self, row: int, what: str, lecture: Number, here: Number) -> None:
        self.rows.append(Row(row, what, lecture, here if isinstance(here, str) else float(f"{here:.6g}")))

    def rng(self, row: int) -> np.random.Generator:
        """Chance for one experiment: the same whichever others were run before it."""
        return np.random.default_rng([self.seed, row])

    def times(self, usual: int) -> int:
        return max(1, usual // 10) if self.quick else usual


def random_guess(book: Notebook) -> None:
    y = course("ml2021").minutes
    guesses = book.rng(1).uniform(0, 540, (20_000, len(y)))  # anything up to nine hours
    book.note(1, "MSE of a random guess, 0 to 540 minutes", 60000, float(np.mean((guesses - y) ** 2)))
    book.note(1, "MSE of a perfect one", 0, mse(y, y))


def brute_force_on_a_grid(book: Notebook) -> None:
    c = course("ml2021")
    grid = brute_force(c.pages, c.minutes, np.linspace(0, 3, 100), np.linspace(0, 20, 300))
    book.kept["grid"] = grid
    book.note(2, "brute force over 100 x 300 lines: w", 1.67, float(grid.best.w[0]))
    book.note(2, "brute force: b", 4.88, grid.best.b)
    book.note(2, "brute force: MSE", 240, grid.best_loss)


def closed_form_line(book: Notebook) -> None:
    X, y = _pages("ml2021")
    line = closed_form(X, y)
    book.note(3, "closed form: w", 1.67, float(line.w[0]))
    book.note(3, "closed form: b", 4.85, line.b)
    book.note(3, "closed form: MSE", 240, mse(line.predict(X), y))


def explosion(book: Notebook) -> None:
    """In float32, the precision networks are trained in, the numbers run out sooner."""
    try:
        descend("ml2021", 1e-3, 100, dtype=np.float32)
        came = "it did not"
    except Diverged as diverged:
        book.kept["explosion"] = diverged
        came = f"infinite at update {diverged.update}"
    book.note(4, "gradient descent, learning rate 0.001", "NaN or infinite within 100 updates", came)


def too_small_a_step(book: Notebook) -> None:
    X, y = _pages("ml2021")
    model, history = descend("ml2021", 1e-4, 10_000)
    path = np.array(history.path)
    book.kept["slow path"] = path
    book.kept["brisk path"] = np.array(descend("ml2021", 3e-4, 10_000)[1].path)
    for updates, lecture in ((100, 263), (1000, 261), (10_000, 249)):
        w, b = path[updates]
        book.note(5, f"learning rate 0.0001, {updates} updates: MSE", lecture, mse(w * X[:, 0] + b, y))
    book.note(
        7, "row 5's unfinished line on 2025: MSE", "about 1000", mse(model.predict(_pages("genai2025")[0]), y_2025())
    )


def batches(book: Notebook) -> None:
    """The same 100 epochs with ever smaller batches; at this rate not even the longest lecture explodes."""
    epochs, words = 100, {20: "full batch", 5: "mini-batch", 1: "SGD"}
    for size, lecture in ((20, 1), (5, 4), (1, 20)):
        _, history = descend("ml2021", 1e-5, epochs, batch_size=size, rng=book.rng(6))
        path = np.array(history.path)
        book.kept[f"batch {size}"] = path
        book.note(6, f"{words[size]} ({size} of 20 rows): updates per epoch", lecture, history.updates / epochs)
    for size in (20, 5, 1):
        path = book.kept[f"batch {size}"]
        way = np.abs(np.diff(path[:, 1])).sum() / epochs  # b is the slow direction, along the canyon's floor
        told = {20: "short, steady", 5: "further, less steady", 1: "furthest, least steady"}[size]
        book.note(6, f"{words[size]}: way of b per epoch", told, way)


def mismatch(book: Notebook) -> None:
    X, y = _pages("genai2025")
    book.note(7, "the best 2021 line on 2025: MSE", 1143, mse(_line("ml2021", "pages").predict(X), y))


def matched_course(book: Notebook) -> None:
    X, y = _pages("genai2024")
    X_2025, y_2025 = _pages("genai2025")
    line = _line("genai2024", "pages")
    unfinished, _ = descend("genai2024", 1e-4, 1000, start=CORNER)
    book.kept["line 2024"] = line
    book.note(8, "train on 2024: w", 0.78, float(line.w[0]))
    book.note(8, "train on 2024: b", 12.85, line.b)
    book.note(8, "gradient descent unfinished: train MSE", 78, mse(unfinished.predict(X), y))
    book.note(8, "gradient descent unfinished: validation MSE", 350, mse(unfinished.predict(X_2025), y_2025))
    book.note(8, "at the minimum: train MSE", 71, mse(line.predict(X), y))
    book.note(8, "at the minimum: validation MSE", 122, mse(line.predict(X_2025), y_2025))


def total_words(book: Notebook) -> None:
    """Words are a thousand times as large as b's 1, so the same step is a million times too long."""
    names, c = ("pages", "words"), course("genai2024")
    for rate in (1e-4, 1e-5, 1e-6, 1e-7):
        try:
            model, _ = descend("genai2024", rate, 1000, names=names, start=(1.0, 0.0, 15.0))
            came: Number = mse(model.predict(features(c, *names)), c.minutes)
        except Diverged as diverged:
            came = f"infinite at update {diverged.update}"
        book.note(9, f"total words, learning rate {rate:g}, 1000 updates: MSE", "smaller steps, or NaN", came)
    book.note(9, "total words, at the minimum: train MSE", 69, _train_mse(*names))
    book.note(9, "total words, at the minimum: validation MSE", "not told", _validation_mse(*names))


def words_per_page(book: Notebook) -> None:
    book.note(10, "words per page: train MSE", 65, _train_mse("pages", "words_per_page"))
    book.note(10, "words per page: validation MSE", 124, _validation_mse("pages", "words_per_page"))


def hinge_sums(book: Notebook) -> None:
    x = np.linspace(0, 1, 2001)
    y = wavy(x)
    for pieces in (2, 4, 8, 16, 32):
        corners = np.linspace(0, 1, pieces + 1)
        error = mse(through(corners, wavy(corners))(x), y)
        book.note(11, f"a curve by {pieces} hinges: MSE", "better with more pieces", error)


def naive_network(book: Notebook) -> None:
    """Raw pages, a start from N(0, 1), full batches, plain gradient descent: the line is still better."""
    X, y = _pages("genai2024")
    losses = []
    for rng in book.rng(12).spawn(5):
        network = MLP((1, 100, 1), rng, start="naive", dtype=np.float64)
        learn(network, X, y, optimiser=GradientDescent(1e-7), epochs=book.times(10_000), rng=rng)
        losses.append(mse(network.predict(X), y))
    middle = float(np.median(losses))
    book.note(12, "100 ReLUs, plain gradient descent, middle of 5 starts: MSE", "80 to 85", middle)
    book.note(12, "the best start: MSE", "not told", min(losses))
    book.note(12, "the worst start: MSE", "over 200", max(losses))


def tuned_network(book: Notebook) -> None:
    """What a proper start (He), standardised features, small batches and Adam make of the same 100 ReLUs."""
    book.kept["sweep"] = {
        (rate, size): _swept(book, rate, size) for rate in (1e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0) for size in (18, 4, 1)
    }
    for names, lecture in ((("pages",), 41), (("pages", "words"), 40), (("pages", "words_per_page"), "21 to 22")):
        trained = train_network(book, names)
        book.kept[f"trained on {names[-1]}"] = trained
        what = " and ".join(name.replace("_", " ") for name in names)
        book.note(13, f"Adam, {what}: train MSE", lecture, trained.loss("genai2024"))


def overfitting(book: Notebook) -> None:
    trained = book.kept["trained on words_per_page"]
    book.note(14, "that network on 2025: MSE", "over 1300", trained.loss("genai2025"))


def lazy(book: Notebook) -> None:
    """It looks a lecture up by pages and words: the same number of pages is shared by several."""
    X, X_2025 = (features(course(name), "pages", "words") for name in ("genai2024", "genai2025"))
    y = course("genai2024").minutes
    f = LazyFunction(X, y)
    book.note(15, "lazy function: train MSE", 0, mse(f.predict(X), y))
    book.note(15, "lazy function: validation MSE", "useless", mse(f.predict(X_2025), y_2025()))


def early_stopping(book: Notebook) -> None:
    stopped = train_network(book, ("pages", "words_per_page"), validated=True)
    book.kept["stopped"] = stopped
    history = stopped.history
    book.note(16, "early stopping: lowest validation MSE", "about 12", history.best_loss)
    book.note(16, "early stopping: at epoch", 23, history.best_epoch)
    book.note(16, "validation MSE at the end", "risen again", history.validation_losses[-1])


def test_once(book: Notebook) -> None:
    prediction = float(book.kept["stopped"].predict(TEST)[0])
    book.note(17, "84 pages, 3388 words, 107 minutes: predicted", 107, prediction)


def lazy_2(book: Notebook) -> None:
    counts = [10**k for k in range(6 if book.quick else 7)]
    draws = lazy_function_2(y_2025(), course("ml2021").minutes, counts, book.rng(18))
    book.kept["draws"] = draws
    for count, best in zip(draws.count, draws.best, strict=True):
        book.note(18, f"best of {count} random functions: validation MSE", "towards 0", best)
    book.note(18, f"that best of {counts[-1]} on 20 other lectures: MSE", "useless", draws.elsewhere[-1])


EXPERIMENTS: dict[str, Callable[[Notebook], None]] = {
    "random guess": random_guess,
    "brute force": brute_force_on_a_grid,
    "closed form": closed_form_line,
    "too large a step": explosion,
    "too small a step": too_small_a_step,
    "batches": batches,
    "mismatch": mismatch,
    "matched course": matched_course,
    "total words": total_words,
    "words per page": words_per_page,
    "hinges": hinge_sums,
    "naive network": naive_network,
    "tuned network": tuned_network,
    "overfitting": overfitting,
    "lazy function": lazy,
    "early stopping": early_stopping,
    "test once": test_once,
    "lazy function 2": lazy_2,
}


def give(seed: int = 0, quick: bool = False, tell: Callable[[str, int], None] = lambda name, done: None) -> Notebook:
    """Run all the experiments; `tell` hears the name of each and how many are done."""
    book = Notebook(seed, quick)
    for done, (name, experiment) in enumerate(EXPERIMENTS.items()):
        tell(name, done)
        experiment(book)
    book.rows.sort(key=lambda row: row.row)
    tell("done", len(EXPERIMENTS))
    return book


# --- what the experiments share


def learn(model: Model, X: Array, y: Array, **options: Any) -> History:
    """`train`, except that Ctrl-C ends the lecture: half a training would give a figure that means nothing."""
    history = train(model, X, y, **options)
    if history.ended == "was interrupted":
        raise KeyboardInterrupt
    return history


@dataclass(frozen=True)
class Trained:
    """A network with the features it looks at, standardised as its training rows were, and how its training went."""

    names: tuple[str, ...]
    scale: Standardisation
    network: MLP
    history: History

    def predict(self, lectures: Any) -> Array:
        return self.network.predict(self.scale.apply(features(lectures, *self.names)))

    def loss(self, name: str) -> float:
        return mse(self.predict(course(name)), course(name).minutes)


def train_network(book: Notebook, names: tuple[str, ...], *, validated: bool = False, **other: Any) -> Trained:
    """100 ReLUs on the 2024 course with row 13's settings, unless `other` says otherwise.

    `validated` watches the 2025 course and puts back the best epoch's parameters.
    """
    settings = {**TRAINED, **other}
    rng = book.rng(13)
    X, y = features(course("genai2024"), *names), course("genai2024").minutes
    scale = Standardisation.fit(X)
    network = MLP((len(names), 100, 1), rng, dtype=np.float64)
    history = learn(
        network,
        scale.apply(X),
        y,
        optimiser=Adam(settings["learning_rate"]),
        epochs=int(settings["epochs"]),
        batch_size=int(settings["batch_size"]),
        rng=rng,
        validation=(scale.apply(features(course("genai2025"), *names)), y_2025()) if validated else None,
    )
    return Trained(names, scale, network, history)


def descend(
    name: str,
    learning_rate: float,
    epochs: int,
    *,
    names: tuple[str, ...] = ("pages",),
    start: tuple[float, ...] = START,
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    dtype: type[np.floating] = np.float64,
) -> tuple[LinearModel, History]:
    """Gradient descent on raw features of a course, as in the lecture, the path kept. Raises Diverged."""
    X, y = features(course(name), *names).astype(dtype), course(name).minutes.astype(dtype)
    model = LinearModel(X.shape[1], start, dtype)
    history = learn(
        model,
        X,
        y,
        optimiser=GradientDescent(learning_rate),
        epochs=epochs,
        batch_size=batch_size,
        rng=rng or np.random.default_rng(0),
        keep_path=True,
    )
    return model, history


def wavy(x: Array) -> Array:
    """A curve to be made of hinges, on [0, 1]."""
    curve: Array = np.sin(7 * x) + 0.4 * np.sin(19 * x + 1)
    return curve


def y_2025() -> Array:
    return course("genai2025").minutes


def _pages(name: str) -> tuple[Array, Array]:
    return features(course(name), "pages"), course(name).minutes


def _line(name: str, *names: str) -> Line:
    return closed_form(features(course(name), *names), course(name).minutes)


def _train_mse(*names: str) -> float:
    c = course("genai2024")
    return mse(_line("genai2024", *names).predict(features(c, *names)), c.minutes)


def _validation_mse(*names: str) -> float:
    return mse(_line("genai2024", *names).predict(features(course("genai2025"), *names)), y_2025())


def _swept(book: Notebook, learning_rate: float, batch_size: int) -> float:
    """The training MSE after the same number of epochs, infinite where it diverged."""
    try:
        return train_network(book, ("pages",), learning_rate=learning_rate, batch_size=batch_size).loss("genai2024")
    except Diverged:
        return float("inf")

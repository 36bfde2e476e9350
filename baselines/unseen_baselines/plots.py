"""The lecture's pictures. Each function takes what an experiment kept and gives back a matplotlib Figure.

Colours: data black, the first thing compared blue, the second orange, and so on in matplotlib's own order; what is
best or chosen is marked in red.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colors
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .hinges import through
from .lecture import Notebook, Trained, wavy
from .linear import closed_form
from .search import Draws, Grid, LazyFunction
from .tables import Course, course
from .training import History

Array = NDArray[np.floating]
RED = "#c0392b"


CAPTIONS = {
    "surface": "Row 2. The error of every line: a canyon, steep across, nearly flat along its floor.",
    "descent": (
        "Rows 4 and 5. From the same start, one step size leaves the map at once; the smallest crawls along the "
        "canyon's floor for 10,000 updates without arriving; between them is one that gets nearly there."
    ),
    "batches": "Row 6. A hundred epochs each: smaller batches make more updates, travel further, and tremble more.",
    "lines": "Rows 3, 7 and 8. The best line of 2021 is too steep for the lectures of 2025; that of 2024 fits better.",
    "hinges": "Row 11. A curve as a constant plus hinges: the corners of the sum lie on the curve.",
    "sweep": (
        "Row 13. Training error after the same number of epochs: too small a step is too slow, too large a one throws "
        "the network about."
    ),
    "curve": "Row 13. What 100 ReLUs trained by Adam make of the pages.",
    "losses": "Row 13. The training error of two networks, epoch by epoch.",
    "stopping": (
        "Rows 14 and 16. Training error keeps falling; validation error falls, then rises. Early stopping keeps the "
        "parameters of the lowest point."
    ),
    "lazy": "Row 15. The lazy function knows the training lectures and nothing else.",
    "lazy2": (
        "Row 18. The more random functions are tried on the five validation lectures, the better the best of them "
        "looks there, and it is still a random function."
    ),
}


def draw_all(book: Notebook) -> dict[str, Figure]:
    """Every picture, by the name it has in CAPTIONS and on the disk."""
    kept = book.kept
    pages, crowded, stopped = kept["trained on pages"], kept["trained on words_per_page"], kept["stopped"]
    return {
        "surface": surface(kept["grid"]),
        "descent": descent(
            kept["grid"],
            {"0.001": kept["explosion"].path, "0.0003": kept["brisk path"], "0.0001": kept["slow path"]},
        ),
        "batches": batches(kept["grid"], {f"batch of {size}": kept[f"batch {size}"] for size in (20, 5, 1)}),
        "lines": lines([course("ml2021"), course("genai2024"), course("genai2025")]),
        "hinges": hinges((2, 4, 8, 16)),
        "sweep": sweep(kept["sweep"]),
        "curve": curve(pages),
        "losses": losses({"pages": pages.history, "pages and words per page": crowded.history}),
        "stopping": stopping(stopped.history),
        "lazy": lazy(course("genai2024")),
        "lazy2": lazy_2(kept["draws"]),
    }


def save(figure: Figure, folder: Path, name: str) -> Path:
    """name.png and name.svg in the folder; gives back the PNG."""
    FigureCanvasAgg(figure)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=110)
    return folder / f"{name}.png"


def surface(grid: Grid) -> Figure:
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    axes: Any = figure.add_subplot(projection="3d")
    W, B = np.meshgrid(grid.w, grid.b, indexing="ij")
    axes.plot_surface(W, B, np.log10(grid.losses), cmap="viridis", rcount=60, ccount=60, rasterized=True)
    _label(axes, "w", "b")
    axes.set_zlabel("log₁₀ MSE")
    axes.view_init(elev=32, azim=-55)
    axes.set_box_aspect(None, zoom=0.9)
    return figure


def descent(grid: Grid, paths: Mapping[str, Array]) -> Figure:
    figure, axes = _map(grid)
    for name, path in paths.items():
        axes.plot(path[:, 0], path[:, 1], ".-", ms=3, lw=1, label=f"learning rate {name}")
    _mark_best(axes, grid)
    axes.legend(loc="lower left")
    return figure


def batches(grid: Grid, paths: Mapping[str, Array]) -> Figure:
    """A window of the map that holds all the paths' later parts."""
    figure, axes = _map(grid)
    for name, path in reversed(list(paths.items())):
        axes.plot(path[:, 0], path[:, 1], "-", lw=1, label=name)
    last = np.concatenate([path[len(path) // 10 :] for path in paths.values()])
    low, high = last.min(axis=0), last.max(axis=0)
    room = 0.15 * (high - low)
    axes.set_xlim(low[0] - room[0], high[0] + room[0])
    axes.set_ylim(low[1] - room[1], high[1] + room[1])
    axes.legend(loc="upper right")
    return figure


def lines(courses: Sequence[Course]) -> Figure:
    """Each course's lectures; the least-squares line of the first two, carried on over all."""
    figure, axes = _axes()
    x = np.array([0.0, 115.0])
    for c, marker, color in zip(courses, "os^", ("C0", "C1", "black"), strict=True):
        axes.plot(c.pages, c.minutes, marker, color=color, ms=6, alpha=0.8, label=c.name)
        if color != "black":
            line = closed_form(c.pages[:, None], c.minutes)
            axes.plot(x, line.predict(x[:, None]), color=color, lw=1.5, label=f"{line.w[0]:.2f} x + {line.b:.2f}")
    _label(axes, "pages", "minutes")
    axes.legend(loc="upper left")
    return figure


def hinges(pieces: Sequence[int]) -> Figure:
    """Above, the curve and its sum of hinges; below, every hinge by itself."""
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    grid: Any = figure.subplots(2, len(pieces), sharex=True, sharey="row")
    x = np.linspace(0, 1, 600)
    for column, k in enumerate(pieces):
        corners = np.linspace(0, 1, k + 1)
        f = through(corners, wavy(corners))
        above, below = grid[0, column], grid[1, column]
        above.plot(x, wavy(x), color="black", lw=1, label="the curve")
        above.plot(x, f(x), color=RED, lw=1.5, label="constant + hinges")
        above.plot(corners, f(corners), ".", color=RED)
        above.set_title(f"{k} hinges", fontsize=10)
        below.plot(x, f.terms(x), lw=0.9)
        below.set_ylim(-9, 9)
    grid[0, 0].legend(fontsize=8, loc="lower left")
    grid[1, 0].set_ylabel("each hinge")
    return figure


def sweep(found: Mapping[tuple[float, int], float]) -> Figure:
    """The training MSE for every learning rate and batch size."""
    rates, sizes = sorted({rate for rate, _ in found}), sorted({size for _, size in found})
    table = np.array([[found[rate, size] for rate in rates] for size in sizes])
    figure, axes = _axes((6.5, 3.2))
    seen = np.ma.masked_invalid(table)
    image = axes.imshow(seen, cmap="viridis_r", norm=colors.LogNorm(), aspect="auto")
    for i, j in np.ndindex(*table.shape):
        text = f"{table[i, j]:.0f}" if np.isfinite(table[i, j]) else "explodes"
        dark = np.isfinite(table[i, j]) and float(image.norm(table[i, j])) > 0.45
        axes.text(j, i, text, ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    axes.set_yticks(range(len(sizes)), [str(size) for size in sizes])
    _label(axes, "learning rate", "batch size")
    return figure


def curve(trained: Trained) -> Figure:
    figure, axes = _axes()
    c = course("genai2024")
    x = np.linspace(5, 45, 400)
    line = closed_form(c.pages[:, None], c.minutes)
    axes.plot(c.pages, c.minutes, "o", color="black", label="2024")
    axes.plot(x, line.predict(x[:, None]), color="C0", label="the best line")
    axes.plot(x, trained.network.predict(trained.scale.apply(x[:, None])), color=RED, label="100 ReLUs, Adam")
    _label(axes, "pages", "minutes")
    axes.legend(loc="upper left")
    return figure


def stopping(history: History) -> Figure:
    figure, axes = _axes()
    epochs = np.arange(1, len(history.losses) + 1)
    axes.plot(epochs, history.losses, color="C0", label="training")
    axes.plot(epochs, history.validation_losses, color="C1", label="validation")
    axes.plot([history.best_epoch], [history.best_loss], "o", color=RED)
    axes.annotate(
        f"epoch {history.best_epoch}: {history.best_loss:.0f}",
        (history.best_epoch, history.best_loss),
        (16, 24),
        textcoords="offset points",
        color=RED,
    )
    axes.set_yscale("log")
    _label(axes, "epoch", "MSE")
    axes.legend()
    return figure


def losses(histories: Mapping[str, History]) -> Figure:
    figure, axes = _axes()
    for name, history in histories.items():
        axes.plot(np.arange(1, len(history.losses) + 1), history.losses, label=name)
    axes.set_yscale("log")
    _label(axes, "epoch", "training MSE")
    axes.legend()
    return figure


def lazy(c: Course) -> Figure:
    figure, axes = _axes()
    x = np.arange(1, 46, dtype=float)
    f = LazyFunction(c.pages[:, None], c.minutes)
    axes.vlines(x, 0, f.predict(x[:, None]), color="C0", lw=1.5)
    axes.plot(x, f.predict(x[:, None]), ".", color="C0", label="the lazy function")
    axes.plot(c.pages, c.minutes, "o", mfc="none", color="black", label="2024")
    _label(axes, "pages", "minutes")
    axes.legend(loc="upper left")
    return figure


def lazy_2(draws: Draws) -> Figure:
    figure, axes = _axes()
    axes.plot(draws.count, draws.best, "o-", color="C1", label="on the validation it was chosen by")
    axes.plot(draws.count, draws.elsewhere, "s--", color="black", label="the same function on 20 other lectures")
    axes.set_xscale("log")
    axes.set_yscale("log")
    _label(axes, "random functions tried", "MSE of the best")
    axes.legend()
    return figure


def guessing(curves: Mapping[str, tuple[list[float], list[float]]]) -> Figure:
    """The lab: public (solid) and private (dashed) score of the best so far, after each submission."""
    figure, axes = _axes()
    names = [name for name in curves if name.endswith("none")]
    for name, color in zip(names, ("C1", "C0"), strict=True):
        public, private = curves[name]
        player = name.partition(",")[0]
        axes.plot(np.arange(1, len(public) + 1), public, color=color, label=f"{player}, public")
        axes.plot(np.arange(1, len(private) + 1), private, "--", color=color, label=f"{player}, private")
    limited = len(next(iter(curves.values()))[0])
    axes.axvline(limited, color="black", lw=1, ls=":")
    axes.text(limited, axes.get_ylim()[1], f" a daily limit stops here, at {limited}", fontsize=9, va="top")
    axes.set_xscale("log")
    _label(axes, "submissions", "MSE of the best on the public board")
    axes.legend()
    return figure


def _axes(size: tuple[float, float] = (7.5, 4.6)) -> tuple[Figure, Any]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _map(grid: Grid) -> tuple[Figure, Any]:
    """Contours of the error surface, each twice as far above the lowest point as the one within."""
    figure, axes = _axes()
    levels = grid.best_loss + 2.0 ** np.arange(0, 15)
    axes.contour(grid.w, grid.b, grid.losses.T, levels=levels, cmap="viridis", linewidths=0.8)
    axes.set_xlim(grid.w[0], grid.w[-1])
    axes.set_ylim(grid.b[0], grid.b[-1])
    _label(axes, "w", "b")
    return figure, axes


def _mark_best(axes: Any, grid: Grid) -> None:
    axes.plot(grid.best.w, [grid.best.b], "*", color=RED, ms=13, label=f"lowest, {grid.best_loss:.0f}")


def _label(axes: Any, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)

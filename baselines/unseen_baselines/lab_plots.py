"""The lab's picture: what each release gives away, in four panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .lab_findings import RELEASES, Played

COLOURS = {"full": "#c0392b", "rounded": "#d68910", "ladder": "#1f77b4"}
EXACT = 1e-30  # where an error of nothing is drawn on a logarithmic scale


ADAPTIVE = ("hill-climb", "permute", "boost", "oracle", "staircase", "coalition", "groups")


def lab_picture(played: Sequence[Played]) -> Figure:
    """A panel for each kind of attack that was played."""
    panels = ((_excess, ADAPTIVE), (_decode, ("decode",)), (_honest, ("honest",)), (_lazy, ("lazy",)))
    drawn = [draw for draw, names in panels if any(_of(played, name) for name in names)]
    rows, columns = (len(drawn) + 1) // 2, min(len(drawn), 2)
    figure = Figure(figsize=(5 * columns, 3.8 * rows), layout="constrained")
    for at, draw in enumerate(drawn, start=1):
        axes = figure.add_subplot(rows, columns, at)
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes, played)
    return figure


def _of(played: Sequence[Played], attack: str, release: str | None = None) -> list[Played]:
    return [one for one in played if one.finding.attack == attack and release in (None, one.finding.release)]


def _excess(axes: Any, played: Sequence[Played]) -> None:
    """A dot for each seed, by attack and release; who did worse than honest predictions gained nothing."""
    shown = [name for name in ADAPTIVE if _of(played, name)]
    for side, release in enumerate(RELEASES):
        dots = [
            (at + 0.25 * (side - 1), max(one.finding.excess, 0.0))
            for at, name in enumerate(shown)
            for one in _of(played, name, release)
        ]
        if dots:
            axes.plot(*zip(*dots, strict=True), "o", color=COLOURS[release], alpha=0.75, ms=5, label=release)
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xticks(range(len(shown)), shown, fontsize=9, rotation=25)
    axes.set_ylabel("excess: how much the public score\nflatters, in honest public errors")
    axes.set_title("What attackers gain on the public rows alone", fontsize=11)
    axes.legend(frameon=False)


def _decode(axes: Any, played: Sequence[Played]) -> None:
    for at, release in enumerate(RELEASES):
        found = [one.finding for one in _of(played, "decode", release)]
        values = [max(one.public / one.honest_public, EXACT) for one in found]
        axes.plot(np.full(len(values), at), values, "o", color=COLOURS[release], alpha=0.75)
    axes.axhline(1, color="black", lw=0.8, ls=":")
    axes.text(len(RELEASES) - 0.5, 1.6, "honest", fontsize=9, ha="right")
    axes.set_yscale("log")
    axes.set_xlim(-0.5, len(RELEASES) - 0.5)
    axes.set_xticks(range(len(RELEASES)), RELEASES)
    axes.set_ylabel("public error of the labels found,\nby that of honest predictions")
    axes.set_title("Solving for the labels, with 1.3 uploads for each", fontsize=11)


def _honest(axes: Any, played: Sequence[Played]) -> None:
    """The first seed: exact errors as circles, what was told as steps."""
    for one in _of(played, "honest")[:1]:
        axes.plot(range(1, len(one.sent_public) + 1), one.sent_public, "o-", color="0.6", lw=0.8, label="exact, hidden")
    for release in RELEASES[1:]:
        for one in _of(played, "honest", release)[:1]:
            told = [np.nan if value is None else value for value in one.told]
            style = "--" if release == "ladder" else "-"  # where both show the same, both are seen
            axes.step(
                range(1, len(told) + 1),
                told,
                style,
                where="mid",
                color=COLOURS[release],
                label=f"shown by {release}",
            )
    axes.set_xlabel("upload")
    axes.set_ylabel("public score")
    axes.set_title("What an honest student sees while getting better", fontsize=11)
    axes.legend(frameon=False)


def _lazy(axes: Any, played: Sequence[Played]) -> None:
    """The mean over the seeds, as the lecture draws it, with the fullest scores that were played."""
    release = next(name for name in RELEASES if _of(played, "lazy", name))
    curves = _of(played, "lazy", release)
    for half, style in (("public", "-"), ("private", "--")):
        mean = np.mean([getattr(one, half) for one in curves], axis=0)
        axes.plot(np.arange(1, len(mean) + 1), mean, style, color=COLOURS[release], label=half)
    axes.set_xscale("log")
    axes.set_xlabel("random predictions tried")
    axes.set_ylabel("error of the best of them")
    axes.set_title(f"The lecture's second lazy function, {release} scores", fontsize=11)
    axes.legend(frameon=False)

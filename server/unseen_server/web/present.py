"""How values look on a page: instants, scores, metrics, and the Markdown that course staff wrote."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from unseen_server.core import metrics
from unseen_server.core.sentences import say
from unseen_server.web import languages

SHOWN_DECIMALS = 5  # of an exact score; the whole number stands in the cell's title

# No HTML of its own, and no pictures: they would have to come from elsewhere, which the page's policy forbids.
_parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_TAGS = {
    *("a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"),
    *("h2", "h3", "h4", "h5", "h6", "table", "tbody", "td", "th", "thead", "tr"),
}
_ALIGNED = {"left", "center", "right"}


# instants


def machine_time(instant: datetime) -> str:
    """For the `datetime` attribute: “2026-12-01T15:59:00Z”."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


# numbers


def metric_name(name: str) -> str:
    """As people write it: “MSE”, “R²”."""
    return metrics.metric(name).title


def decimals(scores: Iterable[float | None]) -> int:
    """Decimals that show all of these scores to the same place, as far as a page has room for them."""
    places = [0]
    for score in scores:
        if score is not None and math.isfinite(score):
            number = Decimal(repr(score)).normalize()
            exponent = number.as_tuple().exponent
            leading = max(0, -number.adjusted()) if number else 0  # zeros after the point are not information
            places.append(min(-exponent if isinstance(exponent, int) else 0, SHOWN_DECIMALS + leading))
    return min(max(places), 12)


def decimals_of_intervals(intervals: Iterable[tuple[float, float]]) -> int:
    """Decimals that show the narrowest of these [low, high] to two digits of its width; more would be noise."""
    widths = [high - low for low, high in intervals if high > low]
    return min(max(0, 1 - math.floor(math.log10(min(widths)))), 12) if widths else 0


def score(value: float | None, places: int) -> str:
    if value is None:
        return "–"
    if abs(value) >= 1e12:
        return f"{value:.5g}"
    return f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}")


def ratio(value: float) -> str:
    """Two significant digits: “0.075”."""
    return f"{value:.2g}"


def bound(value: float) -> str:
    """An end of the range of predictions, as short as it is exact: “0”, “-12.5”."""
    return repr(value).removesuffix(".0")


def file_size(size: int) -> str:
    """A file's size: “712 bytes”, “4.1 kB”, “1.2 MB”."""
    if size < 1000:
        return languages.tell(say("{size} bytes", size=size))
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


# Markdown


@lru_cache(maxsize=256)
def markdown(text: str) -> Markup:
    """CommonMark with tables as safe HTML, its headings one level down, since a page has one first heading."""
    tokens = _parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
        elif token.type == "table_open":
            token.attrs = {"tabindex": "0"}  # a wide one scrolls, by keyboard too, as code does
        elif token.type in ("th_open", "td_open") and "style" in token.attrs:
            # alignment as a class: the page's policy allows no style of its own
            token.attrs = {"class": str(token.attrs["style"]).removeprefix("text-align:")}
    html = _parser.renderer.render(tokens, _parser.options, {}).replace("<pre>", '<pre tabindex="0">')
    return Markup(  # noqa: S704 - cleaned in the same breath
        nh3.clean(
            html,
            tags=_TAGS,
            attributes={"a": {"href", "title"}, "ol": {"start"}, "table": {"tabindex"}, "pre": {"tabindex"}},
            allowed_classes={"th": _ALIGNED, "td": _ALIGNED},
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer",
        )
    )

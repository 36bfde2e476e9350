"""How values look on a page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from unseen_server import web
from unseen_server.web import languages, present
from unseen_server.web.charts import WIDTH, Scale

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (2 * 86400 - 1, "47 h ago"),
        (2 * 86400, "2 days ago"),
    ],
)
def test_how_long_ago(seconds: int, words: str) -> None:
    assert languages.ago(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        ([71.5, 72.0], ["71.5", "72.0"]),
        ([15.0, 230.0], ["15", "230"]),
        ([0.125, 0.5], ["0.125", "0.500"]),
        ([19.123456789], ["19.12346"]),
        ([0.000012345678], ["0.0000123457"]),
        ([-0.25, 1.0], ["−0.25", "1.00"]),
        ([1e300], ["1e+300"]),
        ([0.0], ["0"]),
        ([None, 2.5], ["–", "2.5"]),
        ([], []),
    ],
)
def test_scores_of_one_board_share_their_decimals(scores: list[float | None], shown: list[str]) -> None:
    places = present.decimals(scores)
    assert [present.score(score, places) for score in scores] == shown


def test_an_instant_for_machines_and_for_people() -> None:
    assert present.machine_time(NOW) == "2026-11-23T04:00:00Z"
    assert languages.minute(NOW, "Asia/Taipei") == "2026-11-23 12:00 Asia/Taipei"


@pytest.mark.parametrize(("bound", "text"), [(0.0, "0"), (-34.02, "-34.02"), (1e-7, "1e-07")])
def test_bounds_are_written_as_a_file_may_hold_them(bound: float, text: str) -> None:
    assert present.bound(bound) == text


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://evil.example/pixel.png)",
        '[x](https://e.example "onmouseover=alert(1)")',
        '<https://e.example/"onclick=alert(1)>',
        "`` <b> ``",
        "[x]: javascript:alert(1)\n\n[x]",
        "| a |\n| --- |\n| <iframe src=//evil.example> |",
    ],
)
def test_hostile_markdown_is_only_text(hostile: str) -> None:
    html = present.markdown(hostile)
    assert not [tag for tag in ("<script", "<img", "<iframe", "<b>", "<svg", "<style") if tag in html]
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    assert ' onclick="' not in html


def test_what_is_not_markdown_is_shown_as_it_was_written() -> None:
    assert present.markdown("1 <b>x</b> 2") == "<p>1 &lt;b&gt;x&lt;/b&gt; 2</p>\n"
    assert ">plan</a>" in present.markdown("![plan](https://example.edu/plan.png)")


def test_markdown_leaves_the_pages_own_heading_alone() -> None:
    assert present.markdown("# One\n\n###### Six") == "<h2>One</h2>\n<h6>Six</h6>\n"


def test_a_table_keeps_its_alignment_without_a_style_of_its_own() -> None:
    html = present.markdown("| a | b |\n| :-- | --: |\n| 1 | 2 |")
    assert '<td class="right">2</td>' in html
    assert "style" not in html


def test_a_scale_goes_from_the_best_to_the_worst() -> None:
    scale = Scale.of([10.0, 11.0, 12.0, 13.0], "lower")
    assert scale is not None
    assert [scale.place(score) for score in (10.0, 13.0)] == [0.0, WIDTH]
    upwards = Scale.of([0.1, 0.5, 0.9], "higher")
    assert upwards is not None
    assert [upwards.place(score) for score in (0.9, 0.5, 0.1)] == [0.0, WIDTH / 2, WIDTH]


def test_a_hopeless_score_does_not_press_the_others_together() -> None:
    scale = Scale.of([10.0, 11.0, 12.0, 13.0, 1e12], "lower")
    assert scale is not None
    assert scale.place(13.0) > WIDTH / 10
    assert scale.place(1e12) == WIDTH


def test_equal_scores_have_no_scale() -> None:
    assert Scale.of([3.0, 3.0], "lower") is None
    assert Scale.of([], "lower") is None


def tokens(scheme: int) -> dict[str, str]:
    """The stylesheet's colours by name, of the light (0) or the dark (1) scheme."""
    css = (Path(web.__file__).parent / "static" / "unseen.css").read_text()
    return {name: pair.split(", ")[scheme] for name, pair in re.findall(r"--([\w-]+): light-dark\((.*?)\);", css)}


def luminance(colour: str) -> float:
    """Relative luminance of “#rrggbb” (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(
    ("text", "grounds"),
    [
        ("ink", ("paper", "card", "own", "changed")),
        ("quiet", ("paper", "card", "own", "baseline")),
        ("accent", ("paper", "card", "own")),
        ("on-accent", ("accent",)),
        ("green", ("paper", "card", "own")),
        ("amber", ("paper", "card")),
        ("red", ("paper", "card", "own")),
    ],
)
def test_text_stands_out_from_its_ground(scheme: int, text: str, grounds: tuple[str, ...]) -> None:
    colours = tokens(scheme)
    for ground in grounds:
        light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, ground

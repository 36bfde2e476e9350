"""The lecture on one page: the table, and every picture with its sentence, in a file that needs no other."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from itertools import groupby
from pathlib import Path

from .lecture import Notebook, Row
from .plots import CAPTIONS, draw_all, save
from .tables import RECONSTRUCTED, shown

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Noto Sans", sans-serif; color: #222;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .25rem .6rem; vertical-align: top; }
th:nth-child(2) { width: 48%; }
th:nth-child(n+3), td:nth-child(n+3) { text-align: right; font-variant-numeric: tabular-nums; }
tbody tr:first-child td { border-top: 1px solid #ccc; }
thead th { border-bottom: 2px solid #222; }
figure { margin: 2.2rem 0; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption { color: #444; max-width: 46rem; }
.note { color: #555; }
"""


def write_report(book: Notebook, folder: Path) -> Path:
    """report.html in the folder, with the pictures in it, and beside it every picture as PNG and SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = [_figure(save(drawn, folder, name), CAPTIONS[name]) for name, drawn in draw_all(book).items()]
    page = folder / "report.html"
    page.write_text(_page(book, figures), encoding="utf-8")
    return page


def _page(book: Notebook, figures: list[str]) -> str:
    groups = [_group(number, list(rows)) for number, rows in groupby(book.rows, lambda row: row.row)]
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The lecture, run again</title><style>{STYLE}</style>
<h1>The lecture, run again</h1>
<p>Every figure the lecture shows, beside what came out of this run with seed {book.seed}.
Its course: Hung-yi Lee, “Introduction to Generative AI and Machine Learning 2025”, lecture 5.</p>
<p class="note">Data: {RECONSTRUCTED}. Errors are mean squared errors, in minutes squared.</p>
<table><thead><tr><th>row<th>what<th>lecture<th>here</thead>{"".join(groups)}</table>
{"".join(figures)}
</html>
"""


def _group(number: int, rows: list[Row]) -> str:
    lines = [
        f"<tr><td>{number if at == 0 else ''}<td>{escape(row.what)}<td>{shown(row.lecture)}<td>{shown(row.here)}"
        for at, row in enumerate(rows)
    ]
    return f"<tbody>{''.join(lines)}</tbody>"


def _figure(picture: Path, text: str) -> str:
    data = b64encode(picture.read_bytes()).decode()
    return f'<figure><img alt="" src="data:image/png;base64,{data}"><figcaption>{escape(text)}</figcaption></figure>\n'

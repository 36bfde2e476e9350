"""No private label or score, in whatever form it is written, is in a reply to a student, a log or a file."""

from __future__ import annotations

import base64
import csv
import logging
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import select, text
from tests.faults.test_secrecy import everything_a_student_can_ask, unpacked, upload
from tests.figures import Tell
from tests.installations import Installation, install, make_folder, new_sqlite
from werkzeug.test import TestResponse

from unseen_server.config import Config
from unseen_server.core.splits import PRIVATE
from unseen_server.db.models import PrivateScore

FORMS: Mapping[str, Callable[[float], bytes]] = {
    "as written": lambda x: repr(x).encode(),
    "rounded to four places": lambda x: f"{x:.4f}".encode(),
    "with an exponent": lambda x: f"{x:.6e}".split("e")[0].encode(),
    "with a decimal comma": lambda x: repr(x).replace(".", ",").encode(),
    "without its point": lambda x: repr(x).replace(".", "").encode(),
    "in hexadecimal digits": lambda x: x.hex().removesuffix("p+0").split("p")[0].encode(),
    "as a double": lambda x: struct.pack("<d", x),
    "as a double, the other end first": lambda x: struct.pack(">d", x),
    "as a double in hexadecimal": lambda x: struct.pack("<d", x).hex().encode(),
    "as a double in base 64": lambda x: base64.b64encode(struct.pack("<d", x)).rstrip(b"=")[:10],
    "as text in base 64": lambda x: base64.b64encode(repr(x).encode())[:10],
    "as UTF-16": lambda x: repr(x).encode("utf-16-le"),
    "escaped for an address": lambda x: repr(x).replace(".", "%2E").encode(),
}


@pytest.fixture
def made(tmp_path: Path, sqlite_template: Path) -> Iterator[Installation]:
    """Its private labels have digits that nothing else has."""
    folder = make_folder(tmp_path / "bundle", release="full")
    file = folder / "solution.csv"
    with file.open(newline="") as source:
        header, *rows = csv.reader(source)
    for n, row in enumerate(rows):
        if row[2] == "Private":
            row[1] = f"{int(float(row[1]))}.{7351946 + 10007 * n}"
    with file.open("w", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows([header, *rows])
    home = tmp_path / "home"
    home.mkdir()
    with new_sqlite(home, sqlite_template) as url, closing(install(Config(home=home, database_url=url), folder)) as it:
        yield it


def secrets_of(made: Installation) -> list[float]:
    with made.db.read() as session:
        scores = list(session.scalars(select(PrivateScore.value)))
    labels = made.bundle.key.labels[made.bundle.key.usage == PRIVATE].tolist()
    assert labels
    assert len(scores) >= 5
    return labels + scores


def told_and_left(made: Installation, caplog: pytest.LogCaptureFixture) -> Iterator[tuple[str, bytes]]:
    """Every reply with its headers and what is in it, then the log, then the files of the installation's home."""
    for answer in everything_a_student_can_ask(made):
        yield answer.request.path, repr(answer.headers).encode()
        for content in (answer.data, *unpacked(answer.data)):
            yield answer.request.path, content
            with suppress(zlib.error):
                yield answer.request.path, zlib.decompress(content, wbits=47)
    yield "a fault", fault_while_scores_are_written(made).data
    assert "broken by the test" in caplog.text
    yield "the log", caplog.text.encode()
    for file in made.config.home.rglob("*"):
        if file.is_file() and not file.name.startswith("unseen.db"):
            yield file.name, file.read_bytes()


def fault_while_scores_are_written(made: Installation) -> TestResponse:
    """A file that was sent before comes once more, whose private score the database refuses."""
    with made.db.write() as session:
        refuse = "SELECT RAISE(ABORT, 'broken by the test')"
        session.execute(text(f"CREATE TRIGGER broken BEFORE INSERT ON private_scores BEGIN {refuse}; END"))
    made.app.testing = False
    answer = upload(made.client("carol"), made.slug, made.noisy_in_public(9.0, 0))
    assert answer.status_code == 503
    return answer


@pytest.mark.figure("secrecy")
def test_no_private_label_or_score_is_told_in_any_form(
    made: Installation, caplog: pytest.LogCaptureFixture, figure: Tell
) -> None:
    caplog.set_level(logging.INFO)
    told = list(told_and_left(made, caplog))
    everything = b"\n".join(content for _, content in told)
    secrets = secrets_of(made)
    for name, form in FORMS.items():
        there = [form(secret) for secret in secrets if form(secret) in everything]
        found = {place for written in there for place, said in told if written in said}
        assert not found, name
        figure("forms searched for", 1)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_form_is_found_where_it_is(form: Callable[[float], bytes]) -> None:
    shown = 47.7351946
    assert len(form(shown)) >= 7
    assert form(shown) != form(shown + 0.0010007)

"""The data sets: their checksums, and the lecture's figures from its reconstructed tables."""

import hashlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from unseen_baselines.linear import closed_form, mse
from unseen_baselines.tables import TEST, course, features

DATA = Path(__file__).parents[2] / "data"


def test_every_set_has_the_checksum_its_page_says():
    said = re.findall(r"^([0-9a-f]{64})  (\S+)$", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for _, name in said} == {str(path.relative_to(DATA)) for path in DATA.rglob("*.csv")}
    for checksum, name in said:
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == checksum, name


@pytest.mark.parametrize("name", ["overview", "data", "rules"])
@pytest.mark.parametrize("competition", ["concrete", "lecture_length"])
def test_every_page_is_there_in_both_languages(competition, name):
    assert (DATA / competition / f"{name}.md").read_text(encoding="utf-8").startswith("# ")
    assert re.search("[一-鿿]", (DATA / competition / f"{name}.zh-Hant.md").read_text(encoding="utf-8"))


def test_the_reconstruction_says_that_it_is_one():
    assert "not the original measurements" in (DATA / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "names", "train", "validation"),
    [
        ("ml2021", ["pages"], "240", "1143"),
        ("genai2024", ["pages"], "71", "122"),
        ("genai2024", ["pages", "words"], "69", None),
        ("genai2024", ["pages", "words_per_page"], "65", "124"),
    ],
)
def test_the_errors_come_out_as_the_lecture_printed_them(name, names, train, validation):
    learned, unseen = course(name), course("genai2025")
    line = closed_form(features(learned, *names), learned.minutes)
    assert f"{mse(line.predict(features(learned, *names)), learned.minutes):.0f}" == train
    if validation is not None:
        assert f"{mse(line.predict(features(unseen, *names)), unseen.minutes):.0f}" == validation


@pytest.mark.parametrize(("name", "w", "b"), [("ml2021", "1.67", "4.85"), ("genai2024", "0.78", "12.85")])
def test_the_lines_come_out_as_the_lecture_printed_them(name, w, b):
    line = closed_form(features(course(name), "pages"), course(name).minutes)
    assert (f"{line.w[0]:.2f}", f"{line.b:.2f}") == (w, b)


def test_the_2021_line_predicts_for_2025_what_the_lecture_says():
    line = closed_form(features(course("ml2021"), "pages"), course("ml2021").minutes)
    pages = features(course("genai2025"), "pages")[:3]
    assert pages[:, 0].tolist() == [27, 35, 97]
    assert [round(p) for p in line.predict(pages)] == [50, 63, 167]


def test_the_test_lecture_is_the_lectures_own():
    assert (TEST.pages[0], TEST.words[0], TEST.minutes[0]) == (84, 3388, 107)


@pytest.mark.slow
def test_the_generator_makes_the_tables_that_are_stored():
    make_lecture = loaded("make_lecture")
    for name, table in make_lecture.reconstruct(make_lecture.SEEDS).items():
        stored = course(name)
        for column in ("pages", "words", "minutes"):
            assert table[column].tolist() == pytest.approx(getattr(stored, column).tolist()), (name, column)


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

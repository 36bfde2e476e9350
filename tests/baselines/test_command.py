"""The command line: data on stdout, sentences on stderr, exit code 1 for a refusal, never a traceback."""

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from unseen_baselines.__main__ import main

Cells = dict[str, list[object]]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def write(path: Path, columns: Cells) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(columns)
        out.writerows(zip(*columns.values(), strict=True))


@pytest.fixture
def columns() -> dict[str, Cells]:
    """train.csv, test.csv and sample_submission.csv of a small competition, to be spoilt by the tests."""
    rng = np.random.default_rng(0)
    pages = rng.integers(5, 90, 60).tolist()
    course = rng.choice(["A", "B"], 60).tolist()
    words = [str(p * 30) if i % 9 else "" for i, p in enumerate(pages)]
    minutes = [0.8 * p + (20 if c == "B" else 5) for p, c in zip(pages, course, strict=True)]
    ids = [f"{i:03d}" for i in range(60)]
    return {
        "train": {k: v[:40] for k, v in zip(
            ("id", "pages", "course", "words", "minutes"), (ids, pages, course, words, minutes), strict=True)},
        "test": {k: v[40:] for k, v in zip(
            ("id", "pages", "course", "words"), (ids, pages, course, words), strict=True)},
        "sample_submission": {"id": ids[40:], "minutes": [0] * 20},
        "truth": {"minutes": minutes[40:]},
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path, columns):
    def made() -> Path:
        for name in ("train", "test", "sample_submission"):
            write(tmp_path / f"{name}.csv", columns[name])
        return tmp_path

    return made


@pytest.mark.parametrize("name", ["mean", "linear", "linear-gd", "mlp"])
def test_training_writes_a_prediction_for_every_test_id(folder, tmp_path, name):
    done = run("train", name, "--data", folder(), "--out", tmp_path / "out.csv", "--seed", 0)
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "id,minutes"
    assert [line.split(",")[0] for line in lines[1:]] == [f"{i:03d}" for i in range(40, 60)]
    assert all(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?", line.split(",")[1]) for line in lines[1:])


def test_a_line_with_categories_and_missing_numbers_finds_what_made_the_data(folder, tmp_path, columns):
    run("train", "linear", "--data", folder(), "--out", tmp_path / "out.csv")
    found = [float(line.split(",")[1]) for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    assert found == pytest.approx(columns["truth"]["minutes"], abs=0.5)


def test_the_same_seed_gives_the_same_file(folder, tmp_path):
    for name in ("a", "b"):
        run("train", "mlp", "--data", folder(), "--out", tmp_path / name, "--seed", 3)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_without_out_the_predictions_go_to_stdout_and_nothing_else_does(folder):
    done = run("train", "linear-gd", "--data", folder())
    assert len(done.stdout.splitlines()) == 21
    assert done.stdout.startswith("id,minutes\n")
    assert "Training" in done.stderr


def refused(done: Result, words: str) -> None:
    assert done.exit_code == 1
    assert words in done.stderr
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_a_missing_column_is_a_sentence(folder, columns):
    del columns["test"]["pages"]
    refused(run("train", "linear", "--data", folder()), "test.csv has no column `pages`")


def test_a_missing_target_is_a_sentence(folder, columns):
    del columns["train"]["minutes"]
    refused(run("train", "linear", "--data", folder()), "train.csv has no column `minutes`")


def test_text_where_numbers_belong_is_a_sentence(folder, columns):
    columns["test"]["pages"][3] = "many"
    refused(run("train", "linear", "--data", folder()), "test.csv, line 5: `many` stands in `pages`")


def test_a_number_too_large_to_work_with_is_a_sentence(folder, columns):
    columns["train"]["pages"][0] = "1e300"
    refused(run("train", "mlp", "--data", folder()), "train.csv, line 2: `1e300` stands in `pages`")


def test_a_blank_line_at_the_end_does_no_harm_and_one_between_is_named(folder):
    at = folder()
    text = (at / "train.csv").read_text()
    (at / "train.csv").write_text(text + "\n\n")
    assert run("train", "mean", "--data", at).exit_code == 0
    (at / "train.csv").write_text(text.replace("\n", "\n\n", 1))
    refused(run("train", "mean", "--data", at), "train.csv, line 2 has 0 fields")


def test_a_missing_library_is_a_sentence(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "unseen_baselines.train", None)
    refused(run("train", "mean", "--data", folder()), "unseen[baselines]")


def test_an_empty_table_is_a_sentence(folder):
    at = folder()
    (at / "train.csv").write_text("")
    refused(run("train", "linear", "--data", at), "train.csv is empty")


def test_a_table_of_a_header_alone_is_a_sentence(folder):
    at = folder()
    (at / "train.csv").write_text("id,pages,course,words,minutes\n")
    refused(run("train", "mean", "--data", at), "train.csv has no rows")


def test_one_row_is_a_sentence(folder, columns):
    columns["train"] = {name: cells[:1] for name, cells in columns["train"].items()}
    refused(run("train", "mlp", "--data", folder()), "train.csv has 1 row; at least 5 are needed")


def test_a_constant_feature_is_a_sentence_and_dropping_it_helps(folder, columns, tmp_path):
    columns["train"]["words"] = [7] * 40
    refused(run("train", "linear", "--data", folder()), "`words` is `7` in every row")
    dropped = run("train", "linear", "--data", tmp_path, "--drop", "words", "--out", tmp_path / "out.csv")
    assert dropped.exit_code == 0, dropped.output


def test_a_ragged_line_is_a_sentence(folder):
    at = folder()
    with (at / "train.csv").open("a") as file:
        file.write("099,5\n")
    refused(run("train", "linear", "--data", at), "train.csv, line 42 has 2 fields, and the header has 5")


def test_a_missing_label_is_a_sentence(folder, columns):
    columns["train"]["minutes"][4] = ""
    refused(run("train", "linear", "--data", folder()), "train.csv, line 6: the label `minutes` is missing")


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    refused(run("train", "linear", "--data", tmp_path / "nowhere"), "There is no train.csv")


def test_a_ratio_of_columns_that_are_not_there_is_a_sentence(folder):
    refused(run("train", "linear", "--data", folder(), "--ratio", "words/chapters"), "`chapters`")


def test_an_unknown_model_is_a_wrong_use(folder):
    assert run("train", "forest", "--data", folder()).exit_code == 2


def test_generated_lectures_are_the_seeds_and_only_the_seeds(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("make-data", "lecture-length", "--out", tmp_path / name, "--seed", seed, "--rows", 50).exit_code == 0
    a, b, c = ((tmp_path / name).read_text() for name in "abc")
    assert a == b != c
    assert a.splitlines()[0] == "course,pages,words,title_length,mentions_learning,minutes"
    assert len(a.splitlines()) == 51


def test_lectures_generated_without_a_seed_are_new_each_time(tmp_path):
    for name in "ab":
        run("make-data", "lecture-length", "--out", tmp_path / name, "--rows", 20)
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


@pytest.mark.slow
def test_guessing_prints_json(tmp_path):
    done = run("guess", "--tries", 30, "--format", "json", "--out", tmp_path)
    outcomes = json.loads(done.stdout)
    assert {o["player"] for o in outcomes} == {"random guessing", "hill-climbing"}
    assert (tmp_path / "guess.png").is_file()


@pytest.mark.slow
def test_the_lecture_prints_json():
    done = run("lecture", "--quick", "--format", "json")
    rows = json.loads(done.stdout)
    assert done.exit_code == 0
    assert all(set(row) == {"row", "what", "lecture", "here"} for row in rows)
    assert {row["row"] for row in rows} == set(range(1, 19))

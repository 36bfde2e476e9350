"""The starter runs as students run it: as a script and as a notebook, on data of every shape, against a live server."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.browsing import Site, answering
from tests.installations import NOON, Installation, configure, install, new_sqlite

from unseen import Client, cli
from unseen_server.config import Config
from unseen_server.services import bundles
from unseen_server.services import submissions as own

ROOT = Path(__file__).parents[2]
SLUG = "starters"

# A process of its own: the kernel's sockets and event loops are not this one's. Its sockets are files in
# the working folder, since two kernels that start at once may choose the same free port.
RUN_NOTEBOOK = """
import sys, nbformat
from nbclient import NotebookClient
from traitlets.config import Config

notebook = nbformat.read(sys.argv[1], as_version=4)
config = Config({"KernelManager": {"transport": "ipc"}})
NotebookClient(notebook, config=config, timeout=600, startup_timeout=600, iopub_timeout=600).execute()
nbformat.write(notebook, sys.argv[1])
"""


def bundle_of(home: Path, labelled: Path, target: str, **options: object) -> Path:
    folder = home / SLUG
    bundles.init_bundle(folder, labelled, target, seed=3, now=NOON, **options)  # type: ignore[arg-type]
    return folder


def concrete(home: Path) -> Path:
    return bundle_of(home, ROOT / "data/concrete/concrete.csv", "compressive_strength")


def lecture_length(home: Path) -> Path:
    invented = home / "labelled.csv"
    make = [sys.executable, "-m", "unseen_baselines", "make-data", "lecture-length", "--seed", "3"]
    subprocess.run([*make, "--out", str(invented)], check=True, capture_output=True)
    return bundle_of(home, invented, "minutes")


@contextmanager
def site_of(home: Path, template: Path, folder: Path) -> Iterator[Site]:
    with (
        new_sqlite(home, template) as url,
        closing(install(Config(home=home, database_url=url), folder)) as made,
        answering(made) as site,
    ):
        yield site


def environment(site: Site, home: Path) -> dict[str, str]:
    """Of a student who is logged in; one thread, so that sums are added in one order."""
    logged_in = {"UNSEEN_URL": site.url, "UNSEEN_TOKEN": site.made.token("alice")}
    apart = {"UNSEEN_CONFIG_DIR": str(home / "settings")}
    return {**os.environ, **logged_in, **apart, "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}


def run(command: Sequence[str], home: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_script(site: Site, home: Path) -> str:
    """What the script prints, where a warning about its numbers or its calls is an error."""
    with Client(site.url, site.made.token("alice")) as client:
        script = client.starter(SLUG, home, script=True)
    warnings = ("error::RuntimeWarning", "error::FutureWarning", "error::DeprecationWarning:__main__")
    strict = [word for warning in warnings for word in ("-W", warning)]
    return run([sys.executable, *strict, str(script)], home, environment(site, home))


def run_notebook(site: Site, home: Path) -> str:
    """What the notebook prints."""
    with Client(site.url, site.made.token("alice")) as client:
        notebook = client.starter(SLUG, home)
    kept_in = ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
    places = dict.fromkeys(kept_in, str(home / "jupyter"))
    run([sys.executable, "-c", RUN_NOTEBOOK, str(notebook)], home, environment(site, home) | places)
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return "".join("".join(output["text"]) for cell in cells for output in cell.get("outputs", ()))


def public_scores(made: Installation) -> list[float | None]:
    return [one.public_score for one in own.own_submissions(made.db, limit=100, **made.asking("alice"))]


@pytest.mark.slow
@pytest.mark.parametrize("data", [concrete, pytest.param(lecture_length, marks=pytest.mark.long)])
def test_script_and_notebook_make_one_submission_that_beats_the_constant(
    data, tmp_path: Path, sqlite_template: Path
) -> None:
    with site_of(tmp_path, sqlite_template, data(tmp_path)) as site:
        home = tmp_path / "student"
        told = run_script(site, home)
        assert "Submission 1: public score" in told
        assert "Stopped after epoch" in told
        told = run_notebook(site, home)
        assert "Submission 1 (counted before, and not again)" in told
        [starter] = public_scores(site.made)
        with Client(site.url, site.made.token("bob")) as bob:
            constant = bob.submit(SLUG, home / "data" / SLUG / "sample_submission.csv").public_score
        assert starter is not None
        assert constant is not None
        assert starter < 0.8 * constant


# shapes of data

HOSTILE = ("a b", 'say "x"', "it's", "line\nbreak", "back\\slash", "次數 🙂", "# %%", "{x}", "$x", "\u202e", "x" * 300)


def numbers(rng: np.random.Generator, n: int) -> list[str]:
    return [f"{value:.3f}" for value in rng.normal(0, 1, n)]


def hostile_names(rng: np.random.Generator) -> dict[str, list[str]]:
    return {name: numbers(rng, 60) for name in (*HOSTILE, "y")}


def texts_only(rng: np.random.Generator) -> dict[str, list[str]]:
    colours, notes = rng.choice(["red", "green", "sky blue"], 60).tolist(), [f"note {n}" for n in range(60)]
    return {"colour": colours, "note": notes, "y": numbers(rng, 60)}


def no_features(rng: np.random.Generator) -> dict[str, list[str]]:
    return {"y": numbers(rng, 60)}


def missing_values(rng: np.random.Generator) -> dict[str, list[str]]:
    holes, y = rng.random(60) < 0.5, numbers(rng, 60)
    return {
        "sometimes": ["" if hole else value for hole, value in zip(holes, y, strict=True)],
        "never": [""] * 60,
        "kind": ["NA" if hole else "1" for hole in holes],
        "word": ["" if hole else "word" for hole in holes],
        "constant": ["0.1"] * 60,
        "infinite": ["inf" if hole else "1.5" for hole in holes],
        "huge": ["1e300" if hole else "-1e300" for hole in holes],
        "truth": ["True" if hole else "" for hole in holes],
        "y": y,
    }


def ten_rows(rng: np.random.Generator) -> dict[str, list[str]]:
    return {"x": numbers(rng, 10), "word": ["a", "b"] * 5, "y": numbers(rng, 10)}


def many_columns(rng: np.random.Generator) -> dict[str, list[str]]:
    return {**{f"x{n}": numbers(rng, 60) for n in range(50)}, "y": numbers(rng, 60)}


def ids_as_text(rng: np.random.Generator) -> dict[str, list[str]]:
    odd = ["NA", "null", "001", "1", "1.0", "1e3", "True", "-", "名 1", "0x1f", "nan", "inf"]
    return {"key": [*odd, *(f"id {n}" for n in range(48))], "x": numbers(rng, 60), "y": numbers(rng, 60)}


SHAPES = (hostile_names, texts_only, no_features, missing_values, ten_rows, many_columns, ids_as_text)


def labelled(home: Path, columns: dict[str, list[str]]) -> Path:
    file = home / "labelled.csv"
    with file.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return file


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_it_runs_on_data_of_every_shape(shape, tmp_path: Path, sqlite_template: Path) -> None:
    columns = shape(np.random.default_rng(5))
    id_column = "key" if "key" in columns else None
    folder = bundle_of(tmp_path, labelled(tmp_path, columns), "y", id_column=id_column)
    with site_of(tmp_path, sqlite_template, folder) as site:
        told = run_script(site, tmp_path / "student")
        assert len(public_scores(site.made)) == 1, told


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_it_runs_for_every_metric(metric: str, tmp_path: Path, sqlite_template: Path) -> None:
    rng = np.random.default_rng(5)
    columns = {"id": [str(n) for n in range(100)], "x": numbers(rng, 100), "id2": numbers(rng, 100)}
    folder = bundle_of(tmp_path, labelled(tmp_path, columns), "id2", metric=metric)
    with site_of(tmp_path, sqlite_template, folder) as site:
        told = run_script(site, tmp_path / "student")
        assert len(public_scores(site.made)) == 1, told


# when it is not possible


@pytest.mark.slow
def test_after_the_deadline_it_says_why_nothing_was_counted(tmp_path: Path, sqlite_template: Path) -> None:
    columns = ten_rows(np.random.default_rng(5))
    folder = bundle_of(tmp_path, labelled(tmp_path, columns), "y")
    configure(folder, late_submissions=False)
    with site_of(tmp_path, sqlite_template, folder) as site:
        site.made.pass_deadline()
        assert "The deadline was" in run_script(site, tmp_path / "student")
        assert public_scores(site.made) == []


# the command


@pytest.fixture
def student(
    tmp_path: Path, sqlite_template: Path, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder in which somebody who is logged in works."""
    folder = tmp_path / "student"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with site_of(tmp_path, sqlite_template, bundle_folder) as site:
        monkeypatch.setenv("UNSEEN_URL", site.url)
        monkeypatch.setenv("UNSEEN_TOKEN", site.made.token("alice"))
        yield folder


def test_the_command_writes_a_notebook_or_a_script_and_says_where(
    student: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["starter", "lecture"]) == 0
    assert cli.run(["starter", "lecture", "--script", "-p", "work"]) == 0
    assert capsys.readouterr().out.split() == ["lecture.ipynb", os.path.join("work", "lecture.py")]
    assert json.loads((student / "lecture.ipynb").read_text("utf-8"))["nbformat"] == 4
    compile((student / "work" / "lecture.py").read_text("utf-8"), "lecture.py", "exec")


def test_the_command_never_writes_over_what_somebody_made_of_it(
    student: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["starter", "lecture", "--script"]) == 0
    assert cli.run(["starter", "lecture", "--script"]) == 0
    mine = student / "lecture.py"
    fresh = mine.read_bytes()
    mine.write_text("my own work")
    assert cli.run(["starter", "lecture", "--script"]) == 1
    assert "already there" in capsys.readouterr().err
    assert mine.read_text() == "my own work"
    assert cli.run(["starter", "lecture", "--script", "-o"]) == 0
    assert mine.read_bytes() == fresh


def test_a_competition_that_is_not_there_leaves_no_file(student: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["starter", "lectur"]) == 1
    assert "lecture" in capsys.readouterr().err
    assert list(student.iterdir()) == []

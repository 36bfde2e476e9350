"""A competition is a folder: made from any labelled CSV, read with every problem at once, looked over before use."""

import csv
import io
import os
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen_server.core.errors import BadBundle, BadRequest
from unseen_server.core.predictions import canonical_order, read_predictions
from unseen_server.core.splits import IGNORED, PRIVATE, PUBLIC
from unseen_server.services.bundles import DeclaredBaseline, check_bundle, init_bundle, read_bundle, read_zip
from unseen_server.services.bundles.preflight import largest_gap, rank_correlation
from unseen_server.services.bundles.problems import Problems
from unseen_server.services.bundles.reading import bundle_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

TOML = """
slug = "length"
title = "How long is a lecture?"
time_zone = "Asia/Taipei"
deadline = 2026-12-14 23:59:00
bounds = [0, 20]
"""

FOLDER = {
    "competition.toml": TOML,
    "overview.md": "# Overview",
    "overview.zh-Hant.md": "# 概覽",
    "rules.md": "# Rules",
    "data.md": "# Data",
    "train.csv": "id,pages,minutes\n1,10,4.5\n2,20,5.5\n",
    "test.csv": "id,pages\n10,7\n9,30\n11,5\n",
    "sample_submission.csv": "id,minutes\n9,5\n10,5\n11,5\n",
    "solution.csv": "id,minutes,Usage\n10,3.5,Public\n9,7.25,Private\n11,0,Ignored\n",
}


def read(**changes):
    """The bundle of FOLDER with some files changed; None takes a file away."""
    files = FOLDER | {name.replace("__", "."): text for name, text in changes.items()}
    return bundle_of({name: text.encode() for name, text in files.items() if text is not None}, (), Problems())


def toml(*lines, without=()):
    kept = [line for line in TOML.splitlines() if line.split(" =")[0] not in without]
    return "\n".join([*kept, *lines])


def problems(**changes):
    with pytest.raises(BadBundle) as refusal:
        read(**changes)
    return refusal.value.problems


def sentences(**changes):
    return " ".join(problem.message for problem in problems(**changes))


# reading


def test_a_folder_becomes_a_bundle():
    bundle = read()
    assert bundle.key.ids == ("9", "10", "11")
    assert bundle.key.labels.tolist() == [7.25, 3.5, 0.0]
    assert bundle.key.usage.tolist() == [PRIVATE, PUBLIC, IGNORED]
    assert (bundle.key.id_column, bundle.key.target_column) == ("id", "minutes")
    assert bundle.training_mean == 5.0


def test_settings_have_the_defaults_of_the_course():
    settings = read().settings
    assert (settings.daily_limit, settings.total_limit, settings.rejected_per_hour) == (5, None, 30)
    assert (settings.final_submissions, settings.largest_team) == (2, 3)
    assert (settings.metric, settings.release) == ("mse", "rounded")
    assert (settings.public_intervals, settings.late_submissions, settings.starts_at) == (True, True, None)


def test_the_deadline_is_local_to_its_zone():
    assert read().settings.deadline == datetime(2026, 12, 14, 15, 59, tzinfo=UTC)
    assert read(competition__toml=toml('deadline = "2026-12-14 23:59"', without=["deadline"])) is not None


def test_pages_are_kept_by_name_and_language():
    assert read(overview__md="\ufeff# Overview").pages["overview", "en"] == "# Overview"
    assert read().pages["overview", "zh-Hant"] == "# 概覽"


def test_only_what_students_may_see_is_public():
    public = read().public_files
    assert sorted(public) == ["sample_submission.csv", "test.csv", "train.csv"]
    assert not any(b"7.25" in content or b"Private" in content for content in public.values())


def test_ids_are_text_and_compared_exactly():
    bundle = read(
        test__csv="id,pages\n01,7\n1,30\n1.0,5\n",
        sample_submission__csv="id,minutes\n01,5\n1,5\n1.0,5\n",
        solution__csv="id,minutes,Usage\n01,3,Public\n1,7,Private\n1.0,0,Ignored\n",
        train__csv="id,pages,minutes\n001,10,4.5\n",
    )
    assert bundle.key.ids == ("01", "1", "1.0")


def test_a_byte_order_mark_and_windows_line_ends_are_nothing_to_mention():
    bundle = read(solution__csv="\ufeff" + FOLDER["solution.csv"].replace("\n", "\r\n"))
    assert bundle.key.ids == ("9", "10", "11")


def test_read_from_disk_it_is_the_same(tmp_path):
    written(tmp_path)
    (tmp_path / "notes.txt").write_text("not used")
    (tmp_path / ".hidden").write_text("not mentioned")
    bundle = read_bundle(tmp_path)
    assert bundle.key.ids == ("9", "10", "11")
    assert bundle.unused == ("notes.txt",)


def written(folder):
    for name, text in FOLDER.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_every_problem_is_told_at_once():
    codes = {
        problem.code
        for problem in problems(
            competition__toml=toml("daily_limit = 0", "colour = 1", without=["time_zone"]),
            solution__csv="id,minutes,Usage\n10,x,Public\n9,nan,Secret\n9,inf,Private\n",
            rules__md=None,
        )
    }
    assert codes == {"bad_setting", "not_a_number", "missing_label", "infinite_label", "bad_usage", "repeated_id"}


def test_many_problems_of_a_kind_are_counted_and_twenty_shown():
    rows = "".join(f"{n},x,Public\n" for n in range(100))
    with pytest.raises(BadBundle) as refusal:
        read(solution__csv="id,minutes,Usage\n" + rows + "100,1,Private\n")
    assert refusal.value.counts["not_a_number"] == 100
    assert sum(problem.code == "not_a_number" for problem in refusal.value.problems) == 20


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (['slug = "Ä b"'], "1 to 50 lower-case letters"),
        (['slug = "' + "a" * 51 + '"'], "1 to 50 lower-case letters"),
        (["title = 3"], "must be a text"),
        (['time_zone = "Taipei"'], "Did you mean Asia/Taipei?"),
        (["deadline = 2026-12-14"], "date with a time"),
        (['deadline = "soon"'], "not a date and time"),
        (['metric = "auc"'], "must be one of: mse, rmse, mae, r2"),
        (['release = "ladder"', 'metric = "r2"'], "is no mean of them"),
        (["bounds = [0]"], "two numbers"),
        (["bounds = [5, 5]"], "lower one first"),
        (["bounds = [nan, 5]"], "lower one first"),
        (["bounds = [0, 1e200]"], "overflow"),
        ([f"bounds = [0, 1{'0' * 400}]"], "overflow"),
        (["metric = ['mse']"], "one of: mse"),
        (["daily_limit = true"], "whole number"),
        (["daily_limit = 2.0"], "whole number"),
        (["total_limit = -1"], "whole number"),
        (["late_submissions = 1"], "true or false"),
        (["daly_limit = 3"], "Did you mean daily_limit?"),
        (["starts_at = 2027-01-01 00:00:00"], "must come after starts_at"),
        (["baseline = 3"], r"\[\[baseline\]\]"),
        (["[[baseline]]", 'name = "a"', 'tier = "easy"', 'file = "baselines/a.csv"'], "simple, medium, strong, boss"),
        (["[[baseline]]", 'name = "a"', 'tier = "boss"', 'file = "../solution.csv"'], "folder baselines"),
        (["[[baseline]]", 'name = "a"', 'tier = "boss"', 'file = "baselines/a.csv"'], "missing from the folder"),
        (["= 3"], "not TOML"),
    ],
)
def test_a_wrong_setting_gets_a_sentence(lines, sentence):
    replaced = [line.split(" =")[0] for line in lines[:1]]
    with pytest.raises(BadBundle, match=r"^The competition folder is not ready\. .*[.?]$") as refusal:
        read(competition__toml=toml(*lines, without=replaced))
    assert any(re.search(sentence, problem.message) for problem in refusal.value.problems)


@pytest.mark.parametrize("key", ["slug", "title", "time_zone", "deadline", "bounds"])
def test_what_is_required_is_missed(key):
    assert f"{key} is missing" in sentences(competition__toml=toml(without=[key]))


@pytest.mark.parametrize("name", ["competition.toml", "train.csv", "test.csv", "sample_submission.csv", "solution.csv"])
def test_a_missing_file_is_named(name):
    assert f"{name}: it is missing" in sentences(**{name: None})


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("solution.csv", "7.25", "7,25", "line 3: 4 fields, but the header has 3"),
        ("solution.csv", "7.25", '"7,25"', "line 3: “minutes” is “7,25”, which is not a number; write 7.25"),
        ("solution.csv", "7.25", "", "line 3: “minutes” is missing"),
        ("solution.csv", "7.25", "1e999", "line 3: “minutes” is infinite"),
        ("solution.csv", "7.25", "1_0", "line 3: “minutes” is “1_0”, which is not a number."),
        ("solution.csv", "7.25", "７", "line 3: “minutes” is “７”, which is not a number."),
        ("solution.csv", "7.25", "٧", "line 3: “minutes” is “٧”, which is not a number."),
        ("solution.csv", "7.25", "20.5", "the label 20.5 of the id “9” is outside the bounds"),
        ("solution.csv", "Public", "Private", "no row is Public"),
        ("solution.csv", "Public", "public", "must be Public, Private or Ignored"),
        ("solution.csv", "minutes", "minute", "Did you mean “minute”?"),
        ("solution.csv", "Usage", "usage", "Did you mean “usage”?"),
        ("solution.csv", ",", ";", "separated by semicolons"),
        ("solution.csv", "id,", ",", "column 1 has no name"),
        ("solution.csv", "9,7", "10,7", "line 3: the id “10” was already in line 2"),
        ("solution.csv", "9,7", '" 9",7', "cannot be an id"),
        ("test.csv", "9,30", "8,30", "the id “8” is not in solution.csv"),
        ("test.csv", "9,30\n", "", "the id “9” of solution.csv is missing"),
        ("test.csv", "pages", "minutes", "the column “minutes”, which must stay hidden"),
        ("test.csv", "pages", "Usage", "the column “Usage”, which must stay hidden"),
        ("train.csv", "2,20", "9,20", "line 3: the id “9” is a test id, too"),
        ("train.csv", "4.5", "?", "line 2: “minutes” is missing"),
        ("train.csv", "4.5", "90", "its mean label 47.75 is outside the bounds"),
        ("train.csv", "minutes", "time", "no column “minutes”"),
        ("sample_submission.csv", "9,5\n", "", "sample_submission.csv"),
        ("sample_submission.csv", "9,5", "9,25", "sample_submission.csv, line 2"),
        ("sample_submission.csv", "id,minutes", "id,minutes,x", "two columns"),
        ("sample_submission.csv", "minutes", '"minutes, CET"', "the column “minutes, CET” cannot stand in"),
        ("sample_submission.csv", "minutes", "m" * 65, "cannot stand in a prediction file. Rename it"),
        ("test.csv", "pages", "pages,pages", "the column “pages” occurs twice"),
        ("test.csv", "30", '"30', "this is not CSV"),
    ],
)
def test_a_wrong_table_gets_a_sentence_with_its_line(file, old, new, sentence):
    assert old in FOLDER[file]
    assert sentence in sentences(**{file: FOLDER[file].replace(old, new)})


def test_what_is_not_utf8_is_told_with_its_line(tmp_path):
    written(tmp_path)
    (tmp_path / "train.csv").write_bytes(b"id,pages,minutes\n1,10,4.5\n2,\xff,5.5\n")
    with pytest.raises(BadBundle, match=r"train\.csv, line 3: this is not UTF-8"):
        read_bundle(tmp_path)


def test_a_baseline_file_must_be_one_that_a_student_could_submit():
    declared = toml("[[baseline]]", 'name = "a"', 'tier = "boss"', 'file = "baselines/a.csv"', "points_public = 1.5")
    good = read(**{"competition.toml": declared, "baselines/a.csv": FOLDER["sample_submission.csv"]})
    assert good.settings.baselines[0].points_public == 1.5
    assert list(good.baseline_files) == ["baselines/a.csv"]
    assert "baselines/a.csv, line 2" in sentences(
        **{"competition.toml": declared, "baselines/a.csv": "id,minutes\n9,x\n"}
    )


def test_baselines_have_names_of_their_own_and_no_unknown_settings():
    lines = ["[[baseline]]", 'name = "a"', 'tier = "boss"', 'file = "baselines/a.csv"'] * 2
    told = sentences(competition__toml=toml(*lines, "colour = 1"))
    assert "baseline names must differ." in told
    assert "baseline 2: colour is no setting." in told


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadBundle, match="no such folder"):
        read_bundle(tmp_path / "nowhere")


def read_or_told(reading):
    """The ids that were read, or the problems of a refusal; any other exception passes through."""
    try:
        return reading().key.ids
    except BadBundle as refusal:
        return refusal.problems


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FOLDER)), st.integers(0, 200), st.binary(max_size=4))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(name, place, noise):
    files = {file: text.encode() for file, text in FOLDER.items()}
    place = min(place, len(files[name]))
    files[name] = files[name][:place] + noise + files[name][place + len(noise) :]
    assert read_or_told(lambda: bundle_of(files, (), Problems()))


# a zip


def zipped(files, home="", **kinds):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **kinds) as archive:
        for name, content in files.items():
            archive.writestr(home + name, content)
    return out.getvalue()


@pytest.mark.parametrize("home", ["", "length/"])
def test_a_zip_is_read_like_the_folder_it_holds(home):
    bundle = read_zip(zipped(FOLDER | {"__MACOSX/._x": "junk"}, home))
    assert bundle.key.ids == ("9", "10", "11")
    assert bundle.pages["data", "en"] == "# Data"


@pytest.mark.parametrize("name", ["../solution.csv", "/etc/passwd", "a/../../b.md", "..\\b.md", "C:x.md"])
def test_a_zip_that_points_outside_of_itself_is_refused(name):
    with pytest.raises(BadBundle, match="points outside"):
        read_zip(zipped(FOLDER | {name: "x"}))


def test_a_bomb_is_refused_while_it_unpacks():
    bomb = zipped(FOLDER | {"train.csv": "0" * 3_000_000}, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 20_000
    with pytest.raises(BadBundle, match="more than is allowed"):
        read_zip(bomb, largest=1_000_000)


def test_a_bomb_among_files_that_do_not_belong_is_never_opened():
    bomb = zipped(FOLDER | {"movie.bin": "0" * 3_000_000}, compression=zipfile.ZIP_DEFLATED)
    assert read_zip(bomb, largest=1_000_000).unused == ("movie.bin",)


def test_many_files_together_count():
    pages = {f"overview.{a}{b}.md": "0" * 10_000 for a in "abcde" for b in "abcde"}
    with pytest.raises(BadBundle, match="more than is allowed"):
        read_zip(zipped(FOLDER | pages), largest=100_000)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"slug = 3", zipped(FOLDER)[:-30], zipped(FOLDER)[40:]])
def test_what_is_no_zip_is_refused(content):
    with pytest.raises(BadBundle):
        read_zip(content)


def test_an_encrypted_zip_is_refused():
    content = bytearray(zipped({"competition.toml": TOML}))
    central = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[central + 8] |= 1
    with pytest.raises(BadBundle, match="cannot be unpacked"):
        read_zip(bytes(content))


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_uncommon_packing_is_refused(packing):
    with pytest.raises(BadBundle, match="uncommon way"):
        read_zip(zipped(FOLDER, compression=packing))


def test_a_file_without_a_name_is_no_file():
    content = zipped({"x.md": ""} | FOLDER).replace(b"x.md", b"\0.md")
    assert read_zip(content).unused == ("",)


def test_two_files_of_one_name_are_refused():
    out = io.BytesIO(zipped(FOLDER))
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("solution.csv", "id,minutes,Usage\n")
    with pytest.raises(BadBundle, match="one twice"):
        read_zip(out.getvalue())


def test_a_zip_without_a_competition_says_what_is_missing():
    with pytest.raises(BadBundle, match=r"competition\.toml: it is missing"):
        read_zip(zipped({"readme.txt": "x"}))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_a_damaged_zip_is_read_or_refused_and_nothing_else(place, noise):
    content = zipped(FOLDER, compression=zipfile.ZIP_DEFLATED)
    place %= len(content)
    assert read_or_told(lambda: read_zip(content[:place] + noise + content[place + len(noise) :]))


# made from a labelled CSV


def labelled(folder, n=200, *, text=None, name="labelled.csv"):
    """A CSV of n rows, sorted by its target, with texts that a careless reader would change."""
    path = folder / name
    if text is None:
        rng = np.random.default_rng(3)
        rows = [
            [f"{x:.9f}", "007" if x > 0 else "NA", 'a "quoted", text', f"{2 * x + 1:.4f}"]
            for x in np.sort(rng.normal(size=n))
        ]
        text = table([["x", "code", "remark", "y"], *rows])
    path.write_text(text, encoding="utf-8")
    return path


def table(rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def make(tmp_path, *, folder="Lecture length!", source=None, target="y", **options):
    source = source or labelled(tmp_path)
    return init_bundle(tmp_path / folder, source, target, **({"now": NOW} | options))


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_a_labelled_csv_becomes_a_competition_that_is_ready(tmp_path):
    bundle = make(tmp_path)
    assert check_bundle(bundle, NOW).ready
    assert (bundle.settings.slug, bundle.settings.title) == ("lecture-length", "Lecture length")
    assert (len(bundle.key.ids), bundle.key.n_public, bundle.key.n_private) == (60, 18, 42)
    assert read_bundle(tmp_path / "Lecture length!").settings == bundle.settings
    translated = {f"{name}.zh-Hant.md" for name in ("overview", "rules", "data")}
    assert {path.name for path in (tmp_path / "Lecture length!").iterdir()} == set(FOLDER) | translated


def test_the_pages_say_the_same_in_every_language(tmp_path):
    pages = make(tmp_path).pages
    for name in ("overview", "rules", "data"):
        english, chinese = pages[name, "en"], pages[name, "zh-Hant"]
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert set(re.findall(r"`[^`]+`|\d+", english)) == set(re.findall(r"`[^`]+`|\d+", chinese))
        assert english.count("\n|") == chinese.count("\n|")


def test_every_row_ends_in_exactly_one_place_with_its_fields_untouched(tmp_path):
    make(tmp_path)
    home = tmp_path / "Lecture length!"
    train, test, solution = (rows_of(home / f"{name}.csv") for name in ("train", "test", "solution"))
    assert train[0] == ["id", "x", "code", "remark", "y"]
    assert test[0] == ["id", "x", "code", "remark"]
    label = {row_id: y for row_id, y, _ in solution[1:]}
    together = [row[1:] for row in train[1:]] + [[*row[1:], label[row[0]]] for row in test[1:]]
    assert sorted(together) == sorted(rows_of(tmp_path / "labelled.csv")[1:])


def test_ids_are_new_unique_and_say_nothing_of_the_row_they_came_from(tmp_path):
    bundle = make(tmp_path)
    home = tmp_path / "Lecture length!"
    for name in ("train.csv", "test.csv"):
        rows = rows_of(home / name)[1:]
        x = np.array([float(row[1]) for row in rows])  # the source was sorted by it
        assert abs(rank_correlation(np.arange(len(x)), x)) < 4 / np.sqrt(len(x))
    train_ids = {row[0] for row in rows_of(home / "train.csv")[1:]}
    assert train_ids.isdisjoint(bundle.key.ids)
    assert len(train_ids) + len(bundle.key.ids) == 200


def test_given_ids_are_kept_as_text(tmp_path):
    source = labelled(tmp_path, text=table([["name", "x", "y"], *[[f"r{n:03}", n, n % 7] for n in range(40)]]))
    bundle = make(tmp_path, source=source, id_column="name")
    assert bundle.key.id_column == "name"
    assert set(bundle.key.ids) < {f"r{n:03}" for n in range(40)}
    assert all(int(i[1:]) % 7 == label for i, label in zip(bundle.key.ids, bundle.key.labels, strict=True))


def test_a_column_called_id_is_replaced_unless_it_is_asked_for(tmp_path):
    source = labelled(tmp_path, text=table([["ID", "x", "y"], *[[n * 1000, n, n % 7] for n in range(40)]]))
    bundle = make(tmp_path, source=source)
    assert bundle.key.id_column == "ID"
    assert all(1 <= int(i) <= 40 for i in bundle.key.ids)
    assert rows_of(tmp_path / "Lecture length!" / "test.csv")[0] == ["ID", "x"]


def test_the_sample_is_the_training_mean_and_scores_no_better(tmp_path):
    bundle = make(tmp_path)
    sample = read_predictions(bundle.public_files["sample_submission.csv"], "s.csv", bundle.expected())
    assert set(sample) == {bundle.training_mean}
    scores = check_bundle(bundle, NOW).scores
    assert scores["sample"] == pytest.approx(scores["mean"])
    assert scores["perfect"] == {"public": 0, "private": 0}


def test_the_bounds_are_half_the_range_beyond_the_training_labels(tmp_path):
    bundle = make(tmp_path)
    y = [float(row[-1]) for row in rows_of(tmp_path / "Lecture length!" / "train.csv")[1:]]
    half = (max(y) - min(y)) / 2
    assert bundle.settings.bounds == pytest.approx((min(y) - half, max(y) + half), rel=1e-4)


def test_the_bounds_hold_every_label_also_where_the_largest_is_a_test_row(tmp_path):
    values = [*range(30), 1e6]
    source = labelled(tmp_path, text=table([["x", "y"], *[[n, y] for n, y in enumerate(values)]]))
    tops = [make(tmp_path, folder=f"s{seed}", source=source, seed=seed).settings.bounds[1] for seed in range(8)]
    assert min(tops) >= 1e6
    assert max(tops) > min(tops)  # it was a training row in some and a test row in others


def test_the_seed_is_secret_and_written_nowhere(tmp_path):
    source = labelled(tmp_path)
    seeds = [None, None, 918273645546372819, 918273645546372819]
    made = [make(tmp_path, folder=f"f{number}", source=source, seed=seed) for number, seed in enumerate(seeds)]
    a, b, c, d = (rows_of(tmp_path / f"f{number}" / "solution.csv") for number in range(4))
    assert a != b
    assert c == d
    assert all("918273645546372819" not in file.read_text() for file in (tmp_path / "f2").iterdir())
    assert made[2].key.usage.tolist() == made[3].key.usage.tolist()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such permissions")
def test_the_solution_is_readable_by_its_owner_alone(tmp_path):
    make(tmp_path)
    assert (tmp_path / "Lecture length!" / "solution.csv").stat().st_mode & 0o077 == 0


def test_the_order_of_the_file_does_not_decide_who_is_tested(tmp_path):
    rows = rows_of(labelled(tmp_path))
    backwards = labelled(tmp_path, text=table([rows[0], *rows[:0:-1]]), name="backwards.csv")
    labels = [
        sorted(make(tmp_path, folder=f"f{n}", source=source, seed=5).key.labels)
        for n, source in enumerate((tmp_path / "labelled.csv", backwards))
    ]
    assert labels[0] == labels[1]


def test_the_deadline_is_the_end_of_a_day_two_weeks_on_or_as_given(tmp_path):
    source = labelled(tmp_path)
    taipei = make(tmp_path, folder="a", source=source, time_zone="Asia/Taipei").settings
    assert taipei.deadline == datetime(2026, 12, 7, 15, 59, tzinfo=UTC)
    told = make(tmp_path, folder="b", source=source, time_zone="Asia/Taipei", deadline="2027-01-31 23:59").settings
    assert told.deadline == datetime(2027, 1, 31, 15, 59, tzinfo=UTC)
    # the earlier of two equal clock times in Berlin, which a local time alone would not tell
    instant = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert (
        make(tmp_path, folder="c", source=source, time_zone="Europe/Berlin", deadline=instant).settings.deadline
        == instant
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"target": "Y"}, "Did you mean “y”"),
        ({"target": "nothing like it"}, "It has: x, code, remark, y"),
        ({"id_column": "xx"}, "Did you mean “x”"),
        ({"id_column": "y"}, "cannot be the target"),
        ({"test_size": 1.0}, "between 0 and 1"),
        ({"public": 0.0}, "between 0 and 1"),
        ({"test_size": float("nan")}, "between 0 and 1"),
        ({"seed": -1}, "whole number"),
        ({"metric": "auc"}, "Choose one of: mse"),
        ({"time_zone": "Taipei"}, "Did you mean Asia/Taipei"),
        ({"deadline": "soon"}, "not a date"),
        ({"source": Path("nowhere.csv")}, "cannot be read"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path, options, sentence):
    with pytest.raises(BadRequest, match=sentence):
        make(tmp_path, **options)
    assert not (tmp_path / "Lecture length!").exists()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("x,y\n" + "1,2\n" * 20 + "3,\n", "line 22: “y” is missing"),
        ("x,y\n1,NaN\n" + "1,2\n" * 20, "line 2: “y” is missing"),
        ("x,y\n1,-inf\n" + "1,2\n" * 20, "line 2: “y” is infinite"),
        ("x,y\n1,long\n" + "1,2\n" * 20, "line 2: “y” is “long”, which is not a number"),
        ("x,y\n1,2,3\n" + "1,2\n" * 20, "line 2: 3 fields"),
        ("x,y\n" + "1,2\n" * 9, "9 rows"),
        ("x,y\n" + "1,2\n" * 20, "nothing to predict"),
        ("x,y\n" + "".join(f"1,{n}e200\n" for n in range(20)), "bounds"),
        ("", "nothing in it"),
        (",y\n" + "1,2\n" * 20, "no name"),
        ("x,x,y\n" + "1,1,2\n" * 20, "twice"),
        ("x;y\n" + "1;2\n" * 20, "semicolons"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_with_their_lines(tmp_path, rows, sentence):
    with pytest.raises((BadBundle, BadRequest), match=sentence):
        make(tmp_path, source=labelled(tmp_path, text=rows))
    assert not (tmp_path / "Lecture length!").exists()


def test_duplicate_ids_are_refused_with_both_lines(tmp_path):
    source = labelled(tmp_path, text="name,y\n" + "".join(f"r{n % 15},{n}\n" for n in range(20)))
    with pytest.raises(BadBundle, match="line 17: the id “r0” was already in line 2"):
        make(tmp_path, source=source, id_column="name")


def test_a_folder_that_holds_something_is_left_alone_unless_forced(tmp_path):
    make(tmp_path, seed=1)
    before = (tmp_path / "Lecture length!" / "solution.csv").read_bytes()
    with pytest.raises(BadRequest, match="already holds something"):
        make(tmp_path, seed=2)
    assert (tmp_path / "Lecture length!" / "solution.csv").read_bytes() == before
    make(tmp_path, seed=2, force=True)
    assert (tmp_path / "Lecture length!" / "solution.csv").read_bytes() != before


def test_a_name_without_latin_letters_still_gives_a_slug(tmp_path):
    settings = make(tmp_path, folder="課程").settings
    assert (settings.slug, settings.title) == ("competition", "課程")


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(10, 60),
    share=st.floats(0.05, 0.95),
    values=st.lists(st.sampled_from(["0", "-1.5", "1e10", "3", "3.0"]), min_size=2, unique=True),
)
def test_small_sets_with_many_ties_become_competitions_too(tmp_path_factory, n, share, values):
    home = tmp_path_factory.mktemp("small")
    source = labelled(home, text=table([["x", "y"], *[[i, values[i % len(values)]] for i in range(n)]]))
    if len({float(v) for v in values}) > 1:
        bundle = make(home, source=source, test_size=share, public=share)
        assert min(bundle.key.n_public, bundle.key.n_private) >= 1


# the pre-flight


def finding(report, code):
    return next(found for found in report.findings if found.code == code)


def sound(tmp_path, **options):
    return make(tmp_path, source=labelled(tmp_path, 1500), public=0.5, seed=11, **options)


def changed(tmp_path, bundle, **files):
    """The bundle again after some of its files were written anew."""
    for name, rows in files.items():
        (tmp_path / "Lecture length!" / f"{name}.csv").write_text(table(rows), encoding="utf-8")
    return read_bundle(tmp_path / "Lecture length!")


def test_a_sound_competition_is_ready_and_green_where_few_may_submit(tmp_path):
    sound(tmp_path)
    toml_file = tmp_path / "Lecture length!" / "competition.toml"
    toml_file.write_text(toml_file.read_text().replace("# total_limit = 50", "total_limit = 20"))
    report = check_bundle(read_bundle(toml_file.parent), NOW)
    assert report.ready
    assert {found.level for found in report.findings} == {"ok"}
    assert report.rows == {"train": 1050, "test": 450, "public": 225, "private": 225}
    assert report.advice.level == "green"


def test_the_leak_ratio_counts_every_day_that_submissions_count_on(tmp_path):
    report = check_bundle(sound(tmp_path), NOW)
    assert report.advice.submissions == 5 * 15
    assert finding(report, "leak_ratio").level == "warning"
    assert "75 submissions" in str(finding(report, "leak_ratio").message)


def test_days_that_have_passed_count_as_well(tmp_path):
    bundle = sound(tmp_path)
    started = replace(bundle, settings=replace(bundle.settings, starts_at=NOW))
    assert check_bundle(started, NOW + timedelta(days=5)).advice.submissions == 5 * 15


def test_two_declared_baselines_say_how_far_models_differ(tmp_path):
    bundle = sound(tmp_path)
    plain = check_bundle(bundle, NOW).advice
    rng, n = np.random.default_rng(1), len(bundle.key.ids)
    names = [f"baselines/{tier}.csv" for tier in ("simple", "medium")]
    predictions = [bundle.key.labels + rng.normal(0, spread, n) for spread in (2.0, 1.0)]
    files = {
        name: table(
            [[bundle.key.id_column, bundle.key.target_column], *zip(bundle.key.ids, map(repr, made), strict=True)]
        )
        for name, made in zip(names, (vector.tolist() for vector in predictions), strict=True)
    }
    declared = tuple(DeclaredBaseline(name, name[10:-4], name) for name in names)
    both = replace(
        bundle,
        settings=replace(bundle.settings, baselines=declared, bounds=(-100.0, 1000.0)),
        baseline_files={name: text.encode() for name, text in files.items()},
    )
    losses = [(bundle.key.labels - made) ** 2 for made in predictions]
    measured = check_bundle(both, NOW).advice
    assert (plain.sd_measured, measured.sd_measured) == (False, True)
    assert measured.sd_pair == pytest.approx(np.std(losses[0] - losses[1], ddof=1))
    assert measured.resolution == pytest.approx(2.49 * measured.sd_pair / np.sqrt(measured.n_private))


def test_the_public_share_is_the_advised_one_unless_it_is_given(tmp_path):
    few = make(tmp_path, folder="few", source=labelled(tmp_path, 1000), test_size=0.5)
    assert (few.key.n_public, few.key.n_private) == (150, 350)
    many = make(tmp_path, folder="many", source=labelled(tmp_path, 6000), test_size=0.9)
    assert (many.key.n_public, many.key.n_private) == (2700, 2700)
    asked = make(tmp_path, folder="asked", source=labelled(tmp_path, 1000), test_size=0.5, public=0.5)
    assert (asked.key.n_public, asked.key.n_private) == (250, 250)


def test_ids_in_order_of_the_label_are_an_error(tmp_path):
    bundle = sound(tmp_path)
    by_label = np.argsort(np.argsort(bundle.key.labels))
    new = {old: f"t{by_label[row]:05}" for row, old in enumerate(bundle.key.ids)}
    home = tmp_path / "Lecture length!"
    files = {name: rows_of(home / f"{name}.csv") for name in ("test", "solution", "sample_submission")}
    for rows in files.values():
        rows[1:] = [[new[row[0]], *row[1:]] for row in rows[1:]]
    report = check_bundle(changed(tmp_path, bundle, **files), NOW)
    assert not report.ready
    assert "order of the ids tells the label" in str(finding(report, "telling_order").message)


def test_a_test_file_sorted_by_usage_is_an_error(tmp_path):
    bundle = sound(tmp_path)
    usage = dict(zip(bundle.key.ids, bundle.key.usage, strict=True))
    rows = rows_of(tmp_path / "Lecture length!" / "test.csv")
    report = check_bundle(changed(tmp_path, bundle, test=[rows[0], *sorted(rows[1:], key=lambda r: usage[r[0]])]), NOW)
    assert finding(report, "telling_order").level == "error"
    assert "rows of test.csv tells being public" in str(finding(report, "telling_order").message)


def test_neighbours_with_similar_labels_are_noticed(tmp_path):
    bundle = sound(tmp_path)
    label = dict(zip(bundle.key.ids, bundle.key.labels, strict=True))
    rows = rows_of(tmp_path / "Lecture length!" / "test.csv")
    ordered = sorted(rows[1:], key=lambda row: label[row[0]])
    up_and_down = [rows[0], *ordered[::2], *ordered[1::2][::-1]]
    report = check_bundle(changed(tmp_path, bundle, test=up_and_down), NOW)
    assert "Neighbours in the order of the rows of test.csv" in str(finding(report, "telling_neighbours").message)


def test_unlike_halves_are_noticed(tmp_path):
    bundle = sound(tmp_path)
    middle = np.median(bundle.key.labels)
    rows = rows_of(tmp_path / "Lecture length!" / "solution.csv")
    split = [[i, y, "Public" if float(y) > middle else "Private"] for i, y, _ in rows[1:]]
    report = check_bundle(changed(tmp_path, bundle, solution=[rows[0], *split]), NOW)
    assert "Kolmogorov-Smirnov 1.00" in str(finding(report, "unlike_halves").message)
    assert finding(report, "unlike_halves").level == "warning"


def test_halves_of_one_mean_but_another_spread_are_noticed(tmp_path):
    bundle = sound(tmp_path)
    low, high = np.quantile(bundle.key.labels, [0.25, 0.75])
    rows = rows_of(tmp_path / "Lecture length!" / "solution.csv")
    split = [[i, y, "Public" if low < float(y) < high else "Private"] for i, y, _ in rows[1:]]
    report = check_bundle(changed(tmp_path, bundle, solution=[rows[0], *split]), NOW)
    assert finding(report, "unlike_halves").level == "warning"


def test_a_sample_that_tells_the_labels_is_an_error(tmp_path):
    bundle = sound(tmp_path)
    rows = [row[:2] for row in rows_of(tmp_path / "Lecture length!" / "solution.csv")]
    report = check_bundle(changed(tmp_path, bundle, sample_submission=rows), NOW)
    assert finding(report, "telling_sample").level == "error"
    assert not report.ready


def test_test_rows_that_stand_in_train_are_counted(tmp_path):
    bundle = sound(tmp_path)
    train, test = (rows_of(tmp_path / "Lecture length!" / f"{name}.csv") for name in ("train", "test"))
    for row, twin in zip(test[1:8], train[1:], strict=False):
        row[1:] = twin[1:-1]
    assert "7 of 450 test rows" in str(
        finding(check_bundle(changed(tmp_path, bundle, test=test), NOW), "twins").message
    )


def test_a_deadline_in_the_past_is_a_warning(tmp_path):
    report = check_bundle(sound(tmp_path), NOW + timedelta(days=20))
    assert report.ready
    assert finding(report, "deadline").level == "warning"


def test_constant_labels_are_no_challenge(tmp_path):
    written(tmp_path)
    (tmp_path / "solution.csv").write_text("id,minutes,Usage\n10,5,Public\n9,5,Private\n11,5,Ignored\n")
    assert finding(check_bundle(read_bundle(tmp_path), NOW), "no_challenge").level == "error"


def test_baselines_out_of_order_missing_pages_and_strange_files_are_noticed(tmp_path):
    written(tmp_path)
    (tmp_path / "rules.md").unlink()
    (tmp_path / "sample_submissions.csv").write_text("")
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "good.csv").write_text("id,minutes\n9,7\n10,4\n11,0\n")
    (tmp_path / "baselines" / "poor.csv").write_text("id,minutes\n9,0\n10,20\n11,20\n")
    tiers = [
        (f'name = "{name}"', f'tier = "{tier}"', f'file = "baselines/{name}.csv"')
        for name, tier in (("good", "simple"), ("poor", "boss"))
    ]
    lines = [line for tier in tiers for line in ("[[baseline]]", *tier)]
    (tmp_path / "competition.toml").write_text(toml(*lines))
    report = check_bundle(read_bundle(tmp_path), NOW)
    assert "“poor” (boss) is not better than “good” (simple)" in str(finding(report, "baseline_order").message)
    assert "rules.md" in str(finding(report, "pages").message)
    assert "sample_submissions.csv" in str(finding(report, "unused").message)


def test_wide_bounds_and_training_labels_beyond_them_are_noticed():
    wide = read(competition__toml=toml("bounds = [0, 1e9]", without=["bounds"]))
    assert "far wider" in str(finding(check_bundle(wide, NOW), "bounds").message)
    beyond = read(train__csv="id,pages,minutes\n1,10,4.5\n2,20,25.5\n")
    assert "beyond the bounds" in str(finding(check_bundle(beyond, NOW), "bounds").message)


@pytest.mark.parametrize("metric", ["mse", "rmse", "mae", "r2"])
def test_every_metric_can_be_looked_over(tmp_path, metric):
    assert check_bundle(make(tmp_path, metric=metric), NOW).ready


def test_the_statistics_are_those_of_the_books():
    assert rank_correlation(np.array([1, 2, 3, 4]), np.array([10, 20, 40, 30])) == pytest.approx(0.8)
    assert rank_correlation(np.array([1, 2, 2, 4]), np.array([1, 1, 1, 1])) == 0
    assert largest_gap(np.array([1.0, 2.0]), np.array([1.5, 3.0, 4.0])) == pytest.approx(2 / 3)


def test_canonical_order_is_kept_by_what_init_writes(tmp_path):
    bundle = make(tmp_path)
    assert list(bundle.key.ids) == canonical_order(bundle.key.ids)

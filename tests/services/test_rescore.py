"""A corrected solution: every score again, everything else as it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text
from tests.installations import Build, Installation, prediction_file
from tests.services.test_end import board, choose, end
from tests.services.test_submit import rows, send
from tests.services.test_withdrawals import last_deed, take_out, well

from unseen_server.core.errors import BadSolution, StaffOnly
from unseen_server.core.metrics import METRICS
from unseen_server.core.release import constants_of
from unseen_server.db import models
from unseen_server.services import baselines, bundles, launching, releasing
from unseen_server.services import rescore as rescoring
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.keys import KeyRing, LoadedKey
from unseen_server.services.principals import SERVER
from unseen_server.services.rescore import Rescored

Row = dict[str, str]


def solution(made: Installation, change: Callable[[int, Row], None] = lambda n, row: None) -> bytes:
    """The competition's solution.csv, each row changed."""
    with (made.folder / "solution.csv").open(newline="") as source:
        table = list(csv.DictReader(source))
    for n, row in enumerate(table):
        change(n, row)
    out = io.StringIO()
    writer = csv.DictWriter(out, table[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue().encode()


def shifted(made: Installation, usage: str = "Public", by: float = 20.0) -> bytes:
    """Every third label of one half is another."""

    def change(n: int, row: Row) -> None:
        if row["Usage"] == usage and n % 3 == 0:
            row["minutes"] = f"{float(row['minutes']) + by:.1f}"

    return solution(made, change)


def correct(made: Installation, content: bytes, who: str = "teacher", **options: Any) -> Rescored:
    place = {"slug": made.slug, "principal": made.principal(who), "now": made.now}
    return rescoring.rescore(made.db, made.keys, content=content, **place, **options)


def everything(made: Installation) -> dict[str, list[tuple[object, ...]]]:
    made.token("teacher")  # is audited when it is made
    with made.db.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table))]
            for table in models.Base.metadata.sorted_tables
            if table.name != "tokens"  # whose last use is written down
        }


def numbers(made: Installation, version: int) -> list[tuple[object, ...]]:
    """Both scores of every submission under one version of the key, and what was shown."""
    with made.db.read() as session:
        found = session.execute(
            text(
                "SELECT s.submission_id, s.n, s.total, s.total_squares, s.value, s.shown, p.n, p.total, p.value "
                "FROM scores s JOIN private_scores p USING (submission_id, key_version) "
                f"WHERE s.key_version = {version} ORDER BY s.submission_id"
            )
        )
        return [tuple(row) for row in found]


def competition(made: Installation) -> models.Competition:
    with made.db.read() as session:
        return session.scalars(select(models.Competition)).one()


@pytest.fixture
def busy(installation: Installation) -> Installation:
    """Three teams, a baseline, a late and a withdrawn submission."""
    place = {"slug": installation.slug, "principal": SERVER, "now": installation.now}
    declared = DeclaredBaseline("Mean", "simple", "mean.csv")
    baselines.add(installation.db, installation.keys, declared=declared, content=installation.file(50.0), **place)
    for n, who in enumerate(("alice", "bob", "carol", "alice", "bob")):
        send(installation, installation.noisy(2.0 + 3 * n, n), who)
    take_out(installation, send(installation, installation.noisy(0.5, 9), "carol").ref)
    return installation


def test_every_score_is_what_the_corrected_labels_give(busy: Installation) -> None:
    content = shifted(busy)
    report = correct(busy, content)
    key = busy.keys.of(competition(busy)).answers
    assert (report.key_version, report.submissions) == (2, rows(busy, models.Submission))
    with busy.db.read() as session:
        for vector in session.scalars(select(models.PredictionVector)):
            predictions = np.frombuffer(vector.content, "<f8")
            for table, half in ((models.Score, 1), (models.PrivateScore, 2)):
                kept = session.get_one(table, (vector.submission_id, 2))
                errors = (key.labels - predictions)[key.usage == half]
                assert kept.value == pytest.approx(np.mean(errors**2), rel=1e-12)
    assert well(busy)


@pytest.mark.slow
def test_the_board_is_the_one_that_a_corrected_competition_would_have(busy: Installation, build: Build) -> None:
    content = shifted(busy, "Public", 35.0)
    correct(busy, content)
    fresh = build(launched=False)
    (fresh.folder / "solution.csv").write_bytes(content)
    from_scratch = _again(fresh, busy)
    shown = [(entry.team, entry.rank, entry.score, entry.entries) for entry in board(busy).entries]
    assert shown == from_scratch


def _again(fresh: Installation, busy: Installation) -> list[tuple[object, ...]]:
    """The board of the same competition, made from the corrected folder and sent the same files."""
    with fresh.db.write() as session:
        session.scalars(select(models.Competition)).one().slug = "old"
    launching.create(fresh.db, bundles.read_bundle(fresh.folder), course="ml", principal=SERVER, now=fresh.now)
    launching.launch(fresh.db, slug=fresh.slug, at=None, principal=SERVER, now=fresh.now)
    fresh.bundle = busy.bundle
    place = {"slug": fresh.slug, "principal": SERVER, "now": fresh.now}
    declared = DeclaredBaseline("Mean", "simple", "mean.csv")
    baselines.add(fresh.db, fresh.keys, declared=declared, content=busy.file(50.0), **place)
    for n, who in enumerate(("alice", "bob", "carol", "alice", "bob")):
        send(fresh, busy.noisy(2.0 + 3 * n, n), who)
    return [(entry.team, entry.rank, entry.score, entry.entries) for entry in board(fresh).entries]


def test_a_dry_run_tells_the_rank_changes_and_writes_nothing(busy: Installation) -> None:
    before = everything(busy)
    dry = correct(busy, shifted(busy, by=40.0), dry_run=True)
    assert everything(busy) == before
    was = {entry.team: (entry.rank, entry.score) for entry in board(busy).entries}
    done = correct(busy, shifted(busy, by=40.0))
    now = {entry.team: (entry.rank, entry.score) for entry in board(busy).entries}
    assert (dry.public, dry.labels_changed, dry.usage_changed) == (done.public, done.labels_changed, 0)
    assert dry.public
    for change in dry.public:
        assert (change.old_rank, change.old_score) == was[change.team]
        assert (change.new_rank, change.new_score) == now[change.team]


def test_correcting_back_gives_the_old_numbers_to_the_bit(busy: Installation) -> None:
    original, boards, old = numbers(busy, 1), board(busy).entries, competition(busy)
    correct(busy, shifted(busy))
    assert board(busy).entries != boards
    correct(busy, solution(busy))
    assert numbers(busy, 3) == original == numbers(busy, 1)
    assert board(busy).entries == boards
    new = competition(busy)
    assert (new.baseline_score, new.baseline_standard_error) == (old.baseline_score, old.baseline_standard_error)
    assert new.seal != old.seal  # another salt


def test_repeating_a_correction_changes_nothing(busy: Installation) -> None:
    correct(busy, shifted(busy))
    before = everything(busy)
    again = correct(busy, shifted(busy))
    assert (again.key_version, again.labels_changed, again.public, again.private) == (2, 0, [], [])
    assert everything(busy) == before


def test_rows_may_change_their_half_or_be_ignored(busy: Installation) -> None:
    def change(n: int, row: Row) -> None:
        row["Usage"] = "Ignored" if n == 0 else "Public" if n < 12 else row["Usage"]

    report = correct(busy, solution(busy, change))
    key = busy.keys.of(competition(busy)).answers
    assert report.usage_changed > 0
    assert competition(busy).public_rows == report.public_rows == key.n_public
    assert {row[1] for row in numbers(busy, 2)} == {key.n_public}


def test_scores_are_rounded_by_what_the_same_baseline_scores_now(build: Build) -> None:
    made = build()
    report = correct(made, shifted(made, by=40.0))
    labels = made.keys.of(competition(made)).answers
    errors = ((labels.labels - made.bundle.training_mean) ** 2)[labels.usage == 1]
    row = competition(made)
    assert row.baseline_score == pytest.approx(np.mean(errors), rel=1e-12)
    assert row.baseline_standard_error == pytest.approx(np.std(errors, ddof=1) / np.sqrt(len(errors)), rel=1e-9)
    kept = releasing.constants_of(row)
    assert kept == constants_of(METRICS["mse"], row.baseline_score, row.baseline_standard_error, report.public_rows)


def test_a_declared_baseline_stays_the_yardstick_whatever_is_added_before_or_after(build: Build) -> None:
    made = build(launched=False)
    folder, line = made.folder, prediction_file(made.bundle, 44.0)
    (folder / "baselines").mkdir(exist_ok=True)
    (folder / "baselines" / "line.csv").write_bytes(line)
    toml = (folder / "competition.toml").read_text().replace('"lecture"', '"second"')
    declared = '\n[[baseline]]\nname = "Line"\ntier = "simple"\nfile = "baselines/line.csv"\n'
    (folder / "competition.toml").write_text(toml + declared)
    launching.create(made.db, bundles.read_bundle(folder), course="ml", principal=SERVER, now=made.now)
    made.slug = "second"
    place = {"slug": made.slug, "principal": SERVER, "now": made.now}
    other = DeclaredBaseline("Mean", "medium", "mean.csv")
    baselines.add(made.db, made.keys, declared=other, content=made.file(50.0), **place)
    correct(made, shifted(made))
    with made.db.read() as session:
        row = session.scalars(select(models.Competition).where(models.Competition.slug == "second")).one()
    key = made.keys.of(row).answers
    assert row.baseline_score == pytest.approx(np.mean(((key.labels - 44.0) ** 2)[key.usage == 1]), rel=1e-12)


def test_what_is_late_withdrawn_chosen_and_when_it_came_stays(busy: Installation) -> None:
    choose(busy, 2)
    before = everything(busy)["submissions"]
    correct(busy, shifted(busy))
    assert everything(busy)["submissions"] == before


def test_after_the_reveal_the_private_board_is_written_again(busy: Installation) -> None:
    before = end(busy).entries
    report = correct(busy, shifted(busy, "Private", 40.0))
    after = board(busy, "private").entries
    assert [entry.score for entry in after] != [entry.score for entry in before]
    assert {change.team for change in report.private} == {entry.team for entry in after}
    assert report.public == []
    assert "private_ranks" in last_deed(busy, "competition.rescore").details
    correct(busy, solution(busy))
    assert board(busy, "private").entries == before


def test_before_the_reveal_nothing_private_is_told_or_written(busy: Installation) -> None:
    public = board(busy).entries
    report = correct(busy, shifted(busy, "Private"))
    assert (report.private, report.public) == ([], [])
    assert board(busy).entries == public
    assert rows(busy, models.PrivateStanding) == 0


def test_the_new_key_gets_a_new_seal_and_the_audit_keeps_the_old_hash(busy: Installation) -> None:
    old = competition(busy)
    correct(busy, shifted(busy))
    new = competition(busy)
    assert new.seal == busy.keys.of(new).answers.sealed_hash(new.seal_salt or "")
    details = last_deed(busy, "competition.rescore").details
    assert (details["seal_before"], details["seal"]) == (old.seal, new.seal)
    assert (old.seal_salt or "?") not in str(details)


def test_students_are_told_in_two_languages_unless_it_is_done_quietly(busy: Installation) -> None:
    correct(busy, shifted(busy), quiet=True)
    assert rows(busy, models.Announcement) == 0
    correct(busy, solution(busy))
    with busy.db.read() as session:
        said = session.scalars(select(models.Announcement.markdown)).one()
    assert "corrected on 2026-11-23 12:00 Asia/Taipei" in said
    assert "更正" in said


def test_a_draft_is_corrected_without_a_word(build: Build) -> None:
    made = build(launched=False)
    correct(made, shifted(made))
    assert (competition(made).key_version, competition(made).seal) == (2, None)
    assert rows(made, models.Announcement) == 0


def _without_a_row(content: bytes) -> bytes:
    return b"\n".join(content.splitlines()[:-1]) + b"\n"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_without_a_row, "missing_id"),
        (lambda content: content + b"new,50.0,Public\n", "unknown_id"),
        (lambda content: content + content.splitlines()[-1] + b"\n", "repeated_id"),
        (lambda content: content.replace(b"Private", b"Hidden", 1), "bad_usage"),
        (lambda content: content.replace(b"Private", b"Public"), "empty_half"),
        (lambda content: content.replace(b"minutes", b"hours"), "missing_column"),
        (lambda content: content.splitlines()[0] + b"\n", "empty_half"),
        (lambda content: b"", "empty_file"),
    ],
)
def test_another_competitions_solution_is_refused_whole(
    build: Build, change: Callable[[bytes], bytes], code: str
) -> None:
    made = build()
    before = everything(made)
    with pytest.raises(BadSolution) as refused:
        correct(made, change(solution(made)))
    assert code in {problem.code for problem in refused.value.problems}
    assert everything(made) == before


def test_a_label_outside_the_bounds_is_refused(build: Build) -> None:
    made = build()
    with pytest.raises(BadSolution, match="outside the bounds"):
        correct(made, shifted(made, by=1e6))


def test_only_instructors_of_the_course_correct_answers(busy: Installation) -> None:
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            correct(busy, shifted(busy), who)


class OvertakenKeys(KeyRing):
    """Keys whose answers are corrected as soon as somebody has read the first version."""

    def __init__(self, made: Installation) -> None:
        super().__init__(made.db)
        self.made = made

    def of(self, competition: models.Competition) -> LoadedKey:
        key = super().of(competition)
        if key.version == 1:
            self.made.keys = KeyRing(self.made.db)
            correct(self.made, shifted(self.made))
        return key


def test_a_file_sent_meanwhile_is_scored_by_the_corrected_key(installation: Installation) -> None:
    installation.keys = OvertakenKeys(installation)
    receipt = send(installation, installation.file(50.0))
    assert [row[0] for row in numbers(installation, 2)] == [receipt.ref]
    assert numbers(installation, 1) == []
    key = installation.keys.of(competition(installation)).answers
    value = np.mean(((key.labels - 50.0) ** 2)[key.usage == 1])
    assert numbers(installation, 2)[0][4] == pytest.approx(value, rel=1e-12)
    assert well(installation)


def test_a_baseline_added_meanwhile_is_scored_by_the_corrected_key(installation: Installation) -> None:
    place = {"slug": installation.slug, "principal": SERVER, "now": installation.now}
    declared, content = DeclaredBaseline("Mean", "simple", "mean.csv"), installation.file(50.0)
    keys = OvertakenKeys(installation)
    baselines.add(installation.db, keys, declared=declared, content=content, **place)
    key = installation.keys.of(competition(installation)).answers
    value = np.mean(((key.labels - 50.0) ** 2)[key.usage == 1])
    assert numbers(installation, 2)[0][4] == pytest.approx(value, rel=1e-12)


def test_a_file_that_comes_while_others_are_scored_is_not_forgotten(busy: Installation) -> None:
    counted: list[int] = []

    def progress(done: int, total: int) -> None:
        if not counted:
            send(busy, busy.noisy(1.0, 77), "carol")
        counted.append(done)

    report = correct(busy, shifted(busy), progress=progress)
    assert counted[-1] == report.submissions - 1
    assert len(numbers(busy, 2)) == report.submissions == rows(busy, models.Submission)
    assert well(busy)

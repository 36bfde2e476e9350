"""What becomes of a competition between its folder and its reveal: exported, copied, removed, launched for later."""

from __future__ import annotations

import dataclasses
import zipfile
from datetime import timedelta
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from tests.installations import COURSE, Build, Installation, configure
from tests.visitors import add, send

from unseen_server.core.errors import BadRequest, Conflict, NotFound, StaffOnly, WrongPhase
from unseen_server.core.splits import IGNORED, PUBLIC, AnswerKey, drawn_anew
from unseen_server.db.models import AuditEntry, Competition, Enrolment, Submission, User
from unseen_server.services import (
    baselines,
    bundles,
    cloning,
    competitions,
    folders,
    launching,
    progress,
    removing,
    tokens,
)
from unseen_server.services.bundles import Bundle, DeclaredBaseline
from unseen_server.services.cloning import Copy
from unseen_server.services.submissions import own_submissions


def exported(made: Installation) -> Bundle:
    return bundles.read_files(folders.export(made.db, **made.asking()))


def add_baseline(made: Installation, name: str, file: str = "line.csv", value: float = 50.0, **more: Any) -> None:
    declared = DeclaredBaseline(name, "simple", file, **more)
    baselines.add(made.db, made.keys, declared=declared, content=made.file(value), **made.asking())


def audited(made: Installation, action: str) -> list[AuditEntry]:
    with made.db.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)))


def same_key(one: AnswerKey, two: AnswerKey) -> bool:
    return one.ids == two.ids and bool((one.labels == two.labels).all() and (one.usage == two.usage).all())


# exporting


def test_a_folder_comes_back_from_the_database_as_it_went_in(installation: Installation) -> None:
    again, original = exported(installation), installation.bundle
    assert again.settings == dataclasses.replace(original.settings, starts_at=installation.now)
    assert same_key(again.key, original.key)
    assert again.pages == original.pages
    assert again.public_files == original.public_files
    assert again.training_mean == original.training_mean
    assert [entry.actor for entry in audited(installation, "competition.export")] == ["teacher"]


def test_every_setting_of_a_folder_survives_the_way_back(build: Build) -> None:
    settings = {
        "title": "Quotes ' and 測驗 🐢",
        "starts_at": "2026-10-25 02:30",
        "deadline": "2027-03-01 10:00:30",
        "time_zone": "Europe/Berlin",
        "total_limit": 40,
        "daily_limit": 3,
        "rejected_per_hour": 7,
        "final_submissions": 1,
        "largest_team": 1,
        "release": "full",
        "public_intervals": False,
        "late_submissions": False,
        "bounds": [-1e16, 166.25],
    }
    made = build(launched=False)
    configure(made.folder, **settings)
    bundle = bundles.read_bundle(made.folder)
    odd = dataclasses.replace(bundle, settings=dataclasses.replace(bundle.settings, title='a "b" \\ c'))
    for each in (bundle, odd):
        assert bundles.read_files(bundles.written(each)).settings == each.settings


def test_baselines_come_back_with_their_files_and_points(build: Build) -> None:
    made = build()
    add_baseline(made, "Line", points_public=1.5, points_private=2)
    add_baseline(made, "Another “line”", "../../odd name (1).csv", 51.0)
    add_baseline(made, "A third", "line.csv", 52.0)
    again = exported(made)
    assert [each.name for each in again.settings.baselines] == ["Line", "Another “line”", "A third"]
    assert (again.settings.baselines[0].points_public, again.settings.baselines[0].points_private) == (1.5, 2.0)
    files = [each.file for each in again.settings.baselines]
    assert files == ["baselines/line.csv", "baselines/odd-name-1.csv", "baselines/line-2.csv"]
    assert [again.baseline_files[name] for name in files] == [made.file(value) for value in (50.0, 51.0, 52.0)]


def test_a_zip_holds_the_folder_and_is_the_same_every_time(build: Build) -> None:
    made = build()
    files = folders.export(made.db, **made.asking())
    content = bundles.zipped(files, "lecture")
    assert content == bundles.zipped(files, "lecture")
    assert {name.split("/")[0] for name in zipfile.ZipFile(BytesIO(content)).namelist()} == {"lecture"}
    assert bundles.read_zip(content).settings == bundles.read_files(files).settings


def test_only_an_instructor_of_the_course_takes_the_answers_along(build: Build) -> None:
    made = build()
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            folders.export(made.db, **made.asking(who))


# copying


def copy_of(made: Installation, *, split_anew: bool = False, course: str = COURSE, slug: str = "next") -> Installation:
    copy = Copy(course=course, slug=slug, title="Next term", deadline="2027-06-01 23:59", split_anew=split_anew)
    cloning.clone(made.db, copy=copy, **made.asking())
    return dataclasses.replace(made, slug=slug)


def test_a_copy_is_a_draft_with_the_same_content_and_nobodys_submissions(installation: Installation) -> None:
    add_baseline(installation, "Line", points_private=3)
    send(installation, installation.noisy(3.0))
    copied = copy_of(installation)
    shown = competitions.shown(copied.db, **copied.asking())
    assert (shown.phase, shown.title, shown.teams, shown.starts_at) == ("draft", "Next term", 0, None)
    again = exported(copied)
    assert same_key(again.key, installation.bundle.key)
    assert again.pages == installation.bundle.pages
    assert [each.name for each in again.settings.baselines] == ["Line"]
    assert again.settings.deadline.isoformat() == "2027-06-01T15:59:00+00:00"
    assert audited(copied, "competition.create")[-1].details["origin"] == "copy of lecture"


def test_a_copy_can_be_split_anew_over_the_same_rows(build: Build) -> None:
    made = build()
    key, again = made.bundle.key, exported(copy_of(made, split_anew=True)).key
    assert again.ids == key.ids
    assert (again.labels == key.labels).all()
    assert (again.n_public, again.n_private) == (key.n_public, key.n_private)
    assert (again.usage != key.usage).any()


def test_whoever_copies_instructs_both_courses(build: Build) -> None:
    made = build()
    with pytest.raises(StaffOnly):
        copy_of(made, course="other")
    with pytest.raises(StaffOnly):
        cloning.clone(made.db, copy=Copy("other", "next", "Next", "2027-06-01 23:59", False), **made.asking("rival"))
    with made.db.write() as session:
        session.add(
            Enrolment(
                course_id=2,
                user_id=session.scalars(select(User.id).where(User.username == "teacher")).one(),
                role="instructor",
                created_at=made.now,
            )
        )
    copied = copy_of(dataclasses.replace(made, tokens={}), course="other")
    assert competitions.shown(copied.db, **copied.asking()).course == "other"


def test_a_copy_needs_an_address_of_its_own_and_a_real_deadline(build: Build) -> None:
    made = build()
    with pytest.raises(Conflict, match="already a competition"):
        copy_of(made, slug=made.slug)
    with pytest.raises(BadRequest, match="not a date"):
        cloning.clone(made.db, copy=Copy(COURSE, "next", "Next", "soon", False), **made.asking())


def test_halves_are_drawn_anew_alike_and_leave_ignored_rows_alone() -> None:
    labels = np.arange(100.0)
    usage = np.where(np.arange(100) % 10 == 0, IGNORED, np.where(np.arange(100) % 2, PUBLIC, 2)).astype(np.uint8)
    key = AnswerKey("id", "y", tuple(map(str, range(100))), labels, usage)
    drawn = [drawn_anew(key) for _ in range(200)]
    for each in drawn:
        assert (each.usage[usage == IGNORED] == IGNORED).all()
        assert (each.n_public, each.n_private) == (key.n_public, key.n_private)
        # stratified: ten blocks of labels, each with its share
        assert abs(labels[each.usage == PUBLIC].mean() - labels[usage != IGNORED].mean()) < 5
    assert len({each.usage.tobytes() for each in drawn}) == 200
    shares = np.mean([each.usage == PUBLIC for each in drawn], axis=0)[usage != IGNORED]
    assert (np.abs(shares - key.n_public / 90) < 0.2).all()


# removing


def test_a_removed_competition_is_there_for_its_staff_alone(installation: Installation) -> None:
    send(installation, installation.noisy(3.0))
    removing.remove(installation.db, **installation.asking())
    for who in (None, "alice", "rival"):
        client = installation.client(who)
        assert client.get(f"/competitions/{installation.slug}").status_code == 404
        assert client.get(f"/competitions/{installation.slug}/leaderboard").status_code == 404
    assert installation.client("alice").get("/api/competitions").json == {"competitions": []}
    with pytest.raises(NotFound):
        own_submissions(installation.db, limit=1, **installation.asking("alice"))
    with pytest.raises(NotFound):
        send(installation, installation.noisy(3.0))
    assert competitions.shown(installation.db, **installation.asking()).slug == installation.slug


def test_a_removed_competition_comes_back_as_it_was(installation: Installation) -> None:
    send(installation, installation.noisy(3.0))
    before = installation.client().get(f"/api/competitions/{installation.slug}").json
    removing.remove(installation.db, **installation.asking())
    removing.restore(installation.db, **installation.asking())
    assert installation.client().get(f"/api/competitions/{installation.slug}").json == before
    assert audited(installation, "competition.remove")[0].details == {"teams": 1, "submissions": 1}
    assert len(audited(installation, "competition.restore")) == 1


def test_removing_twice_and_restoring_what_is_there_are_refused(build: Build) -> None:
    made = build()
    with pytest.raises(Conflict):
        removing.restore(made.db, **made.asking())
    removing.remove(made.db, **made.asking())
    with pytest.raises(Conflict):
        removing.remove(made.db, **made.asking())


def test_a_single_submission_of_a_removed_competition_is_gone_too(build: Build) -> None:
    made = build()
    send(made, made.noisy(3.0))
    assert made.client("alice").get("/api/submissions/1").status_code == 200
    removing.remove(made.db, **made.asking())
    for path in ("/api/submissions/1", "/api/submissions/1/file"):
        assert made.client("alice").get(path).status_code == 404


# launching


def test_a_start_that_is_not_reached_can_be_moved_and_the_seal_stays(installation: Installation) -> None:
    made = copy_of(installation)
    first = launching.launch(made.db, at="2026-12-24 09:00", **made.asking())
    moved = launching.launch(made.db, at="2026-12-25 09:00", **made.asking())
    assert (first.phase, moved.phase, moved.seal) == ("draft", "draft", first.seal)
    assert moved.starts_at is not None
    assert moved.starts_at.isoformat() == "2026-12-25T01:00:00+00:00"
    assert len(audited(made, "competition.reschedule")) == 1
    with pytest.raises(Conflict, match="launched already; it opens 2026-12-25 09:00 Asia/Taipei"):
        launching.launch(made.db, at=None, **made.asking())
    opened = launching.launch(made.db, at=made.now.isoformat(), **made.asking())
    assert opened.phase == "open"
    with pytest.raises(WrongPhase):
        launching.launch(made.db, at="2026-12-26 09:00", **made.asking())


def test_looking_at_a_launch_refuses_as_launching_would_and_writes_nothing(build: Build) -> None:
    made = build(launched=False)
    assert launching.planned(made.db, at="2026-11-24 09:00", **made.asking()).isoformat() == "2026-11-24T01:00:00+00:00"
    with pytest.raises(BadRequest, match="after its deadline"):
        launching.planned(made.db, at="2027-11-24 09:00", **made.asking())
    with pytest.raises(NotFound):
        launching.planned(made.db, at=None, **made.asking("rival"))
    assert competitions.shown(made.db, **made.asking()).seal is None


# baselines


def test_a_baseline_is_renamed_and_given_points_without_being_scored_again(installation: Installation) -> None:
    add_baseline(installation, "Line")
    before = baselines.placed(installation.db, **installation.asking())[0]
    changed: dict[str, Any] = {"name": "Curve", "tier": "boss", "points_public": 1, "points_private": 2.5}
    baselines.change(installation.db, number=before.id, **changed, **installation.asking())
    after = baselines.placed(installation.db, **installation.asking())[0]
    assert after == dataclasses.replace(before, **changed)
    assert audited(installation, "baseline.change")[0].details["changed"]["name"] == ["Line", "Curve"]
    assert "Curve" in installation.client().get(f"/competitions/{installation.slug}/leaderboard").text


def test_a_change_that_changes_nothing_leaves_no_trace(build: Build) -> None:
    made = build()
    add_baseline(made, "Line")
    number = baselines.placed(made.db, **made.asking())[0].id
    same: dict[str, Any] = {"name": "Line", "tier": "simple", "points_public": 0, "points_private": 0}
    baselines.change(made.db, number=number, **same, **made.asking())
    assert audited(made, "baseline.change") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong", [{"points_public": -1.0}, {"points_private": float("nan")}, {"tier": "huge"}, {"name": " "}]
)
def test_a_baseline_keeps_to_tiers_and_points(build: Build, wrong: dict[str, Any]) -> None:
    made = build()
    add_baseline(made, "Line")
    number = baselines.placed(made.db, **made.asking())[0].id
    fields: dict[str, Any] = {"name": "Line", "tier": "simple", "points_public": 0.0, "points_private": 0.0, **wrong}
    with pytest.raises(BadRequest):
        baselines.change(made.db, number=number, **fields, **made.asking())


def test_two_baselines_cannot_look_alike(build: Build) -> None:
    made = build()
    add_baseline(made, "Line")
    add_baseline(made, "Curve")
    number = baselines.placed(made.db, **made.asking())[1].id
    fields: dict[str, Any] = {"tier": "simple", "points_public": 0.0, "points_private": 0.0}
    with pytest.raises(Conflict, match="already a row"):
        baselines.change(made.db, number=number, name="LINE", **fields, **made.asking())
    baselines.change(made.db, number=number, name="CURVE", **fields, **made.asking())


def test_a_removed_baseline_leaves_nothing_but_its_audit_row(installation: Installation) -> None:
    send(installation, installation.noisy(3.0))
    add_baseline(installation, "Line")
    number = baselines.placed(installation.db, **installation.asking())[0].id
    baselines.remove(installation.db, number=number, **installation.asking())
    assert baselines.placed(installation.db, **installation.asking()) == []
    with installation.db.read() as session:
        assert len(session.scalars(select(Submission)).all()) == 1
    assert audited(installation, "baseline.remove")[0].subject == "Line"


def test_a_revealed_competition_keeps_its_baselines(build: Build) -> None:
    made = build()
    add_baseline(made, "Line")
    number = baselines.placed(made.db, **made.asking())[0].id
    made.pass_deadline()
    with made.db.write() as session:
        session.scalars(select(Competition)).one().revealed_at = made.now
    with pytest.raises(Conflict, match="has to stay"):
        baselines.remove(made.db, number=number, **made.asking())


def test_a_baseline_of_another_competition_and_a_team_of_students_are_no_baseline_here(build: Build) -> None:
    made = build()
    add_baseline(made, "Line")
    send(made, made.noisy(3.0))
    copied = copy_of(made)
    theirs = baselines.placed(copied.db, **copied.asking())[0].id
    with made.db.read() as session:
        students = session.scalars(select(Submission.team_id).order_by(Submission.id.desc())).first()
    for number in (theirs, students or 0, 999):
        with pytest.raises(NotFound):
            baselines.remove(made.db, number=number, **made.asking())


def test_an_assistant_sees_a_baselines_private_score_only_after_the_reveal(build: Build) -> None:
    made = build()
    add_baseline(made, "Line")
    add(made, "tess", "Tess", "assistant")
    asking = {**made.asking(), "principal": tokens.principal_of_token(made.db, made.token("tess", "staff"), made.now)}
    assert baselines.placed(made.db, **asking)[0].private_score is None
    assert baselines.placed(made.db, **made.asking())[0].private_score is not None


# progress


def test_progress_counts_students_by_day_and_leaves_the_staff_out(installation: Installation) -> None:
    add_baseline(installation, "Line")
    send(installation, installation.noisy(3.0), "alice")
    send(installation, installation.noisy(4.0), "bob")
    send(installation, installation.noisy(4.0), "teacher")
    installation.now += timedelta(days=2)
    send(installation, installation.noisy(5.0), "alice")
    found = progress.progress(installation.db, **installation.asking())
    assert [count for _, count in found.by_day] == [2, 0, 1]
    assert found.rejected == 0
    assert (found.submissions, found.submissions_today, found.students, found.baselines) == (3, 1, 3, 1)
    assert found.last_submission_at == installation.now
    assert found.missing_pages == []


def test_the_preflight_of_a_draft_is_that_of_its_folder(build: Build) -> None:
    made = build(launched=False)
    found = progress.preflight(made.db, **made.asking())
    assert found == bundles.check_bundle(made.bundle, made.now)
    with pytest.raises(NotFound):
        progress.preflight(made.db, **made.asking("rival"))


def test_rejected_files_are_counted_for_an_hour(build: Build) -> None:
    made = build()
    refused = made.client("alice").post(
        f"/api/competitions/{made.slug}/submissions", data={"file": (BytesIO(b"id\n"), "bad.csv")}
    )
    assert refused.status_code == 400
    assert progress.progress(made.db, **made.asking()).rejected == 1
    made.now += timedelta(hours=1)
    assert progress.progress(made.db, **made.asking()).rejected == 0

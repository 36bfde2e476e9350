"""A draft from an uploaded table: what is guessed of its columns, and what it becomes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from tests.installations import COURSE, NOON, Build, Installation, labelled_rows

from unseen_server.core.errors import BadBundle, BadRequest, Conflict, NotFound, StaffOnly
from unseen_server.db.models import AuditEntry, Competition, HeldFile
from unseen_server.services import competitions, drafting, editing, folders, held
from unseen_server.services.drafting import Wanted
from unseen_server.services.held import Held

TABLE = "pages,words,minutes,remark\n" + "".join(f"{p},{w:g},{m},n{i}\n" for i, (p, w, m) in enumerate(labelled_rows()))
WANTED = Wanted(
    target="minutes",
    id_column=None,
    title="Talks",
    slug="talks",
    metric="mae",
    time_zone="Europe/Berlin",
    deadline="2026-12-08 23:59",
    test_size=0.25,
    public=0.4,
    daily_limit=3,
    total_limit=20,
    final_submissions=1,
    largest_team=1,
    release="ladder",
    late_submissions=False,
)


def table(text: str = TABLE) -> Held:
    return Held("name", "talks.csv", text.encode())


def make(made: Installation, who: str = "teacher", text: str = TABLE, **changed: Any) -> competitions.Shown:
    principal = made.principal(who)
    name = held.keep(made.db, file_name="talks.csv", content=text.encode(), principal=principal, now=made.now)
    uploaded = held.take(made.db, name=name, principal=principal, now=made.now)
    wanted = dataclasses.replace(WANTED, **changed)
    return drafting.make(made.db, uploaded=uploaded, wanted=wanted, course=COURSE, principal=principal, now=made.now)


def test_the_columns_are_shown_by_their_first_rows() -> None:
    columns = drafting.columns(table())
    assert [column.name for column in columns] == ["pages", "words", "minutes", "remark"]
    assert [column.is_number for column in columns] == [True, True, True, False]
    assert [len(column.first) for column in columns] == [5, 5, 5, 5]
    assert columns[3].is_unique


def test_the_target_is_guessed_as_the_last_column_of_numbers() -> None:
    assert drafting.likely_target(drafting.columns(table())) == "minutes"
    assert drafting.likely_target(drafting.columns(table("a,b\nx,y\n"))) == "b"


def test_a_table_of_any_size_is_shown_by_its_beginning() -> None:
    row = 'north,"two\nlines, ""quoted""",1.5\n'
    columns = drafting.columns(table("place,note,y\n" + row * 100_000))
    assert [column.name for column in columns] == ["place", "note", "y"]
    assert columns[1].first[0] == 'two\nlines, "quoted"'


def test_a_table_becomes_a_draft_with_the_settings_asked_for(installation: Installation) -> None:
    shown = make(installation)
    assert (shown.phase, shown.metric, shown.title, shown.course) == ("draft", "mae", "Talks", COURSE)
    assert (shown.daily_limit, shown.total_limit, shown.final_submissions, shown.largest_team) == (3, 20, 1, 1)
    assert (shown.test_rows, shown.public_rows, shown.late_submissions) == (30, 12, False)
    assert shown.deadline.isoformat() == "2026-12-08T22:59:00+00:00"
    assert (shown.release, "remark" in shown.data) == ("ladder", True)
    with installation.db.read() as session:
        created = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert created is not None
        assert (created.actor, created.action, created.details) == (
            "teacher",
            "competition.create",
            {"origin": "table"},
        )
        assert session.scalar(select(func.count()).select_from(HeldFile)) == 0


def test_ids_of_the_table_are_kept_where_that_is_asked_for(build: Build) -> None:
    made = build()
    make(made, id_column="remark")
    place: dict[str, Any] = {"slug": "talks", "principal": made.principal("teacher"), "now": made.now}
    assert folders.export(made.db, **place)["solution.csv"].startswith(b"remark,minutes,Usage\n")


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"target": "remark"}, BadBundle),
        ({"target": "hours"}, BadRequest),
        ({"id_column": "minutes"}, BadRequest),
        ({"slug": "Not Good"}, BadRequest),
        ({"slug": "lecture"}, Conflict),
        ({"title": ""}, BadRequest),
        ({"metric": "auc"}, BadRequest),
        ({"time_zone": "Mars"}, BadRequest),
        ({"deadline": "tomorrow"}, BadRequest),
        ({"deadline": "2020-01-01 10:00"}, BadRequest),
        ({"daily_limit": 0}, BadRequest),
        ({"release": "ladder", "metric": "rmse"}, BadRequest),
        ({"release": "exact"}, BadRequest),
        ({"test_size": 1.0}, BadRequest),
        ({"text": "a,minutes\n1,2\n"}, BadRequest),
        ({"text": TABLE.replace("n7\n", "n7,too many\n")}, BadBundle),
    ],
)
def test_what_cannot_become_a_competition_leaves_nothing_half_made(
    build: Build, wrong: dict[str, Any], refusal: type[Exception]
) -> None:
    made = build()
    with pytest.raises(refusal):
        make(made, **wrong)
    with made.db.read() as session:
        assert session.scalars(select(Competition.slug)).all() == ["lecture"]
        assert session.scalar(select(func.count()).select_from(HeldFile)) == 1


@pytest.mark.slow
def test_what_the_split_allows_is_said_before_the_draft_is_made(build: Build) -> None:
    made = build()
    before = drafting.advised(table(), WANTED, made.now)
    assert (before.n_public, before.n_private, before.submissions, before.release) == (12, 18, 20, "ladder")
    labels = np.array([minutes for _, _, minutes in labelled_rows()])
    assert before.sd_pair == pytest.approx(np.std(np.abs(labels - labels.mean()), ddof=1))
    make(made)
    there = editing.editable(made.db, **{**made.asking(), "slug": "talks"}).advice
    assert there is not None
    assert (there.n_public, there.n_private, there.submissions) == (12, 18, 20)
    assert (there.leak_ratio, there.warnings) == (before.leak_ratio, before.warnings)


def test_without_a_share_of_its_own_the_public_part_is_the_advised_one(build: Build) -> None:
    made = build()
    wanted = dataclasses.replace(WANTED, public=None)
    assert drafting.advised(table(), wanted, made.now).n_public == 9
    assert make(made, public=None).public_rows == 9


@pytest.mark.parametrize("wrong", [{"target": "hours"}, {"daily_limit": 0}, {"deadline": "2020-01-01 10:00"}])
def test_advice_is_refused_where_the_draft_would_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        drafting.advised(table(), dataclasses.replace(WANTED, **wrong), NOON)


def test_only_an_instructor_makes_a_competition_and_only_of_an_own_upload(build: Build) -> None:
    made = build()
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            make(made, who)
    name = held.keep(made.db, file_name="a.csv", content=b"x", principal=made.principal("rival"), now=made.now)
    with pytest.raises(NotFound):
        held.take(made.db, name=name, principal=made.principal("teacher"), now=made.now)

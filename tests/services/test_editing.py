"""Changing a competition that is there: what may change when, what is said first, and what the audit keeps."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from tests.installations import COURSE, NOON, Build, Installation
from tests.visitors import place_baseline, send

from unseen_server.core.errors import BadRequest, Conflict, NotFound, StaffOnly
from unseen_server.db.models import AuditEntry, Competition, Submission
from unseen_server.services import authoring, cloning, competitions, editing, finals, launching
from unseen_server.services.editing import Plan, Settings
from unseen_server.services.principals import SERVER
from unseen_server.services.reveal import reveal


def current(made: Installation) -> Settings:
    return editing.editable(made.db, **made.asking()).settings


def save(made: Installation, **changed: Any) -> Plan:
    there = current(made)
    return editing.save(made.db, wanted=dataclasses.replace(there, **changed), stamp=there.stamp, **made.asking())


def told(made: Installation, **changed: Any) -> list[str]:
    """What the page says would follow."""
    there = current(made)
    wanted = dataclasses.replace(there, **changed)
    return [str(each) for each in editing.plan(made.db, wanted=wanted, stamp=there.stamp, **made.asking()).consequences]


def audited(made: Installation, action: str) -> list[dict[str, Any]]:
    with made.db.read() as session:
        return [entry.details for entry in session.scalars(select(AuditEntry).where(AuditEntry.action == action))]


def test_settings_change_at_once_and_the_audit_keeps_old_and_new(installation: Installation) -> None:
    before = installation.client().get(f"/competitions/{installation.slug}/leaderboard").headers["ETag"]
    later = installation.bundle.settings.deadline + timedelta(days=1)
    save(installation, title="Talks", daily_limit=2, deadline=later, total_limit=9)
    shown = competitions.shown(installation.db, **installation.asking())
    assert (shown.title, shown.daily_limit, shown.total_limit, shown.deadline) == ("Talks", 2, 9, later)
    assert audited(installation, "competition.edit") == [
        {
            "changed": {
                "title": ["Lectures", "Talks"],
                "deadline": ["2026-12-07T15:59:00+00:00", "2026-12-08T15:59:00+00:00"],
                "daily_limit": [5, 2],
                "total_limit": [None, 9],
            }
        }
    ]
    after = installation.client().get(f"/competitions/{installation.slug}/leaderboard").headers["ETag"]
    assert after != before


def test_looking_at_a_change_writes_nothing(build: Build) -> None:
    made = build()
    told(made, title="Talks")
    assert current(made).title == "Lectures"
    assert audited(made, "competition.edit") == []


def test_saving_what_is_there_leaves_no_trace(build: Build) -> None:
    made = build()
    assert save(made).changes == ()
    assert audited(made, "competition.edit") == []


def test_a_form_that_somebody_overtook_is_refused(installation: Installation) -> None:
    there = current(installation)
    save(installation, daily_limit=3)
    with pytest.raises(Conflict, match="Somebody changed this"):
        editing.save(
            installation.db,
            wanted=dataclasses.replace(there, title="Talks"),
            stamp=there.stamp,
            **installation.asking(),
        )
    assert current(installation).title == "Lectures"


@pytest.mark.parametrize(
    "wrong",
    [
        {"daily_limit": 0},
        {"daily_limit": None},
        {"largest_team": editing.MOST + 1},
        {"total_limit": -1},
        {"release": "exact"},
        {"title": " "},
        {"time_zone": "Taipei"},
        {"starts_at": NOON + timedelta(days=300)},
    ],
)
def test_what_no_competition_can_have_is_refused(build: Build, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        save(build(launched=False), **wrong)


def test_what_is_settled_cannot_change_any_more(build: Build) -> None:
    made = build(launched=False)
    assert editing.editable(made.db, **made.asking()).settled == frozenset()
    save(made, time_zone="UTC", release="full", starts_at=NOON + timedelta(days=1))
    save(made, time_zone="Asia/Taipei", release="rounded", starts_at=None)
    launching.launch(made.db, at=None, **made.asking())
    with pytest.raises(Conflict, match="settled"):
        save(made, starts_at=NOON + timedelta(hours=1))
    save(made, release="full")
    send(made, made.noisy(3.0))
    for settled in ({"release": "rounded"}, {"time_zone": "UTC"}):
        with pytest.raises(Conflict, match="settled"):
            save(made, **settled)


def test_what_the_reveal_settled_stays_so_when_the_clock_goes_back_behind_it(installation: Installation) -> None:
    deadline = installation.bundle.settings.deadline
    installation.now = deadline + timedelta(hours=1)
    reveal(installation.db, **installation.asking())
    installation.now = deadline - timedelta(hours=1)
    with pytest.raises(Conflict, match="settled by now"):
        save(installation, deadline=deadline + timedelta(days=1))


def test_after_the_reveal_only_what_the_result_does_not_depend_on_can_change(build: Build) -> None:
    made = build()
    made.pass_deadline()
    with made.db.write() as session:
        session.scalars(select(Competition)).one().revealed_at = made.now
    save(made, title="Talks", public_intervals=False)
    with pytest.raises(Conflict, match="settled"):
        save(made, deadline=made.now + timedelta(days=1))


def test_a_launched_competition_keeps_a_time_at_which_it_opens(build: Build) -> None:
    made = build(launched=False)
    launching.launch(made.db, at="2026-11-25 09:00", **made.asking())
    with pytest.raises(BadRequest, match="needs a time"):
        save(made, starts_at=None)
    save(made, starts_at=NOON + timedelta(days=3))


def at(made: Installation, **since: float) -> datetime:
    return made.now + timedelta(**since)


def test_a_moved_deadline_says_what_will_happen(build: Build) -> None:
    made = build()
    made.now += timedelta(days=2)
    assert "closes the moment you save" in told(made, deadline=at(made, hours=-1))[0]
    assert "less time" in told(made, deadline=at(made, days=1))[0]
    (more,) = told(made, deadline=at(made, days=30))
    assert "165 submissions in all, up to now 75: the leak ratio becomes 8.2 (red)" in more
    made.pass_deadline()
    assert "opens again" in told(made, deadline=at(made, days=1))[0]
    launching_again = build()
    launching.close(launching_again.db, **launching_again.asking())
    assert "closed by hand" in told(launching_again, deadline=at(launching_again, days=30))[0]


def test_a_deadline_moved_into_the_past_closes_and_a_later_one_opens_again(build: Build) -> None:
    made = build()
    made.now += timedelta(days=2)
    save(made, deadline=at(made, hours=-1))
    assert competitions.shown(made.db, **made.asking()).phase == "closed"
    save(made, deadline=at(made, hours=1))
    assert competitions.shown(made.db, **made.asking()).phase == "open"


def test_a_limit_below_what_was_used_counts_the_teams_it_stops(installation: Installation) -> None:
    for who in ("alice", "alice", "bob"):
        send(installation, installation.noisy(3.0), who)
    used, _ = told(installation, daily_limit=2)
    assert used == "Teams that have used that many today already, and can submit again tomorrow: 1."
    used, _ = told(installation, total_limit=1)
    assert used == "Teams that have submitted that often already, and can submit no more: 2."
    (leak,) = told(installation, daily_limit=4)
    assert "the leak ratio becomes 3 (red)" in leak


def test_another_limit_says_what_the_public_rows_then_give_away(build: Build) -> None:
    made = build()
    (leak,) = told(made, total_limit=4)
    assert "A team may make 4 submissions in all, up to now 75: the leak ratio becomes 0.2 (amber)." in leak
    assert told(made, title="Talks", final_submissions=3) == []
    there = current(made)
    wanted = dataclasses.replace(there, total_limit=2)
    plan = editing.plan(made.db, wanted=wanted, stamp=there.stamp, **made.asking())
    now = editing.editable(made.db, **made.asking()).advice
    assert plan.advice
    assert now
    assert (plan.advice.leak_ratio, plan.advice.level, now.leak_ratio) == (0.1, "green", 75 / 20)
    assert now.sd_pair == plan.advice.sd_pair


def test_another_release_says_what_is_unwise_about_it(build: Build) -> None:
    made = build()
    assert "21 submissions recover every public label" in told(made, release="full")[0]
    assert "(fewer than 500) the ladder shows only large improvements" in told(made, release="ladder")[0]


def test_the_advice_measures_by_two_baselines(build: Build) -> None:
    made = build()
    guessed = editing.editable(made.db, **made.asking()).advice
    place_baseline(made, "Line", "simple", 40.0)
    place_baseline(made, "Higher", "medium", 50.0)
    measured = editing.editable(made.db, **made.asking()).advice
    assert guessed
    assert measured
    labels = made.bundle.key.labels
    differences = (labels - 40.0) ** 2 - (labels - 50.0) ** 2
    assert (guessed.sd_measured, measured.sd_measured) == (False, True)
    assert measured.sd_pair == pytest.approx(np.std(differences, ddof=1))
    assert guessed.sd_pair == pytest.approx(np.std((labels - labels.mean()) ** 2, ddof=1))


def test_once_a_student_has_submitted_no_way_leads_to_another_release(build: Build) -> None:
    made = build()
    send(made, made.noisy(3.0))
    with pytest.raises(Conflict, match="settled"):
        save(made, release="full")
    full = dataclasses.replace(made.bundle, settings=dataclasses.replace(made.bundle.settings, release="full"))
    with pytest.raises(Conflict, match="already a competition at the address"):
        launching.create(made.db, full, course=COURSE, principal=SERVER, now=made.now)
    copy = cloning.Copy(course=COURSE, slug="again", title="Again", deadline="2026-12-20 23:59", split_anew=False)
    cloning.clone(made.db, copy=copy, **made.asking())
    assert current(made).release == "rounded"
    assert competitions.shown(made.db, **{**made.asking(), "slug": "again"}).release == "rounded"


def test_fewer_final_submissions_let_teams_choose_again(installation: Installation) -> None:
    for spread in (3.0, 4.0):
        send(installation, installation.noisy(spread))
    finals.choose(installation.db, refs=[1, 2], **installation.asking("alice"))
    assert "have to choose again: 1" in told(installation, final_submissions=1)[0]
    save(installation, final_submissions=1)
    with installation.db.read() as session:
        assert not any(session.scalars(select(Submission.selected)).all())


def test_only_an_instructor_of_the_course_changes_settings_and_pages(build: Build) -> None:
    made = build()
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            editing.editable(made.db, **made.asking(who))
        with pytest.raises(StaffOnly):
            editing.save(made.db, wanted=current(made), stamp=current(made).stamp, **made.asking(who))
        with pytest.raises(StaffOnly):
            write(made, "x", who=who)


# pages


def write(made: Installation, markdown: str, language: str = "en", who: str = "teacher", stamp: str = "") -> None:
    which: dict[str, Any] = {"name": "rules", "language": language}
    stamp = stamp or authoring.page(made.db, **which, **made.asking(who)).stamp
    authoring.save_page(made.db, markdown=markdown, stamp=stamp, **which, **made.asking(who))


def rules(made: Installation, language: str = "en") -> str:
    return competitions.shown(made.db, language=language, **made.asking()).rules


def test_a_page_is_written_changed_and_taken_away(installation: Installation) -> None:
    write(installation, "# 規則\r\n\r\n公平競爭。\r\n", "zh-Hant")
    assert rules(installation, "zh-Hant") == "# 規則\n\n公平競爭。\n"
    write(installation, "Be fair.")
    assert rules(installation) == "Be fair.\n"
    write(installation, "  \n", "zh-Hant")
    assert rules(installation, "zh-Hant") == "Be fair.\n"
    lines = [entry["lines"] for entry in audited(installation, "page.edit")]
    assert "+公平競爭。" in lines[0]
    assert "-公平競爭。" in lines[2]


def test_a_page_that_somebody_overtook_is_refused(build: Build) -> None:
    made = build()
    stamp = authoring.page(made.db, name="rules", language="en", **made.asking()).stamp
    write(made, "First.")
    with pytest.raises(Conflict, match="Somebody changed this"):
        write(made, "Second.", stamp=stamp)
    assert rules(made) == "First.\n"


def test_there_are_three_pages_in_the_languages_of_the_site(build: Build) -> None:
    made = build()
    listed = [(each.name, each.language) for each in authoring.pages(made.db, **made.asking())]
    assert listed == [(name, code) for name in ("overview", "rules", "data") for code in ("en", "zh-Hant")]
    for name, code in (("rules", "xx"), ("solution", "en")):
        with pytest.raises(NotFound):
            authoring.page(made.db, name=name, language=code, **made.asking())


@pytest.mark.parametrize("text", ["x" * (authoring.LONGEST_PAGE + 1), "a\0b"])
def test_a_page_has_an_end_and_no_nul(build: Build, text: str) -> None:
    with pytest.raises(BadRequest):
        write(build(), text)

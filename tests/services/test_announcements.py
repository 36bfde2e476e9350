"""Announcements and pages in two languages: who writes them, who reads them, and in what language."""

from __future__ import annotations

import pytest
from sqlalchemy import delete
from tests.installations import Build, Installation

from unseen_server.core.errors import BadRequest, Conflict, NotFound, StaffOnly
from unseen_server.db.models import AuditEntry, Page
from unseen_server.services import announcements, competitions


def publish(made: Installation, text: str, who: str = "teacher") -> int:
    place = {"slug": made.slug, "principal": made.principal(who), "now": made.now}
    return announcements.publish(made.db, markdown=text, **place).id


def current(made: Installation) -> list[str]:
    place = {"slug": made.slug, "principal": None, "now": made.now}
    return [each.markdown for each in announcements.current(made.db, **place)]


@pytest.mark.slow
def test_everybody_reads_the_newest_announcement_first(installation: Installation) -> None:
    publish(installation, "One.")
    publish(installation, "Two.")
    assert current(installation) == ["Two.", "One."]
    shown = installation.client().get(f"/api/competitions/{installation.slug}").json
    assert [each["markdown"] for each in shown["announcements"]] == ["Two.", "One."]


def test_a_withdrawn_announcement_is_gone_for_students_and_kept_for_staff(installation: Installation) -> None:
    number = publish(installation, "Wrong.")
    place = {"slug": installation.slug, "principal": installation.principal("teacher"), "now": installation.now}
    announcements.withdraw(installation.db, number=number, **place)
    assert current(installation) == []
    assert [each.withdrawn_at for each in announcements.written(installation.db, **place)] == [installation.now]
    with pytest.raises(Conflict, match="already"):
        announcements.withdraw(installation.db, number=number, **place)


def test_announcing_and_withdrawing_are_audited_and_refresh_the_board(installation: Installation) -> None:
    before = installation.client().get(f"/competitions/{installation.slug}/leaderboard").headers["ETag"]
    number = publish(installation, "Heed this.")
    after = installation.client().get(f"/competitions/{installation.slug}/leaderboard")
    assert after.headers["ETag"] != before
    assert "Heed this." in after.text
    with installation.db.read() as session:
        row = session.query(AuditEntry).filter_by(action="announcement.publish").one()
        assert (row.actor, row.subject) == ("teacher", str(number))


def test_only_the_staff_announce(installation: Installation) -> None:
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            publish(installation, "Hello.", who)


@pytest.mark.parametrize("text", ["", " \n", "x" * (announcements.LONGEST + 1), "a\0b"])
def test_an_announcement_says_something_and_not_too_much(build: Build, text: str) -> None:
    with pytest.raises(BadRequest):
        publish(build(), text)


def test_an_announcement_of_another_competition_is_not_found(build: Build) -> None:
    made = build()
    with pytest.raises(NotFound):
        announcements.withdraw(made.db, slug=made.slug, number=99, principal=made.principal("teacher"), now=made.now)


def test_an_announcement_with_a_script_in_it_runs_nothing(build: Build) -> None:
    made = build()
    publish(made, "<script>alert(1)</script> **bold**")
    page = made.client().get(f"/competitions/{made.slug}").text
    assert "<script>alert" not in page
    assert "<strong>bold</strong>" in page


def test_older_announcements_are_folded_away(build: Build) -> None:
    made = build()
    for number in range(4):
        publish(made, f"Number {number}.")
    page = made.client().get(f"/competitions/{made.slug}").text
    open_ones, folded = page.split("<details>")
    assert "Number 3." in open_ones
    assert "Number 2." in open_ones
    assert "2 older announcements" in folded
    assert "Number 0." in folded


def overview(made: Installation, language: str) -> str:
    place = {"slug": made.slug, "principal": None, "now": made.now}
    return competitions.shown(made.db, language=language, **place).overview


def test_pages_come_in_the_readers_language_and_else_in_english(build: Build) -> None:
    made = build()
    english = overview(made, "en")
    assert overview(made, "zh-Hant") != english
    with made.db.write() as session:
        session.execute(delete(Page).where(Page.language == "zh-Hant"))
    assert overview(made, "zh-Hant") == english
    with made.db.write() as session:
        one = competitions.visible(session, made.slug, None, made.now).id
        session.add(Page(competition_id=one, name="overview", language="zh-TW", markdown="# 概覽"))
    assert overview(made, "zh-Hant") == "# 概覽"
    assert overview(made, "en") == english
    client = made.client()
    assert "概覽" in client.get(f"/competitions/{made.slug}", headers={"Accept-Language": "zh-TW"}).text
    api = f"/api/competitions/{made.slug}"
    assert client.get(api).json["overview"] == english
    assert client.get(api, headers={"Accept-Language": "zh-TW"}).json["overview"] == "# 概覽"


def test_a_page_in_no_known_language_is_better_than_none(build: Build) -> None:
    made = build()
    with made.db.write() as session:
        one = competitions.visible(session, made.slug, None, made.now).id
        session.query(Page).filter_by(competition_id=one).delete()
        session.add(Page(competition_id=one, name="overview", language="fr", markdown="Salut"))
    assert overview(made, "en") == "Salut"

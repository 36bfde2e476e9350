"""Making and running a competition in the console, as a browser sends its forms."""

from __future__ import annotations

import html
import io
import re
import secrets
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from tests.installations import COURSE, Build, Installation, labelled_rows
from tests.visitors import browser, hidden, send
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from unseen_server.app import FORM_FIELDS_IN_MEMORY
from unseen_server.db.models import Competition
from unseen_server.services import authoring, bundles, folders
from unseen_server.services.principals import SERVER

NEW = f"/console/courses/{COURSE}/competitions/new"
TABLE = "pages,minutes\n" + "".join(f"{pages},{minutes}\n" for pages, _, minutes in labelled_rows())


@pytest.fixture
def made(build: Build) -> Installation:
    return build()


@pytest.fixture
def staff(made: Installation) -> FlaskClient:
    return browser(made, "tina", "Tina", "instructor")


def post(client: FlaskClient, address: str, page: str | None = None, **fields: Any) -> TestResponse:
    """Send a form of the page (the address itself, where none is named)."""
    csrf = hidden(client.get(page or address).text, "csrf_token")
    return client.post(address, data={"csrf_token": csrf, **fields})


def console(made: Installation, page: str = "") -> str:
    return f"/console/competitions/{made.slug}{page}"


def said(answer: TestResponse) -> str:
    """The visible text of a page."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def slugs(made: Installation) -> list[str]:
    with made.db.read() as session:
        return list(session.scalars(select(Competition.slug)))


# the wizard

ASKED = {
    "target": "minutes",
    "id_column": "",
    "title": "Talks",
    "slug": "talks",
    "metric": "mse",
    "time_zone": "Asia/Taipei",
    "deadline": "2026-12-01 23:59",
    "test_share": "30",
    "public_share": "50",
    "daily_limit": "5",
    "total_limit": "",
    "final_submissions": "2",
    "largest_team": "3",
    "late_submissions": "on",
}


def uploaded(client: FlaskClient, text: str = TABLE) -> str:
    """The address of the second page."""
    answer = post(client, NEW, file=(io.BytesIO(text.encode()), "our talks.csv"))
    assert answer.status_code == 303, answer.text
    return str(answer.location)


@pytest.mark.slow
def test_a_table_becomes_a_draft_with_its_preflight_and_its_deadline_on_both_clocks(
    made: Installation, staff: FlaskClient
) -> None:
    second = uploaded(staff)
    form = staff.get(second).text
    assert '<option value="minutes" selected>' in form
    assert 'value="Our talks"' in form
    assert 'value="our-talks"' in form
    assert 'value="2026-12-07 23:59"' in form
    answer = post(staff, second, **ASKED)
    assert answer.location == "/console/competitions/talks"
    page = said(staff.get(answer.location))
    assert "2026-12-01 23:59 Asia/Taipei (2026-12-01 15:59 UTC), in 8 days 12 h" in page
    assert "leak ratio" in page
    assert made.client().get("/competitions/talks").status_code == 404


@pytest.mark.slow
def test_a_table_larger_than_all_fields_of_a_form_is_no_problem(made: Installation, staff: FlaskClient) -> None:
    large = TABLE + "".join(f"{n % 97}.{n},{n % 89}.5\n" for n in range(FORM_FIELDS_IN_MEMORY // 5))
    assert len(large) > 2 * FORM_FIELDS_IN_MEMORY
    csrf = hidden(staff.get(NEW).text, "csrf_token")
    # encoded here: the test client would leave its temporary file open
    boundary, body = encode_multipart(
        {"csrf_token": csrf, "file": FileStorage(io.BytesIO(large.encode()), "large.csv")}
    )
    answer = staff.post(NEW, data=body, content_type=f'multipart/form-data; boundary="{boundary}"')
    assert answer.status_code == 303, said(answer)
    assert post(staff, str(answer.location), **ASKED).status_code == 303


def test_the_wizard_says_what_the_split_allows_before_anything_is_made(made: Installation, staff: FlaskClient) -> None:
    asked = {**ASKED, "release": "full", "public_share": "", "title": "My talks"}
    answer = post(staff, uploaded(staff), **asked, step="look")
    assert answer.status_code == 200
    page = said(answer)
    assert "Nothing is made yet" in page
    assert re.search(r"Public and private rows \s*11 and 25", page)
    assert re.search(r"Leak ratio \s*4.1 \(red\) \s*A team can fit the public rows almost at will", page)
    assert "12 submissions recover every public label" in page
    assert 'value="My talks"' in answer.text
    assert 'value="full" checked' in answer.text
    assert slugs(made) == ["lecture"]


def test_each_way_of_showing_scores_is_explained_where_it_is_chosen(made: Installation, staff: FlaskClient) -> None:
    for page in (staff.get(uploaded(staff)), staff.get(console(made, "/settings"))):
        assert re.findall(r'name="release" value="(\w+)"( checked)?', page.text) == [
            ("rounded", " checked"),
            ("ladder", ""),
            ("full", ""),
        ]
        assert "only for a significant improvement of its own best" in said(page)
        assert "recover every label" in said(page)
    assert "Warning: 21 submissions, one more than there are public rows" in said(staff.get(console(made, "/settings")))


def test_a_metric_that_is_no_mean_is_offered_no_ladder(build: Build) -> None:
    made = build(metric="rmse")
    page = browser(made, "tina", "Tina", "instructor").get(console(made, "/settings"))
    assert 'value="ladder"' not in page.text
    assert "The ladder needs a metric that is a mean of losses" in said(page)


def test_what_was_typed_is_still_there_after_a_refusal(made: Installation, staff: FlaskClient) -> None:
    answer = post(staff, uploaded(staff), **{**ASKED, "daily_limit": "many", "title": "My talks"})
    assert answer.status_code == 400
    assert "Submissions a day" in said(answer)
    assert 'value="My talks"' in answer.text
    assert 'value="many"' in answer.text
    assert slugs(made) == ["lecture"]


def test_rows_that_cannot_be_used_are_listed_with_their_lines(made: Installation, staff: FlaskClient) -> None:
    answer = post(staff, uploaded(staff, TABLE.replace("\n", ",x\n").replace(",x\n", ",n\n", 1) + "1,NA,x\n"), **ASKED)
    assert answer.status_code == 400
    assert "our talks.csv, line 122: “minutes” is missing" in said(answer)
    assert slugs(made) == ["lecture"]


@pytest.mark.parametrize("content", [b"", b"a;b\n1;2\n", b"\xff\xfe", b"a,a\n1,2\n"])
def test_a_file_that_is_no_table_is_explained_on_the_first_page(
    made: Installation, staff: FlaskClient, content: bytes
) -> None:
    answer = post(staff, NEW, file=(io.BytesIO(content), "odd.csv"))
    assert answer.status_code == 400
    assert "odd.csv" in said(answer)


def test_a_forgotten_upload_leads_back_to_the_first_page(made: Installation, staff: FlaskClient) -> None:
    answer = staff.get(f"{NEW}/nothing", follow_redirects=True)
    assert "Upload it again" in said(answer)


def test_a_folder_as_a_zip_becomes_a_draft(made: Installation, staff: FlaskClient) -> None:
    files = folders.export(made.db, slug=made.slug, principal=SERVER, now=made.now)
    files["competition.toml"] = files["competition.toml"].replace(b'"lecture"', b'"again"')
    answer = post(staff, NEW, file=(io.BytesIO(bundles.zipped(files, "x")), "x.zip"))
    assert answer.location == "/console/competitions/again"


def test_the_problems_of_a_folder_are_listed_and_nothing_is_half_made(made: Installation, staff: FlaskClient) -> None:
    files = folders.export(made.db, slug=made.slug, principal=SERVER, now=made.now)
    files["competition.toml"] = b'slug = "again"\ntitle = 5\n'
    answer = post(staff, NEW, file=(io.BytesIO(bundles.zipped(files, "x")), "x.zip"))
    assert answer.status_code == 400
    assert "title must be a text in quotes" in said(answer)
    assert "time_zone is missing" in said(answer)
    assert slugs(made) == ["lecture"]


def test_a_zip_is_not_even_opened_for_somebody_who_may_not(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes] = []
    monkeypatch.setattr(bundles, "read_zip", opened.append)
    assistant = browser(made, "tess", "Tess", "assistant")
    csrf = hidden(assistant.get(console(made)).text, "csrf_token")
    answer = assistant.post(NEW, data={"csrf_token": csrf, "file": (io.BytesIO(b"PK\x03\x04"), "x.zip")})
    assert (answer.status_code, opened) == (403, [])


# its life


def test_launching_shows_the_time_on_both_clocks_before_anything_happens(
    build: Build,
) -> None:
    made = build(launched=False)
    staff = browser(made, "tina", "Tina", "instructor")
    page = said(staff.get(console(made, "/launch?at=2026-12-01 09:00")))
    assert "2026-12-01 09:00 Asia/Taipei (2026-12-01 01:00 UTC)" in page
    assert made.client().get(f"/competitions/{made.slug}").status_code == 404
    post(staff, console(made, "/launch"), console(made, "/launch?at=2026-12-01 09:00"), at="2026-12-01 09:00")
    assert "It opens 2026-12-01 09:00 Asia/Taipei" in said(staff.get(console(made)))
    post(staff, console(made, "/launch"), console(made, "/launch?at=now"), at="now")
    assert made.client().get(f"/competitions/{made.slug}").status_code == 200


@pytest.mark.parametrize("at", ["soon", "2026-12-01", "2027-12-01 09:00", "0000-00-00 00:00", "x" * 5000])
def test_a_time_at_which_it_cannot_open_is_explained(build: Build, at: str) -> None:
    made = build(launched=False)
    staff = browser(made, "tina", "Tina", "instructor")
    for answer in (
        staff.get(console(made, "/launch"), query_string={"at": at}),
        post(staff, console(made, "/launch"), console(made), at=at),
    ):
        assert answer.status_code == 400
        assert "Open it now" in said(answer)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "action"), [("/close", "closed"), ("/remove", "removed")])
def test_closing_and_removing_ask_for_the_slug(made: Installation, staff: FlaskClient, page: str, action: str) -> None:
    send(made, made.noisy(3.0))
    assert "1" in said(staff.get(console(made, page)))
    refused = post(staff, console(made, page), confirm="lectures")
    assert refused.status_code == 400
    assert "Nothing was changed" in said(refused)
    assert made.client().get(f"/api/competitions/{made.slug}").json["phase"] == "open"
    assert post(staff, console(made, page), confirm=made.slug).status_code == 303
    assert action in said(staff.get(console(made)))


def test_a_removed_competition_is_brought_back_by_one_button(made: Installation, staff: FlaskClient) -> None:
    post(staff, console(made, "/remove"), confirm=made.slug)
    assert made.client().get(f"/competitions/{made.slug}").status_code == 404
    assert "Bring it back" in said(staff.get(console(made)))
    post(staff, console(made, "/restore"), console(made))
    assert made.client().get(f"/competitions/{made.slug}").status_code == 200


def test_the_overview_shows_numbers_and_days(made: Installation, staff: FlaskClient) -> None:
    send(made, made.noisy(3.0))
    send(made, made.noisy(4.0), "bob")
    page = staff.get(console(made))
    assert re.search(r"Submissions today \s*2", said(page))
    assert re.search(r"Students enrolled \s*3", said(page))
    assert "<svg" in page.text


def test_an_assistant_looks_at_the_overview_and_is_offered_nothing_to_press(made: Installation) -> None:
    page = browser(made, "tess", "Tess", "assistant").get(console(made)).text
    main = page[page.index("<main") : page.index("</main")]
    assert "<button" not in main


def test_the_folder_is_downloaded_whole_and_kept_out_of_caches(made: Installation, staff: FlaskClient) -> None:
    answer = post(staff, console(made, "/export"), console(made))
    assert answer.headers["Content-Disposition"] == "attachment; filename=lecture.zip"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert (bundles.read_zip(answer.data).key.labels == made.bundle.key.labels).all()


def test_a_copy_is_made_from_its_form(made: Installation, staff: FlaskClient) -> None:
    page = console(made, "/copy")
    assert "knows its training data" in said(staff.get(page))
    fields = {"course": COURSE, "slug": "next", "title": "Next", "deadline": "2027-05-01 23:59", "split_anew": "on"}
    refused = post(staff, page, **{**fields, "slug": "lecture"})
    assert refused.status_code == 409
    assert 'value="2027-05-01 23:59"' in refused.text
    assert post(staff, page, **fields).location == "/console/competitions/next"


# settings and pages

SETTINGS = {
    "title": "Talks",
    "deadline": "2026-12-10 23:59",
    "daily_limit": "4",
    "total_limit": "",
    "rejected_per_hour": "30",
    "final_submissions": "2",
    "largest_team": "3",
    "release": "rounded",
    "late_submissions": "on",
    "public_intervals": "on",
    "time_zone": "Asia/Taipei",
}


def change(made: Installation, staff: FlaskClient, step: str, **changed: str) -> TestResponse:
    page = console(made, "/settings")
    return post(staff, page, stamp=hidden(staff.get(page).text, "stamp"), step=step, **{**SETTINGS, **changed})


def test_a_change_is_looked_at_on_both_clocks_and_then_saved(made: Installation, staff: FlaskClient) -> None:
    looked = change(made, staff, "look")
    assert "2026-12-10 23:59 Asia/Taipei (2026-12-10 15:59 UTC) in 17 days 12 h" in said(looked)
    assert re.search(r"Submissions a day \s*5 \s*4", said(looked))
    assert made.client().get(f"/api/competitions/{made.slug}").json["title"] == "Lectures"
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', looked.text))
    assert staff.post(console(made, "/settings"), data={**fields, "step": "save"}).status_code == 303
    assert made.client().get(f"/api/competitions/{made.slug}").json["title"] == "Talks"


def test_the_settings_show_what_they_allow_and_what_others_would(made: Installation, staff: FlaskClient) -> None:
    assert re.search(r"Leak ratio \s*3.8 \(red\)", said(staff.get(console(made, "/settings"))))
    looked = said(change(made, staff, "look", daily_limit="5", total_limit="2", deadline="2026-12-07 23:59"))
    assert "the leak ratio becomes 0.1 (green)" in looked
    assert re.search(r"Leak ratio \s*0.1 \(green\)", looked)


def test_a_forged_form_changes_no_release_that_is_settled(made: Installation, staff: FlaskClient) -> None:
    send(made, made.noisy(3.0))
    assert 'name="release"' not in staff.get(console(made, "/settings")).text
    assert change(made, staff, "save", release="full").status_code == 303
    assert made.client().get(f"/api/competitions/{made.slug}").json["release"] == "rounded"


def test_going_back_from_the_changes_keeps_what_was_typed(made: Installation, staff: FlaskClient) -> None:
    again = change(made, staff, "edit", title="Not yet")
    assert 'value="Not yet"' in again.text


@pytest.mark.slow
def test_a_deadline_to_the_second_survives_a_form_that_shows_minutes(build: Build) -> None:
    made = build()
    staff = browser(made, "tina", "Tina", "instructor")
    with made.db.write() as session:
        competition = session.scalars(select(Competition)).one()
        competition.deadline = competition.deadline.replace(second=30)
    assert 'value="2026-12-07 23:59"' in staff.get(console(made, "/settings")).text
    looked = change(made, staff, "look", deadline="2026-12-07 23:59", title="Lectures", daily_limit="5")
    assert "Nothing is different" in said(looked)


@pytest.mark.parametrize(
    "wrong", [{"deadline": "soon"}, {"daily_limit": "-1"}, {"largest_team": ""}, {"total_limit": "1e3"}, {"title": ""}]
)
def test_a_wrong_setting_is_explained_where_it_was_typed(
    made: Installation, staff: FlaskClient, wrong: dict[str, str]
) -> None:
    answer = change(made, staff, "save", **wrong)
    assert answer.status_code == 400
    assert "Settings" in said(answer)
    assert made.client().get(f"/api/competitions/{made.slug}").json["title"] == "Lectures"


def test_a_stale_form_is_refused_and_can_be_sent_again(made: Installation, staff: FlaskClient) -> None:
    page = console(made, "/settings")
    stale = hidden(staff.get(page).text, "stamp")
    assert change(made, staff, "save", daily_limit="3").status_code == 303
    refused = post(staff, page, stamp=stale, step="save", **{**SETTINGS, "title": "Mine"})
    assert refused.status_code == 409
    assert "Somebody changed this" in said(refused)
    assert 'value="Mine"' in refused.text
    assert hidden(refused.text, "stamp") != stale


def test_a_page_is_previewed_and_saved(made: Installation, staff: FlaskClient) -> None:
    page = console(made, "/pages/rules/zh-Hant")
    stamp = hidden(staff.get(page).text, "stamp")
    text = "# 規則\n\n<script>alert(1)</script>"
    preview = post(staff, page, stamp=stamp, step="preview", markdown=text)
    assert "<h2>規則</h2>" in preview.text
    assert "<script>alert" not in preview.text
    assert post(staff, page, stamp=stamp, step="save", markdown=text).status_code == 303
    chinese = {"Accept-Language": "zh-TW"}
    assert "<h2>規則</h2>" in made.client().get(f"/competitions/{made.slug}/rules", headers=chinese).text


def test_a_long_chinese_page_is_not_too_large_for_the_form(made: Installation, staff: FlaskClient) -> None:
    page = console(made, "/pages/rules/zh-Hant")
    stamp, text = hidden(staff.get(page).text, "stamp"), "長" * (authoring.LONGEST_PAGE - 10)
    csrf = hidden(staff.get(page).text, "csrf_token")
    fields = {"csrf_token": csrf, "stamp": stamp, "step": "save", "markdown": text}
    answer = staff.post(page, data=fields, content_type="multipart/form-data")
    assert answer.status_code == 303


# announcements and baselines


def test_an_announcement_is_previewed_published_and_withdrawn(made: Installation, staff: FlaskClient) -> None:
    page = console(made, "/announcements")
    assert "<strong>Tuesday</strong>" in post(staff, page, step="preview", markdown="On **Tuesday**.").text
    assert "Tuesday" not in made.client().get(f"/competitions/{made.slug}").text
    post(staff, page, step="publish", markdown="On **Tuesday**.")
    assert "<strong>Tuesday</strong>" in made.client().get(f"/competitions/{made.slug}/rules").text
    assert post(staff, page, step="publish", markdown=" ").status_code == 400
    post(staff, f"{page}/1/withdraw", page)
    assert "Tuesday" not in made.client().get(f"/competitions/{made.slug}").text
    assert post(staff, f"{page}/1/withdraw", page).status_code == 409


def test_a_baseline_is_added_changed_and_removed(made: Installation, staff: FlaskClient) -> None:
    page = console(made, "/baselines")
    fields = {"name": "=1+1 <b>", "tier": "boss", "points_public": "1.5", "points_private": "2"}
    added = post(staff, page, file=(io.BytesIO(made.file(50.0)), "line.csv"), **fields)
    assert added.status_code == 303
    listed = staff.get(page).text
    assert "=1+1 &lt;b&gt;" in listed
    number = re.findall(r"/baselines/(\d+)", listed)[0]
    one = f"{page}/{number}"
    assert post(staff, one, **{**fields, "points_public": "a lot"}).status_code == 400
    assert post(staff, one, **{**fields, "name": "Line"}).status_code == 303
    assert post(staff, f"{one}/remove", one, confirm="no").status_code == 400
    assert post(staff, f"{one}/remove", one, confirm=made.slug).status_code == 303
    assert "Line" not in made.client().get(f"/competitions/{made.slug}/leaderboard").text


def test_a_bad_baseline_file_is_explained_with_its_lines(made: Installation, staff: FlaskClient) -> None:
    page = console(made, "/baselines")
    fields = {"name": "Line", "tier": "boss", "points_public": "1", "points_private": "2"}
    bad = made.file(50.0).replace(b",50.0\n", b",fifty\n", 1)
    answer = post(staff, page, file=(io.BytesIO(bad), "line.csv"), **fields)
    assert answer.status_code == 400
    assert "line 2" in said(answer)
    assert 'value="Line"' in answer.text


def test_a_private_score_of_a_baseline_is_on_no_page_of_an_assistant(made: Installation, staff: FlaskClient) -> None:
    page = console(made, "/baselines")
    fields = {"name": "Line", "tier": "boss"}
    post(staff, page, file=(io.BytesIO(made.noisy(7.0, secrets.randbelow(9))), "line.csv"), **fields)
    assert "hidden from students" in said(staff.get(page))
    assert "Private score" not in said(browser(made, "tess", "Tess", "assistant").get(page))


@pytest.mark.slow
def test_every_page_of_a_competitions_life_is_there_in_chinese(made: Installation, staff: FlaskClient) -> None:
    for page in (
        "",
        "/settings",
        "/pages",
        "/pages/rules/en",
        "/announcements",
        "/baselines",
        "/copy",
        "/remove",
        "/close",
    ):
        answer = staff.get(console(made, page), headers={"Accept-Language": "zh-TW"})
        assert answer.status_code == 200
        assert 'lang="zh-Hant"' in answer.text

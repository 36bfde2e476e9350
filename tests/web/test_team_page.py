"""The team page, as a browser gets it."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.visitors import address, browser, hidden, send, sign_in, upload
from werkzeug.test import TestResponse

from unseen_server.services import reveal
from unseen_server.services.principals import SERVER


def press(client: FlaskClient, made: Installation, button: str, **fields: object) -> TestResponse:
    """Send a form of the team page and follow it."""
    token = hidden(client.get(address(made, "/team")).text, "csrf_token")
    form = {"csrf_token": token, **fields}
    return client.post(address(made, f"/team/{button}"), data=form, follow_redirects=True)


@pytest.fixture
def pair(build: Build) -> tuple[Installation, FlaskClient, FlaskClient]:
    """Dora has submitted; Emil has not."""
    made = build()
    dora, emil = browser(made, "dora", "Dora"), browser(made, "emil", "Emil")
    upload(dora, made, made.noisy(3.0))
    return made, dora, emil


def test_an_invitation_leads_from_the_list_to_one_team(pair: tuple[Installation, FlaskClient, FlaskClient]) -> None:
    made, dora, emil = pair
    assert "Emil is invited" in press(dora, made, "invite", who="emil").text
    assert "You are invited to a team: <bdi>Dora</bdi>" in emil.get("/competitions").text
    page = emil.get(address(made, "/team")).text
    assert "<bdi>Dora</bdi> asks you to join" in page
    assert "1 of at most 5 submissions" in page
    joined = press(emil, made, "accept", team=hidden(page, "team")).text
    assert "You are in “Dora” now." in joined
    assert "Leave the team" not in joined  # it has submitted
    assert "mine.csv" in emil.get(address(made, "/submissions")).text
    assert "4</span> <span" in emil.get(address(made, "/submit")).text


@pytest.mark.slow
def test_an_invitation_is_declined_and_another_taken_back(pair: tuple[Installation, FlaskClient, FlaskClient]) -> None:
    made, dora, emil = pair
    press(dora, made, "invite", who="emil")
    team = hidden(emil.get(address(made, "/team")).text, "team")
    assert "You declined" in press(emil, made, "decline", team=team).text
    page = press(dora, made, "invite", who="emil").text
    assert "was taken back" in press(dora, made, "take-back", person=hidden(page, "person")).text
    assert "asks you to join" not in emil.get(address(made, "/team")).text
    refused = press(emil, made, "accept", team=team)
    assert (refused.status_code, "Ask to be invited again" in refused.text) == (404, True)


def test_who_cannot_be_invited_is_said_in_the_form_with_what_was_typed(build: Build) -> None:
    made = build()
    page = press(browser(made), made, "invite", who="<outsider>")
    assert page.status_code == 404
    assert 'value="&lt;outsider&gt;"' in page.text
    assert "There is no student of this course" in page.text


def test_a_team_is_renamed_and_a_taken_name_is_kept_in_the_field(build: Build) -> None:
    made = build()
    client = browser(made)
    send(made, made.noisy(3.0))
    assert "called “東京 🦊” now" in press(client, made, "name", name="東京 🦊").text
    refused = press(client, made, "name", name="ALICE")
    assert refused.status_code == 409
    assert 'value="ALICE"' in refused.text


def test_a_team_is_left_before_it_has_submitted(build: Build) -> None:
    made = build()
    dora, emil = browser(made), browser(made, "emil", "Emil")
    press(dora, made, "invite", who="emil")
    page = press(emil, made, "accept", team=hidden(emil.get(address(made, "/team")).text, "team")).text
    assert "Leave the team" in page
    assert "You left the team" in press(emil, made, "leave").text
    assert press(emil, made, "leave").status_code == 409


def test_where_everybody_works_alone_the_page_says_so(build: Build) -> None:
    made = build(largest_team=1)
    client = browser(made)
    page = client.get(address(made, "/team")).text
    assert "Everybody works alone" in page
    assert "Invite" not in page
    assert f'href="{address(made, "/team")}"' not in client.get(address(made)).text
    assert press(client, made, "invite", who="alice").status_code == 409


@pytest.mark.slow
def test_after_the_deadline_teams_stay_as_they_are(build: Build) -> None:
    made = build()
    client = browser(made)
    made.pass_deadline()
    sign_in(client, "dora")
    page = client.get(address(made, "/team")).text
    assert "teams stay as they are" in page
    assert "<form" not in page.split('<main id="main"')[1].split("</main>")[0]
    assert press_anyway(client, made, "leave").status_code == 409


def press_anyway(client: FlaskClient, made: Installation, button: str) -> TestResponse:
    token = hidden(client.get("/account").text, "csrf_token")
    return client.post(address(made, f"/team/{button}"), data={"csrf_token": token})


@pytest.mark.parametrize("button", ["name", "invite", "take-back", "accept", "decline", "leave"])
def test_the_forms_need_a_person_their_token_and_whole_fields(build: Build, button: str) -> None:
    made = build()
    assert "/login" in made.client().post(address(made, f"/team/{button}")).location
    client = browser(made)
    assert client.post(address(made, f"/team/{button}"), data={"csrf_token": "guessed"}).status_code == 403
    assert press(client, made, button, team="x", person="-1", name="", who="").status_code in (400, 404, 409)
    assert client.get(address(made, f"/team/{button}")).status_code == 405


def test_somebody_of_another_course_has_no_team_page(build: Build) -> None:
    made = build()
    assert made.client("outsider").get(address(made, "/team")).status_code == 403
    staff = browser(made, "tina", "Tina", "instructor")
    assert "its staff submit on their own" in staff.get(address(made, "/team")).text
    assert press_anyway(staff, made, "leave").status_code == 403


# other pages


@pytest.mark.slow
def test_the_list_reminds_of_what_is_near(build: Build) -> None:
    made = build()
    client = browser(made)
    made.now = made.bundle.settings.deadline - timedelta(days=2)
    sign_in(client, "dora")
    for seed in range(3):
        upload(client, made, made.noisy(3.0, seed))
    assert "final submissions are not chosen yet" in client.get("/competitions").text
    page = client.get(address(made, "/submissions")).text
    assert "final submissions are not chosen yet" in page
    form = {"csrf_token": hidden(page, "csrf_token"), "ref": "1"}
    assert "are chosen" in client.post(address(made, "/submissions"), data=form, follow_redirects=True).text
    assert "not chosen yet" not in client.get("/competitions").text + client.get(address(made, "/submissions")).text


def test_the_list_shows_the_final_rank_after_the_reveal_and_not_before(build: Build) -> None:
    made = build()
    client = browser(made)
    upload(client, made, made.noisy(3.0))
    made.pass_deadline()
    sign_in(client, "dora")
    assert "Final rank" not in client.get("/competitions").text
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    assert re.search('Final rank</dt><dd><strong class="number">1<', client.get("/competitions").text)


def test_somebody_without_a_course_is_led_to_the_join_code(build: Build) -> None:
    made = build()
    client = browser(made)
    with made.db.write() as session:
        session.connection().exec_driver_sql("DELETE FROM enrolments WHERE user_id = (SELECT max(id) FROM users)")
    assert 'href="/join"' in client.get("/competitions").text


def test_a_check_finds_what_is_wrong_and_spends_nothing(build: Build) -> None:
    made = build()
    client = browser(made)
    form = client.get(address(made, "/submit")).text
    token = hidden(form, "csrf_token")
    for content, status, said in (
        (made.noisy(3.0), 200, "The file is fine: 40 predictions."),
        (made.noisy(3.0).replace(b".", b";", 1), 400, '<th scope="row" class="right number">2</th>'),
    ):
        data = {"csrf_token": token, "check": "1", "message": "kept", "file": a_file(content)}
        page = client.post(address(made, "/submit"), data=data)
        assert (page.status_code, said in page.text) == (status, True)
        assert 'value="kept"' in page.text
    assert "5</span> <span" in client.get(address(made, "/submit")).text


def a_file(content: bytes) -> tuple[io.BytesIO, str]:
    return io.BytesIO(content), "mine.csv"


def test_problems_are_grouped_and_counted(build: Build) -> None:
    made = build()
    lines = made.noisy(3.0).decode().splitlines()
    mended = [lines[0], *(re.sub(r",.*", ',"1,5"', line) for line in lines[1:30]), *lines[30:]]
    page = upload(browser(made), made, ("\n".join(mended) + "\n").encode()).text
    assert re.search(r"Decimal commas <span class=\"quiet\">29 times", page)
    assert "And 10 more like these." in page


def test_a_receipt_is_for_its_own_team_under_its_own_competition(build: Build) -> None:
    made = build()
    client = browser(made)
    upload(client, made, made.noisy(3.0))
    send(made, made.noisy(3.0))
    assert client.get(address(made, "/submissions/1")).status_code == 200
    for other in ("/submissions/2", "/submissions/99", "/submissions/x", "/submissions/99999999999"):
        assert client.get(address(made, other)).status_code == 404


def test_a_receipt_says_how_the_rank_moved_and_when_the_day_ends_on_both_clocks(build: Build) -> None:
    made = build()
    for who, spread in (("alice", 5.0), ("bob", 6.0)):
        send(made, made.noisy(spread), who)
    client = browser(made)
    upload(client, made, made.noisy(12.0))
    page = upload(client, made, made.noisy(0.1)).text
    assert "Up 2 places" in page
    assert "2026-11-24 00:00 Asia/Taipei (2026-11-23 16:00 UTC), in 12 h" in page
    assert re.search("[0-9a-f]{64}", page)
    made.now += timedelta(days=1)
    assert "Left today" not in client.get(address(made, "/submissions/4")).text


def test_a_receipt_says_when_the_answers_were_corrected_since(build: Build) -> None:
    made = build()
    client = browser(made)
    assert "corrected since" not in upload(client, made, made.noisy(3.0)).text
    with made.db.write() as session:
        session.connection().exec_driver_sql("UPDATE scores SET shown = 123.5")
    assert "the score is 123.5 now" in client.get(address(made, "/submissions/1")).text


def test_a_used_up_day_is_said_before_a_file_is_chosen(build: Build) -> None:
    made = build(daily_limit=1)
    client = browser(made)
    assert "A check is still free" not in client.get(address(made, "/submit")).text
    upload(client, made, made.noisy(3.0))
    assert "All submissions for today are used. A check is still free." in client.get(address(made, "/submit")).text


@pytest.mark.slow
def test_long_lists_come_in_pages_and_keep_what_is_chosen_elsewhere(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unseen_server.web.paging.SIZE", 2)
    made = build()
    client = browser(made)
    for seed in range(5):
        upload(client, made, made.noisy(3.0, seed))
    first = client.get(address(made, "/submissions")).text
    form = {"csrf_token": hidden(first, "csrf_token"), "ref": "5"}
    client.post(address(made, "/submissions"), data=form)
    last = client.get(address(made, "/submissions?page=3")).text
    assert 'value="1"' in last
    assert '<input type="checkbox" name="ref" value="5" checked>' in last
    for odd in ("0", "99", "x", "-1", "²"):
        assert client.get(address(made, f"/submissions?page={odd}")).status_code == 200


def test_the_chart_draws_what_was_shown_and_no_more(build: Build) -> None:
    made = build()
    client = browser(made)
    for n, spread in enumerate((9.0, 3.0, 6.0)):
        made.now += timedelta(hours=n)
        upload(client, made, made.noisy(spread))
    page = client.get(address(made, "/submissions")).text
    assert page.count("<circle") == 3
    drawing = page.split('class="own-chart"')[1].split("</figure>")[0]
    assert len(re.findall(r"<line x1", drawing)) == 2 + 3  # two guides; level, up, level
    with made.db.read() as session:
        exact = session.connection().exec_driver_sql("SELECT value FROM scores").scalars().all()
    assert not any(f"{value:.3f}" in page for value in exact)

"""The pages as a browser gets them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text
from tests.installations import Build, Installation, install, make_folder, new_sqlite
from tests.visitors import (
    OWN_PAGES,
    PAGES,
    add,
    address,
    browser,
    hidden,
    place_baseline,
    rows_of,
    send,
    sign_in,
    upload,
)

from unseen_server import web
from unseen_server.config import Config
from unseen_server.db import models
from unseen_server.services import reveal
from unseen_server.services.principals import SERVER

# looking


def test_everybody_sees_a_competition_that_has_started(build: Build) -> None:
    made = build()
    page = made.client().get("/", follow_redirects=True).text
    assert "Lectures" in page
    assert "MSE, lower is better" in page
    assert "2026-12-07 23:59 Asia/Taipei" in page
    for name in PAGES:
        assert made.client().get(address(made, name)).status_code == 200


def test_a_metric_to_maximise_says_so(build: Build) -> None:
    made = build(metric="r2")
    assert "R², higher is better" in made.client().get(address(made, "/leaderboard")).text


def test_a_draft_is_nothing_to_a_visitor_and_a_page_to_its_staff(build: Build) -> None:
    made = build(launched=False)
    assert made.client().get(address(made)).status_code == 404
    staff = browser(made, "tina", "Tina", "instructor")
    assert "Draft" in staff.get(address(made)).text


def test_an_empty_list_tells_how_to_make_the_first_competition(build: Build) -> None:
    page = build(launched=False).client().get("/competitions").text
    assert "unseen-server competition init" in page


def test_the_short_address_leads_to_the_competition(build: Build) -> None:
    made = build()
    assert made.client().get(f"/c/{made.slug}").location == address(made)


def test_the_files_are_for_those_enrolled(build: Build) -> None:
    made = build()
    assert "/login?next=" in made.client().get(address(made, "/data")).text
    assert "Ask its staff" in made.client("outsider").get(address(made, "/data")).text
    assert f"/api/competitions/{made.slug}/files/train.csv" in made.client("alice").get(address(made, "/data")).text


def test_a_file_can_be_fetched_with_the_browsers_session(build: Build) -> None:
    made = build()
    with browser(made).get(f"/api/competitions/{made.slug}/files/train.csv") as fetched:
        assert fetched.data == (made.folder / "train.csv").read_bytes()


def test_the_seal_is_on_the_rules_page_and_opens_at_the_reveal(build: Build) -> None:
    made = build()
    with made.db.read() as session:
        competition = session.scalars(select(models.Competition)).one()
    before = made.client().get(address(made, "/rules")).text
    made.pass_deadline()
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    after = made.client().get(address(made, "/rules")).text
    assert str(competition.seal) in before
    assert str(competition.seal_salt) not in before
    assert "At the reveal the key opens" in before
    assert "Now the key is open" in after


@pytest.mark.parametrize("who", [None, "dora"])
def test_every_page_has_one_heading_a_main_part_and_nothing_inline(build: Build, who: str | None) -> None:
    made = build()
    send(made, made.noisy(3.0))
    client = browser(made) if who else made.client()
    for path in ("/competitions", "/login", "/nowhere", *(address(made, page) for page in OWN_PAGES), "/account"):
        page = client.get(path, follow_redirects=True).text
        assert page.count("<h1") == 1, path
        assert 'href="#main"' in page, path
        assert '<main id="main"' in page, path
        assert 'lang="en"' in page, path
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=", page), path


def test_the_script_of_every_page_stays_small() -> None:
    assert 0 < (Path(web.__file__).parent / "static" / "unseen.js").stat().st_size < 6000


@pytest.mark.slow
def test_refusals_are_pages_with_a_way_on(build: Build) -> None:
    made = build()
    page = made.client().get("/competitions/lectrue")
    assert page.status_code == 404
    assert "Did you mean “lecture”?" in page.text
    assert page.mimetype == "text/html"


def test_a_fault_of_ours_is_a_page_that_asks_the_database_nothing(build: Build) -> None:
    made = build()
    client = browser(made)
    with made.db.write() as session:
        session.execute(text("DROP TABLE sessions"))
    page = client.get("/competitions")
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "nothing was counted" in page.text


def test_a_request_that_is_too_large_is_a_page_too(build: Build) -> None:
    made = build()
    made.app.config["MAX_CONTENT_LENGTH"] = 1000
    client = browser(made)
    form = {"csrf_token": hidden(client.get("/account").text, "csrf_token"), "message": "x" * 2000}
    page = client.post(address(made, "/submit"), data=form)
    assert (page.status_code, page.mimetype) == (413, "text/html")


# the board


def test_the_board_ranks_teams_and_marks_baselines_and_ones_own_row(build: Build) -> None:
    made = build()
    place_baseline(made, "Line", "medium")
    send(made, made.noisy(2.0), "bob")
    client = browser(made)
    upload(client, made, made.noisy(6.0))
    bob, dora, line = rows_of(client.get(address(made, "/leaderboard")).text)
    assert 'data-team="Bob"' in bob
    assert '<td class="rank">1</td>' in bob
    assert 'id="own"' in dora
    assert 'id="own"' not in bob
    assert ">you<" in dora
    assert "medium baseline" in line
    assert 'aria-label="No rank"' in line


def test_each_sees_their_own_row_on_a_board_drawn_once_for_all(build: Build) -> None:
    made = build()
    for who in ("alice", "bob"):
        send(made, made.noisy(2.0), who)
    for who in ("alice", "bob"):
        own = [row for row in rows_of(made.client(who).get(address(made, "/leaderboard")).text) if 'id="own"' in row]
        assert len(own) == 1
        assert f'data-team="{who.title()}"' in own[0]


def test_only_ones_own_row_is_marked(build: Build) -> None:
    made = build()
    send(made, made.noisy(2.0), "bob")
    for client in (made.client(), made.client("alice")):
        assert 'id="own"' not in client.get(address(made, "/leaderboard")).text
    assert "Your place: 1 of 1" in made.client("bob").get(address(made, "/leaderboard")).text


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "שלום", "林小明 🦊"]
)
def test_a_hostile_name_is_only_a_name(build: Build, name: str) -> None:
    made = build()
    client = browser(made, display_name=name)
    receipt = upload(client, made, made.noisy(2.0), message=name).text
    for path in (*(address(made, name) for name in ("/leaderboard", "/submissions", "/team")), "/account"):
        page = client.get(path).text + receipt
        assert "<script>" not in page
        assert "<img" not in page
    assert "<bdi>" in rows_of(client.get(address(made, "/leaderboard")).text)[0]


def test_the_board_shows_a_score_as_released_and_nothing_private(build: Build) -> None:
    made = build()
    shown = send(made, made.noisy(3.0))
    with made.db.read() as session:
        public = session.scalars(select(models.Score)).one().value
        private = session.scalars(select(models.PrivateScore)).one().value
    made.now += timedelta(seconds=1)
    page = (
        made.client("alice").get(address(made, "/leaderboard")).text
        + made.client("alice").get(address(made, "/submissions")).text
    )
    assert f">{shown:g}<" in page
    assert str(public)[:5] not in page
    assert str(private)[:5] not in page
    assert "private</a>" not in page.lower()


def test_the_private_board_is_nothing_before_the_reveal(build: Build) -> None:
    made = build()
    send(made, made.noisy(3.0))
    for who in (None, "alice", "teacher"):
        assert made.client(who).get(address(made, "/leaderboard?board=private")).status_code == 404
    made.pass_deadline()
    assert made.client().get(address(made, "/leaderboard?board=private")).status_code == 404


def test_after_the_reveal_the_private_board_comes_first_with_both_ranks(build: Build) -> None:
    made = build()
    labels, usage = made.bundle.key.labels, made.bundle.key.usage
    lucky = np.where(usage == 1, labels, 40.0)
    send(made, made.file(lucky), "alice")
    send(made, made.noisy(1.0), "bob")
    made.pass_deadline()
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    page = made.client().get(address(made, "/leaderboard")).text
    bob, alice = rows_of(page)
    assert "Private leaderboard" in page
    assert 'class="up" title="Was 2 on the public board"' in bob
    assert 'class="down" title="Was 1 on the public board"' in alice
    assert "Public leaderboard" in made.client().get(address(made, "/leaderboard?board=public")).text


@pytest.mark.slow
def test_an_unchanged_board_is_not_sent_again(build: Build) -> None:
    made = build()
    first = made.client().get(address(made, "/leaderboard"))
    again = made.client().get(address(made, "/leaderboard"), headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "Cookie" in first.headers["Vary"]


@pytest.mark.parametrize("change", ["submission", "deadline", "minute"])
def test_a_board_that_changed_is_sent_again(build: Build, change: str) -> None:
    made = build()
    made.now = made.bundle.settings.deadline  # the last instant on time; a second later is the same minute
    first = made.client().get(address(made, "/leaderboard"))
    if change == "submission":
        send(made, made.noisy(3.0))
    elif change == "deadline":
        made.pass_deadline()
    else:
        made.now += timedelta(minutes=1)
    again = made.client().get(address(made, "/leaderboard"), headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200


def test_nobody_gets_a_board_drawn_for_somebody_else(build: Build) -> None:
    made = build()
    send(made, made.noisy(3.0))
    dora = browser(made)
    clients = (made.client("alice"), dora, made.client("bob"), made.client())
    tags = {client.get(address(made, "/leaderboard")).headers["ETag"] for client in clients}
    assert len(tags) == 4
    page = made.client().get(address(made, "/leaderboard")).text
    assert "Alice" in rows_of(page)[0]
    assert 'id="own"' not in page
    assert "csrf_token" not in page


def test_the_board_refreshes_itself_until_the_reveal(build: Build) -> None:
    made = build()
    assert "data-refresh" in made.client().get(address(made, "/leaderboard")).text
    made.pass_deadline()
    assert "data-refresh" in made.client().get(address(made, "/leaderboard")).text
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    assert "data-refresh" not in made.client().get(address(made, "/leaderboard")).text


def test_the_board_says_what_it_gives_away(build: Build) -> None:
    made = build(total_limit=2)
    page = made.client().get(address(made, "/leaderboard")).text
    assert "Leak ratio 0.1 (green)" in page
    assert "rounded to steps" in page
    assert f"unseen submit {made.slug} -f predictions.csv" in page


def test_a_board_released_in_full_warns(build: Build) -> None:
    made = build(release="full")
    send(made, made.noisy(3.0))
    page = made.client().get(address(made, "/leaderboard")).text
    assert "can work out every public label" in page


def test_the_projector_view_stays_one_when_the_board_is_changed(build: Build) -> None:
    made = build()
    page = made.client().get(address(made, "/leaderboard?projector=1")).text
    assert 'class="projector"' in page
    assert 'class="projector"' not in made.client().get(address(made, "/leaderboard")).text


# taking part


def test_visitors_are_asked_to_sign_in_and_brought_back(build: Build) -> None:
    made = build()
    add(made, "dora", "Dora")
    client = made.client()
    sent = client.get(address(made, "/submit"))
    after = hidden(client.get(sent.location).text, "next")
    assert sign_in(client, "dora", next=after).location == address(made, "/submit")


def test_a_good_file_gets_a_receipt(build: Build) -> None:
    made = build()
    page = upload(browser(made), made, made.noisy(3.0))
    assert page.status_code == 200
    assert page.request.path == address(made, "/submissions/1")
    for said in ("Submission 1 counts", "number 1 of 1", "4 of 5", "first try"):
        assert said in page.text


def test_a_double_click_counts_once(build: Build) -> None:
    made = build()
    client = browser(made)
    for _ in range(2):
        assert "Submission 1 counts" in upload(client, made, made.noisy(3.0), key="same").text
    assert "4</span> <span" in client.get(address(made, "/submit")).text


def test_a_form_sent_again_with_another_file_is_explained(build: Build) -> None:
    made = build()
    client = browser(made)
    upload(client, made, made.noisy(3.0), key="same")
    second = upload(client, made, made.noisy(4.0), key="same")
    assert second.status_code == 422
    assert hidden(second.text, "key") != "same"


def test_a_bad_file_costs_nothing_and_every_problem_is_shown_with_its_line(build: Build) -> None:
    made = build()
    client = browser(made)
    lines = made.noisy(3.0).decode().splitlines()
    lines[3] = lines[3].split(",")[0] + ",<b>x</b>"
    lines[5] = "nobody,3"
    page = upload(client, made, ("\n".join(lines) + "\n").encode())
    assert page.status_code == 400
    for line, said in ((4, "`&lt;b&gt;x&lt;/b&gt;` is not a number."), (6, "The id `nobody` is not in the test set.")):
        assert re.search(rf'<th scope="row" class="right number">{line}</th><td>{said}', page.text)
    assert "<b>x" not in page.text
    assert "5</span> <span" in client.get(address(made, "/submit")).text


def test_no_file_at_all_is_explained_in_the_form(build: Build) -> None:
    made = build()
    client = browser(made)
    form = client.get(address(made, "/submit")).text
    sent = client.post(address(made, "/submit"), data={"csrf_token": hidden(form, "csrf_token")})
    assert (sent.status_code, "Choose a file first." in sent.text) == (400, True)


def test_a_used_up_day_says_when_it_resets(build: Build) -> None:
    made = build(daily_limit=1)
    client = browser(made)
    upload(client, made, made.noisy(3.0))
    page = upload(client, made, made.noisy(4.0))
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) == 12 * 3600
    assert "resets at 00:00 Asia/Taipei" in page.text


def test_a_form_without_its_token_does_nothing(build: Build) -> None:
    made = build()
    client = browser(made)
    for path in (address(made, "/submit"), address(made, "/submissions"), "/account/tokens", "/logout"):
        assert client.post(path, data={"csrf_token": "guessed"}).status_code == 403
    assert client.get("/account").status_code == 200


def test_final_submissions_are_chosen_among_ones_own(build: Build) -> None:
    made = build()
    client = browser(made)
    for spread in (5.0, 4.0, 3.0):
        upload(client, made, made.noisy(spread))
    page = client.get(address(made, "/submissions")).text
    assert page.count(">by default<") == 2
    form = {"csrf_token": hidden(page, "csrf_token"), "ref": "1"}
    assert client.post(address(made, "/submissions"), data=form).status_code == 303
    page = client.get(address(made, "/submissions")).text
    assert page.count(">final<") == 1
    assert page.count(" checked>") == 1


@pytest.mark.slow
def test_too_many_final_submissions_are_explained_in_the_list(build: Build) -> None:
    made = build()
    client = browser(made)
    for spread in (5.0, 4.0, 3.0):
        upload(client, made, made.noisy(spread))
    token = hidden(client.get(address(made, "/submissions")).text, "csrf_token")
    page = client.post(address(made, "/submissions"), data={"csrf_token": token, "ref": ["1", "2", "3"]})
    assert (page.status_code, "Choose at most 2" in page.text) == (400, True)
    assert client.post(address(made, "/submissions"), data={"csrf_token": token, "ref": "²"}).status_code == 400


def test_a_late_file_is_marked(build: Build) -> None:
    made = build()
    client = browser(made)
    made.pass_deadline()
    sign_in(client, "dora")  # two weeks on, the first session has ended
    assert "marked as late" in upload(client, made, made.noisy(3.0)).text
    assert ">late<" in client.get(address(made, "/submissions")).text


def test_private_scores_are_in_ones_own_list_after_the_reveal(build: Build) -> None:
    made = build()
    client = browser(made)
    upload(client, made, made.noisy(3.0))
    with made.db.read() as session:
        private = session.scalars(select(models.PrivateScore)).one().value
    assert ">Private</th>" not in client.get(address(made, "/submissions")).text
    made.pass_deadline()
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)
    sign_in(client, "dora")
    assert f"{private:.5f}" in client.get(address(made, "/submissions")).text


def test_pages_of_somebody_signed_in_are_kept_by_nobody(build: Build) -> None:
    made = build()
    client = browser(made)
    for page in ("", "/submissions", "/submit"):
        assert client.get(address(made, page)).headers["Cache-Control"] == "private, no-store"


def test_the_list_shows_ones_own_rank_and_what_is_left(build: Build) -> None:
    made = build()
    client = browser(made)
    upload(client, made, made.noisy(3.0))
    page = client.get("/competitions").text
    assert "1 of 1" in page
    assert "4 of 5" in page


def test_the_pages_work_on_every_database(installation: Installation) -> None:
    client = browser(installation)
    assert upload(client, installation, installation.noisy(3.0)).status_code == 200
    for page in OWN_PAGES:
        assert client.get(address(installation, page)).status_code == 200


def test_what_the_staff_wrote_is_shown_as_markdown_without_its_dangers(tmp_path: Path, sqlite_template: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "overview.md").write_text("# Wärme\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n")
    with new_sqlite(tmp_path, sqlite_template) as url:
        made = install(Config(home=tmp_path, database_url=url), folder)
        page = made.client().get(address(made)).text
        made.close()
    assert "<h2>Wärme</h2>" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page

"""What is kept of a board is a second old at most, and never where it matters, whichever process shows it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import event, update
from tests.installations import STUDENTS, Build, Installation
from tests.services import test_pending as large_files
from tests.visitors import address, place_baseline, send

from unseen_server.app import create_app
from unseen_server.db import queries
from unseen_server.db.models import Competition, Submission
from unseen_server.services import accounts, announcements, boards, reveal, standings, teamwork, withdrawals

ASKED = ("", "?q=ali", "?page=2", "?projector=1", "?board=public")
LANGUAGES = ("en", "zh-TW")
ASKING = ((None, "en"), (None, "zh-TW"), ("alice", "en"))
GENERATED = re.compile(r'"generated_at":"[^"]*"')

Deed = Callable[[Installation], object]


def withdraw(made: Installation) -> None:
    withdrawals.withdraw(made.db, ref=refs(made)[-1], reason="by mistake", **made.asking())


def bring_back(made: Installation) -> None:
    withdrawals.restore(made.db, ref=refs(made)[-1], reason="it was right", **made.asking())


def refs(made: Installation) -> list[int]:
    with made.db.read() as session:
        return list(session.scalars(queries.boards.select(Submission.id).order_by(Submission.id)))


def another_name(made: Installation) -> None:
    accounts.set_display_name(made.db, made.principal("bob").user_id, "Robert", now=made.now)


def end(made: Installation) -> None:
    made.pass_deadline()
    reveal.reveal(made.db, **made.asking())


DEEDS: list[Deed] = [
    lambda made: send(made, made.noisy(3.0)),
    lambda made: send(made, made.noisy(2.0, seed=1), "bob"),
    lambda made: send(made, made.noisy(5.0, seed=2), "bob"),  # no improvement
    lambda made: send(made, made.noisy(1.0, seed=3)),  # another leader
    lambda made: send(made, made.noisy(4.0, seed=4), "carol"),
    withdraw,
    bring_back,
    place_baseline,
    lambda made: teamwork.rename_own(made.db, name="Foxes", **made.asking("alice")),
    another_name,
    lambda made: announcements.publish(made.db, markdown="New data!", **made.asking()),
    end,
]


@contextmanager
def process(made: Installation) -> Iterator[Flask]:
    """Another one over the same database."""
    app = create_app(made.config, clock=lambda: made.now)
    with closing(app.extensions["unseen"].db):
        yield app


def shown(app: Flask, made: Installation) -> list[str]:
    """All that boards say, to visitors and to somebody in a team."""
    told = []
    for who, language in ASKING:
        headers = {"Authorization": f"Bearer {made.token(who)}"} if who else {}
        said = {**headers, "Accept-Language": language}
        client = app.test_client()
        told += [client.get(address(made, f"/leaderboard{query}"), headers=said).text for query in ASKED]
        for query in ("", "?limit=1", "?board=private", "?format=csv"):
            answer = client.get(f"/api/competitions/{made.slug}/leaderboard{query}", headers=said)
            told.append(GENERATED.sub("", answer.text))
    return told


def a_second_later(made: Installation) -> None:
    made.now += timedelta(seconds=1)


@pytest.mark.slow
def test_a_second_after_every_deed_each_process_shows_what_a_new_one_would(installation: Installation) -> None:
    with process(installation) as one, process(installation) as another:
        seen = [shown(one, installation), shown(another, installation)]
        for number, deed in enumerate(DEEDS):
            deed(installation)
            a_second_later(installation)
            with process(installation) as new:
                expected = shown(new, installation)
            assert expected != seen[0], number
            seen = [shown(one, installation), shown(another, installation)]
            assert seen == [expected, expected], number


# within a second


def entries_of(app: Flask, made: Installation, who: str | None = None) -> dict[str, int]:
    """Each team's number of entries, as this process tells this person, on the page and to programs."""
    headers = {"Authorization": f"Bearer {made.token(who)}"} if who else {}
    ask = partial(app.test_client().get, headers=headers)
    page = ask(address(made, "/leaderboard")).text
    page = re.sub(r'<tr class="baseline".*?</tr>', "", page, flags=re.DOTALL)
    on_page = re.findall(r'data-team="([^"]*)".*?class="count">([0-9]+)<', page, re.DOTALL)
    told = ask(f"/api/competitions/{made.slug}/leaderboard").get_json()["entries"]
    told = [row for row in told if not row["is_baseline"]]
    assert on_page == [(row["team"], str(row["entries"])) for row in told]
    return {row["team"].lower(): row["entries"] for row in told}


def begin(made: Installation, *processes: Flask) -> None:
    """Everybody has submitted and may go on, and every process has drawn the board in this second."""
    with made.db.write() as session:
        session.execute(update(Competition).values(daily_limit=100))
    for number, who in enumerate(STUDENTS):
        send(made, made.noisy(20.0 + number, seed=number), who)
    a_second_later(made)
    for app in processes:
        assert entries_of(app, made) == dict.fromkeys(STUDENTS, 1)


def test_what_improves_nothing_brings_others_no_new_board_within_the_second(build: Build) -> None:
    made = build()
    pace, newest, shown = boards.Pace(made.db), [], []
    for spread in (13.0, 39.0, 4.0):
        send(made, made.noisy(spread), "bob")
        state = boards.state(made.db, slug=made.slug, principal=None, now=made.now)
        newest.append(state.stamp)
        shown.append(pace.of(state, made.now).stamp)
    assert shown == [newest[0], newest[0], newest[2]]


@pytest.mark.slow
def test_what_improves_nothing_is_shown_to_others_after_a_second_and_to_its_team_at_once(
    installation: Installation,
) -> None:
    with process(installation) as one, process(installation) as another:
        begin(installation, one, another)
        before = dict.fromkeys(STUDENTS, 1)
        send(installation, installation.noisy(39.0), "bob")
        for app in (one, another):
            assert entries_of(app, installation) == entries_of(app, installation, "alice") == before
            assert entries_of(app, installation, "bob") == {**before, "bob": 2}
        send(installation, installation.noisy(39.0), "carol")
        assert entries_of(one, installation) == {**before, "bob": 2}
        a_second_later(installation)
        for app in (one, another):
            assert entries_of(app, installation) == {**before, "bob": 2, "carol": 2}


def test_a_file_that_was_scored_afterwards_is_on_every_board_at_once(installation: Installation) -> None:
    with process(installation) as one, process(installation) as another:
        begin(installation, one, another)
        before = dict.fromkeys(STUDENTS, 1)
        large_files.send(installation, installation.noisy(39.0), "bob")
        a_second_later(installation)
        for app, who in product((one, another), (None, "bob")):
            assert entries_of(app, installation, who) == before
        large_files.work(installation)
        for app, who in product((one, another), (None, "bob")):
            assert entries_of(app, installation, who) == {**before, "bob": 2}


@pytest.mark.slow
def test_whoever_submits_finds_it_in_the_next_answer_however_often_the_board_was_drawn(
    installation: Installation,
) -> None:
    with process(installation) as one, process(installation) as another:
        begin(installation, one, another)
        for number in range(2, 10, 2):
            for more, app in enumerate((one, another)):
                send(installation, installation.noisy(39.0), "bob")
                assert entries_of(app, installation, "bob")["bob"] == number + more


def test_a_new_best_is_shown_at_once_and_those_of_a_rush_within_a_second(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process(installation) as one:
        begin(installation, one)
        drawn, order = list[int](), standings.order
        monkeypatch.setattr(standings, "order", lambda *a, **m: (drawn.append(1), order(*a, **m))[1])
        seen = []
        for spread in (16.0, 13.0, 10.0, 7.0, 4.0):
            send(installation, installation.noisy(spread), "alice")
            seen.append(entries_of(one, installation)["alice"])
        at_once = boards.DRAWN_A_SECOND - 1  # it was drawn in this second before
        assert seen == [*range(2, 2 + at_once), *[1 + at_once] * (5 - at_once)]
        assert len(drawn) == at_once
        a_second_later(installation)
        assert entries_of(one, installation)["alice"] == 6


@pytest.mark.slow
def test_what_is_not_a_submission_is_shown_at_once_however_often_the_board_was_drawn(
    installation: Installation,
) -> None:
    with process(installation) as one:
        begin(installation, one)
        for deed in (withdraw, *DEEDS[7:]):
            for _ in range(boards.DRAWN_A_SECOND):
                send(installation, installation.noisy(39.0), "alice")
                entries_of(one, installation, "alice")  # whose own board is drawn each time
            before = shown(one, installation)
            deed(installation)
            with process(installation) as new:
                expected = shown(new, installation)
            assert expected != before
            assert shown(one, installation) == expected


@pytest.mark.slow
def test_no_two_contents_share_a_tag_and_what_has_not_changed_is_not_sent_again(installation: Installation) -> None:
    contents: dict[str, set[str]] = defaultdict(set)
    people = {who: installation.token(who) for who in ("alice", "bob")}
    with process(installation) as one, process(installation) as another:
        begin(installation, one, another)
        for deed in DEEDS[:5]:
            deed(installation)
            installation.now += timedelta(seconds=0.4)
            for app, who, language in product((one, another), (None, *people), LANGUAGES):
                headers = {"Authorization": f"Bearer {people[who]}"} if who else {}
                ask = partial(app.test_client().get, address(installation, "/leaderboard"))
                answer = ask(headers={**headers, "Accept-Language": language})
                tag = answer.headers["ETag"]
                contents[tag].add(answer.text)
                again = ask(headers={**headers, "Accept-Language": language, "If-None-Match": tag})
                assert (again.status_code, again.text, again.headers["ETag"]) == (304, "", tag)
    assert len(contents) > 20
    assert all(len(texts) == 1 for texts in contents.values())


def test_an_unchanged_board_asks_the_database_once(installation: Installation) -> None:
    client, asked = installation.client(), list[str]()
    send(installation, installation.noisy(1.0))
    path = address(installation, "/leaderboard")
    client.get(path)
    engine = installation.app.extensions["unseen"].db.engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2].split()[0]))
    assert client.get(path).status_code == 200
    assert [word for word in asked if word != "BEGIN"] == ["SELECT"]


def test_a_row_is_drawn_and_read_again_only_where_something_changed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, who in enumerate(("alice", "bob", "carol")):
        send(installation, installation.noisy(1.0 + number, seed=number), who)
    client, read = installation.client(), list[int]()
    client.get(address(installation, "/leaderboard"))
    entries = standings.entries
    monkeypatch.setattr(
        standings, "entries", lambda *a, places, **m: (read.append(len(places)), entries(*a, places=places, **m))[1]
    )
    send(installation, installation.noisy(9.0), "bob")
    a_second_later(installation)
    page = client.get(address(installation, "/leaderboard")).text
    assert read == [1]
    assert re.findall(r'class="count">(\d+)<', page) == ["1", "2", "1"]


def test_the_board_says_when_it_was_asked_for(installation: Installation) -> None:
    client, path = installation.client(), f"/api/competitions/{installation.slug}/leaderboard"
    for second in range(3):
        installation.now = installation.now.replace(second=second)
        assert client.get(path).get_json()["generated_at"].endswith(f":0{second}Z")

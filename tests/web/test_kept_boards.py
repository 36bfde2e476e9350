"""What is kept of a board is never out of date: after every deed each process shows what a new one would show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from flask import Flask
from tests.installations import Installation
from tests.visitors import address, place_baseline, send

from unseen_server.app import create_app
from unseen_server.db import queries
from unseen_server.db.models import Submission
from unseen_server.services import accounts, announcements, reveal, standings, teamwork, withdrawals

ASKED = ("", "?q=ali", "?page=2", "?projector=1", "?board=public")
LANGUAGES = ("en", "zh-TW")
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
    for who in (None, "alice"):
        headers = {"Authorization": f"Bearer {made.token(who)}"} if who else {}
        client = app.test_client()
        for language in LANGUAGES:
            said = {**headers, "Accept-Language": language}
            told += [client.get(address(made, f"/leaderboard{query}"), headers=said).text for query in ASKED]
            for query in ("", "?limit=1", "?board=private", "?format=csv"):
                answer = client.get(f"/api/competitions/{made.slug}/leaderboard{query}", headers=said)
                told.append(GENERATED.sub("", answer.text))
    return told


def test_after_every_deed_each_process_shows_what_a_new_one_would(installation: Installation) -> None:
    with process(installation) as one, process(installation) as another:
        seen = [shown(one, installation), shown(another, installation)]
        for number, deed in enumerate(DEEDS):
            deed(installation)
            with process(installation) as new:
                expected = shown(new, installation)
            assert expected != seen[0], number
            seen = [shown(one, installation), shown(another, installation)]
            assert seen == [expected, expected], number


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
    page = client.get(address(installation, "/leaderboard")).text
    assert read == [1]
    assert re.findall(r'class="count">(\d+)<', page) == ["1", "2", "1"]


def test_the_board_says_when_it_was_asked_for(installation: Installation) -> None:
    client, path = installation.client(), f"/api/competitions/{installation.slug}/leaderboard"
    for second in range(3):
        installation.now = installation.now.replace(second=second)
        assert client.get(path).get_json()["generated_at"].endswith(f":0{second}Z")

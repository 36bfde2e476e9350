"""Signed receipts, chains and the opened key over HTTP and on pages: who gets them, when, and nothing too early."""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.visitors import address, browser, upload

from unseen_server.services import reveal
from unseen_server.services.principals import SERVER

PUBLIC_KEYS = "/api/receipt-keys"


def submit(client: FlaskClient, made: Installation, value: float = 50.0) -> dict[str, Any]:
    data = {"file": (io.BytesIO(made.file(value)), "p.csv")}
    answer = client.post(f"/api/competitions/{made.slug}/submissions", data=data)
    assert answer.status_code == 201
    return dict(answer.get_json())


def key_of(made: Installation) -> str:
    return f"/api/competitions/{made.slug}/key"


def end(made: Installation) -> None:
    made.pass_deadline()
    made.tokens.clear()
    reveal.reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)


def test_receipts_of_both_ways_in_are_signed_with_the_published_key(build: Build) -> None:
    made = build()
    by_program = submit(made.client("alice"), made)
    page = upload(browser(made), made, made.file(40.0)).text
    [key] = made.client().get(PUBLIC_KEYS).get_json()["keys"]
    assert key["key_id"] == by_program["key_id"]
    assert key["since"]
    assert re.search(rf"<code>{key['key_id']}</code>", page)
    assert by_program["link"] in page  # as the link before


def test_the_key_is_published_before_the_first_receipt(build: Build) -> None:
    made = build()
    [before] = made.client().get(PUBLIC_KEYS).get_json()["keys"]
    assert before["since"] is None
    assert submit(made.client("alice"), made)["key_id"] == before["key_id"]


def test_the_receipt_can_be_downloaded_word_for_word(build: Build) -> None:
    made = build()
    client = browser(made)
    page = upload(client, made, made.file()).text
    link = re.search(r'<a href="(/api/submissions/1/receipt)" download="receipt-1.json">', page)
    assert link
    receipt = client.get(link[1]).get_json()
    assert receipt["signature"] in page
    assert receipt["seal"] == client.get(f"/api/competitions/{made.slug}").get_json()["seal"]


def test_nobody_gets_anothers_receipt(build: Build) -> None:
    made = build()
    submit(made.client("alice"), made)
    for who in ("bob", "outsider", "teacher"):
        assert made.client(who).get("/api/submissions/1/receipt").status_code == 404
    assert made.client().get("/api/submissions/1/receipt").status_code == 401


def test_the_chain_is_for_those_who_take_part(build: Build) -> None:
    made = build()
    place = f"/api/competitions/{made.slug}/chain"
    receipt = submit(made.client("alice"), made)
    for who in ("bob", "teacher"):
        chain = made.client(who).get(place).get_json()
        assert [(link["ref"], link["link"]) for link in chain["links"]] == [(1, receipt["link"])]
        assert set(chain["links"][0]) == {"ref", "entry", "link"}
        assert chain["head"] == receipt["link"]
    assert made.client("outsider").get(place).status_code == 403
    assert made.client().get(place).status_code == 401
    for wrong in ("after=-1", "after=x", "after=99999999999", "limit=0"):
        assert made.client("bob").get(f"{place}?{wrong}").status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("who", ["alice", "bob", "teacher"])
def test_the_key_is_shut_to_everybody_until_the_reveal(build: Build, who: str) -> None:
    made = build()
    for query in ("", "?version=1", "?version=2"):
        answer = made.client(who).get(key_of(made) + query)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    made.pass_deadline()
    made.tokens.clear()
    assert made.client(who).get(key_of(made)).status_code == 404
    shown = made.client(who).get(f"/api/competitions/{made.slug}").get_json()
    assert [seal["salt"] for seal in shown["seals"]] == [None]


def test_the_opened_key_is_what_was_sealed(build: Build) -> None:
    made = build()
    seal = made.client().get(f"/api/competitions/{made.slug}").get_json()["seal"]
    end(made)
    answer = made.client("alice").get(key_of(made))
    assert hashlib.sha256(answer.data).hexdigest() == seal
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == "attachment; filename=lecture-key-1.csv"
    assert len(answer.text.splitlines()) == 2 + len(made.bundle.key.ids)
    assert made.client("outsider").get(key_of(made)).status_code == 403
    assert made.client().get(key_of(made)).status_code == 401
    assert "There are: 1." in made.client("alice").get(key_of(made) + "?version=2").get_json()["detail"]
    assert made.client("alice").get(key_of(made) + "?version=0").status_code == 400


def test_the_rules_show_the_seal_and_then_the_key(build: Build) -> None:
    made = build()
    client = browser(made)
    before = client.get(address(made, "/rules")).text
    assert client.get(f"/api/competitions/{made.slug}").get_json()["seal"] in before
    assert "/key" not in before
    end(made)
    after = client.get(address(made, "/rules")).text
    link = re.search(r'<a href="([^"]*/key\?version=1)" download="lecture-key-1.csv">', after)
    assert link
    assert client.get(link[1]).status_code == 200
    for who in (None, "outsider"):  # who could not open it
        assert link[1] not in made.client(who).get(address(made, "/rules")).text


def test_a_restart_with_the_same_secret_signs_with_the_same_key(build: Build) -> None:
    made, other = build(), build()
    assert made.client().get(PUBLIC_KEYS).data != other.client().get(PUBLIC_KEYS).data
    again = type(made)(made.config, made.db, made.folder, made.bundle, made.now)
    assert again.client().get(PUBLIC_KEYS).data == made.client().get(PUBLIC_KEYS).data
    again.app.extensions["unseen"].db.close()


def test_the_receipt_that_is_fetched_is_the_one_that_was_given(build: Build) -> None:
    made = build()
    receipt = submit(made.client("alice"), made, 47.3)
    fetched = made.client("alice").get("/api/submissions/1/receipt").get_json()
    assert {**fetched, "private_score": None} == receipt

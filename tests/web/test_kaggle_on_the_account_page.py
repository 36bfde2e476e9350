"""What the account page says of Kaggle's command line: lines that work, and which are never half a way."""

from __future__ import annotations

import html
import re
import subprocess
from dataclasses import replace

import pytest
from tests.installations import Build
from tests.visitors import browser, hidden

from unseen.credentials import Credentials
from unseen.kaggle import variables


def lines(page: str) -> str:
    """The lines to enter in a terminal."""
    found = re.search(r'<pre id="kaggle-lines">(.*?)</pre>', page, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def set_by(text: str, name: str) -> str:
    script = f'{text}\nprintf %s "${name}"'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env={}).stdout


def test_with_a_new_token_its_lines_set_the_same_as_our_command(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSEEN_COMPETITION", raising=False)
    client = browser(build())
    form = {"csrf_token": hidden(client.get("/account").text, "csrf_token"), "name": "laptop", "days": "30"}
    page = client.post("/account/tokens", data=form).text
    token = re.search(r'<code id="line">([^<]+)', page)
    assert token
    expected = variables(Credentials("http://localhost", token[1]), "dora")
    assert {name: set_by(lines(page), name) for name in expected} == expected


def test_without_one_they_have_a_place_for_it(build: Build) -> None:
    text = lines(browser(build()).get("/account").text)
    assert set_by(text, "KAGGLE_API_TOKEN") == set_by(text, "KAGGLE_KEY") == "YOUR_TOKEN"


def test_a_server_with_a_certificate_names_the_way_that_checks_it(build: Build) -> None:
    made = build()
    client = browser(made)
    running = made.app.extensions["unseen"]
    made.app.extensions["unseen"] = replace(
        running, config=replace(running.config, public_url="https://unseen.example.edu")
    )
    page = client.get("/account").text
    assert "unseen login https://unseen.example.edu\nunseen kaggle competitions list" in page
    assert "export" not in page
    assert "http_proxy" not in page

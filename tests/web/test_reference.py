"""The interface as a page: everything of the document is on it, every link leads somewhere, every command runs."""

from __future__ import annotations

import html
import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from tests.installations import Build, Installation, make_folder
from tests.web.console_routes import an_archive_job
from tests.web.test_openapi import zipped
from werkzeug.test import TestResponse

COMMAND = re.compile(r'<div class="inside" id="(\w+)">.*?<pre tabindex="0"><code>(curl .*?)</code></pre>', re.DOTALL)
OF_A_STUDENT = {"submission", "submission_file", "submission_receipt", "new_submission", "choose_final"}
# The state it needs comes only after other commands, or its example names a secret that nobody has.
NOT_NOW = {"launch": 409, "meter": 404, "opened_key": 404, "device_token": 400}


def page_of(made: Installation) -> str:
    answer = made.client().get("/api/reference")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return answer.text


def test_every_operation_and_every_schema_of_the_document_is_on_the_page(build: Build) -> None:
    made = build()
    page, document = page_of(made), made.client().get("/api/openapi.json").get_json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f'id="{operation["operationId"]}"' in page
            assert f'<code class="method">{method.upper()}</code>' in page
            assert path in page
    for name, schema in document["components"]["schemas"].items():
        assert f'id="schema-{name}"' in page
        assert all(f"<code>{field}</code>" in page for field in schema["properties"])


def test_every_link_within_the_page_leads_somewhere(build: Build) -> None:
    page = page_of(build())
    places = re.findall(r'\bid="([^"]+)"', page)
    assert len(places) == len(set(places))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(places)


def test_the_page_needs_nothing_from_elsewhere(build: Build) -> None:
    page = page_of(build())
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert not re.search(r"<style|<script(?! src=)|\son\w+=|\sstyle=", page)


def test_a_token_that_does_not_count_is_refused_and_none_is_shown(build: Build) -> None:
    made = build()
    alice = made.client("alice")
    answer = alice.get("/api/reference")
    assert made.token("alice") not in answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"  # it names who asks
    assert made.client().get("/api/reference", headers={"Authorization": "Bearer unseen_no"}).status_code == 401


def run(client: FlaskClient, command: str, files: dict[str, Path]) -> TestResponse:
    """Do what the command says, as curl reads it, with a token that counts."""
    _, *words = shlex.split(command.replace("\\\n", ""))
    (url,) = (word for word in words if word.startswith("http"))
    options = list(pairwise(words))
    told = {name: [value for option, value in options if option == name] for name in ("-X", "-H", "-F", "-d")}
    types = [header.removeprefix("Content-Type: ") for header in told["-H"] if header.startswith("Content-Type: ")]
    method = told["-X"][0] if told["-X"] else "POST" if told["-F"] or told["-d"] else "GET"
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}"
    if not told["-F"]:
        return client.open(path, method=method, data="".join(told["-d"]), content_type=types[0] if types else None)
    fields = dict(field.split("=", 1) for field in told["-F"])
    name = fields.pop("file").removeprefix("@")
    with files[name].open("rb") as file:
        return client.open(path, method=method, data={**fields, "file": (file, name)}, buffered=True)


def test_every_command_of_the_page_runs(build: Build, tmp_path: Path) -> None:
    made = build()
    an_archive_job(made)
    files = {name: tmp_path / name for name in ("predictions.csv", "solution.csv", "roster.csv", "competition.zip")}
    files["predictions.csv"].write_bytes(made.file())
    files["solution.csv"].write_bytes((made.folder / "solution.csv").read_bytes())
    files["roster.csv"].write_text("username,email,name,student_id\nann,ann@x.edu,Ann,B01\n")
    files["competition.zip"].write_bytes(zipped(make_folder(tmp_path / "more", slug="second")))
    commands = [(name, html.unescape(command)) for name, command in COMMAND.findall(page_of(made))]
    described = json.dumps(made.client().get("/api/openapi.json").get_json()).count('"operationId"')
    assert len(commands) == described
    first = ["new_submission"]  # what others ask for has to be there; the end comes last
    last = ["close", "reveal_competition"]
    commands.sort(key=lambda one: (one[0] not in first, one[0] in last))
    answers = {}
    for name, command in commands:
        needs_token = "-H 'Authorization: Bearer unseen_...'" in command
        who = ("alice" if name in OF_A_STUDENT else "teacher") if needs_token else None
        answer = run(made.client(who), command, files)
        answers[name] = answer.status_code
        answer.close()
    expected = {name: NOT_NOW.get(name, 200) for name in answers}
    created = dict.fromkeys(("new_submission", "create_competition", "new_extension"), 201)
    assert answers == expected | created

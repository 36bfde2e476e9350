"""The starter notebook is offered on the pages, and downloaded by those who may have the files."""

from __future__ import annotations

import re

import nbformat
import pytest
from flask.testing import FlaskClient
from tests.installations import Build
from tests.visitors import address, browser

ADDRESS = "/api/competitions/lecture/starter"


def starter_links(client: FlaskClient, page: str) -> list[str]:
    return re.findall(r'href="([^"]*/starter[^"]*)"', client.get(page).text)


def test_it_comes_as_a_notebook_and_as_a_script(build: Build) -> None:
    alice = build().client("alice")
    notebook, script = alice.get(ADDRESS), alice.get(f"{ADDRESS}?format=py")
    assert notebook.headers["Content-Disposition"] == "attachment; filename=lecture.ipynb"
    assert notebook.mimetype == "application/x-ipynb+json"
    nbformat.validate(nbformat.reads(notebook.text, as_version=4))
    assert script.headers["Content-Disposition"] == "attachment; filename=lecture.py"
    compile(script.text, "lecture.py", "exec")


def test_it_names_the_server_it_came_from(build: Build) -> None:
    alice = build().client("alice")
    told = alice.get(f"{ADDRESS}?format=py", base_url="https://unseen.example.edu").text
    assert "unseen login https://unseen.example.edu\n" in told


def test_another_form_is_refused_with_those_there_are(build: Build) -> None:
    reply = build().client("alice").get(f"{ADDRESS}?format=pdf")
    assert reply.status_code == 400
    assert "ipynb" in reply.get_json()["detail"]


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("outsider", 403), ("alice", 200), ("teacher", 200)])
def test_it_is_for_those_who_may_have_the_files(build: Build, who: str | None, status: int) -> None:
    client = build().client(who)
    assert client.get(ADDRESS).status_code == status
    assert client.get("/api/competitions/lecture/files", buffered=True).status_code == status


def test_nobody_learns_of_a_draft_by_it(build: Build) -> None:
    made = build(launched=False)
    assert made.client("alice").get(ADDRESS).status_code == 404
    assert made.client("teacher").get(ADDRESS).status_code == 200


def test_it_is_there_after_the_deadline(build: Build) -> None:
    made = build(late_submissions=False)
    made.pass_deadline()
    assert made.client("alice").get(ADDRESS).status_code == 200


@pytest.mark.parametrize("page", ["/data", "/submit"])
def test_the_pages_for_students_link_both_forms(build: Build, page: str) -> None:
    made = build()
    dora = browser(made)
    links = starter_links(dora, address(made, page))
    assert links == [ADDRESS, f"{ADDRESS}?format=py"]
    assert [dora.get(link).status_code for link in links] == [200, 200]


def test_a_visitor_who_may_not_have_it_sees_no_link(build: Build) -> None:
    made = build()
    assert starter_links(made.client(), address(made, "/data")) == []

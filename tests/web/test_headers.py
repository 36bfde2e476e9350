"""What a browser is told besides the page: by every route, every refusal and every fault, to whoever asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from flask.testing import FlaskClient
from tests.installations import SLUG, Build, Installation
from tests.visitors import PASSWORD, add, browser, hidden
from werkzeug.test import TestResponse

from unseen_server.app import HEADERS
from unseen_server.config import Config
from unseen_server.services import passwords
from unseen_server.web.context import SESSION_COOKIE

VALUES = {
    "slug": SLUG,
    "course": "ml",
    "name": "train.csv",
    "ref": "1",
    "username": "alice",
    "filename": "unseen.css",
    "size": "9",
    "tongue": "en",
}
# Public for good, or asked again every time: nothing of a person is in them.
FOR_EVERYBODY = ("/static/", "/api/health", "/api/openapi.json")


def addresses(made: Installation) -> Iterator[tuple[str, str]]:
    """Every method of every route there is."""
    for rule in made.app.url_map.iter_rules():
        path = re.sub(r"<(?:[^<>]+:)?(\w+)>", lambda found: VALUES.get(found[1], "1"), rule.rule)
        for method in sorted(rule.methods or ()):
            yield method, path


def refusals_and_faults(client: FlaskClient) -> Iterator[TestResponse]:
    for place in ("/nowhere", "/api/nowhere", "/api/v1/nowhere", "/console/nowhere", "/static/nowhere"):
        yield client.get(place)
        yield client.delete(place)
    for place in ("/competitions", "/api/competitions", "/api/v1/competitions/list"):
        yield client.open(place, method="TRACE")
    part = {"Range": "bytes=99999999-"}
    yield client.get(f"/api/competitions/{SLUG}/files/train.csv", headers=part, buffered=True)
    yield client.post("/login", data={"name": "dora"}, environ_overrides={"CONTENT_LENGTH": str(2**40)})


@pytest.mark.slow
def test_every_answer_carries_the_headers(build: Build) -> None:
    made = build()
    statuses = set()
    for client in (made.client(), browser(made), made.client("alice"), made.client("teacher")):
        answers = [client.open(path, method=method, buffered=True) for method, path in addresses(made)]
        for answer in (*answers, *refusals_and_faults(client)):
            statuses.add(answer.status_code)
            asked = (answer.request.method, answer.request.path)
            for name, value in HEADERS.items():
                expected = "no-referrer" if name == "Referrer-Policy" and is_secret(asked[1]) else value
                assert answer.headers.get(name) == expected, (asked, name)
            assert "Access-Control-Allow-Origin" not in answer.headers, asked
            assert not answer.data or answer.headers["Content-Type"], asked
            if answer.mimetype.startswith("text/"):
                assert "charset=utf-8" in answer.headers["Content-Type"].lower(), asked
    assert statuses >= {200, 302, 303, 400, 401, 403, 404, 405, 413, 416}


def is_secret(path: str) -> bool:
    """Whether other pages may not even learn the address."""
    return path.startswith(("/welcome/", "/forgot"))


@pytest.mark.slow
def test_what_a_person_gets_is_kept_by_nobody(build: Build) -> None:
    made = build()
    for client in (browser(made), made.client("alice"), made.client("teacher")):
        for method, path in addresses(made):
            answer = client.open(path, method=method, buffered=True)
            if method == "OPTIONS" or path.startswith(FOR_EVERYBODY):
                continue
            kept = answer.headers.get("Cache-Control", "")
            assert kept in ("private, no-store", "no-store", "private, no-cache"), (method, path, kept)
            if "no-store" not in kept:  # public files and boards, which the browser asks about every time
                assert {"Cookie", "Authorization"} <= {*answer.headers.get("Vary", "").split(", ")}, (method, path)


def test_a_fault_of_ours_carries_the_headers_and_tells_nothing(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build()

    def fall_over(*_: object, **__: object) -> None:
        raise RuntimeError("the inner workings")

    made.app.testing = False
    for view in ("pages.competition_list", "api.competition_list", "kaggle.rest.competitions", "api.health"):
        monkeypatch.setitem(made.app.view_functions, view, fall_over)
    for path in ("/competitions", "/api/competitions", "/api/v1/competitions/list", "/api/health"):
        answer = made.client("alice").get(path)
        assert answer.status_code == 503
        assert "inner workings" not in answer.text
        assert HEADERS.items() <= dict(answer.headers).items()


@pytest.fixture
def encrypted(build: Build) -> Iterator[Installation]:
    """The installation as it is reached through a proxy that ends TLS."""
    made = build()
    config = Config(made.config.home, made.config.database_url, public_url="https://ml.example.edu")
    with closing(Installation(config, made.db, made.folder, made.bundle)) as behind:
        yield behind


def test_where_there_is_tls_browsers_are_told_to_stay_with_it(encrypted: Installation) -> None:
    for path in ("/competitions", "/nowhere", "/static/unseen.css", "/api/competitions", "/api/v1/x", "/"):
        answer = encrypted.client().get(path, buffered=True)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", path


def test_where_there_is_none_nothing_is_promised(build: Build) -> None:
    assert "Strict-Transport-Security" not in build().client().get("/competitions").headers


def test_every_cookie_is_kept_from_scripts_other_sites_and_listeners(encrypted: Installation) -> None:
    add(encrypted, "dora", "Dora")
    client = encrypted.client()
    signed_in = client.post("/login", data={"name": "dora", "password": PASSWORD}, base_url="https://localhost")
    page = client.get("/account", base_url="https://localhost")
    form = {"csrf_token": hidden(page.text, "csrf_token")}
    language = client.post("/language", data={**form, "language": "en"}, base_url="https://localhost")
    renamed = client.post("/account/name", data={**form, "display_name": "D"}, base_url="https://localhost")
    cookies = [cookie for answer in (signed_in, language, renamed) for cookie in answer.headers.getlist("Set-Cookie")]
    assert {cookie.split("=")[0] for cookie in cookies} == {
        f"__Host-unseen_{name}" for name in ("session", "known", "language", "notices")
    }
    for cookie in cookies:
        for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert attribute in cookie, cookie
        assert "Domain" not in cookie


def test_a_cookie_that_another_host_could_have_set_is_read_only_where_there_is_no_tls(
    build: Build, encrypted: Installation
) -> None:
    for made, status in ((encrypted, 303), (build(), 200)):
        add(made, "emil", "Emil")
        started = passwords.sign_in(made.db, name="emil", password=PASSWORD, address="::1", now=made.now)
        client = made.app.test_client()
        client.set_cookie(SESSION_COOKIE, started.secret)
        assert client.get("/account").status_code == status

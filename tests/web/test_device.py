"""Letting a program in, over HTTP: what the program is told, and what the page asks of the person."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.visitors import browser, hidden, sign_in
from werkzeug.test import TestResponse

from unseen_server.core.errors import Busy
from unseen_server.services import device_logins

WARNING = "Confirm only if you started this yourself"


@pytest.fixture
def made(build: Build) -> Installation:
    return build()


@pytest.fixture
def dora(made: Installation) -> FlaskClient:
    return browser(made)


def ask(made: Installation, device: str = "laptop") -> Any:
    reply = made.client().post("/api/device/code", json={"device": device})
    assert reply.status_code == 200
    return reply.get_json()


def poll(made: Installation, secret: str) -> TestResponse:
    return made.client().post("/api/device/token", json={"device_code": secret})


def send(client: FlaskClient, path: str = "/device", **form: str) -> TestResponse:
    csrf = hidden(client.get("/device").text, "csrf_token")
    return client.post(path, data={"csrf_token": csrf, **form})


def answer(client: FlaskClient, code: str, word: str = "confirm") -> TestResponse:
    return send(client, "/device/answer", code=code, answer=word)


def test_a_program_is_told_where_to_send_the_person(made: Installation) -> None:
    told = ask(made)
    assert told["verification_uri"] == "http://localhost/device"
    assert told["verification_uri_complete"] == f"http://localhost/device?code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)


def test_the_way_in_from_the_code_to_the_token(made: Installation, dora: FlaskClient) -> None:
    told = ask(made)
    waiting = poll(made, told["device_code"])
    assert (waiting.status_code, waiting.mimetype) == (400, "application/problem+json")
    assert waiting.get_json()["code"] == "authorization_pending"
    look = send(dora, code=told["user_code"].lower().replace("-", ""))
    assert told["user_code"] in look.text
    assert WARNING in look.text
    done = dora.post(
        "/device/answer",
        data={
            "csrf_token": hidden(look.text, "csrf_token"),
            "code": hidden(look.text, "code"),
            "answer": "confirm",
        },
    )
    assert (done.status_code, done.location) == (303, "/account")
    account = dora.get("/account").text
    assert "Go back to where you saw the code" in account
    made.now += device_logins.INTERVAL
    let_in = poll(made, told["device_code"])
    assert let_in.status_code == 200
    assert let_in.headers["Cache-Control"] == "private, no-store"
    assert let_in.get_json()["username"] == "dora"
    headers = {"Authorization": f"Bearer {let_in.get_json()['token']}"}
    who = made.client().get("/api/whoami", headers=headers).get_json()
    assert (who["username"], who["token"]["name"], who["token"]["scope"]) == ("dora", "laptop", "submit")
    assert "<bdi>laptop</bdi>" in dora.get("/account").text


def test_a_refusal_is_told_to_the_program(made: Installation, dora: FlaskClient) -> None:
    told = ask(made)
    assert answer(dora, told["user_code"], "refuse").status_code == 303
    assert "no token was made" in dora.get("/account").text
    assert poll(made, told["device_code"]).get_json()["code"] == "access_denied"


def test_asking_too_often_and_too_late_have_codes_of_their_own(made: Installation) -> None:
    told = ask(made)
    codes = [poll(made, told["device_code"]).get_json()["code"] for _ in range(2)]
    made.now += device_logins.LASTS
    codes.append(poll(made, told["device_code"]).get_json()["code"])
    assert codes == ["authorization_pending", "slow_down", "expired_token"]
    assert poll(made, "guessed").get_json()["code"] == "expired_token"


def test_following_a_link_lets_nobody_in(made: Installation, dora: FlaskClient) -> None:
    told = ask(made)
    page = dora.get(f"/device?code={told['user_code']}")
    assert f'value="{told["user_code"]}"' in page.text
    assert "laptop" not in page.text
    assert dora.get(f"/device/answer?code={told['user_code']}&answer=confirm").status_code == 405
    assert poll(made, told["device_code"]).get_json()["code"] == "authorization_pending"


@pytest.mark.parametrize("path", ["/device", "/device/answer"])
def test_a_form_of_another_site_changes_nothing(made: Installation, dora: FlaskClient, path: str) -> None:
    told = ask(made)
    assert dora.post(path, data={"code": told["user_code"], "answer": "confirm"}).status_code == 403
    assert poll(made, told["device_code"]).get_json()["code"] == "authorization_pending"


def test_whoever_is_not_signed_in_signs_in_and_comes_back(made: Installation) -> None:
    told, client = ask(made), made.client()
    browser(made, "erin", "Erin")
    asked = client.get(f"/device?code={told['user_code']}")
    assert asked.status_code == 303
    form = client.get(asked.location).text
    back = sign_in(client, "erin", next=hidden(form, "next"))
    assert back.location == f"/device?code={told['user_code']}"
    assert f'value="{told["user_code"]}"' in client.get(back.location).text


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/device", "/device/answer"])
def test_a_stranger_answers_nothing(made: Installation, path: str) -> None:
    told = ask(made)
    reply = made.client().post(path, data={"code": told["user_code"], "answer": "confirm"})
    assert (reply.status_code, reply.location.split("?")[0]) == (303, "/login")
    assert poll(made, told["device_code"]).get_json()["code"] == "authorization_pending"


@pytest.mark.parametrize("path", ["/device", "/device/answer"])
def test_a_token_makes_no_other_token(made: Installation, path: str) -> None:
    told = ask(made)
    reply = made.client("alice").post(path, data={"code": told["user_code"], "answer": "confirm"})
    assert reply.status_code == 403
    assert poll(made, told["device_code"]).get_json()["code"] == "authorization_pending"


@pytest.mark.parametrize("typed", ["", "BBBB-BBBB", "<script>", "\0", "🙂" * 50])
def test_a_wrong_code_is_explained_where_it_was_typed(made: Installation, dora: FlaskClient, typed: str) -> None:
    for page in (send(dora, code=typed), answer(dora, typed)):
        assert (page.status_code, "Nothing waits for this code" in page.text) == (404, True)
        assert "<script>" not in page.text.replace("<script src", "")


@pytest.mark.slow
def test_after_many_wrong_codes_the_person_waits(made: Installation, dora: FlaskClient) -> None:
    told = ask(made)
    for _ in range(device_logins.WRONG_CODES):
        send(dora, code="BBBB-BBBB")
    page = send(dora, code=told["user_code"])
    assert (page.status_code, page.headers["Retry-After"]) == (429, "900")
    assert "laptop" not in page.text


def test_an_answer_that_is_none_is_refused(made: Installation, dora: FlaskClient) -> None:
    told = ask(made)
    assert answer(dora, told["user_code"], "perhaps").status_code == 400
    assert poll(made, told["device_code"]).get_json()["code"] == "authorization_pending"


def test_the_name_of_the_device_is_only_text(made: Installation, dora: FlaskClient) -> None:
    told = ask(made, "<b>your bank</b>")
    assert "<bdi>&lt;b&gt;your bank&lt;/b&gt;</bdi>" in send(dora, code=told["user_code"]).text


def test_the_page_is_shown_in_no_frame(made: Installation, dora: FlaskClient) -> None:
    assert "frame-ancestors 'none'" in dora.get("/device").headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/api/device/code", "/api/device/token"])
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{", b'{"a":' * 10_000),
        *(b'{"device": 7, "device_code": 7}', b'{"device": "\\ud800", "device_code": "\\ud800"}'),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_cannot_be_read_is_refused(made: Installation, path: str, body: bytes) -> None:
    reply = made.client().post(path, data=body, content_type="application/json")
    assert (reply.status_code, reply.get_json()["code"]) == (400, "bad_request")


def test_too_many_open_log_ins_are_told_to_wait(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_logins, "PENDING_FROM_ADDRESS", 1)
    ask(made)
    reply = made.client().post("/api/device/code", json={})
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "600")


def test_no_log_holds_a_secret(
    made: Installation, dora: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = ask(made)
    answer(dora, told["user_code"])

    def fall_over(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("unseen_server.services.tokens.add_token", fall_over)
    assert poll(made, told["device_code"]).get_json()["code"] == Busy.code
    assert "a fault" in caplog.text
    assert told["device_code"] not in caplog.text
    assert told["user_code"] not in caplog.text

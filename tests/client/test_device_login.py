"""Logging in through the browser: what is shown, how often is asked, and when it ends; the double plays the server."""

from __future__ import annotations

import json
import webbrowser

import click
import pytest

from unseen import cli, credentials, device
from unseen.errors import NotAnUnseenServer, NotLoggedIn
from unseen.wire import Wire

SECRET = "the-secret-of-this-program"
CODE = {
    "device_code": SECRET,
    "user_code": "BCDF-GHJK",
    "verification_uri": "https://unseen.example.edu/device",
    "verification_uri_complete": "https://unseen.example.edu/device?code=BCDF-GHJK",
    "expires_in": 600,
    "interval": 5,
}
ACCOUNT = {"username": "alice", "display_name": "Alice", "is_admin": False, "courses": []}


class Terminal:
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def display(monkeypatch):
    """A computer with a display, whose browser opens nothing."""
    for name in ("BROWSER", "SSH_CONNECTION", "SSH_TTY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("sys.stdin", Terminal())


@pytest.fixture
def opened(monkeypatch):
    pages = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


@pytest.fixture
def pauses(monkeypatch):
    """How long was waited before each question, without waiting."""
    waited = []
    monkeypatch.setattr(device, "pause", waited.append)
    return waited


@pytest.fixture
def pending(faults):
    return faults.problem(400, "authorization_pending", "Not yet.")


@pytest.fixture
def confirmed(faults):
    """Everything after the confirmation: the token, whose it is, and the keys that are kept."""
    return [
        faults.answer({"token": "unseen_new", "username": "alice"}),
        faults.answer(ACCOUNT),
        faults.answer({"keys": []}),
    ]


def test_no_name_that_a_server_tells_is_obeyed_by_the_terminal(faulty, faults, confirmed, pauses, capsys):
    hostile = faults.answer({**ACCOUNT, "username": "al\x07\u202eice"})
    faulty.replies = [faults.answer(CODE), confirmed[0], hostile, confirmed[2]]
    assert cli.run(["login", faulty.url, "--no-browser"]) == 0
    assert not {"\x07", "\u202e"} & set(capsys.readouterr().err)


def test_the_code_is_shown_and_the_token_kept(faulty, faults, pending, confirmed, opened, pauses, capsys):
    faulty.replies = [faults.answer(CODE), pending, pending, *confirmed]
    assert cli.run(["login", faulty.url]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "Open https://unseen.example.edu/device and enter BCDF-GHJK" in told.err
    assert "Waiting for you to confirm" in told.err
    assert f"Logged in to {faulty.url} as alice" in told.err
    assert opened == [CODE["verification_uri_complete"]]
    assert pauses == [5, 5, 5]
    assert credentials.find().token == "unseen_new"


def test_nobody_sees_the_secret_or_the_token(faulty, faults, pending, confirmed, opened, pauses, capsys):
    faulty.replies = [faults.answer(CODE), pending, *confirmed]
    cli.run(["login", faulty.url])
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err + str(opened)
    assert "unseen_new" not in told.out + told.err
    assert not any(SECRET in request.path for request in faulty.seen)
    assert [json.loads(request.body) for request in faulty.seen[1:3]] == [{"device_code": SECRET}] * 2
    assert not any("Authorization" in request.headers for request in faulty.seen[:3])


def test_the_program_tells_the_name_of_the_computer(faulty, faults, confirmed, opened, pauses, monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "laptop.home.example.org")
    faulty.replies = [faults.answer(CODE), *confirmed]
    cli.run(["login", faulty.url])
    assert json.loads(faulty.seen[0].body) == {"device": "laptop"}


def test_it_asks_less_often_when_the_server_says_so(faulty, faults, pending, confirmed, opened, pauses):
    slow = faults.problem(400, "slow_down", "Too often.")
    faulty.replies = [faults.answer(CODE), slow, slow, pending, *confirmed]
    assert cli.run(["login", faulty.url]) == 0
    assert pauses == [5, 10, 15, 15]


@pytest.mark.parametrize(("interval", "waited"), [(0, 1), (-3, 1), (9999, 60), (None, 5)])
def test_no_server_makes_it_ask_without_pause_or_wait_for_ever(
    faulty, faults, confirmed, opened, pauses, interval, waited
):
    code = {name: value for name, value in CODE.items() if name != "interval"}
    faulty.replies = [faults.answer(code if interval is None else {**code, "interval": interval}), *confirmed]
    assert cli.run(["login", faulty.url]) == 0
    assert pauses == [waited]


@pytest.mark.parametrize(
    ("code", "sentence"), [("access_denied", "refused in the browser"), ("expired_token", "not confirmed in time")]
)
def test_a_refusal_ends_it_and_saves_nothing(faulty, faults, pending, opened, pauses, capsys, code, sentence):
    faulty.replies = [faults.answer(CODE), pending, faults.problem(400, code, "No.")]
    assert cli.run(["login", faulty.url]) == 4
    assert sentence in capsys.readouterr().err
    assert len(faulty.seen) == 3
    with pytest.raises(NotLoggedIn):
        credentials.find()


def test_a_code_that_is_too_old_is_asked_for_no_longer(faulty, faults, pending, opened, pauses, capsys):
    faulty.replies = [faults.answer({**CODE, "expires_in": 0}), pending]
    assert cli.run(["login", faulty.url]) == 4
    assert "not confirmed in time" in capsys.readouterr().err
    assert len(faulty.seen) == 1


def test_a_network_that_is_gone_for_a_while_is_waited_for(faulty, faults, confirmed, opened, pauses):
    gone = faults.Reply(lost=True)
    faulty.replies = [faults.answer(CODE), gone, gone, gone, faults.problem(503, "busy", "Busy."), *confirmed]
    assert cli.run(["login", faulty.url]) == 0


def test_ctrl_c_leaves_nothing_behind(faulty, faults, opened, monkeypatch, own_settings, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(device, "pause", interrupt)
    faulty.replies = [faults.answer(CODE)]
    assert cli.run(["login", faulty.url]) == 130
    assert "Interrupted." in capsys.readouterr().err
    assert not own_settings.exists()


def test_an_older_server_is_logged_in_to_by_pasting(faulty, faults, opened, pauses, monkeypatch, capsys):
    monkeypatch.setattr(click, "prompt", lambda *_, **__: " unseen_pasted\n")
    missing = faults.problem(404, "not_found", "There is nothing at this address.")
    faulty.replies = [missing, faults.answer(ACCOUNT), faults.answer({"keys": []})]
    assert cli.run(["login", faulty.url]) == 0
    assert f"Make a token at {faulty.url}/account" in capsys.readouterr().err
    assert credentials.find().token == "unseen_pasted"


def test_pasting_asks_for_no_code(faulty, faults, opened, pauses, monkeypatch):
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "unseen_pasted")
    faulty.replies = [faults.answer(ACCOUNT), faults.answer({"keys": []})]
    assert cli.run(["login", faulty.url, "--paste"]) == 0
    assert faulty.seen[0].path == "/api/whoami"


def test_pasting_is_asked_for_even_where_the_environment_has_a_token(faulty, faults, opened, pauses, monkeypatch):
    monkeypatch.setenv("UNSEEN_TOKEN", "unseen_given")
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "unseen_pasted")
    faulty.replies = [faults.answer(ACCOUNT), faults.answer({"keys": []})]
    assert cli.run(["login", faulty.url, "--paste"]) == 0
    assert faulty.seen[0].headers["Authorization"] == "Bearer unseen_pasted"


def test_a_token_in_the_environment_asks_for_no_code(faulty, faults, opened, pauses, monkeypatch):
    monkeypatch.setenv("UNSEEN_TOKEN", "unseen_given")
    faulty.replies = [faults.answer(ACCOUNT), faults.answer({"keys": []})]
    assert cli.run(["login", faulty.url]) == 0
    assert faulty.seen[0].headers["Authorization"] == "Bearer unseen_given"


def test_a_script_is_told_how_and_does_not_wait(faulty, faults, monkeypatch, capsys):
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    faulty.replies = [faults.answer(CODE)]
    assert cli.run(["login", faulty.url]) == 2
    assert "--token-stdin" in capsys.readouterr().err
    assert faulty.seen == []


def test_a_browser_opens_only_if_wanted(faulty, faults, confirmed, opened, pauses):
    faulty.replies = [faults.answer(CODE), *confirmed]
    assert cli.run(["login", faulty.url, "--no-browser"]) == 0
    assert opened == []


@pytest.mark.parametrize(
    ("system", "environment", "opens"),
    [
        ("Linux", {"DISPLAY": ":0"}, True),
        ("Linux", {"DISPLAY": "", "WAYLAND_DISPLAY": "wayland-0"}, True),
        ("Linux", {"DISPLAY": ""}, False),
        ("Linux", {"SSH_CONNECTION": "192.0.2.1 22"}, False),
        ("Linux", {"SSH_CONNECTION": "192.0.2.1 22", "BROWSER": "open-at-home"}, True),
        ("Darwin", {"DISPLAY": ""}, True),
        ("Darwin", {"DISPLAY": "", "SSH_TTY": "/dev/ttys001"}, False),
        ("Windows", {"DISPLAY": ""}, True),
    ],
)
def test_it_opens_where_the_person_sits(monkeypatch, system, environment, opens):
    monkeypatch.setattr("platform.system", lambda: system)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert device.opens_here() is opens


@pytest.mark.parametrize("fault", [webbrowser.Error("none"), OSError("none")])
def test_a_browser_that_does_not_open_stops_nothing(faulty, faults, confirmed, pauses, monkeypatch, fault):
    def fail(_):
        raise fault

    monkeypatch.setattr(webbrowser, "open", fail)
    faulty.replies = [faults.answer(CODE), *confirmed]
    assert cli.run(["login", faulty.url]) == 0


@pytest.mark.parametrize("page", ["file:///etc/passwd", "javascript:alert(1)", "-rf"])
def test_nothing_but_a_page_of_the_web_is_opened(opened, page):
    device.open_in_browser(page)
    assert opened == []


def test_a_code_that_would_move_the_cursor_is_shown_without_that(faulty, faults, confirmed, opened, pauses, capsys):
    faulty.replies = [faults.answer({**CODE, "user_code": "BCDF\x1b[2J"}), *confirmed]
    cli.run(["login", faulty.url])
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("told", [{}, {**CODE, "expires_in": "soon"}, {"device_code": "x"}])
def test_an_answer_without_a_code_is_said_as_such(faulty, faults, told):
    faulty.replies = [faults.answer(told)]
    wire = Wire(faulty.url, None, timeout=5)
    with pytest.raises(NotAnUnseenServer, match="pip install -U unseen"):
        device.ask(wire, "laptop")
    wire.close()


def test_an_answer_without_a_token_is_said_as_such(faulty, faults, pauses):
    faulty.replies = [faults.answer(CODE), faults.answer({"username": "alice"})]
    wire = Wire(faulty.url, None, timeout=5)
    with pytest.raises(NotAnUnseenServer):
        device.wait(wire, device.ask(wire, "laptop"))
    wire.close()

"""Whose token goes where: the private file, the order of the sources, and the server a token belongs to."""

from __future__ import annotations

import os
import stat

import pytest

from unseen import NotLoggedIn, credentials
from unseen.errors import BadAddress

URL = "https://unseen.example.edu"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_token_is_in_a_file_of_ones_own(own_settings):
    before = os.umask(0)
    try:
        path = credentials.save(URL, "unseen_secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_settings.stat().st_mode) == 0o700
    assert [file.name for file in own_settings.iterdir()] == [path.name]


def test_a_saved_token_is_found_and_forgotten():
    credentials.save(URL, "unseen_secret")
    assert credentials.find().token == "unseen_secret"
    assert credentials.forget()
    assert not credentials.forget()
    with pytest.raises(NotLoggedIn, match="unseen login"):
        credentials.find()


def test_a_saved_token_goes_to_no_other_server(monkeypatch):
    credentials.save(URL, "unseen_secret")
    monkeypatch.setenv("UNSEEN_URL", "https://other.example.edu")
    with pytest.raises(NotLoggedIn, match=r"other\.example\.edu"):
        credentials.find()
    with pytest.raises(NotLoggedIn):
        credentials.find("https://third.example.edu")


def test_arguments_come_before_the_environment_and_that_before_the_file(monkeypatch):
    credentials.save(URL, "unseen_saved")
    monkeypatch.setenv("UNSEEN_TOKEN", "unseen_env")
    assert credentials.find().token == "unseen_env"
    assert credentials.find(token="unseen_argument").token == "unseen_argument"


def test_a_damaged_file_means_logging_in_again(own_settings):
    credentials.save(URL, "unseen_secret").write_text("{")
    with pytest.raises(NotLoggedIn):
        credentials.find()


def test_a_token_is_never_shown():
    assert "secret" not in repr(credentials.find(URL, "unseen_secret"))
    credentials.save(URL, "unseen_secret")
    assert "secret" not in repr(credentials.overview())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("unseen.example.edu", "https://unseen.example.edu"),
        (" https://example.edu/unseen/ ", "https://example.edu/unseen"),
    ],
)
def test_an_address_is_completed_as_it_was_meant(typed, meant):
    assert credentials.clean_url(typed) == meant


@pytest.mark.parametrize(
    "typed", ["", "ftp://x", "http://", "http://a b", "http://u:p@host", "http://host:x", "https://[::1"]
)
def test_what_is_no_address_is_said_so(typed):
    with pytest.raises(BadAddress):
        credentials.clean_url(typed)


@pytest.mark.parametrize("pasted", ["", "  ", "unseen_é", "two words", "line\nbreak"])
def test_what_is_no_token_is_said_so(pasted):
    with pytest.raises(NotLoggedIn):
        credentials.clean_token(pasted)


def test_blanks_around_a_pasted_token_do_not_matter():
    assert credentials.clean_token(" unseen_x\n") == "unseen_x"

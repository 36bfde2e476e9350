"""Settings that do not fit together are refused at the start, with what to write instead."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from unseen_server import memory
from unseen_server.config import MEBIBYTE, Config, MailServer, SingleSignOn
from unseen_server.core.errors import BadRequest

MAIL = {"UNSEEN_SMTP_URL": "smtp://mail.example.edu", "UNSEEN_MAIL_FROM": "a@b.edu", "UNSEEN_PUBLIC_URL": "https://x"}
OIDC = {"UNSEEN_OIDC_ISSUER": "https://id.example.edu", "UNSEEN_OIDC_CLIENT_ID": "a", "UNSEEN_OIDC_CLIENT_SECRET": "b"}


def mail(url: str) -> MailServer | None:
    return Config.from_environment({**MAIL, "UNSEEN_SMTP_URL": url}).mail


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.edu", MailServer("mail.example.edu", 587, False, "a@b.edu")),
        ("smtps://mail.example.edu", MailServer("mail.example.edu", 465, True, "a@b.edu")),
        ("smtp://u%40x:p%2Fq@h:25", MailServer("h", 25, False, "a@b.edu", "u@x", "p/q")),
    ],
)
def test_a_mail_server_is_an_address(url: str, server: MailServer) -> None:
    assert mail(url) == server


@pytest.mark.parametrize("url", ["mail.example.edu", "http://mail.example.edu", "smtp://", "smtp://h:port"])
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="should look like smtp://"):
        mail(url)


@pytest.mark.parametrize("missing", ["UNSEEN_MAIL_FROM", "UNSEEN_PUBLIC_URL"])
def test_mail_needs_a_sender_and_a_public_address(missing: str) -> None:
    with pytest.raises(BadRequest, match=missing):
        Config.from_environment({name: value for name, value in MAIL.items() if name != missing})


def test_a_sender_is_an_address() -> None:
    with pytest.raises(BadRequest, match="UNSEEN_MAIL_FROM"):
        Config.from_environment({**MAIL, "UNSEEN_MAIL_FROM": "Unseen"})


def test_single_sign_on_is_named_after_its_host_unless_it_has_a_name() -> None:
    unnamed = SingleSignOn("https://id.example.edu", "a", "b", "id.example.edu")
    assert Config.from_environment(OIDC).single_sign_on == unnamed
    named = Config.from_environment({**OIDC, "UNSEEN_OIDC_NAME": "NTU"}).single_sign_on
    assert named
    assert named.name == "NTU"


@pytest.mark.parametrize(
    "wrong", [{"UNSEEN_OIDC_CLIENT_ID": ""}, {"UNSEEN_OIDC_CLIENT_SECRET": ""}, {"UNSEEN_OIDC_ISSUER": "http://id.edu"}]
)
def test_single_sign_on_is_whole_and_encrypted(wrong: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        Config.from_environment({**OIDC, **wrong})


def test_single_sign_on_says_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(BadRequest, match=r"unseen\[sso\]"):
        Config.from_environment(OIDC)
    assert Config.from_environment({}).single_sign_on is None


def test_no_secret_is_printed() -> None:
    secret = {"UNSEEN_SMTP_URL": "smtp://u:hush@h", "UNSEEN_OIDC_CLIENT_SECRET": "hush", "UNSEEN_SECRET_KEY": "hush"}
    assert "hush" not in repr(Config.from_environment({**MAIL, **OIDC, **secret}))


def test_uploads_may_take_half_of_the_memory_there_is_or_what_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "LIMIT_OF_CONTAINER", limit)
    limit.write_text(f"{100 * MEBIBYTE}\n")
    assert Config.from_environment({}).upload_memory == 50 * MEBIBYTE
    limit.write_text("max\n")
    assert Config.from_environment({}).upload_memory > 50 * MEBIBYTE
    assert Config.from_environment({"UNSEEN_UPLOAD_MEMORY_MB": "64"}).upload_memory == 64 * MEBIBYTE

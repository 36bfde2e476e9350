"""How Kaggle's client is led here: `unseen kaggle-env`, and `unseen kaggle` where a certificate has to be checked."""

from __future__ import annotations

import ipaddress
import shlex
import ssl
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.browsing import Site
from werkzeug.serving import make_server

from unseen import cli, kaggle
from unseen.credentials import Credentials

CLIENT = Path(kaggle.__file__).parents[1]
AWKWARD = 'it\'s "$HOME" `id` \\ '


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNSEEN_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("UNSEEN_COMPETITION", raising=False)
    return tmp_path / "home"


@pytest.fixture
def known(site: Site, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token with which alice is logged in here."""
    token = site.made.token("alice")
    monkeypatch.setenv("UNSEEN_URL", site.url)
    monkeypatch.setenv("UNSEEN_TOKEN", token)
    return token


def in_bash(lines: str, name: str) -> str:
    script = f'{lines}\nprintf %s "${name}"'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout


def test_the_printed_lines_set_what_both_kinds_of_client_read(
    site: Site, known: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["kaggle-env"]) == 0
    told = capsys.readouterr()
    expected = kaggle.variables(Credentials(site.url, known), "alice")
    assert {name: in_bash(told.out, name) for name in expected} == expected
    assert {expected["http_proxy"], expected["KAGGLE_API_ENDPOINT"]} == {site.url}
    assert {expected["KAGGLE_API_TOKEN"], expected["KAGGLE_KEY"]} == {known}
    assert "KAGGLE_API_ENVIRONMENT" in told.err
    assert known not in told.err
    assert cli.run(["kaggle-env", "--quiet"]) == 0
    assert capsys.readouterr() == (told.out, "")


def test_whoever_has_access_to_kaggle_is_warned_of_sending_it_here(
    known: str, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.run(["kaggle-env"])
    assert "access to kaggle.com" not in capsys.readouterr().err
    for name in ("access_token", "credentials.json"):
        (own_home / ".kaggle").mkdir(parents=True, exist_ok=True)
        (own_home / ".kaggle" / name).write_text("of kaggle.com")
        cli.run(["kaggle-env"])
        assert str(own_home / ".kaggle" / name) in capsys.readouterr().err


def test_a_person_at_a_terminal_is_told_what_the_lines_hold() -> None:
    here, elsewhere = "http://127.0.0.1:8000", "http://unseen.example.edu"
    assert "your token" in kaggle.remarks(here, on_terminal=True)[0]
    assert kaggle.remarks(here, on_terminal=False) == kaggle.remarks(here, on_terminal=True)[1:]
    assert not [said for said in kaggle.remarks(here, on_terminal=False) if "unencrypted" in said]
    assert "unencrypted" in kaggle.remarks(elsewhere, on_terminal=False)[-1]


def test_values_are_quoted_for_each_shell() -> None:
    assert in_bash(kaggle.exports({"A": AWKWARD}, "bash"), "A") == AWKWARD
    assert kaggle.exports({"A": "it's \\"}, "fish") == r"set -gx A 'it\'s \\'"
    assert kaggle.exports({"A": "it's $x"}, "powershell") == "$env:A = 'it''s $x'"
    assert kaggle.exports({"A": "\u2019; x \u2018"}, "powershell") == "$env:A = '\u2019\u2019; x \u2018\u2018'"


def test_no_user_name_that_a_server_tells_is_obeyed_by_a_terminal() -> None:
    told = kaggle.variables(Credentials("http://127.0.0.1:8000", "unseen_secret"), "al\x1b]0;x\x07\0ice")
    assert told["KAGGLE_USERNAME"].isprintable()


@pytest.mark.parametrize("address", ["https://unseen.example.edu", "http://127.0.0.1:9/unseen"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_where_variables_do_not_suffice_kaggle_comes_to_mean_ours(
    address: str, shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNSEEN_URL", address)
    monkeypatch.setenv("UNSEEN_TOKEN", "unseen_secret")
    assert cli.run(["kaggle-env", "--shell", shell]) == 0
    told = capsys.readouterr()
    assert "unseen kaggle" in told.out
    assert "unseen_secret" not in told.out + told.err
    assert "proxy" not in told.out


def test_the_function_passes_each_argument_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "unseen").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "unseen").chmod(0o755)
    script = f"PATH={shlex.quote(str(tmp_path))}:$PATH\n{kaggle.FUNCTIONS['bash']}\nkaggle submit -m 'closed form'"
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["kaggle", "submit", "-m", "closed form"]


def test_without_the_client_the_sentence_says_how_to_install_it(
    known: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.run(["kaggle", "competitions", "list"]) == 1
    assert "pip install --upgrade kaggle six" in capsys.readouterr().err


def test_a_wrong_token_is_explained_before_the_client_starts(
    known: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNSEEN_TOKEN", "unseen_wrong")
    assert cli.run(["kaggle", "competitions", "list"]) == 4
    assert "unseen login" in capsys.readouterr().err


def test_a_client_that_cannot_be_pointed_here_is_not_started(tmp_path: Path) -> None:
    """It would take the token to kaggle.com; here its table of servers has another name."""
    (tmp_path / "kagglesdk").mkdir()
    (tmp_path / "kagglesdk" / "__init__.py").touch()
    (tmp_path / "kagglesdk" / "kaggle_env.py").write_text("class KaggleEnv: LOCAL = 0")
    (tmp_path / "kaggle").mkdir()
    (tmp_path / "kaggle" / "__init__.py").write_text("raise SystemExit('started')")
    told = subprocess.run(
        [sys.executable, "-P", "-m", "unseen.kaggle", "competitions", "list"],
        env={"PYTHONPATH": f"{tmp_path}:{CLIENT}", "KAGGLE_API_ENDPOINT": "https://unseen.example.edu"},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 1
    assert "cannot be pointed at https://unseen.example.edu" in told.stderr
    assert "started" not in told.stderr


# with the real client


@pytest.mark.slow
def test_the_lines_lead_the_real_client_here(bearer: Any, site: Site) -> None:
    (bearer.home / ".kaggle").mkdir()
    (bearer.home / ".kaggle" / "access_token").write_text("of kaggle.com")
    lines = f"{shlex.quote(sys.executable)} -m unseen kaggle-env"
    script = f'eval "$({lines})" && {shlex.quote(str(bearer.program))} competitions list --csv'
    told = bearer.run(
        Path("/bin/bash"), "-c", script, UNSEEN_URL=site.url, UNSEEN_TOKEN=bearer.token, PYTHONPATH=str(CLIENT)
    )
    assert told.returncode == 0, told
    assert told.stdout.splitlines()[1].startswith("lecture,")
    assert "of kaggle.com" not in told.stderr


def self_signed(path: Path) -> Path:
    """Write a certificate for 127.0.0.1, and its key, that nobody trusts who is not told to."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path / "certificate.pem")


@pytest.fixture
def encrypted(site: Site, certificate: Path) -> Iterator[str]:
    """The same server at an https:// address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = make_server("127.0.0.1", 0, site.made.app, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ask(bearer: Any, encrypted: str, certificate: Path) -> Callable[..., Any]:
    """Run `unseen kaggle ...` beside the installed client, against the https:// address."""
    led = {
        "UNSEEN_URL": encrypted,
        "UNSEEN_TOKEN": bearer.token,
        "SSL_CERT_FILE": str(certificate),
        "PYTHONPATH": f"{CLIENT}:{sysconfig.get_path('purelib')}",
    }
    python = bearer.program.parent / "python"
    return lambda *args, **changed: bearer.run(python, "-m", "unseen", "kaggle", *args, **led, **changed)


@pytest.mark.slow
def test_over_https_everything_goes_to_the_server_that_the_certificate_names(
    ask: Callable[..., Any], bearer: Any, site: Site, tmp_path: Path
) -> None:
    told = ask("competitions", "list", "--csv")
    assert told.stdout.splitlines()[1].startswith("lecture,"), told
    (bearer.here / "p.csv").write_bytes(site.made.file())
    told = ask("competitions", "submit", "lecture", "-f", "p.csv", "-m", "closed form")
    assert "Successfully submitted" in told.stdout, told
    told = ask("competitions", "list", "--csv", REQUESTS_CA_BUNDLE=str(self_signed(tmp_path / "another.pem")))
    assert told.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in told.stderr
    assert "lecture" not in told.stdout


@pytest.mark.slow
def test_what_is_kept_for_kaggle_is_out_of_reach(ask: Callable[..., Any], bearer: Any) -> None:
    (bearer.here / "kaggle.py").write_text("raise SystemExit('not the client')")
    (bearer.home / ".kaggle").mkdir()
    (bearer.home / ".kaggle" / "kaggle.json").write_text('{"username": "me", "key": "k", "competition": "titanic"}')
    told = ask("config", "view", KAGGLE_PROXY="http://proxy.example")
    assert told.returncode == 0, told
    assert f"username: {bearer.name}" in told.stdout
    assert [word for word in (str(bearer.home), "titanic", "proxy.example") if word in told.stdout] == []

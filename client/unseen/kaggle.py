"""Kaggle's own command line, pointed at the server that `unseen login` knows.

Two ways. Variables tell every version of that program where to go, but only to http:// servers: the present ones can be
led elsewhere through `http_proxy` alone, and check no certificate on that way. Or `unseen kaggle` runs the program with
its table of servers changed in memory, which checks the certificate as always and leaves the shell as it was.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from unseen.credentials import Credentials, is_private, setting
from unseen.errors import UnseenError
from unseen.words import plain

HOW_TO_INSTALL = "pip install --upgrade kaggle six"
OWN_SECRETS = ("access_token", "access_token.txt", "credentials.json")  # of kaggle.com, below ~/.kaggle
FUNCTIONS = {
    "bash": 'kaggle() { unseen kaggle "$@"; }',
    "fish": "function kaggle; unseen kaggle $argv; end",
    "powershell": "function kaggle { unseen kaggle @args }",
}
QUOTES_OF_POWERSHELL = "['\u2018-\u201b]"  # typographic ones end its strings as well


def variables_suffice(url: str) -> bool:
    """Whether variables alone can lead the program to this server without giving up the check of its certificate."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not parts.path.strip("/")


def variables(found: Credentials, username: str) -> dict[str, str]:
    """What leads every version here, by themselves."""
    return {**_meant(found, username), "http_proxy": found.url, "no_proxy": "", "NO_PROXY": ""}


def _meant(found: Credentials, username: str) -> dict[str, str]:
    """Whom and where the program should take for granted; user name, key and endpoint are for those before 1.8."""
    chosen = setting("competition")
    return {
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLE_API_ENDPOINT": found.url,
        "KAGGLE_API_TOKEN": found.token,
        "KAGGLE_USERNAME": plain(username),
        "KAGGLE_KEY": found.token,
        **({"KAGGLE_COMPETITION": chosen} if chosen else {}),
    }


def exports(values: Mapping[str, str], shell: str) -> str:
    """Lines that set the variables in this shell."""
    return "\n".join(_export(name, value, shell) for name, value in values.items())


def _export(name: str, value: str, shell: str) -> str:
    if shell == "fish":
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"set -gx {name} '{escaped}'"
    if shell == "powershell":
        doubled = re.sub(QUOTES_OF_POWERSHELL, r"\g<0>\g<0>", value)
        return f"$env:{name} = '{doubled}'"
    return f"export {name}={shlex.quote(value)}"


def own_secrets() -> list[Path]:
    """Files with this person's access to kaggle.com, which that program reads by itself."""
    return [file for file in (Path.home() / ".kaggle" / name for name in OWN_SECRETS) if file.is_file()]


def remarks(url: str, on_terminal: bool) -> list[str]:
    """What to know before these variables are used."""
    told = [
        f"http_proxy sends each http:// request of this shell to {url}. Use a shell of its own, or `unseen kaggle ...`",
        "Keep all the lines together: without KAGGLE_API_ENVIRONMENT Kaggle's program sends your token to kaggle.com.",
    ]
    if on_terminal:
        told.insert(0, "These lines hold your token; keep them like a password.")
    if secrets := own_secrets():
        files = ", ".join(map(str, secrets))
        told.append(
            f"You have access to kaggle.com in {files}. KAGGLE_API_TOKEN goes before it; without that line the program "
            f"would send it to {url}. `unseen kaggle` never reads it."
        )
    if not is_private(url):
        told.append("This address is http://, so your token and your files travel unencrypted.")
    return told


def why_a_function(url: str) -> str:
    """Why no variables are printed for this server."""
    return (
        f"Variables alone do not lead Kaggle's program safely to {url}. "
        "In this shell `kaggle` now means `unseen kaggle`, which does."
    )


def run(args: tuple[str, ...], found: Credentials, username: str) -> int:
    """Run Kaggle's program against this server and return its exit code.

    Its home is an empty folder, so that nothing meant for kaggle.com is read, sent or deleted. Raises UnseenError where
    the program is not installed beside this one.
    """
    from importlib.util import find_spec
    from tempfile import TemporaryDirectory

    if find_spec("kaggle") is None:
        raise UnseenError(f"Kaggle's program is not installed beside this one. Install it: {HOW_TO_INSTALL}")
    sys.stdout.flush()
    with TemporaryDirectory(prefix="unseen-kaggle-") as home:
        # -P: a file kaggle.py in the current folder is not the program
        command = [sys.executable, "-P", "-m", "unseen.kaggle", *args]
        return subprocess.run(command, env=_environment(found, username, home), check=False).returncode  # noqa: S603


def _environment(found: Credentials, username: str, home: str) -> dict[str, str]:
    import site

    trusted = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")  # our own client reads the latter
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("KAGGLE_")}
    return {
        **kept,
        "HOME": home,
        "USERPROFILE": home,
        "PYTHONUSERBASE": site.getuserbase(),  # what was installed with `pip --user` stays in reach
        **({"REQUESTS_CA_BUNDLE": trusted} if trusted else {}),
        **_meant(found, username),
    }


def be_kaggle() -> None:
    """In the process that `run` starts: put this server into the program's table, then be the program.

    The table is no promise of Kaggle's. Where it is not found, nothing is started: a program that went to kaggle.com
    would take the token there.
    """
    from importlib import import_module

    url = os.environ["KAGGLE_API_ENDPOINT"]
    try:
        places = import_module("kagglesdk.kaggle_env")
        places._env_to_endpoint[places.KaggleEnv.LOCAL] = url
        pointed = places.get_endpoint(places.get_env()) == url
    except (ImportError, AttributeError):
        pointed = False
    if not pointed:
        sys.exit(f"This version of Kaggle's program cannot be pointed at {url}. Another one may: {HOW_TO_INSTALL}")
    sys.argv[0] = "kaggle"
    sys.exit(import_module("kaggle.cli").main())


if __name__ == "__main__":
    be_kaggle()

"""Where the token and the settings of this person are kept, and which of them applies.

`UNSEEN_URL` and `UNSEEN_TOKEN` come first; then what `unseen login` saved. A saved token is only ever sent to the
server it was saved for.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unseen.errors import BadAddress, NotLoggedIn

SETTINGS = {"competition": "the competition meant when none is named"}


@dataclass(frozen=True)
class Credentials:
    """A server and the token to use there; `source` says where they came from."""

    url: str
    token: str
    source: str = "arguments"

    def __repr__(self) -> str:  # a token must not end up in a notebook
        return f"Credentials(url={self.url!r}, source={self.source!r})"


def folder() -> Path:
    """The folder of the settings: `UNSEEN_CONFIG_DIR`, or else the platform's own place for them."""
    if chosen := os.environ.get("UNSEEN_CONFIG_DIR"):
        return at_home(chosen)
    from platformdirs import user_config_dir  # here, because `unseen --help` needs no folder

    return Path(user_config_dir("unseen", appauthor=False))


def at_home(path: str | os.PathLike[str]) -> Path:
    """The path with `~` resolved, which no shell does for Python, for a variable, or on Windows."""
    return Path(os.path.expanduser(path))


def cache_folder() -> Path:
    """The folder of what can be asked anew at any time."""
    if os.environ.get("UNSEEN_CONFIG_DIR"):
        return folder() / "cache"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("unseen", appauthor=False))


def clean_url(text: str) -> str:
    """An address as people type it, completed: `localhost:8000` becomes `http://localhost:8000`.

    Raises BadAddress when no server can be meant.
    """
    text = text.strip()
    if "://" not in text:
        host = text.split("/")[0].split(":")[0]
        text = f"http://{text}" if host in {"localhost", "127.0.0.1"} else f"https://{text}"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() or not c.isprintable() for c in text) or parts.username or parts.query:
        raise BadAddress(f"“{text}” is not a server's address. It looks like https://unseen.example.edu")
    return text.rstrip("/")


def clean_token(text: str) -> str:
    """A token as people paste it, without the blanks around it. Raises NotLoggedIn when it cannot be one.

    PowerShell puts a byte order mark before what it pipes, which a console of Windows reads as three letters.
    """
    token = text.strip().removeprefix("\ufeff").removeprefix("ï»¿")
    if not token or any(not "!" <= c <= "~" for c in token):
        raise NotLoggedIn("That is not a token. A token begins with unseen_ and is made on your account page.")
    return token


def find(url: str | None = None, token: str | None = None) -> Credentials:
    """The credentials that apply: arguments, then the environment, then what was saved. Raises NotLoggedIn."""
    saved = read_json(_credentials_file())
    wanted = url or os.environ.get("UNSEEN_URL") or saved.get("url")
    if not wanted:
        raise NotLoggedIn("No server is known yet. Run `unseen login URL`, or set UNSEEN_URL and UNSEEN_TOKEN.")
    address = clean_url(wanted)
    if token:
        return Credentials(address, clean_token(token))
    if from_environment := os.environ.get("UNSEEN_TOKEN"):
        return Credentials(address, clean_token(from_environment), "UNSEEN_TOKEN")
    if saved.get("token") and saved.get("url") == address:
        return Credentials(address, saved["token"], str(_credentials_file()))
    raise NotLoggedIn(f"You are not logged in to {address}. Run `unseen login {address}`, or set UNSEEN_TOKEN.")


def saved_url() -> str | None:
    """The server of the last log-in, if there was one."""
    return read_json(_credentials_file()).get("url")


def current_url() -> str | None:
    """The server meant now, log-in or not: from the environment, else of the last log-in."""
    wanted = os.environ.get("UNSEEN_URL") or saved_url()
    return clean_url(wanted) if wanted else None


def save(url: str, token: str) -> Path:
    """Keep the token in a file that only this person can read, and return where."""
    path = _credentials_file()
    write_json(path, {"url": url, "token": token})
    return path


def forget() -> bool:
    """Delete the saved token; True if there was one."""
    try:
        _credentials_file().unlink()
    except FileNotFoundError:
        return False
    return True


def setting(name: str) -> str | None:
    """A setting: `UNSEEN_<NAME>` in the environment, else what `unseen config set` saved."""
    return os.environ.get(f"UNSEEN_{name.upper()}") or read_json(settings_file()).get(name)


def saved_settings() -> dict[str, Any]:
    return read_json(settings_file())


def save_settings(settings: dict[str, Any]) -> None:
    write_json(settings_file(), settings)


def settings_file() -> Path:
    return folder() / "config.json"


def _credentials_file() -> Path:
    return folder() / "credentials.json"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one where there is no file or it was damaged: the remedy is the same, log in again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))  # Notepad adds a byte order mark
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write beside and rename, so that the file is whole or absent, and was never readable by others."""
    import tempfile  # here, because only saving needs it

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # made with mode 0600
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def is_private(url: str) -> bool:
    """Whether what is sent there cannot be read on the way: HTTPS, or this very computer."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


def overview() -> dict[str, str | None]:
    """Every setting that applies, without the token itself."""
    overview: dict[str, str | None] = {name: setting(name) for name in SETTINGS}
    try:
        found = find()
    except NotLoggedIn:
        return {"url": os.environ.get("UNSEEN_URL") or saved_url(), "token": None, **overview, "folder": str(folder())}
    return {"url": found.url, "token": f"set, from {found.source}", **overview, "folder": str(folder())}

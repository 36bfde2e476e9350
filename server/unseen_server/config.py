"""How this server is set up: one frozen record, read once from UNSEEN_* variables."""

from __future__ import annotations

import importlib.util
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from unseen_server import memory
from unseen_server.core.errors import BadRequest

MEBIBYTE = 1024 * 1024
MOST = 65535  # of what is set as a number


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in: over TLS from the start (`smtps:`), or after STARTTLS where the server offers it."""

    host: str
    port: int
    tls: bool
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SingleSignOn:
    """An OpenID Connect provider; `name` stands on the button."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str


@dataclass(frozen=True)
class Config:
    """`home` holds what belongs to this installation; sizes are bytes.

    `rows_at_once` are the most that a test set has whose files are scored before they are answered.
    `upload_memory` is what uploads may take together while they are read; `serve` gives each process its part.
    `trusted_proxy` is the address of a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed; others' are not.
    """

    home: Path
    database_url: str
    objects_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    trusted_proxy: str | None = None
    max_upload: int = 256 * MEBIBYTE
    rows_at_once: int = 2_000_000
    upload_memory: int = 1024 * MEBIBYTE
    mail: MailServer | None = None
    single_sign_on: SingleSignOn | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Config:
        home = Path(environment.get("UNSEEN_HOME") or "instance").absolute()
        public_url = environment.get("UNSEEN_PUBLIC_URL")
        return cls(
            home=home,
            database_url=environment.get("UNSEEN_DATABASE_URL") or f"sqlite:///{home / 'unseen.db'}",
            objects_url=environment.get("UNSEEN_OBJECTS_URL") or None,
            host=environment.get("UNSEEN_HOST") or "127.0.0.1",
            port=_number(environment, "UNSEEN_PORT", 8000),
            public_url=public_url.rstrip("/") if public_url else None,
            secret_key=environment.get("UNSEEN_SECRET_KEY"),
            trusted_proxy=environment.get("UNSEEN_TRUSTED_PROXY"),
            max_upload=_number(environment, "UNSEEN_MAX_UPLOAD_MB", 256) * MEBIBYTE,
            rows_at_once=_number(environment, "UNSEEN_ROWS_AT_ONCE", 2_000_000, most=10**9),
            upload_memory=_number(environment, "UNSEEN_UPLOAD_MEMORY_MB", _half_of_memory()) * MEBIBYTE,
            mail=_mail_server(environment),
            single_sign_on=_single_sign_on(environment),
        )

    @property
    def address(self) -> str:
        """Where browsers find this server, as far as it is known without one asking."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def secret_key_file(self) -> Path:
        return self.home / "secret_key"

    def secret(self) -> str:
        """The key that signs what leaves and comes back; made once, readable by the owner alone."""
        if self.secret_key:
            return self.secret_key
        if not self.secret_key_file.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            write_private(self.secret_key_file, secrets.token_urlsafe(32))
        return self.secret_key_file.read_text(encoding="utf-8").strip()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on: all of it, or none on a disk that is full."""
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise


def _half_of_memory() -> int:
    """In MiB."""
    return min(max(1, memory.of_machine() // 2 // MEBIBYTE), MOST)


def _number(environment: Mapping[str, str], name: str, default: int, most: int = MOST) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= most:
        raise BadRequest(reason=f"{name} should be a whole number between 1 and {most}, not “{text}”.")
    return int(text)


def _mail_server(environment: Mapping[str, str]) -> MailServer | None:
    url, sender = environment.get("UNSEEN_SMTP_URL"), environment.get("UNSEEN_MAIL_FROM")
    if not url:
        return None
    if not sender or not environment.get("UNSEEN_PUBLIC_URL"):
        # the links in a mail must not lead where a request's Host header says
        raise BadRequest(reason="UNSEEN_SMTP_URL needs UNSEEN_MAIL_FROM and UNSEEN_PUBLIC_URL besides.")
    if "@" not in sender:
        raise BadRequest(reason="UNSEEN_MAIL_FROM should be an address, such as Unseen <unseen@example.edu>.")
    try:
        parts = urlsplit(url)
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise BadRequest(reason="UNSEEN_SMTP_URL should look like smtp://user:password@host:587 or smtps://host.")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return MailServer(parts.hostname, port, parts.scheme == "smtps", sender, user, password)


def _single_sign_on(environment: Mapping[str, str]) -> SingleSignOn | None:
    issuer = environment.get("UNSEEN_OIDC_ISSUER")
    if not issuer:
        return None
    client_id, secret = environment.get("UNSEEN_OIDC_CLIENT_ID"), environment.get("UNSEEN_OIDC_CLIENT_SECRET")
    if not client_id or not secret:
        raise BadRequest(reason="UNSEEN_OIDC_ISSUER needs UNSEEN_OIDC_CLIENT_ID and UNSEEN_OIDC_CLIENT_SECRET besides.")
    place = urlsplit(issuer)
    if place.scheme != "https" and place.hostname not in ("localhost", "127.0.0.1"):
        raise BadRequest(reason="UNSEEN_OIDC_ISSUER should be an https address.")
    if importlib.util.find_spec("authlib") is None or importlib.util.find_spec("requests") is None:
        raise BadRequest(reason="Single sign-on needs two more packages: `pip install 'unseen[sso]'`.")
    return SingleSignOn(issuer, client_id, secret, environment.get("UNSEEN_OIDC_NAME") or str(place.hostname))

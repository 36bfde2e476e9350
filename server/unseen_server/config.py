"""How this server is set up: one frozen record, read once from UNSEEN_* variables."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unseen_server.core.errors import BadRequest

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Config:
    """`home` holds what belongs to this installation; sizes are bytes.

    `trusted_proxy` is the address of a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed; others' are not.
    """

    home: Path
    database_url: str
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    secret_key: str | None = None
    trusted_proxy: str | None = None
    max_upload: int = 256 * MEBIBYTE

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Config:
        home = Path(environment.get("UNSEEN_HOME") or "instance").absolute()
        public_url = environment.get("UNSEEN_PUBLIC_URL")
        return cls(
            home=home,
            database_url=environment.get("UNSEEN_DATABASE_URL") or f"sqlite:///{home / 'unseen.db'}",
            host=environment.get("UNSEEN_HOST") or "127.0.0.1",
            port=_number(environment, "UNSEEN_PORT", 8000),
            public_url=public_url.rstrip("/") if public_url else None,
            secret_key=environment.get("UNSEEN_SECRET_KEY"),
            trusted_proxy=environment.get("UNSEEN_TRUSTED_PROXY"),
            max_upload=_number(environment, "UNSEEN_MAX_UPLOAD_MB", 256) * MEBIBYTE,
        )

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
    """Write a file that only its owner can read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise BadRequest(reason=f"{name} should be a whole number between 1 and 65535, not “{text}”.")
    return int(text)

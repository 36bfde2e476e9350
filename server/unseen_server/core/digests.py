"""What is kept of a secret: enough to know it again, too little to use it."""

from __future__ import annotations

import hashlib


def digest_of(secret: str) -> str:
    """SHA-256, without salt or delay: the secrets are 256 random bits, which nobody guesses."""
    return hashlib.sha256(secret.encode()).hexdigest()

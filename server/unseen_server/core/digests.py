"""Digests: what is kept of a secret to know it again, and marks by which a change is noticed."""

from __future__ import annotations

import hashlib


def digest_of(text: str) -> str:
    """SHA-256 without salt or delay: enough for secrets of 256 random bits, which nobody guesses."""
    return hashlib.sha256(text.encode()).hexdigest()


def stamp_of(text: str) -> str:
    """Short, and another one for every other text."""
    return digest_of(text)[:32]

"""Readiness: what requests use is imported, compiled and read before the first of them comes."""

from __future__ import annotations

import importlib

from flask import Flask

from unseen_server.web import languages

# What other commands should not wait for, and what libraries leave until they need it.
FOR_REQUESTS = (
    "_strptime",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.hashes",
    "cryptography.hazmat.primitives.kdf.hkdf",
    "encodings.idna",
    "encodings.unicode_escape",
    "importlib.readers",
    "pyarrow.compute",
    "scipy.special",
    "tzdata",
)
OF_THE_STAFF = "console/"  # few people at a time, who may wait a moment for each page's first time


def make_ready(application: Flask) -> None:
    for module in FOR_REQUESTS:
        importlib.import_module(module)
    for code in languages.LANGUAGES:
        languages.catalogue(code)
    for template in application.jinja_env.list_templates():
        if not template.startswith(OF_THE_STAFF):
            application.jinja_env.get_template(template)

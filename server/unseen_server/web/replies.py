"""JSON out, with the headers that keep one person's answer from another's cache."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec
from flask import Response, send_file

from unseen_server.core.sentences import Sentence
from unseen_server.services.public_files import KeptFile
from unseen_server.web.languages import tell

VARY = "Authorization, Cookie, Accept-Language"


def _said(value: object) -> str:
    if not isinstance(value, Sentence):
        raise NotImplementedError(type(value))
    return tell(value)


_encoder = msgspec.json.Encoder(enc_hook=_said)


def json_bytes(value: Any) -> bytes:
    """Dataclasses and dictionaries as JSON; instants in ISO 8601, UTC with a Z, sentences as they are said."""
    return _encoder.encode(value)


def json_reply(value: Any, status: int = 200) -> Response:
    response = Response(json_bytes(value), status, mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Vary"] = VARY
    return response


def csv_reply(content: str | Iterable[str], file_name: str) -> Response:
    """A table to keep."""
    return download_reply(content, "text/csv", file_name)


def zip_reply(content: bytes | Iterable[bytes], file_name: str) -> Response:
    return download_reply(content, "application/zip", file_name)


def download_reply(content: str | bytes | Iterable[str] | Iterable[bytes], mimetype: str, file_name: str) -> Response:
    """Something of ours with a name of ours: downloaded, never shown by the browser."""
    response = Response(content, mimetype=mimetype)
    response.headers.set("Content-Disposition", "attachment", filename=file_name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def file_reply(kept: KeptFile) -> Response:
    """A public file, whole or in parts; whoever has it may ask whether it has changed."""
    response = send_file(
        kept.path,
        download_name=kept.name,
        as_attachment=True,
        etag=kept.sha256,
        last_modified=kept.modified_at,
        conditional=True,
        max_age=0,
    )
    return to_be_asked_again(response)


def to_be_asked_again(response: Response) -> Response:
    """Kept by one person's browser or program alone, and never used without asking whether it has changed."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Authorization, Cookie"
    return response


def bytes_reply(content: bytes, file_name: str) -> Response:
    """A file as somebody sent it: downloaded, whatever it is."""
    response = Response(content, mimetype="application/octet-stream")
    # Percent-encoded (RFC 6266): a header cannot hold the letters of every language.
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"
    response.headers["Cache-Control"] = "private, no-store"
    return response

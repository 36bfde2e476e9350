"""The OpenAPI document as a page to read: its operations by kind, each with a command to try, and its schemas."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, render_template

from unseen_server.web import languages
from unseen_server.web.context import visitor
from unseen_server.web.replies import VARY

Schema = Mapping[str, Any]

TOKEN = "unseen_..."  # noqa: S105 - a placeholder
BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "default")


@dataclass(frozen=True)
class Entry:
    """An operation with its address and a command that asks for it."""

    method: str
    path: str
    described: Schema
    open_to_all: bool
    command: str


def page(document: Schema, server: str) -> Response:
    schemas = document["components"]["schemas"]
    entries = list(_entries(document, server))
    text = render_template(
        "reference.html",
        document=document,
        tags=[(tag, [one for one in entries if tag["name"] in one.described["tags"]]) for tag in document["tags"]],
        schemas=schemas,
        bounds=_bounds,
        pretty=_pretty,
        name_of=_name_of,
    )
    response = Response(text, mimetype="text/html")
    response.headers["Cache-Control"] = "private, no-store" if visitor() else "private, no-cache"
    response.headers["Content-Language"] = languages.current().code
    response.headers["Vary"] = VARY
    return response


def _entries(document: Schema, server: str) -> Iterator[Entry]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            open_to_all = not described["security"] or {} in described["security"]
            command = _command(document, server, path, method.upper(), described, open_to_all)
            yield Entry(method.upper(), path, described, open_to_all, command)


def _command(document: Schema, server: str, path: str, method: str, described: Schema, open_to_all: bool) -> str:
    """With curl, the examples of the document filled in; a line for each part of the body."""
    content = described.get("requestBody", {}).get("content", {})
    usual = "POST" if content else "GET"  # what curl does by itself
    told = "" if method == usual else f"-X {method} "
    parts = [f"curl {told}{shlex.quote(server + path.format(**_in_path(described)) + _query(described))}"]
    if not open_to_all:
        parts.append(f"-H {shlex.quote(f'Authorization: Bearer {TOKEN}')}")
    if form := content.get("multipart/form-data"):
        parts += _form(document, form)
    elif content:
        media, body = next(iter(content.items()))
        example = _schema_of(document, body)["examples"][0]
        parts += [f"-H {shlex.quote(f'Content-Type: {media}')}", f"-d {shlex.quote(json.dumps(example))}"]
    return " \\\n  ".join(parts)


def _in_path(described: Schema) -> dict[str, Any]:
    return {one["name"]: one["example"] for one in described["parameters"] if one["in"] == "path"}


def _query(described: Schema) -> str:
    """Only what has an example: the others have a default that is meant."""
    wanted = [one for one in described["parameters"] if one["in"] == "query" and one["schema"].get("examples")]
    values = {one["name"]: one["schema"]["examples"][0] for one in wanted}
    return f"?{urlencode(values)}" if values else ""


def _form(document: Schema, form: Schema) -> list[str]:
    """The file by the name that the document gives it, the other fields as in the example."""
    example = _schema_of(document, form)["examples"][0]
    disposition = form["encoding"]["file"]["headers"]["Content-Disposition"]["example"]
    name = disposition.rpartition("filename=")[2].strip('"')
    others = [f"{field}={value}" for field, value in example.items() if field != "file"]
    return [f"-F file=@{name}", *(f"-F {shlex.quote(other)}" for other in others)]


def _schema_of(document: Schema, content: Schema) -> Schema:
    found: Schema = document["components"]["schemas"][_name_of(content["schema"]["$ref"])]
    return found


def _name_of(reference: str) -> str:
    return reference.rpartition("/")[2]


def _bounds(schema: Schema) -> str:
    """The limits of a value in the words of JSON Schema, and what counts where it is left out."""
    return ", ".join(f"{word} {json.dumps(schema[word])}" for word in BOUNDS if schema.get(word) not in (None, ""))


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)

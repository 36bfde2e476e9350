"""The OpenAPI document: made from the URL map, the views' docstrings and the types that go over the wire."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
from flask import Flask
from werkzeug.routing import Rule

from unseen_server import __version__
from unseen_server.core import errors
from unseen_server.core.errors import Refusal
from unseen_server.core.limits import Allowance
from unseen_server.core.sentences import Sentence
from unseen_server.services import names
from unseen_server.services.class_lists import BadRoster
from unseen_server.services.competitions import Shown
from unseen_server.services.copies import Copies
from unseen_server.services.extensions import Granted
from unseen_server.services.finals import Final
from unseen_server.services.grades import Gradebook
from unseen_server.services.jobs import JobShown
from unseen_server.services.meter import Meter
from unseen_server.services.receipts import ChainPart
from unseen_server.services.rescore import Rescored
from unseen_server.services.rosters import Report
from unseen_server.services.standings import Board
from unseen_server.services.submissions import OwnSubmission
from unseen_server.services.submit import Receipt
from unseen_server.web import wire
from unseen_server.web.context import SAFE_METHODS, SESSION_COOKIE
from unseen_server.web.errors import status_of

Content = Mapping[str, type | None]  # media type -> the class inside; None where there is none of ours

TITLE = "Unseen"
SUMMARY = "Machine-learning competitions for courses: hidden labels, a daily limit, a leaderboard that can be trusted."
ABOUT = """\
JSON, names in snake_case, instants in ISO 8601 and UTC. Sign in with a token in the header `Authorization`; it is made
on the account page. A browser's session does, too: then whatever changes something carries its form token in
`X-CSRF-Token`. Refusals are problem details (RFC 9457): `detail` is a sentence that says what to do next, `code` is the
same in every language."""
SCHEMAS = "#/components/schemas/{name}"

BYTES: Content = {"application/octet-stream": None}
FILE: Content = {"*/*": None}  # the type that the file's name says
PROBLEM: Content = {"application/problem+json": wire.Problem}
NOTHING: Content = {}

# Who has to be asked for: nobody, anybody who may also sign in, a person.
NOBODY: list[dict[str, list[str]]] = []
PERSON: list[dict[str, list[str]]] = [{"token": []}, {"session": []}]
VISITOR = [{}, *PERSON]
SECURITY_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "unseen_..."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": f"A browser's; over https its name is `__Host-{SESSION_COOKIE}`.",
    },
    "form": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token", "description": "`csrf_token` of /api/whoami."},
}

TAGS: Mapping[str, str] = {
    "server": "The server itself.",
    "you": "Who is asking, and how a program is let in.",
    "competitions": "What there is to take part in, and its files.",
    "submissions": "What your team sent, and which of it counts.",
    "proofs": "Signed receipts, the chain they hang on, and the sealed answers.",
    "boards": "Ranks, and how far they can be trusted.",
    "staff": "For the staff of a course, with a token that may do all that staff may.",
}

# What the variable parts of addresses are; those after these words are described apart.
APART: Mapping[str, str] = {"courses": "course", "jobs": "job"}
SLUG_SCHEMA = {"type": "string", "pattern": f"^{names.SLUG.pattern}$"}
IN_PATH: Mapping[str, dict[str, Any]] = {
    "slug": {"description": "The competition, as in its address.", "schema": SLUG_SCHEMA, "example": "lecture"},
    "course": {"description": "The course, as in its address.", "schema": SLUG_SCHEMA, "example": "ml"},
    "ref": {
        "description": "The number of a submission, as its receipt tells it.",
        "schema": {"type": "integer", "minimum": 0, "maximum": wire.LARGEST_NUMBER},
        "example": 1,
    },
    "job": {
        "description": "The number of a job, as the answer that handed it in tells it.",
        "schema": {"type": "integer", "minimum": 0, "maximum": wire.LARGEST_NUMBER},
        "example": 1,
    },
    "name": {
        "description": "A file of the competition, as the list of files names it.",
        "schema": {"type": "string"},
        "example": "train.csv",
    },
}

FILE_NAMES: Mapping[type, str] = {
    wire.SubmissionForm: "predictions.csv",
    wire.BundleForm: "competition.zip",
    wire.SolutionForm: "solution.csv",
    wire.RosterForm: "roster.csv",
}

RESPONSE_HEADERS: Mapping[int, Sequence[str]] = {
    201: ("Location", "Idempotent-Replayed"),
    202: ("Location", "Idempotent-Replayed", "Preference-Applied"),
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def _json(kind: type | None) -> Content:
    return {"application/json": kind}


@dataclass(frozen=True)
class Operation:
    """What a view takes and answers; its address, method and summary are read from the application."""

    tag: str
    answers: Mapping[int, Content]
    refusals: tuple[type[Refusal], ...] = ()
    query: type | None = None
    headers: type | None = None
    body: Content = field(default_factory=dict)
    body_required: bool = True
    security: list[dict[str, list[str]]] = field(default_factory=lambda: PERSON)


# What any address can refuse; any that names something; any that changes something.
ALWAYS = (errors.NotSignedIn, errors.Busy, errors.StorageFull)
NAMED = (errors.NotFound,)
CHANGING = (errors.BadCsrfToken, errors.FileTooLarge)
STAFF = (errors.StaffOnly, errors.TokenScopeTooSmall)
SUBMITTING = (
    errors.BadRequest,
    errors.BadFile,
    errors.NotEnrolled,
    errors.TokenScopeTooSmall,
    errors.NotOpenYet,
    errors.DeadlinePassed,
    errors.UnsupportedFile,
    errors.KeyReused,
    errors.DailyLimitReached,
    errors.TotalLimitReached,
    errors.TooManyRejected,
)

OPERATIONS: Mapping[str, Operation] = {
    "health": Operation("server", {200: _json(wire.Health), 503: _json(wire.Health)}, security=NOBODY),
    "openapi_document": Operation("server", {200: _json(None)}, security=VISITOR),
    "reference_page": Operation("server", {200: {"text/html": None}}, security=VISITOR),
    "whoami": Operation("you", {200: _json(wire.WhoAmI)}),
    "device_code": Operation(
        "you",
        {200: _json(wire.DeviceCode)},
        (errors.BadRequest, errors.TooManyAttempts),
        body=_json(wire.Device),
        security=VISITOR,
    ),
    "device_token": Operation(
        "you",
        {200: _json(wire.DeviceToken)},
        (
            errors.BadRequest,
            errors.AuthorizationPending,
            errors.SlowDown,
            errors.AccessDenied,
            errors.ExpiredToken,
        ),
        body=_json(wire.DevicePoll),
        security=VISITOR,
    ),
    "competition_list": Operation("competitions", {200: _json(wire.Competitions)}),
    "competition": Operation("competitions", {200: _json(Shown)}, security=VISITOR),
    "create_competition": Operation(
        "staff",
        {201: _json(Shown)},
        (errors.BadRequest, errors.BadBundle, errors.Conflict, errors.NotFound, *STAFF),
        query=wire.Home,
        body={"application/zip": None, "multipart/form-data": wire.BundleForm},
    ),
    "files": Operation("competitions", {200: _json(wire.Files)}, (errors.NotEnrolled,)),
    "file": Operation("competitions", {200: FILE, 206: FILE, 304: NOTHING, 416: PROBLEM}, (errors.NotEnrolled,)),
    "starter": Operation(
        "competitions",
        {200: {"application/x-ipynb+json": None, "text/x-python": None}},
        (errors.BadRequest, errors.NotEnrolled),
        query=wire.StarterFormat,
    ),
    "new_submission": Operation(
        "submissions",
        {200: _json(wire.Valid), 201: _json(wire.NewSubmission), 202: _json(wire.NewSubmission)},
        SUBMITTING,
        query=wire.Check,
        headers=wire.Retry,
        body={"multipart/form-data": wire.SubmissionForm},
    ),
    "submissions": Operation(
        "submissions", {200: _json(wire.Submissions)}, (errors.BadRequest, errors.NotEnrolled), query=wire.Listing
    ),
    "submission": Operation("submissions", {200: _json(OwnSubmission)}),
    "submission_file": Operation("submissions", {200: BYTES}),
    "submission_receipt": Operation("proofs", {200: _json(Receipt)}, (errors.RefusedAfterwards,)),
    "receipt_keys": Operation("proofs", {200: _json(wire.ReceiptKeys)}, security=VISITOR),
    "chain": Operation("proofs", {200: _json(ChainPart)}, (errors.BadRequest, errors.NotEnrolled), query=wire.Links),
    "opened_key": Operation(
        "proofs", {200: {"text/csv": None}}, (errors.BadRequest, errors.NotEnrolled), query=wire.WhichKey
    ),
    "limits": Operation("submissions", {200: _json(Allowance)}, (errors.NotEnrolled,)),
    "final": Operation("submissions", {200: _json(Final)}, (errors.NotEnrolled,)),
    "choose_final": Operation(
        "submissions",
        {200: _json(Final)},
        (errors.BadRequest, errors.NotEnrolled, errors.TokenScopeTooSmall, errors.WrongPhase),
        body=_json(wire.Choice),
    ),
    "leaderboard": Operation(
        "boards",
        {200: {"application/json": Board, "text/csv": None}},
        (errors.BadRequest,),
        query=wire.WhichBoard,
        security=VISITOR,
    ),
    "launch": Operation(
        "staff",
        {200: _json(Shown)},
        (errors.BadRequest, errors.WrongPhase, *STAFF),
        body=_json(wire.Launch),
        body_required=False,
    ),
    "close": Operation("staff", {200: _json(Shown)}, (errors.WrongPhase, *STAFF)),
    "new_extension": Operation(
        "staff", {201: _json(Granted)}, (errors.BadRequest, errors.Conflict, *STAFF), body=_json(wire.Grant)
    ),
    "rescore_competition": Operation(
        "staff",
        {200: _json(Rescored), 202: _json(JobShown)},
        (errors.BadRequest, errors.BadSolution, errors.Conflict, *STAFF),
        query=wire.Correction,
        headers=wire.Preferring,
        body={"text/csv": None, "multipart/form-data": wire.SolutionForm},
    ),
    "job_list": Operation("staff", {200: _json(wire.Jobs)}, STAFF),
    "job": Operation("staff", {200: _json(JobShown)}),
    "job_file": Operation("staff", {200: BYTES}, STAFF),
    "import_roster": Operation(
        "staff",
        {200: _json(Report)},
        (errors.BadRequest, BadRoster, *STAFF),
        query=wire.Import,
        body={"text/csv": None, "multipart/form-data": wire.RosterForm},
    ),
    "audit": Operation("staff", {200: _json(wire.Audit)}, (errors.BadRequest, *STAFF), query=wire.Searching),
    "meter": Operation("boards", {200: _json(Meter)}, security=VISITOR),
    "near_copies": Operation("staff", {200: _json(Copies)}, STAFF),
    "reveal_competition": Operation("staff", {200: _json(Shown)}, (errors.WrongPhase, errors.Conflict, *STAFF)),
    "grades": Operation(
        "staff",
        {200: {"application/json": Gradebook, "text/csv": None}},
        (errors.BadRequest, *STAFF),
        query=wire.GradesFormat,
    ),
}


def document(app: Flask) -> dict[str, Any]:
    """OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1) of every route of the blueprint `api`.

    Raises KeyError for a route that OPERATIONS does not describe.
    """
    paths: dict[str, dict[str, Any]] = {}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("api."):
            view = app.view_functions[rule.endpoint]
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                path = re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule)
                paths.setdefault(path, {})[method.lower()] = _operation(rule, method, view.__doc__ or "")
    return {
        "openapi": "3.1.1",
        "info": {"title": TITLE, "version": __version__, "summary": SUMMARY, "description": ABOUT},
        "servers": [{"url": "/", "description": "This server."}],
        "tags": [{"name": tag, "description": about} for tag, about in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": _schemas(), "securitySchemes": SECURITY_SCHEMES},
    }


def _operation(rule: Rule, method: str, said: str) -> dict[str, Any]:
    name = rule.endpoint.removeprefix("api.")
    operation = OPERATIONS[name]
    safe = method in SAFE_METHODS
    described: dict[str, Any] = {
        "operationId": name,
        **_said(said),
        "tags": [operation.tag],
        "security": [_with_form(one, safe) for one in operation.security],
        "parameters": [
            *_in_path(rule),
            *_parameters("query", operation.query),
            *_parameters("header", operation.headers),
        ],
        "responses": _responses(operation, named=bool(rule.arguments), safe=safe, table=_examples()["texts"].get(name)),
    }
    if operation.body:
        content = _content(operation.body, _examples()["texts"].get(name))
        described["requestBody"] = {"required": operation.body_required, "content": content}
    return described


def _said(docstring: str) -> dict[str, str]:
    """The first sentence of a view's docstring, and what follows it."""
    summary, _, more = inspect.cleandoc(docstring).partition("\n\n")
    return {"summary": summary} | ({"description": more.replace("\n", " ")} if more else {})


def _with_form(scheme: dict[str, list[str]], safe: bool) -> dict[str, list[str]]:
    """A browser's session changes something only together with its form token."""
    return scheme if safe or "session" not in scheme else {**scheme, "form": []}


# parameters


def _in_path(rule: Rule) -> list[dict[str, Any]]:
    """What a variable part means."""
    variables = re.findall(r"/(\w+)/<(?:\w+(?:\([^)]*\))?:)?(\w+)>", rule.rule)
    return [
        {"name": name, "in": "path", "required": True, **IN_PATH[APART.get(before, name)]} for before, name in variables
    ]


def _parameters(place: str, kind: type | None) -> list[dict[str, Any]]:
    """The fields of a struct as parameters."""
    if kind is None:
        return []
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    return [
        {"name": name, "in": place, "description": inner.pop("description"), "schema": inner}
        for name, inner in schema["properties"].items()
    ]


# answers


def _responses(operation: Operation, *, named: bool, safe: bool, table: str | None) -> dict[str, Any]:
    """By status; `table` is the example of an answer in CSV."""
    responses = {
        str(status): _response(status, content, HTTPStatus(status).phrase, table)
        for status, content in operation.answers.items()
    }
    for status, codes in _refused(operation, named=named, safe=safe).items():
        responses[str(status)] = _response(status, PROBLEM, ", ".join(f"`{code}`" for code in sorted(codes)))
    return dict(sorted(responses.items()))


def _refused(operation: Operation, *, named: bool, safe: bool) -> dict[int, set[str]]:
    """The codes of what may be refused, by status."""
    if operation.security is NOBODY:
        return {}
    codes: dict[int, set[str]] = {}
    for refusal in (*operation.refusals, *ALWAYS, *(NAMED if named else ()), *(() if safe else CHANGING)):
        codes.setdefault(status_of(refusal), set()).add(refusal.code)
    return codes


def _response(status: int, content: Content, description: str, table: str | None = None) -> dict[str, Any]:
    response: dict[str, Any] = {"description": description}
    if content:
        response["content"] = _content(content, table)
    if status in RESPONSE_HEADERS:
        response["headers"] = {name: {"schema": {"type": "string"}} for name in RESPONSE_HEADERS[status]}
    return response


def _content(content: Content, table: str | None = None) -> dict[str, Any]:
    """By media type; the examples of our own classes stand in their schemas, that of a CSV stands here."""
    described: dict[str, Any] = {}
    for media, kind in content.items():
        if kind:
            described[media] = {"schema": {"$ref": SCHEMAS.format(name=kind.__name__)}, **_encoded(kind)}
        else:
            described[media] = {"example": table} if table and media == "text/csv" else {}
    return described


def _encoded(kind: type) -> dict[str, Any]:
    """What the file of a form is called: its name says what it is."""
    if kind not in FILE_NAMES:
        return {}
    disposition = f'form-data; name="file"; filename="{FILE_NAMES[kind]}"'
    header = {"Content-Disposition": {"schema": {"type": "string"}, "example": disposition}}
    return {"encoding": {"file": {"contentType": "application/octet-stream", "headers": header}}}


# schemas


def _as_text(kind: type) -> dict[str, Any]:
    """A sentence is said (web/replies)."""
    if kind is not Sentence:
        raise NotImplementedError(kind)
    return {"type": "string"}


@cache
def _schemas() -> dict[str, Any]:
    """Everything that goes over the wire, by the name of its class."""
    contents = [content for one in OPERATIONS.values() for content in (*one.answers.values(), one.body)]
    kinds = {kind for content in (*contents, PROBLEM) for kind in content.values() if kind}
    _, schemas = msgspec.json.schema_components(kinds, ref_template=SCHEMAS, schema_hook=_as_text)
    for kind in {part for whole in kinds for part in _made_of(whole)}:
        _mark_instants(kind, schemas[kind.__name__])
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = re.sub(r"\bNone\b", "`null`", inspect.cleandoc(schema["description"]))
    for name, example in _examples()["schemas"].items():
        schemas[name]["examples"] = [example]
    return dict(sorted(schemas.items()))


@cache
def _examples() -> dict[str, Any]:
    """`schemas`: what each class looks like on the wire; `texts`: the CSV that an operation takes or answers."""
    examples: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
    return examples


def _made_of(kind: Any) -> Iterator[type]:
    """The classes that a type is made of, itself among them."""
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, msgspec.Struct)):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _made_of(hint)
    for argument in get_args(kind):
        yield from _made_of(argument)


def _mark_instants(kind: type, schema: dict[str, Any]) -> None:
    """msgspec leaves out the format of a datetime that might be naive; none of ours is."""
    for name, hint in get_type_hints(kind).items():
        if datetime in (hint, *get_args(hint)):
            inner = schema["properties"][name]
            text = next(one for one in inner.get("anyOf", [inner]) if one["type"] == "string")
            text["format"] = "date-time"

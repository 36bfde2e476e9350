"""The OpenAPI document is true: every route is in it, and every real answer is as it says."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from tests.installations import Build, Installation, make_folder
from tests.services.test_pending import left_to_workers
from tests.test_architecture import all_refusals
from tests.web.console_routes import an_archive_job, work
from werkzeug.test import TestResponse

from unseen_server.services import device_logins
from unseen_server.web import wire
from unseen_server.web.openapi import OPERATIONS

LECTURE = "/api/competitions/lecture"
PROBLEM = "application/problem+json"
TELLING_HEADERS = {"Location", "Preference-Applied", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate"}


@dataclasses.dataclass
class Described:
    """An installation with its document; whatever is sent through it is held to the document, both ways."""

    installation: Installation
    seen: set[tuple[str, str, str | None]] = dataclasses.field(default_factory=set)

    def __post_init__(self) -> None:
        self.document: Any = self.installation.client().get("/api/openapi.json").get_json()
        self.operations = {
            operation["operationId"]: operation
            for path in self.document["paths"].values()
            for operation in path.values()
        }

    def send(self, client: FlaskClient, method: str, path: str, **options: Any) -> TestResponse:
        reply = client.open(path, method=method, buffered=True, **options)
        endpoint, _ = self.installation.app.url_map.bind("localhost").match(path.split("?")[0], method)
        operation = self.operations[endpoint.removeprefix("api.")]
        self._check_request(operation, reply.request)
        self._check_answer(operation, reply)
        return reply

    def _check_request(self, operation: Mapping[str, Any], request: Any) -> None:
        described = {parameter["name"]: parameter["in"] for parameter in operation["parameters"]}
        assert all(described.get(name) == "query" for name in request.args)
        assert request.mimetype in {"", *operation.get("requestBody", {}).get("content", {})}

    def _check_answer(self, operation: Mapping[str, Any], reply: TestResponse) -> None:
        status = str(reply.status_code)
        assert status in operation["responses"], f"{operation['operationId']} answers {status}"
        response = operation["responses"][status]
        assert {*reply.headers.keys()} & TELLING_HEADERS <= {*response.get("headers", {})}
        content = response.get("content", {})
        kind = "*/*" if "*/*" in content else reply.mimetype if content or reply.data else None
        self.seen.add((operation["operationId"], status, kind))
        if kind is None:
            return
        self.hold(
            content[kind].get("schema", {}), reply.get_json() if "json" in kind else reply.data.decode(errors="replace")
        )
        if kind == PROBLEM and reply.status_code != 416:
            assert f"`{reply.get_json()['code']}`" in response["description"]

    def hold(self, schema: Mapping[str, Any], value: Any) -> None:
        """Raises ValidationError where a value is not as described, or has a field that is not described."""
        closed = {
            name: {**inner, "additionalProperties": False}
            for name, inner in self.document["components"]["schemas"].items()
        }
        whole = {**schema, "components": {"schemas": closed}}
        Draft202012Validator(whole, format_checker=FormatChecker(["date-time"])).validate(value)

    def upload(self, client: FlaskClient, content: bytes, name: str = "a.csv", **options: Any) -> TestResponse:
        query = options.pop("query", "")
        data = {"file": (io.BytesIO(content), name), "message": options.pop("message", "")}
        return self.send(client, "POST", f"{LECTURE}/submissions{query}", data=data, **options)

    def successes(self) -> Iterator[tuple[str, str, str | None]]:
        for name, operation in self.operations.items():
            for status, response in operation["responses"].items():
                for kind in response.get("content", {None: None}):
                    if status < "400":
                        yield name, status, kind


def zipped(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"{folder.name}/{file.name}")
    return content.getvalue()


@pytest.mark.slow
def test_the_document_is_valid_openapi(build: Build) -> None:
    document = Described(build()).document
    assert document["openapi"].startswith("3.1")
    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_route_of_the_api_is_described_and_nothing_else(build: Build) -> None:
    installation = build()
    rules = [rule for rule in installation.app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    native = [rule for rule in rules if not rule.rule.startswith("/api/v1/")]  # v1 is Kaggle's own protocol
    routes = {(rule.endpoint, method) for rule in native for method in rule.methods or ()} - {
        (rule.endpoint, method) for rule in native for method in ("HEAD", "OPTIONS")
    }
    assert {endpoint for endpoint, _ in routes} == {f"api.{name}" for name in OPERATIONS}
    described = {
        (f"api.{operation['operationId']}", method.upper())
        for path in Described(installation).document["paths"].values()
        for method, operation in path.items()
    }
    assert described == routes


def test_every_operation_says_in_a_sentence_what_it_does(build: Build) -> None:
    for operation in Described(build()).operations.values():
        assert operation["summary"].endswith(")." if "(staff" in operation["summary"] else ".")


@pytest.mark.slow
def test_every_real_answer_is_as_described(build: Build, tmp_path: Path) -> None:
    installation = build()
    api = Described(installation)
    visitor, alice, teacher = (installation.client(who) for who in (None, "alice", "teacher"))
    for path in ("/api/health", "/api/openapi.json", "/api/reference", LECTURE):
        api.send(visitor, "GET", path)
    asked = api.send(visitor, "POST", "/api/device/code", json={"device": "laptop"}).get_json()
    place = {"principal": installation.principal("alice"), "now": installation.now}
    device_logins.answer(installation.db, asked["user_code"], allow=True, **place)
    api.send(visitor, "POST", "/api/device/token", json={"device_code": asked["device_code"]})
    api.upload(alice, installation.file(), query="?check=true")
    for value in (50.0, 60.0, 60.0):  # the last is a repetition
        api.upload(alice, installation.file(value), headers={"Idempotency-Key": f"k{value}"})
    with left_to_workers(installation):
        api.upload(alice, installation.file(70.0))
    work(installation, 1)
    api.send(alice, "PUT", f"{LECTURE}/final", json={"refs": [2]})
    for path in ("/api/whoami", "/api/competitions", "/api/submissions/1", "/api/submissions/1/file"):
        api.send(alice, "GET", path)
    for path in ("files", "submissions?limit=5", "limits", "final", "leaderboard?board=public&limit=9"):
        api.send(alice, "GET", f"{LECTURE}/{path}")
    api.send(visitor, "GET", f"{LECTURE}/leaderboard?format=csv")
    for style in ("ipynb", "py"):
        api.send(alice, "GET", f"{LECTURE}/starter?format={style}")
    file = api.send(alice, "GET", f"{LECTURE}/files/train.csv")
    api.send(alice, "GET", f"{LECTURE}/files/train.csv", headers={"If-None-Match": file.headers["ETag"]})
    api.send(alice, "GET", f"{LECTURE}/files/train.csv", headers={"Range": "bytes=10-"})
    bundle = zipped(make_folder(tmp_path / "more", slug="second"))
    api.send(teacher, "POST", "/api/competitions?course=ml", data=bundle, content_type="application/zip")
    roster = "username,email,name,student_id\nann,ann@x.edu,Ann,B01\n"
    api.send(teacher, "POST", "/api/courses/ml/roster", data=roster, content_type="text/csv")
    api.send(teacher, "GET", f"{LECTURE}/audit?search=alice&limit=5")
    api.send(teacher, "GET", f"{LECTURE}/copies")
    api.send(teacher, "POST", "/api/competitions/second/launch", json={"at": "2026-11-24 08:00"})
    api.send(teacher, "POST", f"{LECTURE}/extensions", json={"username": "alice", "extra": 2, "reason": "a fault"})
    solution = (installation.folder / "solution.csv").read_bytes()
    api.send(teacher, "POST", f"{LECTURE}/rescore?dry_run=true", data=solution, content_type="text/csv")
    an_archive_job(installation)
    installation.app.extensions["unseen"].delivery.here = True  # somebody works
    prefer = {"Prefer": "respond-async"}
    job = api.send(teacher, "POST", f"{LECTURE}/rescore", data=solution, content_type="text/csv", headers=prefer)
    work(installation, job.get_json()["ref"])
    for path in (job.headers["Location"], f"{LECTURE}/jobs", "/api/jobs/2", "/api/jobs/2/file"):
        api.send(teacher, "GET", path)
    api.send(teacher, "POST", f"{LECTURE}/close")
    api.send(teacher, "POST", f"{LECTURE}/reveal")
    for path in ("/api/submissions/1/receipt", "/api/receipt-keys", f"{LECTURE}/chain?after=0&limit=9"):
        api.send(alice, "GET", path)
    api.send(alice, "GET", f"{LECTURE}/key?version=1")
    for style in ("json", "csv", "canvas", "moodle"):
        api.send(teacher, "GET", f"{LECTURE}/grades?format={style}")
    for path in (
        LECTURE,
        f"{LECTURE}/leaderboard?board=private",
        f"{LECTURE}/meter",
        "/api/submissions/1",
        "/api/competitions",
    ):
        api.send(alice, "GET", path)
    assert set(api.successes()) - api.seen == set()


@pytest.mark.parametrize(
    ("who", "method", "path", "options", "status"),
    [
        (None, "GET", "/api/whoami", {}, 401),
        (None, "GET", "/api/openapi.json", {"headers": {"Authorization": "Bearer unseen_wrong"}}, 401),
        (None, "GET", LECTURE, {"headers": {"Authorization": "Basic YTpi"}}, 401),
        (None, "POST", "/api/device/token", {"json": {"device_code": "guessed"}}, 400),
        (None, "POST", "/api/device/code", {"data": b"?", "content_type": "application/json"}, 400),
        ("outsider", "GET", f"{LECTURE}/limits", {}, 403),
        ("alice", "POST", f"{LECTURE}/close", {}, 403),
        ("alice", "POST", "/api/competitions?course=ml", {"content_type": "application/zip"}, 403),
        ("alice", "GET", "/api/competitions/lectur", {}, 404),
        ("alice", "GET", "/api/submissions/7/file", {}, 404),
        (None, "GET", f"{LECTURE}/leaderboard?board=private", {}, 404),
        (None, "GET", f"{LECTURE}/leaderboard?board=secret", {}, 400),
        ("alice", "GET", f"{LECTURE}/submissions?limit=0", {}, 400),
        ("alice", "PUT", f"{LECTURE}/final", {"json": {"ref": 1}}, 400),
        ("alice", "POST", f"{LECTURE}/submissions", {"content_type": "multipart/form-data"}, 400),
        ("teacher", "POST", "/api/competitions", {"content_type": "application/zip", "data": b"no zip"}, 400),
        ("teacher", "POST", f"{LECTURE}/launch", {"json": {"at": "soon"}}, 409),
        ("teacher", "POST", f"{LECTURE}/reveal", {}, 409),
        ("teacher", "POST", f"{LECTURE}/extensions", {"json": {"username": "nobody", "reason": "x"}}, 404),
        ("teacher", "POST", f"{LECTURE}/extensions", {"json": {"user": "alice"}}, 400),
        ("alice", "POST", f"{LECTURE}/extensions", {"json": {"username": "alice", "extra": 9, "reason": "x"}}, 403),
        ("teacher", "POST", f"{LECTURE}/rescore", {"content_type": "text/csv", "data": b"id,minutes,Usage"}, 400),
        ("alice", "POST", f"{LECTURE}/rescore", {"content_type": "text/csv", "data": b""}, 403),
        ("alice", "GET", f"{LECTURE}/copies", {}, 403),
        ("alice", "GET", f"{LECTURE}/jobs", {}, 403),
        ("teacher", "GET", "/api/jobs/7", {}, 404),
        ("teacher", "GET", "/api/jobs/7/file", {}, 404),
        ("alice", "GET", f"{LECTURE}/files/train.csv", {"headers": {"Range": "bytes=9999999-"}}, 416),
    ],
)
def test_a_refusal_is_as_described(
    build: Build, who: str | None, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    api = Described(build())
    reply = api.send(api.installation.client(who), method, path, **options)
    assert (reply.status_code, reply.mimetype) == (status, PROBLEM)


@pytest.mark.slow
def test_every_way_of_refusing_a_file_is_described(build: Build) -> None:
    installation = build(daily_limit=1, rejected_per_hour=3, late_submissions=False)
    api, alice = Described(installation), installation.client("alice")
    key = {"headers": {"Idempotency-Key": "k"}}
    too_large = {"data": b"0" * (installation.config.max_upload + 1), "content_type": "multipart/form-data; boundary=x"}
    statuses = [
        api.upload(alice, b"id\x00", **key).status_code,
        api.upload(alice, b"", name="a.exe").status_code,
        api.send(alice, "POST", f"{LECTURE}/submissions", **too_large).status_code,
        api.upload(alice, installation.file(), **key).status_code,
        api.upload(alice, installation.file(60.0), **key).status_code,
        api.upload(alice, installation.file()).status_code,
        api.upload(alice, b"id", query="?check=true").status_code,
        api.upload(alice, b"id", query="?check=true").status_code,
    ]
    assert statuses == [400, 415, 413, 201, 422, 429, 400, 429]
    installation.pass_deadline()
    assert api.upload(alice, installation.file()).status_code == 409


def test_who_may_ask_without_signing_in_is_marked(build: Build) -> None:
    api = Described(build())
    for path, methods in api.document["paths"].items():
        for method, operation in methods.items():
            url = path.format(slug="lecture", ref=1, name="train.csv")
            reply = api.send(api.installation.client(), method.upper(), url)
            needed = operation["security"] and {} not in operation["security"]
            assert (reply.status_code == 401) == bool(needed), url


def test_a_browsers_session_changes_something_only_with_its_form_token(build: Build) -> None:
    for methods in Described(build()).document["paths"].values():
        for method, operation in methods.items():
            sessions = [scheme for scheme in operation["security"] if "session" in scheme]
            assert all(("form" in scheme) == (method != "get") for scheme in sessions)


def test_instants_are_marked(build: Build) -> None:
    schemas = Described(build()).document["components"]["schemas"]
    assert schemas["Listed"]["properties"]["deadline"] == {"type": "string", "format": "date-time"}
    assert {"type": "string", "format": "date-time"} in schemas["Listed"]["properties"]["starts_at"]["anyOf"]


def test_the_bounds_in_the_document_are_the_servers(build: Build) -> None:
    api = Described(build(daily_limit=9))
    alice, file = api.installation.client("alice"), api.installation.file()
    for name, board in (("submissions", "submissions"), ("leaderboard", "leaderboard")):
        schema = next(p["schema"] for p in api.operations[name]["parameters"] if p["name"] == "limit")
        for limit, status in {schema["minimum"]: 200, schema["maximum"]: 200, schema["maximum"] + 1: 400}.items():
            assert api.send(alice, "GET", f"{LECTURE}/{board}?limit={limit}").status_code == status
    form = api.document["components"]["schemas"]["SubmissionForm"]["properties"]["message"]
    for length, status in {form["maxLength"]: 201, form["maxLength"] + 1: 400}.items():
        assert api.upload(alice, file, message="m" * length).status_code == status
    key = next(p["schema"] for p in api.operations["new_submission"]["parameters"] if p["in"] == "header")
    for sent, status in {"k" * key["maxLength"]: 201, "k" * (key["maxLength"] + 1): 400, "": 400, "ä": 400}.items():
        fits = Draft202012Validator(key).is_valid(sent)
        assert fits == (status == 201)
        assert api.upload(alice, file, headers={"Idempotency-Key": sent}).status_code == status


def test_an_unknown_field_in_a_body_is_refused_as_described(build: Build) -> None:
    api = Described(build())
    assert not api.document["components"]["schemas"]["Choice"]["additionalProperties"]
    reply = api.send(api.installation.client("alice"), "PUT", f"{LECTURE}/final", json={"refs": [], "more": 1})
    assert reply.status_code == 400


def test_a_server_without_its_database_answers_as_described(build: Build) -> None:
    api = Described(build())
    visitor, alice = api.installation.client(), api.installation.client("alice")
    (api.installation.config.home / "unseen.db").write_bytes(b"no database" * 1000)
    assert api.send(visitor, "GET", "/api/health").status_code == 503
    assert api.send(alice, "GET", "/api/whoami").status_code == 503


def test_every_member_of_a_refusal_is_a_field_of_the_problem() -> None:
    members = {member for refusal in all_refusals() for member in refusal.members}
    assert members - set(wire.Problem.__struct_fields__) == set()


@pytest.mark.slow
def test_a_private_score_is_nowhere_but_in_ones_own_submissions_and_the_grade_book(build: Build) -> None:
    document = Described(build()).document
    schemas = document["components"]["schemas"]
    private = {name for name, schema in schemas.items() if "private_score" in json.dumps(schema.get("properties"))}
    of_staff = {"Grade", "Baseline"}
    assert private == {"OwnSubmission", "NewSubmission"} | of_staff
    holders = [name for name, schema in schemas.items() if set(re.findall(r"schemas/(\w+)", str(schema))) & of_staff]
    assert holders == ["Gradebook"]
    served = [path for path, methods in document["paths"].items() if "Gradebook" in str(methods)]
    assert served == ["/api/competitions/{slug}/grades"]
    assert schemas["NewSubmission"]["properties"]["private_score"]["type"] == "null"


def test_every_example_is_as_its_schema_says(build: Build) -> None:
    api = Described(build())
    for schema in api.document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            api.hold({key: value for key, value in schema.items() if key != "examples"}, example)


def test_whatever_is_sent_or_answered_has_an_example(build: Build) -> None:
    document = Described(build()).document
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document["paths"])))
    assert [name for name in sorted(named) if not document["components"]["schemas"][name].get("examples")] == []
    tables = [
        (operation["operationId"], media)
        for path in document["paths"].values()
        for operation in path.values()
        for part in (operation.get("requestBody", {}), *operation["responses"].values())
        for kind, media in part.get("content", {}).items()
        if kind == "text/csv"
    ]
    assert [name for name, media in tables if not media.get("example")] == []


def test_every_operation_and_parameter_is_explained(build: Build) -> None:
    api = Described(build())
    tags = {tag["name"]: tag["description"] for tag in api.document["tags"]}
    for operation in api.operations.values():
        assert all(tags[tag] for tag in operation["tags"])
        assert all(parameter["description"] for parameter in operation["parameters"]), operation["operationId"]
    assert api.document["info"]["description"]


def as_real(example: Any, real: Any) -> bool:
    """Whether an example has the very fields of a real answer, wherever both have something."""
    if isinstance(example, dict) and isinstance(real, dict):
        return example.keys() == real.keys() and all(as_real(example[name], real[name]) for name in example)
    if isinstance(example, list) and isinstance(real, list) and example and real:
        return as_real(example[0], real[0])
    return True


def test_an_example_has_the_fields_of_the_real_answer(build: Build) -> None:
    made = build()
    api = Described(made)
    for name, values in (("alice", made.noisy(3.0)), ("bob", made.noisy(3.0)), ("bob", made.file())):
        api.upload(made.client(name), values)
    of_competition = {
        "alice": {"": "Shown", "/files": "Files", "/submissions": "Submissions", "/chain": "ChainPart"}
        | {"/limits": "Allowance", "/final": "Final", "/leaderboard": "Board"},
        "teacher": {"/meter": "Meter", "/copies": "Copies", "/grades": "Gradebook"},
    }
    elsewhere = {"health": "Health", "whoami": "WhoAmI", "competitions": "Competitions", "receipt-keys": "ReceiptKeys"}
    elsewhere |= {"submissions/1": "OwnSubmission", "submissions/1/receipt": "Receipt"}
    asked = [(who, LECTURE + path, name) for who, paths in of_competition.items() for path, name in paths.items()]
    for who, path, name in (*asked, *(("alice", f"/api/{path}", name) for path, name in elsewhere.items())):
        real = api.send(made.client(who), "GET", path).get_json()
        (example,) = api.document["components"]["schemas"][name]["examples"]
        assert as_real(example, real), path


def test_the_example_of_a_refusal_has_the_fields_of_a_real_one(build: Build) -> None:
    made = build()
    api = Described(made)
    real = api.upload(made.client("alice"), made.file().replace(b"50.0", b"high", 1)).get_json()
    (example,) = api.document["components"]["schemas"]["Problem"]["examples"]
    assert example.keys() == real.keys()
    assert example["errors"][0].keys() == real["errors"][0].keys()


def test_the_examples_of_bodies_are_taken(build: Build) -> None:
    made = build()
    api = Described(made)
    examples = {
        name: one["examples"][0] for name, one in api.document["components"]["schemas"].items() if "examples" in one
    }
    table = api.operations["import_roster"]["requestBody"]["content"]["text/csv"]["example"]
    teacher = made.client("teacher")
    granted = api.send(teacher, "POST", f"{LECTURE}/extensions", json=examples["Grant"])
    assert (granted.status_code, granted.get_json().keys()) == (201, examples["Granted"].keys())
    enrolled = api.send(teacher, "POST", "/api/courses/ml/roster", data=table, content_type="text/csv")
    assert (enrolled.status_code, enrolled.get_json().keys()) == (200, examples["Report"].keys())


def test_the_example_of_a_device_is_one(build: Build) -> None:
    made = build()
    api = Described(made)
    bodies = {
        name: one["examples"][0] for name, one in api.document["components"]["schemas"].items() if "examples" in one
    }
    real = api.send(made.client(), "POST", "/api/device/code", json=bodies["Device"]).get_json()
    example = bodies["DeviceCode"]
    assert as_real(example, real)
    assert {name: len(str(value)) for name, value in example.items() if "uri" not in name} == {
        name: len(str(value)) for name, value in real.items() if "uri" not in name
    }
    assert (example["expires_in"], example["interval"]) == (real["expires_in"], real["interval"])
    assert bodies["DevicePoll"]["device_code"] == example["device_code"]


def test_the_tables_begin_as_the_real_ones_do(build: Build) -> None:
    made = build()
    api = Described(made)
    api.upload(made.client("alice"), made.file())
    for name, client, query in (("leaderboard", made.client(), "board=public"), ("grades", made.client("teacher"), "")):
        example = api.operations[name]["responses"]["200"]["content"]["text/csv"]["example"]
        real = api.send(client, "GET", f"{LECTURE}/{name}?format=csv&{query}".rstrip("&")).text
        assert example.splitlines()[0] == real.splitlines()[0]

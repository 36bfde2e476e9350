"""The interface keeps to its own description: thousands of requests made from the document, by every kind of person.

Schemathesis makes them: the document's own examples, the values at and beyond every bound, and random ones, as
described and otherwise. Every operation is asked by nobody, by a student and by staff, each time in an installation
at its beginning. A part of the addresses and files is replaced by those that exist, or few requests would get far.
"""

from __future__ import annotations

import logging
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from jsonschema import Draft202012Validator
from schemathesis import Case
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.figures import LONG, Tell
from tests.installations import SLUG, Installation, make_folder
from tests.web.console_routes import Route, an_archive_job
from tests.web.test_console_permissions import World
from tests.web.test_openapi import zipped
from tests.web.test_untranslated import PHASES

from unseen_server.core import errors
from unseen_server.web.openapi import IN_PATH, NOBODY, OPERATIONS, VISITOR, Operation

WHO = {"nobody": None, "student": "alice", "staff": "teacher"}
CASES = 60 if LONG else 12  # of every operation that takes something, for everybody
IN_ALL = 5000 if LONG else 1000
GENERATED = settings(
    max_examples=CASES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
# When an operation has something to do; the others are asked while the competition is open.
PHASE_OF = {"launch": "draft", "reveal_competition": "closed", "opened_key": "revealed"}
# What no schema can promise to be accepted: what a file holds, which submissions may be final and how many, whether
# a local time lies before or after a deadline, and whether a secret is known.
TOLD_BY_CONTENT = {
    "create_competition",
    "new_submission",
    "rescore_competition",
    "import_roster",
    "choose_final",
    "new_extension",
    "launch",
    "device_token",
}
# The address of the document itself Schemathesis leaves out.
DESCRIBED = [name for name in OPERATIONS if name != "openapi_document"]
LATER = {"meter", "device_token"}  # the reveal and the person in the browser have to come first
OF_A_STUDENT = {"submission", "submission_file", "submission_receipt"}
OF_A_JOB = {"job", "job_file"}


@pytest.fixture(autouse=True)
def the_same_values_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis also tries the constants of whatever modules are loaded, which depends on the tests before."""
    monkeypatch.setattr(providers, "_get_local_constants", providers.Constants)
    monkeypatch.setattr(providers, "CONSTANTS_CACHE", {})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path, sqlite_template: Path) -> Iterator[World]:
    whole = World(tmp_path_factory.mktemp("schemathesis"), bundle_folder, sqlite_template)
    with closing(whole.made):
        yield whole


@pytest.fixture(scope="module")
def schema(world: World, tmp_path_factory: pytest.TempPathFactory) -> BaseSchema:
    """The document as the application serves it, with some of what is generated replaced by what exists."""
    loaded = schemathesis.openapi.from_wsgi("/api/openapi.json", world.made.app)
    files = real_files(world.made, tmp_path_factory.mktemp("files"))

    @loaded.hook
    def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        if not path_parameters or not chosen(path_parameters, of=4):
            return path_parameters
        existing = {"slug": "ml" if "/courses/" in context.operation.path else SLUG, "ref": 1, "name": "train.csv"}
        return {name: existing[name] if fits(name, value) else value for name, value in path_parameters.items()}

    @loaded.hook
    def map_body(context: Any, body: Any) -> Any:
        file = files.get(context.operation.definition.raw["operationId"])
        if file is None or not chosen(body, of=4):
            return body
        is_form = isinstance(body, dict) and isinstance(body.get("file"), str | bytes)
        return {**body, "file": file} if is_form else body

    return loaded


def fits(name: str, value: object) -> bool:
    """Whether it is as described; what is not stays as it is."""
    return Draft202012Validator(IN_PATH[name]["schema"]).is_valid(value)


def chosen(value: object, *, of: int) -> bool:
    """All but one of so many, the same ones every time."""
    return zlib.crc32(repr(value).encode()) % of > 0


def real_files(made: Installation, home: Path) -> dict[str, bytes]:
    return {
        "new_submission": made.file(),
        "create_competition": zipped(make_folder(home, slug="second")),
        "rescore_competition": (made.folder / "solution.csv").read_bytes(),
        "import_roster": b"username,email,name,student_id\nann,ann@x.edu,Ann,B01\n",
    }


def operation_of(schema: BaseSchema, name: str) -> APIOperation:
    described = (result.ok() for result in schema.get_all_operations())
    return next(one for one in described if one.definition.raw["operationId"] == name)


def ask(operation: APIOperation, send: Callable[[Case], None]) -> None:
    """Send everything that Schemathesis makes of an operation."""
    config = HypothesisTestConfig(project=operation.schema.config, modes=list(HypothesisTestMode), settings=GENERATED)
    create_test(operation=operation, test_func=send, config=config)()


def may(who: str, name: str) -> bool:
    """Whether some request of theirs has to succeed."""
    operation = OPERATIONS[name]
    if who == "nobody":
        return operation.security in (NOBODY, VISITOR) and name not in LATER
    if who == "student":
        return errors.StaffOnly not in operation.refusals and name not in LATER | OF_A_JOB
    return name not in (*OF_A_STUDENT, "device_token")


def takes_something(operation: Operation, path: str) -> bool:
    return bool(operation.query or operation.headers or operation.body or "{" in path)


@pytest.mark.slow
@pytest.mark.figure("API")
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("name", DESCRIBED)
def test_every_answer_is_as_the_document_says(
    world: World, schema: BaseSchema, name: str, who: str, caplog: pytest.LogCaptureFixture, figure: Tell
) -> None:
    """All checks of Schemathesis, but that what fits the schema is accepted, where only the content can tell that."""
    before = an_archive_job if name in OF_A_JOB else PHASES[PHASE_OF.get(name, "open")]
    world.begin(Route("GET", "courses.home", "", before=before))
    world.made.tokens.clear()
    person = WHO[who]
    headers = {"Authorization": f"Bearer {world.made.token(person)}"} if person else {}
    left_out = [positive_data_acceptance] if name in TOLD_BY_CONTENT else []
    statuses: Counter[int] = Counter()

    def send(case: Case) -> None:
        response = case.call(headers=headers, buffered=True)
        statuses[response.status_code] += 1
        case.validate_response(response, headers=headers, excluded_checks=left_out)

    operation = operation_of(schema, name)
    ask(operation, send)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert statuses.total() >= (CASES if takes_something(OPERATIONS[name], operation.path) else 1)
    assert not may(who, name) or {200, 201} & set(statuses), statuses
    figure("requests", statuses.total())


@pytest.mark.slow
def test_these_are_as_many_requests_as_are_promised(schema: BaseSchema) -> None:
    taking = [name for name in DESCRIBED if takes_something(OPERATIONS[name], operation_of(schema, name).path)]
    assert len(taking) * len(WHO) * CASES >= IN_ALL

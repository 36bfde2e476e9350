"""Every route of the console: who may use it, and a request that succeeds.

A route that is not listed here fails tests/web/test_console_permissions.py. Add yours in the section of its module:

    Route("GET", "extensions.listing", "staff"),
    Route("POST", "extensions.add", "staff", form={"username": "alice", "extra": "1", "reason": "ill"}),
    Route("POST", "extensions.withdraw", "staff", at={"number": 1}, before=an_extension),
    Route("POST", "wizard.upload", "instructor", form=lambda made, client: {"file": a_file(b"a,b\n1,2\n")},
          audited="nothing is made before the confirmation"),

The endpoint is the one below `pages.console.`. `who` is the least that is needed: "anybody" (on any course's staff),
"staff" (assistants and instructors of the course), "instructor" (of the course), "admin". The address is filled from
USUAL and `at`, after it comes `query`. `form` is what the page's own form sends, without the CSRF token, or a function
that makes it with a browser of the least role. `before` brings the installation into the state the request needs.
A POST must succeed and write an audit row; where it does not change anything, `audited` says why.
The world it all happens in is described in tests/web/test_console_permissions.py.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from tests.installations import COURSE, SLUG, Installation

USUAL: Mapping[str, object] = {"slug": SLUG, "course": COURSE, "username": "alice", "ref": 1}

Form = Callable[[Installation, FlaskClient], Mapping[str, Any]]


@dataclass(frozen=True)
class Route:
    method: str
    endpoint: str
    who: str
    at: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] | Form = field(default_factory=dict)
    before: Callable[[Installation], object] | None = None
    audited: bool | str = True

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


def a_file(content: bytes, name: str = "file.csv") -> tuple[io.BytesIO, str]:
    """A file as a form sends it; make a new one for every request."""
    return io.BytesIO(content), name


COURSES = (Route("GET", "courses.home", "anybody"),)


def ended(made: Installation) -> None:
    """The deadline has passed, nothing is revealed."""
    made.pass_deadline()


REVEALING = (
    Route("GET", "revealing.page", "staff"),
    Route("POST", "revealing.reveal", "instructor", form={"confirm": SLUG}, before=ended),
    Route("GET", "revealing.ceremony", "instructor", query={"opened": "1"}, before=ended),
    Route("POST", "revealing.end_ceremony", "instructor", before=ended),
)

GRADES = (
    Route("GET", "grades.page", "staff", query={"q": "ali", "sort": "points"}),
    Route("POST", "grades.export", "staff", form={"format": "canvas"}),
)

ROUTES: tuple[Route, ...] = (*COURSES, *REVEALING, *GRADES)

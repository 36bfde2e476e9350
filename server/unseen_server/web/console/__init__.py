"""The console: what course staff do in a browser, one module for each part of it.

courses         the courses and competitions of whoever is asking, how a course is set up, its join code
people          who is in a course, as what, how they get in; deleting their data
roster          importing a class list, looked at before it is confirmed
audit           who did what in a course or a competition
health          whether the server is well
revealing       the reveal, at once or as a ceremony for the projector
meter           how far the public rows were overfitted, and the replay
grades          scores and points of every student, and files for grade books
life            one competition: how it is going, launching, closing, copying, exporting, removing
settings        its times and limits, and the pages students read
wizard          a new competition from a table or a folder
baselines       what students are to beat
announcements   what stands above its pages
submissions     every file that was sent: found, downloaded, withdrawn, brought back
copies          submissions of different teams that say the same
teams           another name for a team of students, or two made one
extensions      more time or more submissions for one student
rescoring       corrected answers, looked at before they count
archives        everything in a zip that needs no server
jobs            long work that is done apart from the pages
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from unseen_server.core.errors import StaffOnly
from unseen_server.core.sentences import say
from unseen_server.services import accounts
from unseen_server.web.console import (
    announcements,
    archives,
    audit,
    baselines,
    copies,
    courses,
    extensions,
    grades,
    health,
    jobs,
    life,
    meter,
    people,
    rescoring,
    revealing,
    roster,
    settings,
    submissions,
    teams,
    wizard,
)
from unseen_server.web.context import parts, signed_in

blueprint = Blueprint("console", __name__, url_prefix="/console")

for _part in (
    courses,
    people,
    roster,
    audit,
    health,
    revealing,
    meter,
    grades,
    life,
    settings,
    wizard,
    baselines,
    announcements,
    submissions,
    copies,
    teams,
    extensions,
    rescoring,
    archives,
    jobs,
):
    blueprint.register_blueprint(_part.blueprint)


@blueprint.context_processor
def _known_to_every_console_page() -> dict[str, Any]:
    return {"instructs": _instructs}


def _instructs(course: str) -> bool:
    person = signed_in()
    mine = accounts.courses_of(parts().db, person.user_id)
    return person.is_admin or any(one.slug == course and one.role == "instructor" for one in mine)


@blueprint.before_request
def _staff_alone() -> None:
    """Whoever is on no course's staff has nothing to see here; whose course it is, the services ask."""
    person = signed_in()
    if not person.is_staff:
        raise StaffOnly(who=say("the staff"), course=say("a course"))

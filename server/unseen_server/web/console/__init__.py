"""The console: what course staff do in a browser, one module for each part of it.

courses         the courses and competitions of whoever is asking
revealing       the reveal, at once or as a ceremony for the projector
grades          scores and points of every student, and files for grade books
"""

from __future__ import annotations

from flask import Blueprint

from unseen_server.core.errors import StaffOnly
from unseen_server.core.sentences import say
from unseen_server.web.console import courses, grades, revealing
from unseen_server.web.context import signed_in

blueprint = Blueprint("console", __name__, url_prefix="/console")

for _part in (courses, revealing, grades):
    blueprint.register_blueprint(_part.blueprint)


@blueprint.before_request
def _staff_alone() -> None:
    """Whoever is on no course's staff has nothing to see here; whose course it is, the services ask."""
    person = signed_in()
    if not person.is_staff:
        raise StaffOnly(who=say("the staff"), course=say("a course"))

"""The audit log of a course or a competition: who did what, in words, searched and as a table to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Blueprint, Response, render_template
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.sentences import N_
from unseen_server.services import audits, competitions, courses
from unseen_server.web import languages, paging
from unseen_server.web.context import asking, parts, signed_in
from unseen_server.web.replies import csv_reply

blueprint = Blueprint("audit", __name__)

# What each action is called; one that is missing here is shown as it is kept.
ACTIONS: Mapping[str, str] = {
    "announcement.publish": N_("published an announcement"),
    "announcement.withdraw": N_("withdrew an announcement"),
    "baseline.change": N_("changed a baseline"),
    "baseline.remove": N_("removed a baseline"),
    "competition.archive": N_("made an archive"),
    "competition.close": N_("closed the competition"),
    "competition.create": N_("made the competition"),
    "competition.edit": N_("changed the settings"),
    "competition.export": N_("exported the competition"),
    "competition.launch": N_("launched the competition"),
    "competition.remove": N_("removed the competition"),
    "competition.reschedule": N_("moved the start"),
    "competition.rescore": N_("scored everything anew"),
    "competition.restore": N_("brought the competition back"),
    "competition.reveal": N_("revealed the private leaderboard"),
    "course.add": N_("made the course"),
    "course.change": N_("changed the course"),
    "enrol": N_("enrolled a person or changed their role"),
    "enrol.end": N_("took a person out of the course"),
    "extension.add": N_("granted an extension"),
    "extension.withdraw": N_("took an extension back"),
    "final.choose": N_("chose final submissions"),
    "grades.export": N_("exported the grades"),
    "join_code.close": N_("closed the join code"),
    "join_code.set": N_("made a join code"),
    "link.issue": N_("made a link to choose a password"),
    "page.edit": N_("changed a page"),
    "rejections.clear": N_("let a person upload again"),
    "roster.import": N_("imported a roster"),
    "sso.link": N_("linked a single sign-on account"),
    "sso.unlink": N_("unlinked a single sign-on account"),
    "submission.add": N_("submitted"),
    "submission.refuse": N_("could not score a submission, and gave its slot back"),
    "submission.restore": N_("brought a submission back"),
    "submission.withdraw": N_("withdrew a submission"),
    "team.decline": N_("declined an invitation to a team"),
    "team.invite": N_("invited somebody into a team"),
    "team.leave": N_("left a team"),
    "team.merge": N_("merged two teams"),
    "team.rename": N_("renamed a team"),
    "team.uninvite": N_("took back an invitation to a team"),
    "token.issue": N_("made a token"),
    "token.revoke": N_("revoked a token"),
    "user.add": N_("added a person"),
    "user.correct": N_("corrected a person's address or student id"),
    "user.disable": N_("disabled an account"),
    "user.enable": N_("enabled an account"),
    "user.erase": N_("deleted a person's data"),
    "user.password": N_("chose a password"),
    "user.rename": N_("changed a name"),
    "user.sign_out": N_("signed out everywhere"),
}


@blueprint.app_template_filter()
def deed(action: str) -> str:
    """An action in words."""
    return languages.gettext(ACTIONS.get(action, action))


@blueprint.app_template_filter()
def plainly(value: Any) -> str:
    """A detail of an audit row, whatever it is."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


@blueprint.get("/courses/<course>/audit")
def of_course(course: str) -> AnyResponse:
    person, asked = signed_in(), paging.asked()
    shown = courses.shown(parts().db, course=course, principal=person)
    deeds = audits.of_course(
        parts().db, course=course, principal=person, text=asked.text, offset=asked.offset, limit=paging.SIZE
    )
    page = render_template("console/audit.html", course=shown, deeds=deeds, paging=asked, zone=shown.time_zone)
    return Response(page)


@blueprint.get("/competitions/<slug>/audit")
def of_competition(slug: str) -> AnyResponse:
    place = asking(slug)
    asked = paging.asked()
    deeds = audits.of_competition(parts().db, **place, text=asked.text, offset=asked.offset, limit=paging.SIZE)
    c = competitions.shown(parts().db, **place)
    return Response(render_template("console/audit.html", c=c, deeds=deeds, paging=asked, zone=c.time_zone))


@blueprint.get("/courses/<course>/audit.csv")
def of_course_csv(course: str) -> AnyResponse:
    table = audits.csv_of_course(parts().db, course=course, principal=signed_in(), text=paging.asked().text)
    return csv_reply(table, f"{course}-audit.csv")


@blueprint.get("/competitions/<slug>/audit.csv")
def of_competition_csv(slug: str) -> AnyResponse:
    table = audits.csv_of_competition(parts().db, **asking(slug), text=paging.asked().text)
    return csv_reply(table, f"{slug}-audit.csv")

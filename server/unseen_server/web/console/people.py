"""A course's people: finding them, adding them, what they may do, how they get in, and deleting their data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Conflict, Forbidden, Refusal, Unreachable
from unseen_server.core.sentences import Sentence, say
from unseen_server.services import accounts, courses, erasing, exports, links, people
from unseen_server.services.links import Link
from unseen_server.web import addresses, letters, paging
from unseen_server.web.context import now, parts, signed_in
from unseen_server.web.forms import need_typed, notice, page_reply
from unseen_server.web.replies import csv_reply

blueprint = Blueprint("people", __name__, url_prefix="/courses/<course>")

WRONG = (BadRequest, Conflict, Forbidden)
FIELDS = ("username", "display_name", "email", "student_id")


@blueprint.get("/people")
def listing(course: str) -> AnyResponse:
    return _listing(course)


@blueprint.post("/people")
def add(course: str) -> AnyResponse:
    typed: dict[str, Any] = {name: request.form.get(name, "").strip() for name in FIELDS}
    role = request.form.get("role", "student")
    try:
        people.add(parts().db, course=course, role=role, **typed, principal=signed_in(), now=now())
    except WRONG as refusal:
        return _listing(course, refusal)
    notice(say("{name} is in the course. A link lets them choose a password.", name=typed["username"]))
    return _to_person(course, typed["username"])


def _listing(course: str, refusal: Refusal | None = None) -> AnyResponse:
    person, asked = signed_in(), paging.asked()
    found = people.listed(
        parts().db, course=course, principal=person, text=asked.text, offset=asked.offset, limit=paging.SIZE
    )
    shown = courses.shown(parts().db, course=course, principal=person)
    page = render_template(
        "console/people.html", course=shown, found=found, paging=asked, typed=request.form, refusal=refusal
    )
    return page_reply(page, refusal)


# one person


@blueprint.get("/people/<username>")
def person(course: str, username: str) -> AnyResponse:
    return _person(course, username)


@blueprint.post("/people/<username>/role")
def change_role(course: str, username: str) -> AnyResponse:
    place = {"course": course, "username": username}
    try:
        people.change_role(parts().db, **place, role=request.form.get("role", ""), principal=signed_in(), now=now())
    except (BadRequest, Conflict) as refusal:
        return _person(course, username, refusal)
    return _done(course, username, say("The role is changed, from the next page they open."))


@blueprint.post("/people/<username>/correct")
def correct(course: str, username: str) -> AnyResponse:
    typed = {name: request.form.get(name, "").strip() for name in ("email", "student_id")}
    try:
        people.correct(parts().db, course=course, username=username, **typed, principal=signed_in(), now=now())
    except WRONG as refusal:
        return _person(course, username, refusal)
    return _done(course, username, say("Saved."))


@blueprint.post("/people/<username>/remove")
def take_out(course: str, username: str) -> AnyResponse:
    try:
        need_typed(username)
        people.take_out(parts().db, course=course, username=username, principal=signed_in(), now=now())
    except (BadRequest, Conflict) as refusal:
        return _person(course, username, refusal)
    notice(say("{name} is no longer in the course. What they submitted stays.", name=username))
    return redirect(url_for(".listing", course=course), 303)


@blueprint.post("/people/<username>/disable")
def disable(course: str, username: str) -> AnyResponse:
    try:
        accounts.disable(parts().db, username, principal=signed_in(), now=now())
    except Conflict as refusal:
        return _person(course, username, refusal)
    return _done(course, username, say("The account is disabled: they are signed out, and nothing lets them in."))


@blueprint.post("/people/<username>/enable")
def enable(course: str, username: str) -> AnyResponse:
    accounts.enable(parts().db, username, principal=signed_in(), now=now())
    return _done(course, username, say("The account is enabled again. Its tokens have to be made anew."))


@blueprint.post("/people/<username>/link")
def link(course: str, username: str) -> AnyResponse:
    """Make a link and show it, this one time, or mail it."""
    try:
        made = links.issue_for(parts().db, course=course, username=username, principal=signed_in(), now=now())
    except (Conflict, Forbidden) as refusal:
        return _person(course, username, refusal)
    if request.form.get("how") != "mail":
        return _person(course, username, link=made)
    try:
        unreached = letters.send([made])
    except Unreachable as refusal:
        return _person(course, username, refusal, made)
    if unreached:
        return _person(course, username, link=made)
    return _done(course, username, say("The link is on its way to {email}.", email=made.email))


def _done(course: str, username: str, said: Sentence) -> AnyResponse:
    notice(said)
    return _to_person(course, username)


def _to_person(course: str, username: str) -> AnyResponse:
    return redirect(url_for(".person", course=course, username=username), 303)


def _person(course: str, username: str, refusal: Refusal | None = None, link: Link | None = None) -> AnyResponse:
    principal = signed_in()
    page = render_template(
        "console/person.html",
        course=courses.shown(parts().db, course=course, principal=principal),
        profile=people.profile(parts().db, course=course, username=username, principal=principal),
        link=link,
        address=addresses.welcome(link.secret) if link else None,
        can_mail=letters.can_be_sent(),
        typed=request.form,
        refusal=refusal,
    )
    return page_reply(page, refusal)


# invitations


@blueprint.get("/invitations")
def invitations(course: str) -> AnyResponse:
    return _invitations(course)


@blueprint.post("/invitations")
def invite(course: str) -> AnyResponse:
    """Links for everybody without a password: on the page, as a table, or by mail to whoever has an address."""
    made = links.invite_all(parts().db, course=course, principal=signed_in(), now=now())
    how = request.form.get("how", "page")
    if how == "csv":
        return csv_reply(_as_csv(made), f"{course}-invitations.csv")
    if how != "mail":
        return _invitations(course, made)
    try:
        unreached = set(letters.send(made))
    except Unreachable as refusal:
        return _invitations(course, made, refusal)
    return _invitations(course, [one for one in made if one.username in unreached], mailed=len(made) - len(unreached))


def _as_csv(made: Sequence[Link]) -> str:
    return exports.csv_text(
        ("Username", "Name", "Email", "Link", "ValidUntil"),
        (
            (one.username, one.display_name, one.email, addresses.welcome(one.secret), one.expires_at.isoformat())
            for one in made
        ),
    )


def _invitations(
    course: str, made: Sequence[Link] | None = None, refusal: Refusal | None = None, mailed: int | None = None
) -> AnyResponse:
    page = render_template(
        "console/invitations.html",
        course=courses.shown(parts().db, course=course, principal=signed_in()),
        made=[(one, addresses.welcome(one.secret)) for one in made or ()],
        asked=made is not None,
        mailed=mailed,
        can_mail=letters.can_be_sent(),
        refusal=refusal,
    )
    return page_reply(page, refusal)


# deleting


@blueprint.get("/people/<username>/erase")
def erase_form(course: str, username: str) -> AnyResponse:
    return _erase_form(course, username)


@blueprint.post("/people/<username>/erase")
def erase(course: str, username: str) -> AnyResponse:
    try:
        need_typed(username)
        nobody = erasing.erase(parts().db, username=username, principal=signed_in(), now=now())
    except (BadRequest, Conflict) as refusal:
        return _erase_form(course, username, refusal)
    notice(say("The data are deleted. “{name}” stands in their place on boards and in grades.", name=nobody))
    return redirect(url_for(".listing", course=course), 303)


def _erase_form(course: str, username: str, refusal: Refusal | None = None) -> AnyResponse:
    principal = signed_in()
    page = render_template(
        "console/erase.html",
        course=courses.shown(parts().db, course=course, principal=principal),
        stake=erasing.at_stake(parts().db, username=username, principal=principal),
        refusal=refusal,
    )
    return page_reply(page, refusal)

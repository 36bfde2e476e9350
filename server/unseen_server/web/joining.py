"""Joining a course with its code, with an account or without one yet."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, NameTaken, Refusal, TooManyAttempts, UnknownJoinCode
from unseen_server.core.sentences import say
from unseen_server.services import joining
from unseen_server.web.account import new_password
from unseen_server.web.context import now, parts, visitor
from unseen_server.web.forms import notice, page_reply
from unseen_server.web.signin import address, in_browser, let_in, local_path, need_our_own_page

blueprint = Blueprint("joining", __name__)


@blueprint.get("/join")
def form() -> AnyResponse:
    """Where the code is typed; the form leads to the course's own address, which can also be handed out."""
    typed = request.args.get("code", "").strip()
    code = joining.canonical(typed)
    if code:
        return redirect(url_for("pages.joining.course", code=code), 303)
    return _form(typed, UnknownJoinCode() if typed else None)


@blueprint.get("/join/<code>")
def course(code: str) -> AnyResponse:
    try:
        return _course(code)
    except (UnknownJoinCode, TooManyAttempts) as refusal:
        return _form(code, refusal)


@blueprint.post("/join/<code>")
def join(code: str) -> AnyResponse:
    need_our_own_page()
    try:
        return _enrol(code) if visitor() else _register(code)
    except (UnknownJoinCode, TooManyAttempts) as refusal:
        return _form(code, refusal)
    except (BadRequest, NameTaken) as refusal:
        return _course(code, refusal)


def _enrol(code: str) -> AnyResponse:
    title = joining.join(parts().db, code=code, principal=in_browser(), address=address(), now=now())
    notice(say("You are in {course} now.", course=title))
    return redirect(local_path(None), 303)


def _register(code: str) -> AnyResponse:
    username, email = request.form.get("username", "").strip(), request.form.get("email", "").strip()
    started = joining.join_as_somebody_new(
        parts().db,
        code=code,
        username=username,
        display_name=request.form.get("display_name", "").strip() or username,
        email=email,
        password=new_password(),
        address=address(),
        now=now(),
    )
    notice(say("Welcome! Your account is made, and you are signed in."))
    return let_in(started, local_path(None))


def _form(code: str, refusal: Refusal | None = None) -> AnyResponse:
    return page_reply(render_template("join.html", code=code[:40], refusal=refusal), refusal)


def _course(code: str, refusal: Refusal | None = None) -> AnyResponse:
    found = joining.course_with_code(parts().db, code, address=address(), now=now())
    page = render_template("join_course.html", joined=found, typed=request.form, refusal=refusal)
    return page_reply(page, refusal)

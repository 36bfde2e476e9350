"""The account page: one's name, password, browsers, tokens and courses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Refusal, TooManyAttempts
from unseen_server.core.sentences import Sentence, say
from unseen_server.services import accounts, browser_sessions, passwords, tokens
from unseen_server.services.principals import Principal
from unseen_server.web.addresses import here
from unseen_server.web.context import SESSION_COOKIE, now, parts, session_secret
from unseen_server.web.forms import notice, page_reply
from unseen_server.web.signin import address, forget_cookie, in_browser

blueprint = Blueprint("account", __name__)

TOKEN_DAYS = (30, 180, 365)


@blueprint.get("/account")
def page() -> AnyResponse:
    return _page(in_browser())


@blueprint.post("/account/name")
def rename() -> AnyResponse:
    person = in_browser()
    try:
        accounts.set_display_name(parts().db, person.user_id, request.form.get("display_name", ""), now=now())
    except BadRequest as refusal:
        return _page(person, refusal)
    return _done(say("Others now see you under your new name."))


@blueprint.post("/account/password")
def change_password() -> AnyResponse:
    person = in_browser()
    try:
        passwords.change_password(
            parts().db,
            person,
            old=request.form.get("old", ""),
            new=new_password(),
            browser=session_secret() or "",
            address=address(),
            now=now(),
        )
    except (BadRequest, TooManyAttempts) as refusal:
        return _page(person, refusal)
    return _done(
        say("Your password is changed. Your other browsers are signed out; tokens go on until you revoke them.")
    )


def new_password() -> str:
    """The password that a form asks for twice."""
    chosen = request.form.get("password", "")
    if chosen != request.form.get("again", ""):
        raise BadRequest(reason=say("The two passwords differ. Type the same one twice."))
    return chosen


@blueprint.post("/account/sign-out-everywhere")
def sign_out_everywhere() -> AnyResponse:
    browser_sessions.sign_out_everywhere(parts().db, in_browser(), now=now())
    notice(say("All your browsers are signed out, this one too."))
    response = redirect(url_for("pages.signin.login"), 303)
    forget_cookie(response, SESSION_COOKIE)
    return response


@blueprint.post("/account/tokens")
def new_token() -> AnyResponse:
    person = in_browser()
    days = request.form.get("days", "")
    try:
        if days not in {str(choice) for choice in TOKEN_DAYS}:
            listed = ", ".join(map(str, TOKEN_DAYS))
            raise BadRequest(reason=say("A token lasts {days} days. Choose one of them.", days=listed))
        token = tokens.issue_token(
            parts().db,
            person.username,
            name=request.form.get("name") or "token",
            scope=request.form.get("scope", "submit"),
            expires_at=now() + timedelta(days=int(days)),
            actor=person.username,
            now=now(),
        )
    except BadRequest as refusal:
        return _page(person, refusal)
    response = _page(person, token=token)
    response.status_code = 201
    return response


@blueprint.post("/account/tokens/<int(max=2147483647):token_id>/revoke")
def revoke_token(token_id: int) -> AnyResponse:
    person = in_browser()
    tokens.revoke_token(parts().db, token_id, user_id=person.user_id, actor=person.username, now=now())
    return _done(say("The token is revoked. Whatever used it has to sign in again."))


def _done(said: Sentence) -> AnyResponse:
    notice(said)
    return redirect(url_for("pages.account.page"), 303)


def _page(person: Principal, refusal: Refusal | None = None, token: str | None = None) -> Response:
    db, provider = parts().db, parts().config.single_sign_on
    known: dict[str, Any] = {"account": accounts.own_account(db, person.user_id), "person": person}
    page = render_template(
        "account.html",
        **known,
        courses=accounts.courses_of(db, person.user_id),
        tokens=tokens.own_tokens(db, person.user_id),
        token=token,
        token_days=TOKEN_DAYS,
        provider=provider,
        refusal=refusal,
        display_name=request.form.get("display_name", person.display_name),
        server=here(),
    )
    return page_reply(page, refusal)

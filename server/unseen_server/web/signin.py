"""Signing in and out with a browser, and the account page with its tokens."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadCsrfToken, BadRequest, Forbidden, TooManyAttempts, WrongPassword
from unseen_server.core.sentences import say
from unseen_server.services import accounts, names
from unseen_server.services.accounts import Principal, SignedIn
from unseen_server.web import errors, languages
from unseen_server.web.context import SESSION_COOKIE, now, parts, signed_in, visitor

blueprint = Blueprint("signin", __name__)

# An address on this server: browsers read “\” as “/” and skip control characters, so neither may appear.
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
TOKEN_DAYS = (30, 180, 365)


@blueprint.get("/login")
def login() -> AnyResponse:
    after = local_path(request.args.get("next"))
    if visitor():
        return redirect(after)
    return make_response(render_template("login.html", after=after, name="", refusal=None))


@blueprint.post("/login")
def sign_in() -> AnyResponse:
    _from_our_own_page()
    name, after = names.without_controls(request.form.get("name", "")), local_path(request.form.get("next"))
    password = request.form.get("password", "")
    address = request.remote_addr or "unknown"
    try:
        started = accounts.sign_in(parts().db, name=name, password=password, address=address, now=now())
    except (WrongPassword, TooManyAttempts) as refusal:
        page = make_response(render_template("login.html", after=after, name=name[:254], refusal=refusal))
        page.status_code = errors.status_of(type(refusal))
        if isinstance(refusal, TooManyAttempts):
            page.headers["Retry-After"] = str(refusal.values["retry_after"])
        return page
    _end_session()
    response = redirect(after, 303)
    _set_cookie(response, started)
    return response


@blueprint.post("/logout")
def logout() -> AnyResponse:
    signed_in()
    _end_session()
    response = redirect(url_for("pages.competition_list"), 303)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@blueprint.post("/language")
def choose_language() -> AnyResponse:
    """For this browser, and for the person wherever they sign in."""
    _from_our_own_page()
    code, person = request.form.get("language", ""), visitor()
    if code not in languages.LANGUAGES:
        raise BadRequest(reason=say("Choose one of: {languages}.", languages=", ".join(languages.LANGUAGES)))
    if person:
        accounts.set_language(parts().db, person.user_id, code)
    response = redirect(local_path(request.form.get("next")), 303)
    response.set_cookie(languages.COOKIE, code, max_age=timedelta(days=365), httponly=True, samesite="Lax", path="/")
    return response


@blueprint.get("/account")
def account() -> AnyResponse:
    return _account(_in_browser())


@blueprint.post("/account/tokens")
def new_token() -> AnyResponse:
    person = _in_browser()
    days = request.form.get("days", "")
    if days not in {str(choice) for choice in TOKEN_DAYS}:
        raise BadRequest(reason=f"A token lasts {', '.join(map(str, TOKEN_DAYS))} days. Choose one of them.")
    token = accounts.issue_token(
        parts().db,
        person.username,
        name=request.form.get("name") or "token",
        scope=request.form.get("scope", "submit"),
        expires_at=now() + timedelta(days=int(days)),
        actor=person.username,
        now=now(),
    )
    return _account(person, token)


@blueprint.post("/account/tokens/<int(max=2147483647):token_id>/revoke")
def revoke_token(token_id: int) -> AnyResponse:
    person = _in_browser()
    accounts.revoke_token(parts().db, token_id, user_id=person.user_id, actor=person.username, now=now())
    return redirect(url_for("pages.signin.account"), 303)


def local_path(asked: str | None) -> str:
    """Where to go next, if that is on this server; else the list of competitions."""
    return asked if asked and LOCAL_PATH.fullmatch(asked) else url_for("pages.competition_list")


def _account(person: Principal, token: str | None = None) -> Response:
    page = render_template(
        "account.html",
        person=person,
        courses=accounts.courses_of(parts().db, person.user_id),
        tokens=accounts.own_tokens(parts().db, person.user_id),
        token=token,
        token_days=TOKEN_DAYS,
        server=parts().config.public_url or request.host_url.rstrip("/"),
    )
    return make_response(page, 201 if token else 200)


def _in_browser() -> Principal:
    """The person, signed in with a password: a token may not make another one that can do more than itself."""
    person = signed_in()
    if person.token_name is not None:
        raise Forbidden(reason="Tokens are made in the browser. Sign in there with your name and password.")
    return person


def _from_our_own_page() -> None:
    """Refuse a sign-in that another site's form sent: it would sign the visitor in as somebody else."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    public = urlsplit(parts().config.public_url or "").netloc
    if site is not None:
        trusted = site in ("same-origin", "none")
    else:
        trusted = origin is None or urlsplit(origin).netloc in {request.host, public} - {""}
    if not trusted:
        raise BadCsrfToken()


def _end_session() -> None:
    secret = request.cookies.get(SESSION_COOKIE)
    if secret:
        accounts.sign_out(parts().db, secret)


def _set_cookie(response: AnyResponse, started: SignedIn) -> None:
    public = parts().config.public_url or ""
    response.set_cookie(
        SESSION_COOKIE,
        started.secret,
        max_age=started.expires_at - now(),
        secure=request.is_secure or public.startswith("https:"),
        httponly=True,
        samesite="Lax",
        path="/",
    )

"""Signing in and out with a browser, and which language it reads."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import quote, unquote, urlsplit

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadCsrfToken, BadRequest, Forbidden, Refusal, TooManyAttempts, WrongPassword
from unseen_server.core.sentences import say
from unseen_server.services import accounts, browser_sessions, names, passwords
from unseen_server.services.browser_sessions import SignedIn
from unseen_server.services.principals import Principal
from unseen_server.web import known_browsers, languages
from unseen_server.web.context import (
    SESSION_COOKIE,
    cookie_name,
    is_encrypted,
    now,
    parts,
    session_secret,
    signed_in,
    visitor,
)
from unseen_server.web.forms import page_reply

blueprint = Blueprint("signin", __name__)

# An address on this server: browsers read “\\” as “/” and skip control characters, so neither may appear.
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


@blueprint.get("/login")
def login() -> AnyResponse:
    after = local_path(request.args.get("next"))
    return redirect(after) if visitor() else _page(after)


@blueprint.post("/login")
def sign_in() -> AnyResponse:
    need_our_own_page()
    name, after = names.without_controls(request.form.get("name", "")), local_path(request.form.get("next"))
    password = request.form.get("password", "")
    try:
        started = passwords.sign_in(
            parts().db, name=name, password=password, address=address(), now=now(), browser=known_browsers.shown()
        )
    except (WrongPassword, TooManyAttempts) as refusal:
        return _page(after, name[:254], refusal)
    return let_in(started, after)


@blueprint.post("/logout")
def logout() -> AnyResponse:
    signed_in()
    _end_session()
    response = redirect(url_for("pages.competition_list"), 303)
    forget_cookie(response, SESSION_COOKIE)
    return response


@blueprint.post("/language")
def choose_language() -> AnyResponse:
    """For this browser, and for the person wherever they sign in."""
    need_our_own_page(without_origin=True)
    code, person = request.form.get("language", ""), visitor()
    if code not in languages.LANGUAGES:
        raise BadRequest(reason=say("Choose one of: {languages}.", languages=", ".join(languages.LANGUAGES)))
    if person:
        accounts.set_language(parts().db, person.user_id, code)
    response = redirect(_way_back(), 303)
    _set_cookie(response, languages.COOKIE, code, timedelta(days=365))
    return response


def _way_back() -> str:
    """To the page the switch stood on, as it was asked for: only the browser knows the query of a page that is kept."""
    path, came_from = request.form.get("next", ""), urlsplit(request.referrer or "")
    if not shows_a_page(path):
        return local_path(None)
    if came_from.netloc == request.host and unquote(came_from.path) == path:
        return local_path(came_from._replace(scheme="", netloc="", fragment="").geturl())
    return local_path(quote(path))


def _page(after: str, name: str = "", refusal: Refusal | None = None) -> AnyResponse:
    provider = parts().config.single_sign_on
    return page_reply(
        render_template("login.html", after=after, name=name, refusal=refusal, provider=provider and provider.name),
        refusal,
    )


# what every page shares that lets somebody in


def address() -> str:
    """Where an attempt comes from, as far as the network tells."""
    return request.remote_addr or "unknown"


def in_browser() -> Principal:
    """The person, signed in with a browser: a token may not make another one that can do more than itself."""
    person = signed_in()
    if person.token_name is not None:
        raise Forbidden(reason=say("This is done in the browser. Sign in there with your name and password."))
    return person


def local_path(asked: str | None) -> str:
    """Where to go next, if that is on this server; else the list of competitions."""
    return asked if asked and LOCAL_PATH.fullmatch(asked) else url_for("pages.competition_list")


def shows_a_page(path: str) -> bool:
    """Whether there is something to look at; some addresses only take forms."""
    adapter = current_app.create_url_adapter(request)
    return adapter is not None and adapter.test(path, "GET")


def need_our_own_page(*, without_origin: bool = False) -> None:
    """Refuse a sign-in that another site's form sent: it would sign the visitor in as somebody else.

    `without_origin` is for pages that send no referrer, whose forms browsers send with an Origin of null.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    public = urlsplit(parts().config.public_url or "").netloc
    if site is not None:
        trusted = site in ("same-origin", "none")
    elif origin is None or (without_origin and origin == "null"):
        trusted = True
    else:
        trusted = urlsplit(origin).netloc in {request.host, public} - {""}
    if not trusted:
        raise BadCsrfToken()


def let_in(started: SignedIn, after: str) -> AnyResponse:
    """To the next page with the new session's cookie; the session this browser had before ends."""
    _end_session()
    response = redirect(after, 303)
    _set_cookie(response, SESSION_COOKIE, started.secret, started.expires_at - now())
    _set_cookie(response, known_browsers.COOKIE, known_browsers.made_for(started.user_id), known_browsers.LASTS)
    return response


def _set_cookie(response: AnyResponse, name: str, value: str, lasts: timedelta) -> None:
    """For this server's pages alone: no script, no other site and, where it can be encrypted, no listener gets it."""
    response.set_cookie(
        cookie_name(name),
        value,
        max_age=lasts,
        secure=request.is_secure or is_encrypted(),
        httponly=True,
        samesite="Lax",
        path="/",
    )


def forget_cookie(response: AnyResponse, name: str) -> None:
    response.delete_cookie(cookie_name(name), path="/", secure=is_encrypted(), httponly=True, samesite="Lax")


def _end_session() -> None:
    secret = session_secret()
    if secret:
        browser_sessions.sign_out(parts().db, secret)

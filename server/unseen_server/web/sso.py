"""Signing in through an OpenID Connect provider: authorization code with PKCE, by way of Authlib.

State, nonce and code verifier wait in this browser's signed cookie; the provider's answer counts only together with it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from werkzeug.exceptions import NotFound as NoSuchPage
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.config import SingleSignOn
from unseen_server.core.errors import BadRequest, Forbidden, Unreachable
from unseen_server.core.sentences import say
from unseen_server.services import names, sso
from unseen_server.services.sso import Identity
from unseen_server.web.addresses import here
from unseen_server.web.context import now, parts, visitor
from unseen_server.web.forms import notice
from unseen_server.web.signin import in_browser, let_in, local_path

blueprint = Blueprint("sso", __name__)

PATIENCE = 10  # seconds for each request to the provider
CLOCKS_DIFFER = 60  # seconds by which the provider's clock may be off
TO_CONFIRM = timedelta(minutes=10)
EXTENSION = "unseen_sso"

log = logging.getLogger(__name__)


def connect(app: Flask, provider: SingleSignOn) -> None:
    """Make the application know its provider, which is asked for nothing before somebody signs in."""
    from authlib.integrations.flask_client import OAuth

    client = OAuth(app).register(
        "sso",
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        server_metadata_url=provider.issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "default_timeout": PATIENCE,
        },
    )
    app.extensions[EXTENSION] = client


@blueprint.get("/login/sso")
def start() -> AnyResponse:
    """To the provider. A link leads here and no form: a page's policy would hold up a form's way to another site."""
    client, back = _client(), here() + url_for("pages.sso.callback")
    for earlier in [name for name in session if name.startswith("_state_sso_")]:
        session.pop(earlier)  # left by attempts that were broken off; a cookie has little room
    session["sso_after"] = request.args.get("next")  # checked when it is followed
    try:
        _checked_issuer(client)
        response: AnyResponse = client.authorize_redirect(back)
    except (OSError, ValueError, RuntimeError) as fault:  # requests' exceptions are OSErrors
        raise _unreachable(fault) from fault
    return response


@blueprint.get("/login/sso/callback")
def callback() -> AnyResponse:
    """Back from the provider: sign in, or ask somebody who is signed in whether this identity is theirs."""
    identity, after = _vouched_for(_client()), local_path(session.pop("sso_after", None))
    if visitor():
        session["sso_identity"] = {
            "issuer": identity.issuer,
            "subject": identity.subject,
            "shown": identity.email or identity.nickname or identity.name,
            "user": in_browser().user_id,
            "until": (now() + TO_CONFIRM).timestamp(),
        }
        return redirect(url_for("pages.sso.confirm"), 303)
    entry = sso.sign_in(parts().db, identity, now=now())
    if entry.linked_now:
        notice(say("This account is yours: from now on you sign in this way, and its old password no longer works."))
    if entry.is_new:
        notice(say("You have an account now. Enter the code of your course to take part."))
        after = url_for("pages.joining.form")
    return let_in(entry.signed_in, after)


@blueprint.get("/account/sso")
def confirm() -> AnyResponse | str:
    waiting = _waiting()
    if waiting is None:
        return redirect(url_for("pages.account.page"), 303)
    return render_template("sso_confirm.html", shown=waiting["shown"], provider=_settings().name)


@blueprint.post("/account/sso")
def link() -> AnyResponse:
    person, waiting = in_browser(), _waiting()
    session.pop("sso_identity", None)
    if waiting is None:
        raise BadRequest(reason=say("That took too long. Start again from your account page."))
    sso.link(parts().db, Identity(waiting["issuer"], waiting["subject"]), principal=person, now=now())
    notice(say("Linked. You can sign in with {provider} from now on.", provider=_settings().name))
    return redirect(url_for("pages.account.page"), 303)


@blueprint.post("/account/sso/unlink")
def unlink() -> AnyResponse:
    issuer = names.without_controls(request.form.get("issuer", ""))
    sso.unlink(parts().db, issuer, principal=in_browser(), now=now())
    notice(say("The link is gone. You sign in with your password."))
    return redirect(url_for("pages.account.page"), 303)


def _waiting() -> Mapping[str, Any] | None:
    """The identity that waits to be confirmed by the person who is signed in, for a while."""
    person, waiting = in_browser(), session.get("sso_identity")
    fits = waiting and waiting["user"] == person.user_id and datetime.fromtimestamp(waiting["until"], UTC) > now()
    return waiting if fits else None


def _vouched_for(client: Any) -> Identity:
    """Who the provider says this is, once state, nonce, signature, issuer, audience and times have been checked."""
    from authlib.integrations.base_client import OAuthError
    from joserfc.errors import JoseError

    try:
        issuer = _checked_issuer(client)
        expected = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client.client_id},
        }
        answer = client.authorize_access_token(claims_options=expected, leeway=CLOCKS_DIFFER)
        claims = answer.get("userinfo")
    except (OAuthError, JoseError, KeyError, ValueError, TypeError) as fault:
        log.warning("a sign-in through %s failed: %s", _settings().issuer, type(fault).__name__)
        claims = None
    except (OSError, RuntimeError) as fault:
        raise _unreachable(fault) from fault
    if not claims:
        raise Forbidden(
            reason=say(
                "The sign-in with {provider} could not be completed. Go back to the sign-in page and start again.",
                provider=_settings().name,
            )
        )
    return _identity(issuer, claims)


def _identity(issuer: str, claims: Mapping[str, Any]) -> Identity:
    email = None
    if claims.get("email_verified") is True:
        try:
            email = names.checked_email(str(claims.get("email", "")))
        except BadRequest:
            email = None
    return Identity(
        issuer=issuer,
        subject=str(claims["sub"]),
        email=email,
        name=str(claims.get("name", "")),
        nickname=str(claims.get("preferred_username", "")),
    )


def _checked_issuer(client: Any) -> str:
    """The issuer as the provider's own description names it, which must be the one that is configured."""
    issuer, configured = str(client.load_server_metadata().get("issuer")), _settings().issuer
    if issuer.rstrip("/") != configured.rstrip("/"):
        raise ValueError(f"{configured} says that it is {issuer}")
    return issuer


def _client() -> Any:
    client = current_app.extensions.get(EXTENSION)
    if client is None:
        raise NoSuchPage()
    return client


def _settings() -> SingleSignOn:
    provider = parts().config.single_sign_on
    if provider is None:
        raise NoSuchPage()
    return provider


def _unreachable(fault: Exception) -> Unreachable:
    log.warning("the sign-in service cannot be used: %s", fault)
    return Unreachable(
        reason=say(
            "{provider} does not answer as it should. Try again in a moment, or sign in with your password.",
            provider=_settings().name,
        )
    )

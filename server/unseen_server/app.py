"""The application: connects configuration, database and routes, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from flask import Flask, Response

from unseen_server import memory
from unseen_server.config import Config
from unseen_server.db.delivery import Delivery
from unseen_server.db.session import Database
from unseen_server.services import copies, meter
from unseen_server.services.comparisons import Comparisons
from unseen_server.services.jobs import Desk
from unseen_server.services.kept import Kept
from unseen_server.services.keys import KeyRing
from unseen_server.services.receipts import Signer
from unseen_server.services.room import Room
from unseen_server.web import api, errors, kaggle, languages, pages, sending, sso
from unseen_server.web.context import Parts

FORM_FIELDS_IN_MEMORY = 512 * 1024  # less than two of the parser's chunks of 64 KiB would refuse files, too
FORM_PARTS = 20

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Only this host: what else there is below its name may not be ours.
ENCRYPTED_FOR_A_YEAR = {"Strict-Transport-Security": "max-age=31536000"}


def wall_clock() -> datetime:
    return datetime.now(UTC)


def create_app(config: Config, clock: Callable[[], datetime] = wall_clock) -> Flask:
    memory.return_large_blocks()
    encrypted = (config.public_url or "").startswith("https:")
    app = Flask("unseen_server", template_folder="web/templates", static_folder="web/static")
    app.config.update(
        MAX_CONTENT_LENGTH=config.max_upload,
        MAX_FORM_MEMORY_SIZE=FORM_FIELDS_IN_MEMORY,
        MAX_FORM_PARTS=FORM_PARTS,
        SECRET_KEY=config.secret(),
        SESSION_COOKIE_NAME="__Host-unseen_notices"
        if encrypted
        else "unseen_notices",  # signed, and holds nothing but what the next page says once
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=encrypted,
    )
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(languages.gettext, languages.ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # merging redirects to whatever the Host header says
    db = Database(config.database_url, config.objects_url)
    keys, delivery = KeyRing(db), Delivery(db)
    app.extensions["unseen"] = Parts(
        config=config,
        db=db,
        keys=keys,
        comparisons=Comparisons(db, keys),
        meters=Kept(meter.KEPT, meter.PATIENCE, meter.MOST_WAITING),
        copies=Kept(copies.KEPT),
        signer=Signer(config.secret()),
        delivery=delivery,
        desk=Desk(delivery, config.rows_at_once),
        room=Room(config.upload_memory),
        clock=clock,
        downloads=config.home / "downloads",
    )
    app.register_blueprint(api.blueprint)
    app.register_blueprint(kaggle.blueprint)
    app.register_blueprint(pages.blueprint)
    errors.register(app)
    sending.register(app)
    if config.single_sign_on:
        sso.connect(app, config.single_sign_on)
    app.after_request(partial(_with_headers, HEADERS | (ENCRYPTED_FOR_A_YEAR if encrypted else {})))
    return app


def _with_headers(headers: Mapping[str, str], response: Response) -> Response:
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "private, no-store")  # what may be kept says so itself
    return response

"""Whether this server is well, for whoever administers it: what the doctor finds, and how much there is."""

from __future__ import annotations

from flask import Blueprint, render_template

from unseen_server import __version__
from unseen_server.services import doctor
from unseen_server.web.context import now, parts, signed_in

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def page() -> str:
    signed_in().need_admin()
    return render_template(
        "console/health.html",
        findings=doctor.examine(parts().config, parts().db, now()),
        counts=doctor.counts(parts().db),
        version=__version__,
    )

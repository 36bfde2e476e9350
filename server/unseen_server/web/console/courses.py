"""The console's first page and a course's own: its competitions and how it is set up."""

from __future__ import annotations

from flask import Blueprint, render_template

from unseen_server.services import competitions
from unseen_server.web.context import now, parts, signed_in

blueprint = Blueprint("courses", __name__)


@blueprint.get("/")
def home() -> str:
    listed = competitions.listed(parts().db, principal=signed_in(), now=now())
    return render_template("console/home.html", competitions=listed)

"""Submissions of different teams that say the same, and the plain words that this proves nothing."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.services import competitions
from unseen_server.services import copies as finder
from unseen_server.web.context import asking, parts

blueprint = Blueprint("copies", __name__, url_prefix="/competitions/<slug>/copies")


@blueprint.get("/")
def page(slug: str) -> AnyResponse:
    place = asking(slug)
    found = finder.find(parts().db, parts().copies, **place)
    drawn = render_template("console/copies.html", c=competitions.shown(parts().db, **place), found=found)
    return Response(drawn)

"""The overfitting meter for the staff, whenever they ask, with exact numbers."""

from __future__ import annotations

from flask import Blueprint, render_template

from unseen_server.services import competitions
from unseen_server.services.meter import staffs_meter
from unseen_server.web.context import asking, parts
from unseen_server.web.meter import drawn

blueprint = Blueprint("meter", __name__)


@blueprint.get("/competitions/<slug>/meter")
def page(slug: str) -> str:
    place = asking(slug)
    found = staffs_meter(parts().db, parts().keys, parts().meters, **place)
    return render_template("console/meter.html", c=competitions.shown(parts().db, **place), **drawn(found))

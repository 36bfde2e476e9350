"""The overfitting meter on pages: for everybody after the reveal, and the same body in the console for the staff."""

from __future__ import annotations

import math
from typing import Any

from flask import Blueprint, render_template, request

from unseen_server.services import competitions
from unseen_server.services.meter import Meter, meter
from unseen_server.web import languages, meter_drawing, paging, present
from unseen_server.web.context import now, parts, visitor

blueprint = Blueprint("meter", __name__)


def measured(slug: str) -> Meter:
    return meter(parts().db, parts().keys, parts().meters, slug=slug, principal=visitor(), now=now())


@blueprint.app_template_filter()
def three_digits(value: float | None) -> str:
    """Three significant digits; a dash where there is nothing to tell."""
    return "–" if value is None else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


@blueprint.get("/competitions/<slug>/meter")
def page(slug: str) -> str:
    found = measured(slug)
    code = languages.current().code
    shown = competitions.shown(parts().db, slug=slug, principal=visitor(), now=now(), language=code)
    return render_template("meter.html", c=shown, **drawn(found))


def drawn(found: Meter) -> dict[str, Any]:
    """What the body of the page shows, with the team that the address asks for."""
    team = next((one for one in found.teams if one.team == request.args.get("team")), None)
    teams = sorted(found.teams, key=lambda one: -math.inf if one.z is None else one.z, reverse=True)
    asked = paging.asked().within(len(teams))
    return {
        "meter": found,
        "chosen": team,
        "scatter": meter_drawing.scatter(found, team.team if team else None),
        "own_curve": meter_drawing.curve(team.curve, team.submissions) if team else None,
        "class_curve": meter_drawing.curve(found.curve, max((one.submissions for one in found.teams), default=0)),
        "teams": asked.of(teams),
        "number": asked.number,
        "pages": asked.pages(len(teams)),
        "private_places": present.decimals(
            [*(team.final for team in found.teams), *(one.winning_score for one in found.replays)]
        ),
    }

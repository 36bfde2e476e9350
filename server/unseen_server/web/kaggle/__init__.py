"""Kaggle's own protocol, so that its unmodified clients work here: another spelling of the native API, below /api/v1.

rpc        what the clients 1.8 and 2.x ask: one POST for each thing, JSON in and out
rest       what the clients 1.5 to 1.7 ask: an address for each thing, forms in, JSON out
transfers  where both fetch files and send theirs
answers    what is answered, from the same services as everywhere
shapes     our values in the words of that protocol
asked      what a request says, read with suspicion
"""

from __future__ import annotations

from typing import NoReturn

from flask import Blueprint

from unseen_server.core.errors import NotFound
from unseen_server.core.sentences import say
from unseen_server.services import names
from unseen_server.web.kaggle import rest, rpc, transfers

blueprint = Blueprint("kaggle", __name__, url_prefix="/api/v1")
for part in (rpc, rest, transfers):
    blueprint.register_blueprint(part.blueprint)

EVERY_METHOD = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


@blueprint.route("/", defaults={"name": ""}, methods=EVERY_METHOD, provide_automatic_options=False)
@blueprint.route("/<path:name>", methods=EVERY_METHOD, provide_automatic_options=False)
def anything_else(name: str) -> NoReturn:
    raise NotFound(
        what=say("call “{name}”", name=names.printable(name)), advice=say("It is not supported by this server.")
    )

"""A process that answers one upload, or ends after a step of it as if it had been killed there."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from unseen_server import storage
from unseen_server.app import create_app
from unseen_server.config import Config
from unseen_server.core import metrics
from unseen_server.services import receipts, submit
from unseen_server.web import api

ENDED = 9
# The step, and the function with whose return it is done; with the last one the answer has left the process.
WITHIN: Mapping[str, tuple[Any, str]] = {
    "received": (api, "sent_predictions"),
    "read": (submit, "read_predictions"),
    "scored": (metrics, "score"),
    "put in the store": (storage, "put"),
    "rows written": (receipts, "keep"),
    "committed": (api, "submit"),
}
STEPS = (*WITHIN, "answered")


def answer(config: Config, sent: Mapping[str, Any], ends_after: str | None, asking: Connection) -> None:
    """Answer as the server does: its status, the number of the submission, and whether it had been answered before."""
    if ends_after in WITHIN:
        place, name = WITHIN[ends_after]
        setattr(place, name, _and_end(getattr(place, name)))
    app = create_app(config, clock=lambda: sent["now"])
    with closing(app.extensions["unseen"].db):
        headers = {"Authorization": f"Bearer {sent['token']}", "Idempotency-Key": sent["key"]}
        file = {"file": (io.BytesIO(sent["content"]), "p.csv")}
        reply = app.test_client().post(sent["path"], data=file, headers=headers)
        asking.send((reply.status_code, reply.get_json().get("ref"), "Idempotent-Replayed" in reply.headers))
        if ends_after:
            os._exit(ENDED)


def _and_end(step: Callable[..., object]) -> Callable[..., NoReturn]:
    def done(*args: object, **named: object) -> NoReturn:
        step(*args, **named)
        os._exit(ENDED)

    return done

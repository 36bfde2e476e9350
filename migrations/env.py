"""How migrations run: on the connection they are given, and on an UNSEEN_DATABASE_URL when called by hand."""

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext

from unseen_server.config import Config
from unseen_server.db.models import Base
from unseen_server.db.session import Database
from unseen_server.db.types import UtcDateTime


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | bool:
    """A migration names plain column types, so that it stays as it was when our own types change."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run(connection: object) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
        render_item=render_item,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(Config.from_environment().database_url).write() as session:
        run(session.connection())

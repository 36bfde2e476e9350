"""How migrations run: on the connection they are given, and on an UNSEEN_DATABASE_URL when called by hand."""

from alembic import context

from unseen_server.config import Config
from unseen_server.db.models import Base
from unseen_server.db.session import Database


def run(connection: object) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        compare_server_default=True,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(Config.from_environment().database_url).write() as session:
        run(session.connection())

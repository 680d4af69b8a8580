"""Alembic's entry: runs the steps on the connection that migrations.run hands over, or on COUNTERSIGN_DATABASE_URL.

The command line is for developers (`alembic -c migrations/alembic.ini revision --autogenerate`); the service calls
migrations.run.upgrade.
"""

import os

from alembic import context
from sqlalchemy import Connection

from audit.database.engine import create_engine_for
from migrations.rooms import collect_metadata


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=collect_metadata(),
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = create_engine_for(os.environ["COUNTERSIGN_DATABASE_URL"])
    with engine.begin() as own:
        run(own)
    engine.dispose()

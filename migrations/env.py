"""Alembic's entry: runs the steps on the connection that migrations.run hands over, or on COUNTERSIGN_DATABASE_URL.

The command line is for developers (`alembic -c migrations/alembic.ini revision --autogenerate`); the service calls
migrations.run.upgrade.
"""

import os
from importlib import import_module

from alembic import context
from sqlalchemy import Connection, MetaData

from audit.engine import create_engine_for

ROOMS_WITH_TABLES = ("audit.tables", "orchestrator.memory.tables", "app.tables")


def collect_metadata() -> list[MetaData]:
    """The MetaData of every room that has tables; a room whose tables are not written yet is passed over."""
    found: list[MetaData] = []
    for name in ROOMS_WITH_TABLES:
        try:
            found.append(import_module(name).metadata)
        except ModuleNotFoundError as missing:
            if missing.name is None or not f"{name}.".startswith(f"{missing.name}."):
                raise
    return found


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

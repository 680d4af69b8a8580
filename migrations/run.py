"""Brings a database up to date, from an installed package as from a checkout.

Invariant: all steps happen in one transaction that holds a lock, so that of two processes that start at once one
migrates and the other waits and finds nothing left to do.
"""

from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from audit.database.engine import create_engine_for, writing

_LOCK = 0x436F756E74657273  # "Counters", any constant that all Countersign processes share


class DatabaseAhead(Exception):
    """A newer version has migrated the database; this one does not know what it would write into."""


class DatabaseBehind(Exception):
    """An earlier version made the database, and who opens it now does not migrate it."""


def upgrade(url: str) -> None:
    """Applies the missing migrations to `sqlite:///file` or `postgresql+psycopg://…`. Raises DatabaseAhead."""
    engine = create_engine_for(url)
    try:
        with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            else:
                connection.execute(text("SELECT 1"))  # takes the write lock now, not at the first change
            config = alembic_config()
            steps = ScriptDirectory.from_config(config)
            at = MigrationContext.configure(connection).get_current_revision()
            if not _knows(steps, at):
                raise _ahead(steps, at)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def standing(url: str) -> Literal["current", "behind", "ahead"]:
    """Where a database stands against this version's migrations; ahead: a newer version migrated it. Changes nothing."""
    steps, at = ScriptDirectory.from_config(alembic_config()), _revision(url)
    if at == steps.get_current_head():
        return "current"
    return "behind" if _knows(steps, at) else "ahead"


def require_current(url: str) -> None:
    """For whoever opens a database without migrating it. Raises DatabaseBehind and DatabaseAhead."""
    steps, at = ScriptDirectory.from_config(alembic_config()), _revision(url)
    if not _knows(steps, at):
        raise _ahead(steps, at)
    if at != steps.get_current_head():
        raise DatabaseBehind(
            f"the database was made by an earlier version of Countersign (it stands at {at}, this version needs"
            f" {steps.get_current_head()}): migrate it first: countersign migrate"
        )


def _revision(url: str) -> str | None:
    engine = create_engine_for(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def _ahead(steps: ScriptDirectory, at: str | None) -> DatabaseAhead:
    return DatabaseAhead(
        f"the database was migrated by a newer version of Countersign (it stands at {at}, this version knows"
        f" {steps.get_current_head()} as the last): start the newer version, or restore the backup that its"
        " upgrade made into another PREFIX"
    )


def _knows(steps: ScriptDirectory, at: str | None) -> bool:
    try:
        return at is None or steps.get_revision(at) is not None
    except CommandError:
        return False


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config

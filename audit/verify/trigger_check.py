"""Whether the triggers that keep the log append-only stand, exactly as they were made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, bindparam, text

from audit.database.tables import TABLES
from audit.database.triggers import postgres_functions, postgres_trigger_type, postgres_triggers, sqlite_triggers
from audit.verify.snapshot import Snapshot


def fallen_triggers(snapshot: Snapshot) -> Iterator[str]:
    """A sentence for each trigger that is missing, changed, switched off, or not ours."""
    wanted, found = _on_postgres(snapshot) if snapshot.is_postgres else _on_sqlite(snapshot)
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"trigger {name} is missing: rows can be altered; run the migrations on a new database or restore it"
        elif name not in wanted:
            yield f"trigger {name} is not one of the log's own"
        elif wanted[name] != found[name]:
            yield f"trigger {name} was changed or switched off"


def fallen_triggers_of(engine: Engine) -> list[str]:
    """The same, in a transaction of its own."""
    snapshot = Snapshot(engine)
    try:
        return list(fallen_triggers(snapshot))
    finally:
        snapshot.close()


def _on_sqlite(snapshot: Snapshot) -> tuple[dict[str, Any], dict[str, Any]]:
    query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN :tables")
    rows = snapshot.read(query.bindparams(bindparam("tables", expanding=True)), tables=list(TABLES))
    return dict(sqlite_triggers()), dict(rows)


def _on_postgres(snapshot: Snapshot) -> tuple[dict[str, Any], dict[str, Any]]:
    schema = snapshot.read(
        text("SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
             " WHERE c.oid = to_regclass('audit_record')")
    )  # fmt: skip
    functions = postgres_functions(schema[0][0] if schema else "public")
    wanted = {
        name: (table, "A", postgres_trigger_type(when), functions[function], True)
        for name, (table, when, function) in postgres_triggers().items()
    }
    query = text(
        "SELECT t.tgname, c.relname, t.tgenabled::text, t.tgtype::int, p.prosrc, t.tgqual IS NULL"
        " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE NOT t.tgisinternal AND t.tgrelid IN"
        " (SELECT to_regclass(name) FROM unnest(CAST(:tables AS text[])) AS name)"
    )
    found = {
        name: (table, on, kind, body, always)
        for name, table, on, kind, body, always in snapshot.read(query, tables=list(TABLES))
    }
    return wanted, found

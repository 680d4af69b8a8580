"""PostgreSQL roles: the owner migrates, the service appends and reads, an auditor reads.

Invariant: the role that the service logs in with owns nothing of the log and may not change, remove or truncate a
row of it, so that a taken-over service meets the database's own refusal before it meets a trigger.
"""

from collections.abc import Mapping

from sqlalchemy import Engine, text

from audit.database import tables
from audit.database.triggers import service_grants

Rights = Mapping[str, str]
"""Table to what a role may do with it, in SQL: {"api_key": "SELECT, INSERT, UPDATE (revoked)"}."""


def service_statements(role: str, schema: str, others: Rights) -> list[str]:
    """What the owner runs so that `role` can run the service. others: tables beside the log's.

    It begins by taking everything away, so that running it again also narrows a role that once had more.
    """
    s, who = _quoted(schema), _quoted(role)
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {s} FROM {who}",
        f"REVOKE CREATE ON SCHEMA {s} FROM PUBLIC",
        f"REVOKE CREATE ON SCHEMA {s} FROM {who}",
        *service_grants(role, schema),
        *(f"GRANT {rights} ON {s}.{_quoted(table)} TO {who}" for table, rights in others.items()),
    ]


def reader_statements(role: str, schema: str) -> list[str]:
    """What the owner runs so that `role` can verify and export the log, and nothing else."""
    s, who = _quoted(schema), _quoted(role)
    names = sorted(table.name for table in tables.metadata.sorted_tables)
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {s} FROM {who}",
        f"GRANT USAGE ON SCHEMA {s} TO {who}",
        *(f"GRANT SELECT ON {s}.{name} TO {who}" for name in names),
    ]


def problems(engine: Engine) -> list[str]:
    """What the role of this engine may do with the log that no service should: a sentence for each; [] on SQLite."""
    if engine.dialect.name != "postgresql":
        return []
    names = sorted(table.name for table in tables.metadata.sorted_tables)
    with engine.connect() as connection:
        who = connection.execute(
            text("SELECT rolname, rolsuper, rolreplication, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        ).one()
        found = [
            f"role {who.rolname} is {what}: give the service a role of its own (countersign audit roles --service-role …)"
            for what, has in (
                ("a superuser", who.rolsuper),
                ("allowed to replicate", who.rolreplication),
                ("allowed to make roles", who.rolcreaterole),
            )
            if has
        ]
        if found:
            return found  # who may do everything need not be told each thing
        schema = connection.scalar(text("SELECT current_schema()"))
        if connection.scalar(text("SELECT has_schema_privilege(:s, 'CREATE')"), {"s": schema}):
            found.append(f"role {who.rolname} may create objects in schema {schema}")
        for name in names:
            found += _problems_of(connection.execute(_RIGHTS, {"t": name}).one(), who.rolname, name)
    return found


_RIGHTS = text(
    "SELECT pg_has_role(c.relowner, 'MEMBER') AS owns, has_table_privilege(c.oid, 'UPDATE') AS \"UPDATE\","
    " has_table_privilege(c.oid, 'DELETE') AS \"DELETE\", has_table_privilege(c.oid, 'TRUNCATE') AS \"TRUNCATE\","
    " has_table_privilege(c.oid, 'TRIGGER') AS \"TRIGGER\" FROM pg_class c WHERE c.oid = to_regclass(:t)"
)


def _problems_of(rights: object, role: str, table: str) -> list[str]:
    values = dict(rights._mapping)  # type: ignore[attr-defined]
    if values.pop("owns"):
        return [f"role {role} owns {table}, or can become its owner: it could drop the triggers"]
    return [f"role {role} may {right} on {table}" for right, has in values.items() if has]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

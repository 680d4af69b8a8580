"""The audit log: head, records, sealed payloads, batches, and the triggers that keep them append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit_log_head",
        sa.Column("log", sa.Text(), primary_key=True),
        sa.Column("size", number, nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "audit_record",
        sa.Column("log", sa.Text(), primary_key=True),
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("query", sa.Text()),
        sa.Column("conversation", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("ts", number, nullable=False),
        sa.Column("bot", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("event_id", "log", name="audit_record_event"),
        sqlite_strict=True,
    )
    op.create_index("audit_record_query", "audit_record", ["query", "log", "seq"])
    op.create_index("audit_record_kind", "audit_record", ["kind", "log", "seq"])
    op.create_table(
        "audit_payload",
        sa.Column("log", sa.Text(), primary_key=True),
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_batch",
        sa.Column("log", sa.Text(), primary_key=True),
        sa.Column("size", number, primary_key=True, autoincrement=False),
        sa.Column("first", number, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        schema = connection.scalar(sa.text("SELECT current_schema()"))
        for statement in _postgres_statements(str(schema)):
            connection.exec_driver_sql(statement.replace("%", "%%"))
    else:
        for statement in _sqlite_triggers().values():
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("the audit log goes forward only: restore a backup instead")


# The triggers as this migration makes them, on every installation alike: nothing below is imported, and none of it changes.
# A better trigger takes a migration of its own.

_TABLES = ("audit_log_head", "audit_record", "audit_payload", "audit_batch")
_NOT_AT_THE_END = (
    "NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.size - 1)"
    " OR EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq >= NEW.size)"
)

# What an INSERT must not be. Only points and ends of the primary key are looked up. PostgreSQL keeps the plan it made while
# the table was empty; so that it stays the right one, no other index starts with `log` and table scans are switched off.
_REFUSED_INSERT = {
    "audit_log_head": "NEW.size <> 0",
    "audit_record": "NEW.seq < 0 OR NEW.seq > 0"
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.seq - 1)"
    " OR EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq >= NEW.seq)",
    "audit_payload": "NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.seq)",
    "audit_batch": "NEW.first < 0 OR NEW.size <= NEW.first OR NEW.first > 0"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_batch WHERE log = NEW.log AND size = NEW.first)"
    " OR EXISTS (SELECT 1 FROM {s}audit_batch WHERE log = NEW.log AND size > NEW.first)"
    f" OR {_NOT_AT_THE_END}",
}
# On SQLite, INSERT OR REPLACE deletes the row that stands in the way without firing DELETE triggers: every UNIQUE column
# needs an EXISTS of its own.
_REPLACED = {
    "audit_log_head": "SELECT 1 FROM audit_log_head WHERE log = NEW.log",
    "audit_record": "SELECT 1 FROM audit_record WHERE log = NEW.log AND event_id = NEW.event_id",
    "audit_payload": "SELECT 1 FROM audit_payload WHERE log = NEW.log AND seq = NEW.seq",
    "audit_batch": "SELECT 1 FROM audit_batch WHERE log = NEW.log AND size = NEW.size",
}
_REFUSED_HEAD_UPDATE = (
    f"NEW.log <> OLD.log OR NEW.size <= OLD.size OR {_NOT_AT_THE_END} OR NEW.chain <>"  # noqa: S608
    " (SELECT chain FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.size - 1)"
)
_OUT_OF_PLACE = "is append-only: this row is out of place or already there"


def _sqlite_triggers() -> dict[str, str]:
    """Trigger name to CREATE TRIGGER statement."""
    made: dict[str, str] = {}
    for table in _TABLES:
        misplaced = f"{_REFUSED_INSERT[table].format(s='')} OR EXISTS ({_REPLACED[table]})"
        made |= _sqlite_trigger(table, "INSERT", misplaced, _OUT_OF_PLACE)
        if table == "audit_log_head":
            moved = _REFUSED_HEAD_UPDATE.format(s="")
            made |= _sqlite_trigger(table, "UPDATE", moved, "moves only forward, to its last record")
        else:
            made |= _sqlite_trigger(table, "UPDATE", "", "is append-only: UPDATE refused")
        made |= _sqlite_trigger(table, "DELETE", "", "is append-only: DELETE refused")
    return made


def _postgres_functions(schema: str) -> dict[str, str]:
    """Function name to body. Names inside are qualified: a temporary table of the same name must not stand in for ours."""
    s = _quoted(schema) + "."
    functions = {
        "audit_refuse": "BEGIN RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP"
        " USING ERRCODE = 'insufficient_privilege'; END"
    }
    for table in _TABLES:
        functions[f"{table}_check"] = _postgres_check(_REFUSED_INSERT[table].format(s=s), _OUT_OF_PLACE)
    functions["audit_log_head_move"] = _postgres_check(
        _REFUSED_HEAD_UPDATE.format(s=s), "moves only forward, to its last record"
    )
    return functions


def _postgres_triggers() -> dict[str, tuple[str, str, str]]:
    """Trigger name to (table, when, function)."""
    made: dict[str, tuple[str, str, str]] = {}
    for table in _TABLES:
        made[f"{table}_insert"] = (table, "BEFORE INSERT ON {} FOR EACH ROW", f"{table}_check")
        if table == "audit_log_head":
            made[f"{table}_update"] = (table, "BEFORE UPDATE ON {} FOR EACH ROW", "audit_log_head_move")
            made[f"{table}_delete"] = (table, "BEFORE DELETE ON {} FOR EACH ROW", "audit_refuse")
        else:
            made[f"{table}_change"] = (table, "BEFORE UPDATE OR DELETE ON {} FOR EACH ROW", "audit_refuse")
        made[f"{table}_truncate"] = (table, "BEFORE TRUNCATE ON {} FOR EACH STATEMENT", "audit_refuse")
    return made


def _postgres_statements(schema: str) -> list[str]:
    """ENABLE ALWAYS: session_replication_role must not switch them off."""
    s = _quoted(schema)
    statements = [
        f"CREATE FUNCTION {s}.{name}() RETURNS trigger LANGUAGE plpgsql"
        f" SET enable_seqscan = off SET enable_bitmapscan = off AS $guard${body}$guard$"
        for name, body in _postgres_functions(schema).items()
    ]
    for name, (table, when, function) in _postgres_triggers().items():
        target = f"{s}.{table}"
        statements.append(f"CREATE TRIGGER {name} {when.format(target)} EXECUTE FUNCTION {s}.{function}()")
        statements.append(f"ALTER TABLE {target} ENABLE ALWAYS TRIGGER {name}")
    return statements + [f"REVOKE ALL ON {s}.{table} FROM PUBLIC" for table in _TABLES]


def _sqlite_trigger(table: str, when: str, condition: str, message: str) -> dict[str, str]:
    name = f"{table}_{when.lower()}"
    return {
        name: f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW"
        f"{' WHEN ' + condition if condition else ''} BEGIN SELECT RAISE(ABORT, '{table} {message}'); END"
    }


def _postgres_check(condition: str, message: str) -> str:
    return (
        f"BEGIN IF {condition} THEN RAISE EXCEPTION '% {message}', TG_TABLE_NAME"
        " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

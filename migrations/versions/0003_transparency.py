"""Tiles for proofs, checkpoints, cosignatures and epochs, with their guards. Tiles of older records: audit.database.tiles.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit_tile",
        sa.Column("log", sa.Text(), primary_key=True),
        sa.Column("idx", number, primary_key=True, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("log", sa.Text(), primary_key=True),
        sa.Column("epoch", number, primary_key=True, autoincrement=False),
        sa.Column("size", number, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_cosignature",
        sa.Column("log", sa.Text(), primary_key=True),
        sa.Column("epoch", number, primary_key=True, autoincrement=False),
        sa.Column("size", number, primary_key=True, autoincrement=False),
        sa.Column("witness", sa.Text(), primary_key=True),
        sa.Column("line", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_epoch",
        sa.Column("log", sa.Text(), primary_key=True),
        sa.Column("epoch", number, primary_key=True, autoincrement=False),
        sa.Column("first", number, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
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

_TABLES = ("audit_tile", "audit_checkpoint", "audit_cosignature", "audit_epoch")
# Rows go in behind the last one, and only beside the records that they speak of. 8 is audit.database.tiles.LEAVES.
_REFUSED_INSERT = {
    "audit_tile": "NEW.idx < 0 OR NEW.idx > 0"
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_tile WHERE log = NEW.log AND idx = NEW.idx - 1)"
    " OR EXISTS (SELECT 1 FROM {s}audit_tile WHERE log = NEW.log AND idx >= NEW.idx)"
    " OR NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.idx * 8 + 7)",
    "audit_checkpoint": "NEW.epoch <> 1"
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_epoch WHERE log = NEW.log AND epoch = NEW.epoch)"
    " OR EXISTS (SELECT 1 FROM {s}audit_epoch WHERE log = NEW.log AND epoch > NEW.epoch)"
    " OR EXISTS (SELECT 1 FROM {s}audit_checkpoint WHERE log = NEW.log AND epoch = NEW.epoch AND size >= NEW.size)"
    " OR NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.size - 1)",
    "audit_cosignature": "NOT EXISTS"
    " (SELECT 1 FROM {s}audit_checkpoint WHERE log = NEW.log AND epoch = NEW.epoch AND size = NEW.size)"
    " OR EXISTS (SELECT 1 FROM {s}audit_cosignature"
    " WHERE log = NEW.log AND epoch = NEW.epoch AND size = NEW.size AND witness = NEW.witness)",
    "audit_epoch": "NEW.epoch < 2 OR NEW.epoch > 2"
    " AND NOT EXISTS (SELECT 1 FROM {s}audit_epoch WHERE log = NEW.log AND epoch = NEW.epoch - 1)"
    " OR EXISTS (SELECT 1 FROM {s}audit_epoch WHERE log = NEW.log AND epoch >= NEW.epoch)"
    " OR NOT EXISTS (SELECT 1 FROM {s}audit_record WHERE log = NEW.log AND seq = NEW.first)",
}
_OUT_OF_PLACE = "is append-only: this row is out of place or already there"


def _sqlite_triggers() -> dict[str, str]:
    """What version 2 adds. Its only UNIQUE columns are the primary keys, which _REFUSED_INSERT looks up already."""
    made: dict[str, str] = {}
    for table in _TABLES:
        made |= _sqlite_trigger(table, "INSERT", _REFUSED_INSERT[table].format(s=""), _OUT_OF_PLACE)
        made |= _sqlite_trigger(table, "UPDATE", "", "is append-only: UPDATE refused")
        made |= _sqlite_trigger(table, "DELETE", "", "is append-only: DELETE refused")
    return made


def _postgres_functions(schema: str) -> dict[str, str]:
    s = _quoted(schema) + "."
    return {f"{table}_check": _postgres_check(_REFUSED_INSERT[table].format(s=s), _OUT_OF_PLACE) for table in _TABLES}


def _postgres_triggers() -> dict[str, tuple[str, str, str]]:
    made: dict[str, tuple[str, str, str]] = {}
    for table in _TABLES:
        made[f"{table}_insert"] = (table, "BEFORE INSERT ON {} FOR EACH ROW", f"{table}_check")
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

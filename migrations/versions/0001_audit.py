"""The audit log: head, records, sealed payloads, batches, and the triggers that keep them append-only."""

import sqlalchemy as sa
from alembic import op

from audit.database.triggers import postgres_guards_v1, sqlite_guards_v1

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
        guards = postgres_guards_v1(str(schema))
    else:
        guards = list(sqlite_guards_v1().values())
    for statement in guards:
        connection.exec_driver_sql(statement.replace("%", "%%") if connection.dialect.name == "postgresql" else statement)


def downgrade() -> None:
    raise NotImplementedError("the audit log goes forward only: restore a backup instead")

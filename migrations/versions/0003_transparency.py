"""Tiles for proofs, checkpoints, cosignatures and epochs, with their guards. Tiles of older records: audit.database.tiles.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from audit.database.triggers import postgres_guards_v2, sqlite_guards_v2

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
        for statement in postgres_guards_v2(str(schema)):
            connection.exec_driver_sql(statement.replace("%", "%%"))
    else:
        for statement in sqlite_guards_v2().values():
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("the audit log goes forward only: restore a backup instead")

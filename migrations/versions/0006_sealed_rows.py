"""Seals of keys' and switches' rows, and which reveals were shown.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_key", sa.Column("seal", sa.String(64), nullable=True))
    op.add_column("kill_switch", sa.Column("seal", sa.String(64), nullable=True))
    op.create_table(
        "reveal_taken",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("request", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("taken", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("reveal_taken")
    op.drop_column("kill_switch", "seal")
    op.drop_column("api_key", "seal")

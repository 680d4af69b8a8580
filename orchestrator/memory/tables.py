"""The tables of conversation memory. Every text in them is pseudonymised and sealed."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

conversation = Table(
    "conversation",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("pseudonyms", LargeBinary, nullable=True),
    Column("created", DateTime(timezone=True), nullable=False),
)

turn = Table(
    "conversation_turn",
    metadata,
    Column("conversation", String(64), ForeignKey("conversation.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("query", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False),
    Index("conversation_turn_query", "query"),
)

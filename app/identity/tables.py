"""The service's own tables: API keys, of which only hashes are kept, and kill switches."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, DateTime, MetaData, String, Table

metadata = MetaData()

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("tenant", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("label", String(120), nullable=False),
    Column("groups", JSON, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("revoked", DateTime(timezone=True), nullable=True),
)

kill_switch = Table(
    "kill_switch",
    metadata,
    Column("tenant", String(64), primary_key=True),  # "": every tenant
    Column("bot", String(64), primary_key=True),  # "": every bot
    Column("off", Boolean, nullable=False),
    Column("reason", String(500), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("changed", DateTime(timezone=True), nullable=False),
)

"""The service's own tables: API keys, of which only hashes are kept, kill switches, and reveals that were shown.

A `seal` is an HMAC over the row's other columns (app/identity/row_seals.py).
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, MetaData, String, Table

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
    Column("seal", String(64), nullable=True),
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
    Column("seal", String(64), nullable=True),
)

reveal_taken = Table(
    "reveal_taken",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("request", BigInteger, primary_key=True, autoincrement=False),  # number of the event that asked
    Column("taken", DateTime(timezone=True), nullable=False),
)

"""Tables of the shared library: generations, and the pieces of their files by digest."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, DateTime, LargeBinary, MetaData, String, Table

metadata = MetaData()

library_generation = Table(
    "library_generation",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # the highest is in force
    Column("name", String(64), nullable=False),
    Column("files", JSON, nullable=False),  # name, digest and digests of the pieces of each file
    Column("published", DateTime(timezone=True), nullable=False),
)

library_piece = Table(
    "library_piece",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of the content, hex
    Column("content", LargeBinary, nullable=False),
)

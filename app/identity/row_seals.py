"""Seals of database rows: an HMAC under a key that is not in the database.

Invariant: a row of a sealed table counts only with a seal that fits all its columns. Who can write to the database, and has
not the key-encryption key, can neither make such a row nor change one. What a seal cannot tell is that a row is gone, or
that an earlier one was put back: the log's events do (app/governance/row_check.py).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table

SEAL = "seal"
"""The column that holds it."""


class RowSeals:
    """Immutable. secret: derived from the key-encryption key, for this use alone."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, table: Table, row: Mapping[Any, Any]) -> str:
        """64 hexadecimal digits over every column but the seal itself; `row` must name them all."""
        return hmac.new(self._secret, _canonical(table, row), hashlib.sha256).hexdigest()

    def sealed(self, table: Table, row: Mapping[Any, Any]) -> dict[str, Any]:
        """The row with its seal."""
        return {**row, SEAL: self.seal(table, row)}

    def fits(self, table: Table, row: Mapping[Any, Any]) -> bool:
        """Whether the row is as it was sealed. A row without a seal is not."""
        return hmac.compare_digest(str(row[SEAL] or "").encode("utf-8", "surrogatepass"), self.seal(table, row).encode())


def row_digest(table: Table, row: Mapping[Any, Any]) -> str:
    """SHA-256 of what a seal would be over: names a row's content in the log."""
    return hashlib.sha256(_canonical(table, row)).hexdigest()


def _canonical(table: Table, row: Mapping[Any, Any]) -> bytes:
    columns = [[column.name, _plain(row[column.name])] for column in table.columns if column.name != SEAL]
    return json.dumps([table.name, *columns], separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """The same for the same value on every database: SQLite gives times back without their zone, which is UTC."""
    if not isinstance(value, datetime):
        return value
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return aware.astimezone(UTC).isoformat(timespec="microseconds")

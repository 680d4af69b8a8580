"""What SQLite itself finds damaged in the file, and which records that touches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from sqlalchemy import text

from audit.verify.snapshot import DAMAGE, Snapshot, first_line

# Only audit_record has indexes with names of their own.
_LOOSE_ROW = re.compile(
    r"row (?P<row>\d+) missing from index (?:sqlite_autoindex_(?P<table>audit_[a-z_]+)_\d+|audit_record_[a-z]+)"
)


def damaged_pages(snapshot: Snapshot) -> Iterator[tuple[str, int | None, str, str]]:
    """log, seq, word, sentence for what SQLite itself finds damaged. PostgreSQL checks its pages when it reads them."""
    if snapshot.is_postgres:
        return
    try:
        messages = [row[0] for row in snapshot.read(text("PRAGMA integrity_check"))]
    except DAMAGE as error:
        messages = [f"cannot be finished, {first_line(error)}"]
    for message in messages:
        if message == "ok":
            continue
        log, seq = "", None
        if named := _LOOSE_ROW.fullmatch(message):
            log, seq = _place(snapshot, named["table"] or "audit_record", int(named["row"]))
        yield log, seq, "page", f"SQLite's integrity check: {message}"


def _place(snapshot: Snapshot, table: str, rowid: int) -> tuple[str, int | None]:
    """Which record a row of the file is; the envelope is believed before the columns."""
    column = "envelope" if table == "audit_record" else "log"
    number = {"audit_batch": "first", "audit_log_head": "NULL"}.get(table, "seq")
    try:
        query = text(f"SELECT log, {number}, {column} FROM {table} WHERE rowid = :id")  # noqa: S608
        row = snapshot.read(query, id=rowid)[0]
        if column == "envelope":
            told = json.loads(row[2])
            return str(told["log"]), int(told["seq"])
        return str(row[0]), row[1]
    except (*DAMAGE, LookupError, ValueError, TypeError):
        return "", None

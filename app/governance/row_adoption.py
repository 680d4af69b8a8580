"""Rows of keys and switches that were written before there were seals are sealed once, and the log says which.

Invariant: a row without a seal is sealed only where the log names its very content, and the log names rows only as long as
it tells of no key at all. Who puts a row in later, or takes a seal off, gains nothing by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, Table, and_, select, update

from app.governance.announcer import Announcer, Said
from app.identity.row_seals import RowSeals, row_digest
from app.identity.tables import api_key, kill_switch
from audit.database.engine import writing
from audit.errors import EventRefused
from audit.kinds import KEY_CREATED, KEY_REVOKED, KEYS_ADOPTED
from audit.read.reader import AuditReader

_SEALED = (api_key, kill_switch)
Row = Mapping[Any, Any]


def adopt_rows(engine: Engine, seals: RowSeals, reader: AuditReader, announcer: Announcer) -> None:
    """Costs two look-ups where nothing is to be done. Raises AuditUnavailable and SQLAlchemyError."""
    bare = _bare(engine)
    if not bare:
        return
    tenants = {row["tenant"] for table, row in bare if table is api_key}
    logs = sorted({*announcer.tenants(), *tenants})
    named = _named(reader, logs)
    if named is None:
        with engine.connect() as db:
            if any(db.execute(select(table).where(table.c.seal.is_not(None)).limit(1)).first() for table in _SEALED):
                return
        named = {row_digest(table, row) for table, row in bare}
        for log in logs:
            with suppress(EventRefused):  # a tenant whose name no log can have; its keys could never ask anything
                announcer.tell(KEYS_ADOPTED, "service", lambda log: _said(log, bare), log)
    ended = _ended(reader, logs)
    with writing(engine) as db:
        for table, row in bare:
            back = table is api_key and row["revoked"] is None and row["id"] in ended  # its row from before was put back
            if row_digest(table, row) in named and not back:
                here = and_(*(column == row[column.name] for column in table.primary_key))
                db.execute(update(table).where(here, table.c.seal.is_(None)).values(seal=seals.seal(table, row)))


def _bare(engine: Engine) -> list[tuple[Table, Row]]:
    with engine.connect() as db:
        return [
            (table, dict(row))
            for table in _SEALED
            for row in db.execute(select(table).where(table.c.seal.is_(None))).mappings()
        ]


def _named(reader: AuditReader, logs: Sequence[str]) -> set[str] | None:
    """Digests of the rows that were adopted; none where keys were made with an event; None where no log tells of a key."""
    told = [event for log in logs for event in reader.of_kinds(log, (KEY_CREATED, KEYS_ADOPTED))]
    if not told:
        return None
    return {str(digest) for event in told if event.intact for digest in (event.body or {}).get("rows", ())}


def _ended(reader: AuditReader, logs: Sequence[str]) -> set[str]:
    """Ids of the keys that the logs say were revoked."""
    return {str(event.labels["key"]) for log in logs for event in reader.of_kinds(log, (KEY_REVOKED,))}


def _said(log: str, bare: list[tuple[Table, Row]]) -> Said:
    keys = [
        {
            "key": row["id"],
            "role": row["role"],
            "label": row["label"],
            "groups": sorted(row["groups"]),
            "revoked": row["revoked"] is not None,
        }
        for table, row in bare
        if table is api_key and row["tenant"] == log
    ]
    rows = [row_digest(table, row) for table, row in bare]
    return Said({"keys": keys, "rows": rows}, {"adopted": len(keys)})

"""The log: its database, who may do what with it, its keys, its checkpoints, its witnesses; and the models."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from sqlalchemy import Engine, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.operations.backup.copies import sqlite_path
from app.operations.checks.result import Check
from app.settings import Settings
from app.wiring.key_material import key_encryption_key
from audit.checkpoints.epochs import contradictions
from audit.checkpoints.signing_keys import VARIABLE, public_keys
from audit.checkpoints.stored import current_epoch, stored_checkpoint
from audit.database import tables
from audit.database.engine import create_engine_for
from audit.database.roles import problems
from audit.database.tables import TABLES
from audit.errors import AuditError
from audit.format.notes import VerifierKey
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.trigger_check import fallen_triggers_of
from audit.witness.client import WitnessClient
from inference.errors import InferenceError
from inference.store.model_store import ModelStore
from migrations.run import standing

LATE_S = 60.0
"""A log that grew this long ago and has no checkpoint since is not being signed."""


def database(settings: Settings) -> Iterator[Check]:
    """Reachable, of this version, and refusing changes: tried for real, in a transaction that is rolled back."""
    path = sqlite_path(settings.url)
    if path is not None and not path.is_file():
        yield Check("database", "fail", f"there is none at {path}", "make it: countersign migrate")
        return
    try:
        state = standing(settings.url)
    except (SQLAlchemyError, AuditError) as error:
        told = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
        yield Check("database", "fail", told, "start it, or mend database_url; nothing is answered without it (503)")
        return
    if state != "current":
        fix = "countersign migrate" if state == "behind" else "go on with the newer version, or restore a backup"
        yield Check("database", "fail", f"it is {state} of this version", fix)
        return
    yield Check("database", "ok", f"{'SQLite' if path else 'PostgreSQL'}, reachable and up to date")
    yield from _privileges(settings)


def keys(settings: Settings) -> Iterator[Check]:
    for name, path, given in (
        ("key-encryption key", settings.kek_path, bool(settings.kek)),
        ("signing keys", settings.audit_key_path, bool(os.environ.get(VARIABLE))),
    ):
        if not given and not path.is_file():
            yield Check("keys", "fail", f"the {name} is not at {path}", "countersign prepare; for an old log, restore it")
            return
    store = sqlite_path(settings.keys_url)
    if store is None or store.is_file():
        SubjectKeys(settings.keys_url, key_encryption_key(settings)).close()  # raises where they do not belong together
    public = public_keys(settings.audit_key_path)
    yield Check("keys", "ok", f"they open the key store; {len(public)} signing key{'s' * (len(public) > 1)}: {public[0]}")


def models(settings: Settings) -> Iterator[Check]:
    """Every byte is read and compared with the manifest."""
    store = ModelStore(settings.models_dir)
    for name in settings.local_models:
        try:
            store.verify(name)
        except InferenceError as error:
            yield Check(f"model {name}", "fail", " ".join(str(error).split()), "install again with MODELS=folder of models")
        else:
            yield Check(f"model {name}", "ok", f"as published, {store.manifest[name].digest[:12]}…")


def checkpoints(settings: Settings) -> Iterator[Check]:
    """The newest is young enough, and the file outside the database is continued by it."""
    if (path := sqlite_path(settings.url)) is not None and not path.is_file():
        return
    engine = create_engine_for(settings.url)
    try:
        for kept, problem in contradictions(engine, settings.checkpoint_path, public_keys(settings.audit_key_path)):
            fix = f"find out who changed it; the newest database, or countersign audit epoch {kept.log}"
            yield Check(f"checkpoint of {kept.log}", "fail", problem, fix)
        logs = _logs(engine)
        for log, size, last in logs:
            yield _signed(engine, settings, log, size, last)
        if not logs:
            yield Check("checkpoints", "ok", "the log is empty yet")
    finally:
        engine.dispose()


def witnesses(settings: Settings) -> Iterator[Check]:
    if not settings.witnesses:
        told = "none: who owns the database and the key could rewrite the log"
        yield Check("witness", "warn", told, "run `countersign witness` on another machine, and name it in witnesses")
        return
    engine = create_engine_for(settings.url)
    try:
        logs = _logs(engine)
        with engine.connect() as connection:
            origins = [(settings.origin_of(log, current_epoch(connection, log)), size) for log, size, _ in logs]
    finally:
        engine.dispose()
    for line in settings.witnesses:
        url, _, key = line.strip().partition(" ")
        client = WitnessClient(url, VerifierKey.parse(key), lambda *_: [])
        try:
            for origin, size in origins:
                yield _witnessed(client, url, origin, size)
        finally:
            client.close()


def _witnessed(client: WitnessClient, url: str, origin: str, size: int) -> Check:
    try:
        held = client.latest(origin)
    except AuditError as error:
        return Check(
            f"witness {url}", "warn", str(error), "start it, or mend the way to it; checkpoints wait for it meanwhile"
        )
    if held is None:
        return Check(f"witness {url}", "warn", f"has not seen {origin}", "give it the log's key: countersign audit keys")
    if held[0].size > size:
        told = f"holds {origin} at {held[0].size} records, the database has {size}"
        return Check(f"witness {url}", "fail", told, "the log was cut or restored: countersign audit verify, then an epoch")
    return Check(f"witness {url}", "ok", f"holds {origin} at {held[0].size} records")


def _signed(engine: Engine, settings: Settings, log: str, size: int, last: float) -> Check:
    with engine.connect() as connection:
        found = stored_checkpoint(connection, log, current_epoch(connection, log))
    signed = found.size if found else 0
    age = time.time() - last
    if signed >= size:
        return Check(f"checkpoint of {log}", "ok", f"covers all {size} records")
    told = f"covers {signed} of {size} records, the last is {age:.0f} s old"
    if age > max(LATE_S, 10 * settings.checkpoint_every_s):
        return Check(f"checkpoint of {log}", "fail", told, "start the service, and see its log for why it does not sign")
    return Check(f"checkpoint of {log}", "ok", told)


def _logs(engine: Engine) -> list[tuple[str, int, float]]:
    """Log, records, and when the last was written, of each that has records."""
    with engine.connect() as connection:
        heads = connection.execute(select(tables.head.c.log, tables.head.c.size).where(tables.head.c.size > 0)).all()
        record = tables.record.c
        return [
            (log, size, (connection.scalar(select(record.ts).where(record.log == log, record.seq == size - 1)) or 0) / 1e6)
            for log, size in heads
        ]


def _privileges(settings: Settings) -> Iterator[Check]:
    engine = create_engine_for(settings.url)
    try:
        for problem in problems(engine):
            yield Check("database role", "warn", problem, "countersign audit roles --service-role NAME --url OWNER --apply")
        allowed = [table for table in TABLES if _changes(engine, table)]
        fallen = fallen_triggers_of(engine)
    finally:
        engine.dispose()
    for table in allowed:
        fix = "the log's guards are gone: countersign audit verify, and find out who removed them"
        yield Check("append only", "fail", f"rows of {table} can be changed", fix)
    for detail in fallen:
        yield Check("append only", "fail", detail, "restore the database, or let its owner put the guards back")
    if not allowed and not fallen:
        yield Check("append only", "ok", "the service's role cannot change, remove or truncate a row of the log")


def _changes(engine: Engine, table: str) -> bool:
    """Whether one row could be changed by us, tried on a real one. Nothing is kept. Triggers are looked at beside this."""
    row = "ctid" if engine.dialect.name == "postgresql" else "rowid"
    attempt = text(f"UPDATE {table} SET log = log WHERE {row} IN (SELECT {row} FROM {table} LIMIT 1)")  # noqa: S608
    with engine.connect() as connection, connection.begin() as transaction:
        try:
            return connection.execute(attempt).rowcount > 0
        except SQLAlchemyError:
            return False
        finally:
            transaction.rollback()

"""The transparency log: every step of a query as an event that cannot be rewritten unnoticed.

Public here are the light types. `audit.append.store.AuditStore` writes, `audit.read.reader.AuditReader` reads, `audit.verify.whole_log.verify_store`
proves, `audit.sealing.subject_keys.SubjectKeys` seals, `audit.database.engine.create_engine_for` opens a database; import those where they are used.
"""

from audit.errors import (
    AuditError,
    AuditUnavailable,
    EventRefused,
    KeepingRefused,
    KeyDestroyed,
    KeyMissing,
    KeyRefused,
    LogDamaged,
    SealBroken,
    StoreRefused,
)
from audit.format.events import Entry, Receipt

__all__ = [
    "AuditError",
    "AuditUnavailable",
    "Entry",
    "EventRefused",
    "KeepingRefused",
    "KeyDestroyed",
    "KeyMissing",
    "KeyRefused",
    "LogDamaged",
    "Receipt",
    "SealBroken",
    "StoreRefused",
]

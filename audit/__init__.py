"""The transparency log: every step of a query as an event that cannot be rewritten unnoticed.

Public here are the light types; the rest is imported where it is used. What is recorded stands in kinds.py. An event's
life, stage by stage:

    format/       its canonical form, its leaf, proofs and notes: pure, and all that a verifier needs
    sealing/      its body encrypted with the data subject's key
    append/       its place in the log: an open pool, one sequencer, one transaction
    database/     the tables and triggers that keep it
    checkpoints/  the signed statement that covers it, within a second
    witness/      another machine's word that nothing was rewritten
    read/         who looks at it, and what is taken out
    retention/    how long it stays readable
    verify/       whether it stands as written
"""

from audit.errors import (
    AuditError,
    AuditUnavailable,
    EventRefused,
    KeyDestroyed,
    KeyMissing,
    KeyRefused,
    LogDamaged,
    RetentionRefused,
    SealBroken,
    StoreRefused,
)
from audit.format.events import Entry, Receipt

__all__ = [
    "AuditError",
    "AuditUnavailable",
    "Entry",
    "EventRefused",
    "KeyDestroyed",
    "KeyMissing",
    "KeyRefused",
    "LogDamaged",
    "Receipt",
    "RetentionRefused",
    "SealBroken",
    "StoreRefused",
]

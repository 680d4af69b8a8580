"""What can go wrong in the audit room: each error names the thing, the reason and the next step.

AuditError
├── EventRefused (also a ValueError)   append: the event has no canonical form, or does not fit its kind
├── AuditUnavailable                   append: not known to be durable; nothing that depends on it may leave
├── LogDamaged                         any stage: the stored log contradicts itself
├── StoreRefused                       database: set up so that acknowledged events could be lost
├── KeyRefused                         sealing, checkpoints, witness: a key is missing, malformed or readable by others
├── KeyMissing                         sealing: no key for the subject
│   └── KeyDestroyed                   sealing: it was destroyed on purpose
├── SealBroken                         sealing: a sealed body was altered
├── RetentionRefused                   retention: a hold, rule or erasure cannot be recorded as asked
├── ProofRefused                       format: a Merkle proof does not lead to the root
├── NoteRefused                        format: a note, checkpoint or key is malformed, or a signature does not fit
├── BundleRefused                      format: a bundle or receipt is not of its format
└── ExportRefused                      read: what was asked for cannot be exported
"""


class AuditError(Exception):
    """Base of every error of this room."""


class EventRefused(AuditError, ValueError):
    """The event cannot be written in canonical form; it is the caller's mistake and retrying will not help."""


class AuditUnavailable(AuditError):
    """The event is not known to be durable, so nothing that depends on it may leave."""


class LogDamaged(AuditError):
    """The stored log contradicts itself; nothing may be built on top of it."""


class StoreRefused(AuditError):
    """The database is set up in a way that could lose or rewrite acknowledged events."""


class KeyRefused(AuditError):
    """A key-encryption key is missing, malformed, readable by others, or not the one of this key store."""


class KeyMissing(AuditError):
    """The key store has no key for the subject: what was sealed with it cannot be read."""


class KeyDestroyed(KeyMissing):
    """The subject's key was destroyed on purpose: what was sealed with it can no longer be read by anyone."""


class RetentionRefused(AuditError):
    """A hold, a retention rule or an erasure cannot be recorded as asked."""


class SealBroken(AuditError):
    """A sealed body was altered, or belongs to another subject or event."""


class ProofRefused(AuditError):
    """A Merkle proof does not lead to the root: something was altered, left out or forked."""


class NoteRefused(AuditError):
    """A signed note, a checkpoint or a key is malformed, or a signature does not fit."""


class BundleRefused(AuditError):
    """A bundle or a receipt is not of its format; what it says cannot be checked."""


class ExportRefused(AuditError):
    """What was asked for cannot be exported."""


class WitnessFailed(AuditError):
    """The witness is down, slow, or answers what is no answer. Try again later."""


class WitnessRefused(AuditError):
    """The witness will not cosign. contradicted: what it holds and what it was offered do not fit together."""

    def __init__(self, message: str, *, contradicted: bool = False) -> None:
        super().__init__(message)
        self.contradicted = contradicted


class WitnessAhead(WitnessRefused):
    """The witness cosigned a longer log. Another process may have offered it; if the log is not that long, it was cut."""

    def __init__(self, message: str, held: int) -> None:
        super().__init__(message)
        self.held = held


class WitnessStopped(AuditError):
    """The witness' folder is not one that it can vouch from."""

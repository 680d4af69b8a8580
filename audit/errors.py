"""What can go wrong in the audit room: each error names the thing, the reason and the next step."""


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


class KeepingRefused(AuditError):
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

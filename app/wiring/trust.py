"""Whom a verification of the own log believes: the log's public keys, its witnesses, and the checkpoints outside it."""

from __future__ import annotations

from collections.abc import Callable

from app.settings import Settings
from audit.checkpoints.signing_keys import public_keys
from audit.errors import AuditError
from audit.format.notes import VerifierKey
from audit.verify.signed_claims import LogTrust


def own_trust(settings: Settings, unchecked: Callable[[str], None] | None = None) -> LogTrust:
    """unchecked: told why the keys cannot be read, where somebody verifies who may not read them; then signatures are not
    checked. Without it that is an error: KeyRefused, NoteRefused or OSError."""
    witnesses = tuple(VerifierKey.parse(line.strip().partition(" ")[2]) for line in settings.witnesses)
    try:
        keys = public_keys(settings.audit_key_path)
    except (OSError, AuditError) as error:
        if unchecked is None:
            raise
        unchecked(str(error))
        keys = ()
    return LogTrust(keys, witnesses, settings.checkpoint_path, settings.origin_of)

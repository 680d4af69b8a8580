"""Whom a verification of the own log believes: the log's public keys, its witnesses, and the checkpoints outside it."""

from __future__ import annotations

from app.settings import Settings
from audit.claims import Trust
from audit.note import VerifierKey
from audit.signing import public_keys


def own_trust(settings: Settings) -> Trust:
    """Raises KeyRefused and NoteRefused where a key is malformed or can be read by others."""
    witnesses = tuple(VerifierKey.parse(line.strip().partition(" ")[2]) for line in settings.witnesses)
    return Trust(public_keys(settings.audit_key_path), witnesses, settings.checkpoint_path, settings.origin_of)

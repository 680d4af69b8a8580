"""The log's checkpoints as the settings want them: signed, kept in a file outside the database, offered to witnesses."""

from __future__ import annotations

from sqlalchemy import Engine

from app.settings import Settings
from audit.append.store import AuditStore
from audit.checkpoints.issuer import Checkpointer
from audit.checkpoints.signing_keys import SigningKeys
from audit.database.tiles import prove_consistency
from audit.witness.client import Witnesses, witnesses_from


def open_checkpoints(
    settings: Settings, engine: Engine, signing: SigningKeys, audit: AuditStore
) -> tuple[Checkpointer, Witnesses]:
    """Signs from now on what is appended, on threads of its own, and offers it to the witnesses; close both."""

    def prove(origin: str, old: int, new: int) -> list[bytes]:
        return prove_consistency(engine, settings.log_of(origin), old, new)

    witnesses = witnesses_from(settings.witnesses, prove)
    checkpoints = Checkpointer(
        engine,
        signing.signers,
        settings.origin_of,
        file=settings.checkpoint_path,
        every_s=settings.checkpoint_every_s,
        offer=witnesses.offer if settings.witnesses else None,
        witnesses=len(settings.witnesses),
        record=audit.append,
    )
    return checkpoints, witnesses

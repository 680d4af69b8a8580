"""Opens a deployment's parts one at a time: for the house, and for commands that need no whole one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Engine

from app.engine_client.engines import Engines
from app.engine_client.fleet import How
from app.identity.api_keys import KeyRing
from app.settings import Settings
from audit.database.engine import create_engine_for
from audit.sealing.kek import load_kek
from inference.store.model_store import ModelStore
from migrations.run import upgrade
from moderation.pii.redactor import Redactor
from orchestrator.errors import BotUnavailable
from orchestrator.live_data import LiveData

if TYPE_CHECKING:
    from inference.encoder import SentenceEncoder

log = structlog.get_logger(__name__)


def key_encryption_key(settings: Settings) -> bytes:
    """From the settings (base64), or from its file, which is made at first start with mode 0600."""
    environ = {} if settings.kek is None else {"COUNTERSIGN_KEK": settings.kek.get_secret_value()}
    return load_kek(settings.kek_path, environ)


def open_keys(settings: Settings) -> tuple[Engine, KeyRing]:
    """The API keys alone, for the command line; dispose of the engine afterwards."""
    settings.home.mkdir(parents=True, exist_ok=True)
    upgrade(settings.url)
    engine = create_engine_for(settings.url)
    return engine, KeyRing(engine, pepper(key_encryption_key(settings)))


def pepper(kek: bytes) -> bytes:
    """The secret under which people's names become pseudonyms."""
    return hashlib.sha256(b"countersign subject pseudonyms\x00" + kek).digest()


def open_encoder(settings: Settings, models: ModelStore) -> SentenceEncoder:
    """The sentence encoder, warm. Raises ModelMissing."""
    from inference.encoder import SentenceEncoder

    encoder = SentenceEncoder.load(models.path(settings.encoder_model))
    encoder.warm()
    return encoder


def open_engines(settings: Settings, tell: Callable[[str], None]) -> Engines:
    """The engines of the settings, not yet asked. Scopes have the same names in every service that has the same key."""
    secret = hashlib.sha256(b"countersign engine scopes\x00" + key_encryption_key(settings)).digest()
    how = How(
        secret=secret,
        key=settings.engine_secret,
        model=settings.engine_model,
        ca_file=settings.engine_ca_file,
        connect_s=settings.engine_connect_s,
        silence_s=settings.engine_silence_s,
        salt=settings.engine_salt,
    )
    return Engines(settings.engines, how, tell)


def open_redactor(settings: Settings, models: ModelStore, live: LiveData | None = None) -> Redactor:
    """The redactor; the names of what the connectors serve are never taken for a person's."""
    allow = set(settings.allow_terms)
    if live is not None:
        try:
            allow |= {name for thing in live.things() for name in thing.names}
        except BotUnavailable as error:
            log.warning("connectors.catalogue_unread", reason=str(error))
    return Redactor.load(models.path(settings.ner_model), allow=sorted(allow))


def demo_key_path(settings: Settings) -> Path:
    return settings.home / "demo.key"

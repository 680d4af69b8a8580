"""Opens a deployment's parts one at a time: for the composition, and for commands that need no more than one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import structlog

from app.engine_client.engines import Engines
from app.engine_client.fleet import How
from app.settings import Settings, SettingsError
from app.wiring.key_material import engine_scope_secret, key_encryption_key
from inference.store.model_store import ModelStore
from moderation.pii.redactor import Redactor
from orchestrator.errors import BotUnavailable
from orchestrator.live_data import LiveData

if TYPE_CHECKING:
    from inference.encoder import SentenceEncoder
    from retrieval.library import Library
    from retrieval.types import Embed

log = structlog.get_logger(__name__)


def open_encoder(settings: Settings, models: ModelStore) -> SentenceEncoder:
    """The sentence encoder, warm. Raises ModelMissing."""
    from inference.encoder import SentenceEncoder

    encoder = SentenceEncoder.load(models.path(settings.encoder_model))
    encoder.warm()
    return encoder


def open_search_encoder(settings: Settings, models: ModelStore, other: SentenceEncoder | None = None) -> SentenceEncoder:
    """The library's encoder, warm; `other`, where that is the one that is open already. Raises ModelMissing."""
    from inference.encoder import SentenceEncoder

    if settings.search_model == settings.encoder_model:
        return other or open_encoder(settings, models)
    encoder = SentenceEncoder.load(models.path(settings.search_model))
    encoder.warm()
    return encoder


def open_library(settings: Settings, embed: Embed, opened: ExitStack | None = None) -> Library:
    """The library of the settings, up to date. opened: closes its connections; a command's end with the command.

    Raises SettingsError, LibraryDamaged, DatabaseBehind, SQLAlchemyError.
    """
    from retrieval.library import Library

    if settings.documents.store == "folder":
        return Library.open(settings.library_dir, embed)
    from app.shared_library.generations import PostgresGenerations
    from audit.database.engine import create_engine_for
    from migrations.run import require_current

    if not settings.url.startswith("postgresql"):
        raise SettingsError("documents.store is postgresql, but database_url is not; set it to the database of all machines")
    require_current(settings.url)
    engine = create_engine_for(settings.url)
    if opened is not None:
        opened.callback(engine.dispose)
    return Library.open(settings.library_dir, embed, shared=PostgresGenerations(engine, settings.tenant))


def open_engines(settings: Settings, tell: Callable[[str], None]) -> Engines:
    """The engines of the settings, not yet asked."""
    how = How(
        secret=engine_scope_secret(key_encryption_key(settings)),
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

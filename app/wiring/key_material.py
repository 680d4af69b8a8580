"""The key-encryption key of the settings, what is derived from it, and the API keys that need no more than it.

Invariant: secrets of different uses are derived under different names, so that none tells another.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Engine

from app.identity.api_keys import ApiKeys
from app.identity.row_seals import RowSeals
from app.settings import Settings
from audit.database.engine import create_engine_for
from audit.sealing.kek import load_kek
from migrations.run import upgrade


def key_encryption_key(settings: Settings) -> bytes:
    """From the settings (base64), or from its file, which is made at first start with mode 0600."""
    environ = {} if settings.kek is None else {"COUNTERSIGN_KEK": settings.kek.get_secret_value()}
    return load_kek(settings.kek_path, environ)


def pepper(kek: bytes) -> bytes:
    """The secret under which people's names become pseudonyms."""
    return _derived("countersign subject pseudonyms", kek)


def engine_scope_secret(kek: bytes) -> bytes:
    """The secret under which conversations become scopes at the engines: the same in every service that has the same key."""
    return _derived("countersign engine scopes", kek)


def row_seals(kek: bytes) -> RowSeals:
    """Seals rows of the database that decide who may do what."""
    return RowSeals(_derived("countersign database rows", kek))


def session_secret(kek: bytes) -> bytes:
    """The secret that signs the console's session cookies."""
    return _derived("countersign review session", kek)


def make_home(settings: Settings) -> None:
    """The folder in which everything of this installation lies, closed to others where it is made now.

    One that is there stays as it is: `countersign doctor` says where others could read in it.
    """
    if not settings.home.exists():
        settings.home.parent.mkdir(parents=True, exist_ok=True)
        settings.home.mkdir(mode=0o700, exist_ok=True)


def open_keys(settings: Settings) -> tuple[Engine, ApiKeys]:
    """The API keys alone, to look them up; dispose of the engine afterwards. Migrates the database."""
    make_home(settings)
    upgrade(settings.url)
    engine, kek = create_engine_for(settings.url), key_encryption_key(settings)
    return engine, ApiKeys(engine, pepper(kek), row_seals(kek))


def demo_key_path(settings: Settings) -> Path:
    return settings.home / "demo.key"


def _derived(use: str, kek: bytes) -> bytes:
    return hashlib.sha256(use.encode() + b"\x00" + kek).digest()

"""The library: where it is kept, whether it can be read, and which generation this host and the database have."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from app.operations.checks.result import Check
from app.settings import Settings
from app.shared_library.generations import PostgresGenerations, Published
from audit.database.engine import create_engine_for
from retrieval.index.generations import Store

_BACK = "it goes on with the older one: ingest again what was ingested since, and remove again what was removed since"


def library(settings: Settings) -> Iterator[Check]:
    """Whether the database's generation is whole, and is the one that this host has."""
    own = Store(settings.library_dir).generation
    if settings.documents.store == "folder":
        yield Check("library", "ok", f"in {settings.library_dir}: {_documents(settings, own)}")
        return
    if not settings.url.startswith("postgresql"):
        fix = "set database_url to the database of all machines, or documents.store to folder"
        yield Check("library", "fail", "documents.store is postgresql, but database_url is not", fix)
        return
    engine = create_engine_for(settings.url)
    try:
        found = PostgresGenerations(engine, settings.tenant).published()
    except SQLAlchemyError as error:
        told = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
        fix = f"see the check of the database; this host goes on with {own or 'no library'} until it can be reached"
        yield Check("library", "fail", f"the shared library cannot be read: {told}", fix)
        return
    finally:
        engine.dispose()
    yield _compared(settings, own, found)


def _compared(settings: Settings, own: str, found: Published | None) -> Check:
    if found is None:
        if not own:
            return Check("library", "ok", "in the database, which holds none yet: nothing was ingested")
        told = f"the database holds none of {settings.tenant}; this host answers from its own copy, {own}"
        return Check("library", "warn", told, "ingest on the host with the right copy: its library is published then")
    there = f"{found.name} of {found.published:%Y-%m-%d %H:%M} UTC, {found.size / 1e6:.1f} MB"
    if found.lacking:
        fix = "no host can take it over: restore the database, or remove its rows of library_generation and ingest again"
        return Check("library", "fail", f"the database has {there}, and lacks {found.lacking} of its pieces", fix)
    if own == found.name:
        return Check("library", "ok", f"the database and this host have {there}: {_documents(settings, own)}")
    if own > found.name:
        return Check("library", "warn", f"the database has {there}, which is older than this host's {own}", _BACK)
    told = f"the database has {there}, this host {own or 'none'}"
    fix = "a running service takes it over by itself; where it does not, its log says library.not_followed"
    return Check("library", "warn", told, fix)


def _documents(settings: Settings, generation: str) -> str:
    if not generation:
        return "nothing was ingested yet"
    manifest = settings.library_dir / "generations" / generation / "manifest.json"
    try:
        return f"{len(json.loads(manifest.read_text('utf-8'))['documents'])} documents"
    except (OSError, ValueError, KeyError):
        return f"{generation} cannot be read: restore it, or delete {settings.library_dir} and ingest again"

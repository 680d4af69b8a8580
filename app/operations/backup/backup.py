"""A backup, taken while the service runs: the log in one folder, its keys in another.

Invariant: whoever has the log's copy alone can read nobody's words, and whoever has the keys' copy alone has
nothing to read. The keys are copied after the log, and only their newest copy is kept: so a restoration never brings back
a key that was destroyed before the log's copy was made.

    TO/countersign-TIME/            manifest.json, log/ (the database, with a library that is kept there), checkpoints.jsonl,
                                    library/ (one that is kept in folders)
    KEYS_TO/countersign-keys/       manifest.json, subjects/ (the key store), kek, audit, countersign.toml, checkpoints.jsonl
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from app import __version__
from app.operations.backup.copies import copy_database
from app.operations.errors import BackupError
from app.settings import Settings, config_path
from app.shared_library.generations import PostgresGenerations
from audit.database.engine import create_engine_for
from audit.sealing import subject_keys
from migrations.rooms import collect_metadata
from migrations.run import standing

KEYS = "countersign-keys"
MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Made:
    log: Path
    keys: Path
    size: int
    """Bytes of both."""


def library_in_database(settings: Settings) -> bool:
    """Whether the library in force is the database's, and a folder of this host is a copy of it."""
    if settings.documents.store != "postgresql":
        return False
    engine = create_engine_for(settings.url)
    try:
        return PostgresGenerations(engine, settings.tenant).newest() != ""
    finally:
        engine.dispose()


def log_tables() -> list[Table]:
    """Every table of the service. The migrations' own is not among them: whoever restores migrates first."""
    return [table for one in collect_metadata() for table in one.sorted_tables]


def key_tables() -> list[Table]:
    return list(subject_keys.metadata.sorted_tables)


def back_up(settings: Settings, to: Path, keys_to: Path, now: Callable[[], float] = time.time) -> Made:
    """Raises BackupError; what was half written then has no final name, and earlier backups are untouched."""
    to, keys_to = to.resolve(), keys_to.resolve()
    if to == keys_to or to in keys_to.parents or keys_to in to.parents:
        raise BackupError(f"{to} and {keys_to} lie in each other: whoever had the log's copy would have its keys too")
    if standing(settings.url) != "current":
        raise BackupError("the database was made by another version: bring it up to date first, countersign migrate")
    stamp = f"{datetime.fromtimestamp(now(), UTC):%Y%m%dT%H%M%SZ}"
    log = _fresh(to, f"countersign-{stamp}")
    (log.partial / "log").mkdir()
    copy_database(settings.url, log_tables(), log.partial / "log")
    # after the database, so that it names all of it: a restored log must own up to what it lacks of this
    _copy_lines(settings.checkpoint_path, log.partial / "checkpoints.jsonl")
    library = settings.home / "library"
    if library.is_dir():
        shared = settings.tenant if library_in_database(settings) else ".*"  # that one is among the database's rows
        shutil.copytree(library, log.partial / "library", ignore=shutil.ignore_patterns(".*", shared))
    log.finish(_manifest(log.partial, settings, now()))
    keys = _fresh(keys_to, KEYS)
    (keys.partial / "subjects").mkdir()
    copy_database(settings.keys_url, key_tables(), keys.partial / "subjects")
    for source, name in (
        (settings.kek_path, "kek"),
        (settings.audit_key_path, "audit"),
        (config_path(), "countersign.toml"),
    ):
        if source.is_file():
            _copy_private(source, keys.partial / name)
    _copy_lines(settings.checkpoint_path, keys.partial / "checkpoints.jsonl")
    keys.finish(_manifest(keys.partial, settings, now()))
    size = sum(path.stat().st_size for folder in (log.final, keys.final) for path in folder.rglob("*") if path.is_file())
    return Made(log.final, keys.final, size)


def read_manifest(folder: Path) -> dict[str, Any]:
    """A backup's own word, after every file was compared with it. Raises BackupError."""
    try:
        told: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        files: dict[str, str] = told["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupError(f"{folder} is no finished backup: it has no readable {MANIFEST}; take another") from None
    if told.get("format") != FORMAT:
        raise BackupError(
            f"{folder} has format {told.get('format')}, this version reads {FORMAT}: use the version that made it"
        )
    for name, digest in files.items():
        path = folder / name
        if ".." in Path(name).parts or not path.is_file() or _sha256(path) != digest:
            raise BackupError(f"{path} is not as it was backed up: the copy was damaged or changed; take another")
    return told


@dataclass(frozen=True)
class _Folder:
    partial: Path
    final: Path

    def finish(self, manifest: dict[str, Any]) -> None:
        """Durable first, then named; an older folder of the name goes only when the new one is there."""
        path = self.partial / MANIFEST
        path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")
        for one in [*self.partial.rglob("*"), self.partial]:
            handle = os.open(one, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        older = self.final.with_name(f".{self.final.name}.old")
        shutil.rmtree(older, ignore_errors=True)
        if self.final.exists():
            self.final.replace(older)
        self.partial.replace(self.final)
        shutil.rmtree(older, ignore_errors=True)


def _fresh(parent: Path, name: str) -> _Folder:
    try:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = parent / f".{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
    except OSError as error:
        raise BackupError(f"{parent} cannot be written: {error.strerror}; choose another folder") from error
    return _Folder(partial, parent / name)


def _manifest(folder: Path, settings: Settings, now: float) -> dict[str, Any]:
    files = {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        "format": FORMAT,
        "version": __version__,
        "made": now,
        "origin": settings.audit_origin,
        "files": files,
    }


def _copy_private(source: Path, target: Path) -> None:
    with open(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(source.read_bytes())


def _copy_lines(source: Path, target: Path) -> None:
    """Whole lines only: the service may be writing the last one."""
    content = source.read_bytes() if source.is_file() else b""
    with open(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content[: content.rfind(b"\n") + 1])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

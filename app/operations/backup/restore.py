"""A backup into an empty installation, and the new epoch that tells what was lost.

Invariant: nothing that is there is overwritten but keys that have sealed and signed nothing; a restored log that
is behind the newest known checkpoint goes on only in a new epoch, by two people's word; and the whole log is verified
before anybody is told that it is restored.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from app.identity.api_keys import ApiKeys
from app.identity.subjects import Approver
from app.operations.backup.backup import KEYS, key_tables, log_tables, read_manifest
from app.operations.backup.copies import is_empty, restore_database
from app.operations.errors import BackupError
from app.settings import Settings
from app.shared_library.generations import PostgresGenerations
from app.wiring.key_material import key_encryption_key, open_keys
from app.wiring.trust import own_trust
from audit.append.store import AuditStore
from audit.checkpoints.epochs import contradictions, start_epoch
from audit.checkpoints.file import last_checkpoints
from audit.checkpoints.signing_keys import public_keys
from audit.database import tables
from audit.database.engine import create_engine_for
from audit.sealing import subject_keys
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.problems import Report
from audit.verify.whole_log import verify_store
from migrations.run import upgrade
from retrieval.index.generations import Store
from retrieval.types import RetrievalError


@dataclass(frozen=True)
class Restored:
    """epochs: log to the epoch that was started for it. library: the generation in force; '' where the backup has none."""

    epochs: dict[str, int]
    report: Report
    library: str = ""


def restore(
    settings: Settings,
    source: Path,
    keys_source: Path,
    newest: Sequence[Path],
    reason: str,
    approvers: Sequence[str],
) -> Restored:
    """newest: files of checkpoints known beside the backup's own; of each log the latest counts.

    Raises BackupError, LogDamaged and EventRefused; the installation is empty, or can be restored into again.
    """
    keys_source = keys_source / KEYS if (keys_source / KEYS).is_dir() else keys_source
    log, keys = read_manifest(source), read_manifest(keys_source)
    if keys["made"] < log["made"]:
        raise BackupError(
            f"{keys_source} is older than {source}: it could bring back keys that were destroyed since; use the newest keys"
        )
    if log["origin"] != settings.audit_origin:
        raise BackupError(
            f"the backup's log is signed as {log['origin']}, this installation as {settings.audit_origin}: set"
            f" audit_origin (make configure ORIGIN={log['origin']}) first"
        )
    if not is_empty(settings.url, tables.metadata):
        raise BackupError("this installation has a log already: restore into an empty one, and keep what this one has")
    _place_keys(settings, keys_source)
    if settings.url.startswith("postgresql"):
        upgrade(settings.url)
    restore_database(settings.url, log_tables(), source / "log")
    upgrade(settings.url)
    known = [source / "checkpoints.jsonl", keys_source / "checkpoints.jsonl", settings.checkpoint_path, *newest]
    _place(_latest(known), settings.checkpoint_path)
    library = _library(settings, source)
    epochs = _epochs(settings, reason, approvers)
    engine = create_engine_for(settings.url)
    try:
        report = verify_store(engine, trust=own_trust(settings))
    finally:
        engine.dispose()
    return Restored(epochs, report, library)


def _library(settings: Settings, source: Path) -> str:
    """Puts the backup's library in force on this host, and in the database where it is kept there: one that the database
    holds wins over a folder. Returns its generation. Raises BackupError: the log is restored then."""
    if (source / "library").is_dir():
        shutil.copytree(source / "library", settings.home / "library", dirs_exist_ok=True)
    if not settings.url.startswith("postgresql"):
        return Store(settings.library_dir).generation
    engine = create_engine_for(settings.url)
    store = Store(settings.library_dir, PostgresGenerations(engine, settings.tenant))
    try:
        store.follow()
        if settings.documents.store == "postgresql" and store.generation:
            with store.locked():  # publishes a library from before it was shared
                pass
    except RetrievalError as error:
        raise BackupError(
            f"the log is restored, and its library is not ({error}): ingest the documents again before the service starts"
        ) from error
    finally:
        engine.dispose()
    return store.generation


def _place_keys(settings: Settings, source: Path) -> None:
    for name, target in (("kek", settings.kek_path), ("audit", settings.audit_key_path)):
        if (source / name).is_file():
            _place(source / name, target)
    if settings.keys_url.startswith("postgresql"):
        if not is_empty(settings.keys_url, subject_keys.metadata):
            raise BackupError("the key store has keys already: give an empty database for keys_database_url")
        store = create_engine_for(settings.keys_url)
        subject_keys.metadata.create_all(store)
        store.dispose()
    restore_database(settings.keys_url, key_tables(), source / "subjects")


def _place(source: Path, target: Path) -> None:
    """Whole or not at all, readable for this user alone; what was there is kept beside it."""
    if source == target:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".{target.name}.restored")
    made.unlink(missing_ok=True)
    with open(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(source.read_bytes())
        os.fsync(file.fileno())
    if target.exists() and target.read_bytes() != source.read_bytes():
        target.replace(target.with_name(f"{target.name}.before-restore"))
    made.replace(target)


def _latest(files: Sequence[Path]) -> Path:
    """The file that knows most. Raises BackupError where two know different logs best, LogDamaged where one is altered."""
    there = [path for path in dict.fromkeys(files) if path.is_file()]
    places = {path: {log: kept.place for log, kept in last_checkpoints(path).items()} for path in there}
    for path, known in places.items():
        if all(known.get(log, (0, 0)) >= place for other in places.values() for log, place in other.items()):
            return path
    raise BackupError(f"no file of {', '.join(map(str, there))} has the newest checkpoint of every log: name the newest one")


def _epochs(settings: Settings, reason: str, approvers: Sequence[str]) -> dict[str, int]:
    """Starts an epoch for each log that lacks records that were signed."""
    engine, ring = open_keys(settings)
    try:
        keys = public_keys(settings.audit_key_path)
        lacking = list(contradictions(engine, settings.checkpoint_path, keys))
        if not lacking:
            return {}
        if len(approvers) != 2 or not reason:
            raise BackupError(
                f"the backup is restored, and lacks records that were signed ({lacking[0][0].log}: {lacking[0][1]}): two"
                " people must agree to go on without them: countersign audit epoch LOG --reason … --approver A --approver B"
            )
        return _started(settings, engine, ring, [kept.log for kept, _ in lacking], reason, approvers)
    finally:
        engine.dispose()


def _started(
    settings: Settings, engine: Engine, ring: ApiKeys, logs: Sequence[str], reason: str, approvers: Sequence[str]
) -> dict[str, int]:
    subjects = SubjectKeys(settings.keys_url, key_encryption_key(settings))
    store = AuditStore(engine, subjects)
    keys = public_keys(settings.audit_key_path)
    begun = {}
    try:
        for log in logs:
            first, second = (ring.pseudonym(log, Approver(name)) for name in approvers)
            begun[log] = start_epoch(
                engine, store, settings.checkpoint_path, keys, log, reason=reason, approvers=(first, second)
            )
    finally:
        store.close()
        subjects.close()
    return begun

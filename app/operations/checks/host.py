"""The machine and its files: disk, memory, processor, clock, who may read what."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from app.operations.backup.copies import sqlite_path
from app.operations.checks.result import Check, State
from app.settings import Settings, config_path
from audit.database import tables
from audit.database.engine import create_engine_for
from inference.store.model_store import ModelStore

_GB = 1e9
DISK_LOW, DISK_OUT = 5 * _GB, 1 * _GB
WORKING = 1.5 * _GB
"""Memory that a service needs beside its models: interpreter, JAX, names, index, queries under way."""
_UNSYNCHRONISED = 5  # TIME_ERROR, adjtimex(2)


def disk(settings: Settings) -> Iterator[Check]:
    for what, folder in (("disk, data", settings.home), ("disk, models", ModelStore(settings.models_dir).root)):
        free = shutil.disk_usage(_existing(folder)).free
        state: State = "ok" if free >= DISK_LOW else "warn" if free >= DISK_OUT else "fail"
        fix = "" if state == "ok" else f"free some space below {folder}: a full disk stops every answer (503)"
        yield Check(what, state, f"{free / _GB:.1f} GB free", fix)


def memory(settings: Settings) -> Iterator[Check]:
    """What is free now and what a cgroup allows, against the models' size; a running service has its share already."""
    store = ModelStore(settings.models_dir)
    names = settings.local_models
    needed = WORKING + 1.3 * sum(store.manifest[name].size for name in names if name in store.manifest)
    total = _meminfo("MemTotal")
    limit = min((one for one in (total, _cgroup_limit()) if one), default=0)
    told = f"{limit / _GB:.1f} GB for this installation, {_meminfo('MemAvailable') / _GB:.1f} GB available now"
    if limit < needed:
        yield Check(
            "memory", "fail", told, f"{needed / _GB:.1f} GB are needed: more memory, or a smaller model (light = true)"
        )
    else:
        yield Check("memory", "ok", f"{told}; {needed / _GB:.1f} GB needed")


def processor(settings: Settings) -> Iterator[Check]:
    """Whether the engine's own kernels run here, and on which instructions."""
    from inference import kernels

    if why := kernels.unavailable():
        yield Check("processor", "warn", why, "answers of the model are slower; everything else is as it should be")
    else:
        yield Check("processor", "ok", f"{os.cpu_count()} cores, kernels for {', '.join(kernels.paths())}")


def clock(settings: Settings) -> Iterator[Check]:
    """Against the log's last event, since no other clock can be asked; and whether the system believes its clock."""
    last = _last_event(settings)
    if last is not None and last > time.time() + 1:
        told = f"{last - time.time():.0f} s behind the last event of the log"
        yield Check("clock", "fail", told, "set the clock forward to the right time before the service starts")
        return
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(256))
    if state == _UNSYNCHRONISED:
        yield Check("clock", "warn", "not synchronised", "run chronyd or ntpd against the firm's own time server")
    else:
        yield Check("clock", "ok", "synchronised" if state >= 0 else "not behind the log")


def modes(settings: Settings) -> Iterator[Check]:
    """Secrets for this user alone, settings and data not to be changed by others."""
    secrets = {"key-encryption key": settings.kek_path, "signing keys": settings.audit_key_path}
    if (subjects := sqlite_path(settings.keys_url)) is not None:
        secrets["subjects' keys"] = subjects
    found = [_mode(name, path, 0o077) for name, path in secrets.items()]
    found += [_mode("home", settings.home, 0o022), _mode("settings", config_path(), 0o022)]
    if (log := sqlite_path(settings.url)) is not None:
        found.append(_mode("log", log, 0o022))
    found += [
        _seen_by_all(settings.home),
        *(_seen_by_all(path) for path in (settings.log_file, settings.spans_file) if path),
    ]
    bad = [one for one in found if one]
    yield from bad
    if not bad:
        yield Check("file modes", "ok", "secrets are this user's alone, and nobody else can change settings or data")


def _mode(name: str, path: Path, forbidden: int) -> Check | None:
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    mode = stat.S_IMODE(about.st_mode)
    if mode & forbidden:
        told = f"{path} has mode {mode:04o}"
        verb = "read" if forbidden == 0o077 else "change"
        return Check(f"file modes, {name}", "fail", told, f"others could {verb} it: chmod {mode & ~forbidden:o} {path}")
    if about.st_uid not in (os.geteuid(), 0):
        told = f"{path} belongs to user {about.st_uid}"
        return Check(f"file modes, {name}", "fail", told, f"chown {os.geteuid()} {path}, or run as its owner")
    return None


def _seen_by_all(path: Path) -> Check | None:
    """Documents of every group, tenants' names and times of questions are nobody else's business."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    if not mode & 0o007:
        return None
    told = f"{path} has mode {mode:04o}: every user of this machine can read in it"
    return Check(f"file modes, {path.name}", "warn", told, f"chmod o-rwx {path}")


def _last_event(settings: Settings) -> float | None:
    path = sqlite_path(settings.url)
    if path is not None and not path.is_file():
        return None
    engine = create_engine_for(settings.url)
    try:
        with engine.connect() as connection:
            found = connection.scalar(select(func.max(tables.record.c.ts)))
    finally:
        engine.dispose()
    return found / 1e6 if found else None


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(one for one in (folder, *folder.parents) if one.exists())


def _meminfo(name: str) -> int:
    """Bytes; proc(5) gives kibibytes."""
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _cgroup_limit() -> int | None:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None

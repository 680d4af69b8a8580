"""What a command opens that reads the log or appends to it, beside a service that may be running.

It imports no model, migrates nothing, signs nothing and starts no thread but the log's writer. What it appends is signed by
the service: within a second where one runs, else when the next one starts.

Invariant: a database that is behind its last signed checkpoint is not appended to, as it is not served.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from app.governance.announcer import Announcer
from app.governance.key_desk import KeyDesk
from app.governance.kill_switches import Switches
from app.governance.row_adoption import adopt_rows
from app.identity.api_keys import ApiKeys
from app.identity.row_seals import RowSeals
from app.settings import Settings
from app.wiring.key_material import key_encryption_key, pepper, row_seals
from audit.append.store import AuditStore
from audit.checkpoints.epochs import confirm
from audit.checkpoints.signing_keys import public_keys
from audit.database.engine import create_engine_for
from audit.read.reader import AuditReader
from audit.retention.desk import RetentionDesk
from audit.sealing.subject_keys import SubjectKeys
from migrations.run import require_current, upgrade
from moderation.severity import ACTIONS
from orchestrator.selection.routes import load_routes


@dataclass(frozen=True)
class ReadSide:
    """A database's log, its keys and its reader. Close it, or use it as a context: what was appended is then durable."""

    settings: Settings
    engine: Engine
    subjects: SubjectKeys
    seals: RowSeals
    keys: ApiKeys
    audit: AuditStore
    reader: AuditReader
    closers: ExitStack

    @property
    def retention(self) -> RetentionDesk:
        """Holds, retention and erasures."""
        return RetentionDesk(self.engine, self.audit, self.subjects)

    @property
    def announcer(self) -> Announcer:
        return Announcer(self.audit, self.keys, self.settings.tenant)

    @cached_property
    def bots(self) -> tuple[str, ...]:
        """The names of the bots, as the routes file declared them when somebody first asked. Raises ConfigError."""
        return tuple(sorted(load_routes(self.settings.routes_file).bots))

    @property
    def switches(self) -> Switches:
        """Kill switches, to be looked at and thrown. Raises ConfigError."""
        return Switches(self.engine, self.announcer, self.bots, self.seals)

    @property
    def key_desk(self) -> KeyDesk:
        """API keys, made and ended with an event in the log."""
        return KeyDesk(self.keys, self.announcer)

    def close(self) -> None:
        """Makes durable what was appended, then closes the databases. Safe to call twice."""
        self.closers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_read_side(settings: Settings) -> ReadSide:
    """The log must be there already. Raises DatabaseBehind, DatabaseAhead, LogDamaged, KeyRefused, and what the database
    raises."""
    require_current(settings.url)
    return open_log(settings)


def open_key_desk(settings: Settings) -> ReadSide:
    """The same where keys are made before the service has ever run: migrates the database, or makes it."""
    settings.home.mkdir(parents=True, exist_ok=True)
    upgrade(settings.url)
    return open_log(settings)


def open_log(settings: Settings) -> ReadSide:
    """The same for whoever has just migrated the database."""
    with ExitStack() as opened:
        engine = create_engine_for(settings.url)
        opened.callback(engine.dispose)
        confirm(engine, settings.checkpoint_path, public_keys(settings.audit_key_path))
        kek = key_encryption_key(settings)
        subjects = SubjectKeys(settings.keys_url, kek)
        opened.callback(subjects.close)
        audit = AuditStore(engine, subjects)
        opened.callback(audit.close)
        seals = row_seals(kek)
        keys = ApiKeys(engine, pepper(kek), seals)
        reader = AuditReader(engine, subjects, ACTIONS)
        adopt_rows(engine, seals, reader, Announcer(audit, keys, settings.tenant))
        return ReadSide(
            settings=settings,
            engine=engine,
            subjects=subjects,
            seals=seals,
            keys=keys,
            audit=audit,
            reader=reader,
            closers=opened.pop_all(),
        )

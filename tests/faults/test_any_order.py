"""Whatever is done to a log in whatever order, it holds what a plain list would hold, and its proofs say so."""

import contextlib
import io
import json
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine, select, text

from audit.append.store import AuditStore
from audit.append.ticket import Ticket
from audit.checkpoints.epochs import confirm
from audit.checkpoints.issuer import Checkpointer
from audit.database import tables
from audit.database.engine import create_engine_for, writing
from audit.database.triggers import sqlite_triggers
from audit.format.bundle import Selection
from audit.format.notes import open_checkpoint
from audit.kinds import BY_NAME
from audit.read.export import Source, write_bundle
from audit.read.reader import AuditReader
from audit.retention.desk import RetentionDesk
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.offline import ReaderTrust as Reader
from audit.verify.offline import verify_bundle
from audit.verify.whole_log import LogTrust, verify_store
from migrations.run import upgrade
from tests.audit.conftest import KEK, entry
from tests.faults.drivers import LOG_KEY, origin_of

SUBJECTS = ("subject:a", "subject:b", "subject:c")


@dataclass
class Known:
    """One event as the list has it. said: its text, or None where it was erased or is not the test's own."""

    event_id: str
    subject: str
    said: str | None


class AnyOrder(RuleBasedStateMachine):
    """The model is `list`, by sequence number. A crash is what the disk holds at that moment, opened elsewhere."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="countersign-any-order-"))
        self.lives = self.number = self.largest = 0
        self.list: list[Known] = []
        self.pending: list[tuple[Ticket, Known]] = []
        (self.folder / "0").mkdir()
        upgrade(f"sqlite:///{self.folder}/0/main.db")
        self.open()

    def open(self) -> None:
        home = self.folder / str(self.lives)
        self.path, self.file = home / "main.db", home / "checkpoints.jsonl"
        self.engine: Engine = create_engine_for(f"sqlite:///{self.path}")
        confirm(self.engine, self.file, [LOG_KEY.key])
        self.keys = SubjectKeys(f"sqlite:///{home}/keys.db", KEK)
        self.store = AuditStore(self.engine, self.keys, strict=False)
        self.checkpointer = Checkpointer(self.engine, [LOG_KEY], origin_of, file=self.file, every_s=3600, every_events=10**6)
        self.trust = LogTrust((LOG_KEY.key,), file=self.file, origin_of=origin_of)

    def close(self) -> None:
        self.store.close()
        self.checkpointer.close()
        self.keys.close()
        self.engine.dispose()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    @rule(count=st.integers(1, 11), subject=st.sampled_from(SUBJECTS), waits=st.booleans())
    def append(self, count: int, subject: str, waits: bool) -> None:
        for _ in range(count):
            said = f"text {self.number}"
            self.number += 1
            ticket = self.store.append("acme", entry(self.number, subject=subject, body={"text": said}))
            self.pending.append((ticket, Known("", subject, said)))
        if waits:
            self.acknowledge()

    @rule()
    def acknowledge(self) -> None:
        for ticket, known in self.pending:
            receipt = ticket.wait(30)
            assert receipt.seq == len(self.list)
            self.list.append(Known(receipt.event_id, known.subject, known.said))
        self.pending.clear()

    @rule()
    def crash(self) -> None:
        self.lives += 1
        home = self.folder / str(self.lives)
        home.mkdir()
        with writing(self.engine) as still:
            still.execute(text("SELECT 1"))
            for path in self.path.parent.iterdir():
                if not path.name.endswith(("-shm", ".lock")):
                    shutil.copy(path, home)
        maybe = [known for _, known in self.pending]
        self.pending.clear()
        self.close()
        self.open()
        for view in self.views()[len(self.list) :]:  # never acknowledged, and there all the same: in order, each once
            known = maybe.pop(0)
            assert (view.body or {}).get("text") == known.said
            self.list.append(Known(view.event_id, known.subject, known.said))

    @rule()
    def restart(self) -> None:
        self.acknowledge()
        self.close()
        self.open()

    @precondition(lambda self: self.list and not self.pending)
    @rule()
    def checkpoint(self) -> None:
        found, _ = open_checkpoint(self.checkpointer.issue("acme").dump(), [LOG_KEY.key])
        assert found.size == len(self.list)
        self.largest = found.size

    @precondition(lambda self: self.list and not self.pending)
    @rule(subject=st.sampled_from((None, *SUBJECTS)))
    def export(self, subject: str | None) -> None:
        note = self.checkpointer.issue("acme")
        stream = io.BytesIO()
        source = Source(self.engine, "acme", len(self.list), Selection(subject=subject), bodies="opened", keys=self.keys)
        write_bundle(stream, source, note, [LOG_KEY], made=1)
        verdict = verify_bundle(io.BytesIO(stream.getvalue()), Reader((LOG_KEY.key,)))
        assert verdict.ok, verdict.findings
        lines = [json.loads(line) for line in stream.getvalue().splitlines()[1:-1]]
        wanted = [(seq, known) for seq, known in enumerate(self.list) if subject in (None, known.subject)]
        assert [line["seq"] for line in lines] == [seq for seq, _ in wanted]
        for line, (_, known) in zip(lines, wanted, strict=True):
            if known.subject in SUBJECTS:
                said = json.loads(line["opened"]["body"])["text"] if "opened" in line else None
                assert said == known.said

    @precondition(lambda self: self.list and not self.pending)
    @rule(subject=st.sampled_from(SUBJECTS))
    def erase(self, subject: str) -> None:
        assert (
            RetentionDesk(self.engine, self.store, self.keys).request_erasure("acme", "key:1", subject, "asked").state
            == "done"
        )
        for known in self.list:
            if known.subject == subject:
                known.said = None
        self.list += [Known(view.event_id, view.subject, None) for view in self.views()[len(self.list) :]]

    @precondition(lambda self: self.list and not self.pending)
    @rule(data=st.data())
    def tamper_and_put_back(self, data: st.DataObject) -> None:
        """Every change in a record is seen; put back, the log is good again."""
        seq = data.draw(st.integers(0, len(self.list) - 1))
        column = data.draw(st.sampled_from(("envelope", "leaf", "chain")))
        with self.engine.connect() as connection:
            before = connection.exec_driver_sql(f"SELECT {column} FROM audit_record WHERE seq = ?", (seq,)).scalar_one()
        at = data.draw(st.integers(0, len(before) * 8 - 1))
        after = bytearray(before)
        after[at // 8] ^= 1 << at % 8
        self.force(column, seq, bytes(after))
        report = verify_store(self.engine, trust=self.trust)
        assert [(one.seq, one.what) for one in report.problems] == [(seq, column)]
        self.force(column, seq, before)

    def force(self, column: str, seq: int, value: bytes) -> None:
        """As somebody who owns the file: guards off, and on again."""
        with contextlib.closing(sqlite3.connect(self.path)) as client, client:
            client.execute("DROP TRIGGER audit_record_update")
            client.execute(f"UPDATE audit_record SET {column} = ? WHERE seq = ?", [value, seq])
            client.execute(sqlite_triggers()["audit_record_update"])

    def views(self) -> list[Any]:
        with self.engine.connect() as connection:
            kinds = list(connection.scalars(select(tables.record.c.kind).distinct()))
        return AuditReader(self.engine, self.keys).of_kinds("acme", [BY_NAME[kind] for kind in kinds])

    @invariant()
    def holds_what_the_list_holds(self) -> None:
        if not hasattr(self, "store") or self.pending:
            return
        views = self.views()
        assert [view.seq for view in views] == list(range(len(self.list)))
        assert [view.event_id for view in views] == [known.event_id for known in self.list]
        assert all(view.intact for view in views)
        for view, known in zip(views, self.list, strict=True):
            if known.subject in SUBJECTS:
                assert (view.body or {}).get("text") == known.said
        report = verify_store(self.engine, trust=self.trust)
        assert (report.ok, report.events) == (True, len(self.list)), report.problems
        assert report.events >= self.largest


AnyOrder.TestCase.settings = settings(
    max_examples=25, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTheLogIsAList = AnyOrder.TestCase

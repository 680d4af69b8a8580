"""More than the disk can take: callers wait a little, then are refused; memory is bounded, nothing goes out unlogged."""

import threading
from collections.abc import Callable

from sqlalchemy import Engine, text

from app.adapters.record import QueryRecord
from audit.append.store import AuditStore
from audit.database.engine import writing
from audit.read.reader import AuditReader
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import verify_store
from orchestrator.errors import RecordUnavailable
from orchestrator.journey.outgoing import Answer, Outgoing, SegmentOut
from orchestrator.types import Query
from tests.faults.drivers import step
from tests.support.running_deployment import ScriptedModel, running_deployment
from tests.support.waiting import eventually

CALLERS, CAPACITY = 16, 12
SENTENCES = [f"This is sentence number {n} of the whole answer. " for n in range(4)]


def test_a_full_queue_holds_callers_back_then_refuses_and_no_answer_is_unlogged(
    engine: Engine, keys: SubjectKeys, opened: Callable[..., AuditStore]
) -> None:
    store = opened(engine, capacity=CAPACITY, patience=0.1)
    store.append("acme", step("received", "q-first")).wait()
    heard: dict[str, list[Outgoing]] = {f"q-{n}": [] for n in range(CALLERS)}
    refused: list[str] = []

    def ask(query: str) -> None:
        asked = Query(query, f"c-{query}", "acme", "subject:1", "actor:1", frozenset(), "What is inflation?")
        try:
            for out in deployment.pipeline.answer(asked):
                heard[query].append(out)
        except RecordUnavailable:
            refused.append(query)

    record = lambda **who: QueryRecord(store, **who)  # noqa: E731
    with running_deployment(model=ScriptedModel(SENTENCES), open_record=record) as deployment:
        threads = [threading.Thread(target=ask, args=(query,)) for query in heard]
        with writing(engine) as blocker:  # the disk, or the database, stands still
            postgres = engine.dialect.name == "postgresql"
            blocker.execute(text("SELECT * FROM audit_log_head FOR UPDATE" if postgres else "SELECT 1"))
            for thread in threads:
                thread.start()
            eventually(lambda: refused)
            assert store.stats().pooled <= CAPACITY
            assert not [out for outs in heard.values() for out in outs if isinstance(out, SegmentOut | Answer)]
        for thread in threads:
            thread.join(30)
        heard["q-after"] = []
        ask("q-after")  # and it goes on without a restart
    assert isinstance(heard["q-after"][-1], Answer)
    reader = AuditReader(engine, keys)
    for query, outs in heard.items():
        events = reader.query("acme", query)
        released = [view.body["text"] for view in events if view.kind == "released" and view.body]
        segments = [out.text for out in outs if isinstance(out, SegmentOut)]
        assert released[: len(segments)] == segments
        assert isinstance(outs[-1], Answer) if query not in refused else not any(isinstance(out, Answer) for out in outs)
        assert query in refused or [view.kind for view in events].count("finished") == 1
    assert verify_store(engine).ok

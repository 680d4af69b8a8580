"""Reading for review: the list of queries with its filters, and one query's journey."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Engine, text

from audit.append.store import AuditStore
from audit.read.reader import AuditReader
from audit.sealing.subject_keys import SubjectKeys
from moderation.severity import ACTIONS
from tests.audit.conftest import KEK, entry
from tests.audit.verify.test_whole_log import Vandal


def journey(store: AuditStore, query: str, bot: str, verdict: str, outcome: str, tenant: str = "acme") -> None:
    steps: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("received", {}, {"message": f"{query}: what about <PERSON_1>?"}),
        ("judged", {"rail": "toxicity", "verdict": "allow"}, {"probability": 20_000}),
        ("judged", {"rail": "injection", "verdict": verdict}, {"probability": 970_000}),
        ("routed", {"bot": "onprem"}, {"candidates": ["onprem", bot]}),
        ("generated", {"bot": bot}, {"text": "an answer"}),
        ("finished", {"outcome": outcome}, {}),
    ]
    for kind, labels, body in steps:
        store.append(tenant, entry(kind=kind, query=query, labels=labels, body=body))
    store.append(tenant, entry(kind="access.viewed", query=query, actor="auditor", labels={"verdict": "block"})).wait()


@pytest.fixture
def reader(engine: Engine, store: AuditStore, keys: SubjectKeys) -> AuditReader:
    journey(store, "q1", "rag", "allow", "answered")
    journey(store, "q2", "api", "allow", "answered")
    journey(store, "q3", "rag", "block", "refused")
    journey(store, "q4", "rag", "redact", "answered")
    journey(store, "q1", "rag", "block", "refused", tenant="other")
    return AuditReader(engine, keys, ACTIONS)


def listed(reader: AuditReader, **filters: Any) -> list[str]:
    return [one.query for one in reader.queries("acme", **filters)]


def test_queries_are_listed_newest_first_and_for_one_tenant_alone(reader: AuditReader) -> None:
    assert listed(reader) == ["q4", "q3", "q2", "q1"]
    assert [one.outcome for one in reader.queries("other")] == ["refused"]
    assert reader.queries("nobody") == []


def test_a_line_sums_the_query_up(reader: AuditReader) -> None:
    line = reader.queries("acme", verdict="block")[0]
    assert (line.query, line.bot, line.verdict, line.outcome, line.events) == (
        "q3",
        "rag",
        "block",
        "refused",
        6,
    )
    assert (line.conversation, line.actor) == ("conversation-1", "actor:9f1c")
    assert line.finished is not None
    assert line.started <= line.finished
    assert abs(datetime.now(UTC) - line.started) < timedelta(minutes=10)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"bot": "api"}, ["q2"]), ({"bot": "onprem"}, ["q4", "q3", "q2", "q1"]), ({"bot": "none"}, []),
        ({"verdict": "allow"}, ["q2", "q1"]), ({"verdict": "redact"}, ["q4"]), ({"verdict": "block"}, ["q3"]),
        ({"verdict": "steer"}, []), ({"outcome": "refused"}, ["q3"]), ({"outcome": "answered", "bot": "rag"}, ["q4", "q1"]),
        ({"since": datetime(2020, 1, 1, tzinfo=UTC)}, ["q4", "q3", "q2", "q1"]),
        ({"until": datetime(2020, 1, 1, tzinfo=UTC)}, []), ({"since": datetime(2200, 1, 1, tzinfo=UTC)}, []),
    ],
)  # fmt: skip
def test_filters_narrow_the_list(reader: AuditReader, filters: dict[str, Any], expected: list[str]) -> None:
    assert listed(reader, **filters) == expected


@pytest.mark.parametrize(("milder", "stricter"), [*pairwise(ACTIONS)])
def test_of_a_querys_verdicts_the_line_and_the_filter_know_the_severest(
    reader: AuditReader, store: AuditStore, milder: str, stricter: str
) -> None:
    journey(store, "q5", "rag", stricter, "answered")
    store.append("acme", entry(kind="judged", query="q5", labels={"rail": "advice", "verdict": milder}, body={})).wait()
    assert reader.queries("acme")[0].verdict == stricter
    assert "q5" in listed(reader, verdict=stricter)
    assert "q5" not in listed(reader, verdict=milder)


def test_pages_follow_each_other_without_gap_or_overlap(reader: AuditReader) -> None:
    first = reader.queries("acme", limit=3)
    second = reader.queries("acme", limit=3, before=first[-1].seq)
    assert [one.query for one in first + second] == ["q4", "q3", "q2", "q1"]


def test_a_time_without_a_zone_is_refused(reader: AuditReader) -> None:
    with pytest.raises(ValueError, match="time zone"):
        reader.queries("acme", since=datetime(2026, 1, 1))


def test_a_journey_shows_every_step_in_order_with_its_body_and_hashes(reader: AuditReader) -> None:
    steps = reader.query("acme", "q3")
    kinds = ["received", "judged", "judged", "routed", "generated", "finished", "access.viewed"]
    assert [one.kind for one in steps] == kinds
    assert [one.seq for one in steps] == list(range(14, 21))
    assert steps[0].body == {"message": "q3: what about <PERSON_1>?"}
    assert steps[2].labels == {"rail": "injection", "verdict": "block"}
    assert steps[2].body == {"probability": 970_000}
    assert all(one.intact and one.state == "open" and len(one.leaf) == len(one.chain) == 64 for one in steps)
    assert steps[0].after_us == 0
    assert all(one.after_us >= 0 for one in steps)
    assert steps[4].trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert (steps[4].policy_digest, steps[4].model_digest) == ("aa" * 32, "bb" * 32)
    assert reader.query("acme", "unknown") == []


def test_a_body_whose_key_was_destroyed_is_shown_as_erased_and_still_intact(reader: AuditReader, keys: SubjectKeys) -> None:
    keys.destroy("subject:77aa")
    step = reader.query("acme", "q1")[0]
    assert (step.body, step.state, step.intact) == (None, "erased", True)


def test_a_lost_key_store_is_not_taken_for_an_erasure(
    engine: Engine, reader: AuditReader, tmp_path_factory: pytest.TempPathFactory
) -> None:
    keyless = SubjectKeys(f"sqlite:///{tmp_path_factory.mktemp('keys')}/keys.db", KEK)
    step = AuditReader(engine, keyless).query("acme", "q1")[0]
    assert (step.body, step.state, step.intact) == (None, "lost", True)
    keyless.close()


@pytest.fixture
def vandal(url: str, reader: AuditReader) -> Iterator[Vandal]:
    vandal = Vandal(url)
    yield vandal
    vandal.engine.dispose()


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("UPDATE audit_payload SET sealed = (SELECT leaf FROM audit_record WHERE log = 'acme' AND seq = 1)"
         " WHERE log = 'acme' AND seq = 2", "damaged"),
        ("DELETE FROM audit_payload WHERE log = 'acme' AND seq = 2", "damaged"),
        ("UPDATE audit_record SET leaf = chain WHERE log = 'acme' AND seq = 2", "open"),
        ("UPDATE audit_record SET chain = leaf WHERE log = 'acme' AND seq = 2", "open"),
        ("UPDATE audit_record SET kind = 'allowed' WHERE log = 'acme' AND seq = 2", "open"),
        ("UPDATE audit_record SET envelope = leaf WHERE log = 'acme' AND seq = 2", "damaged"),
        ("DELETE FROM audit_record WHERE log = 'acme' AND seq = 1", "open"),
    ],
)  # fmt: skip
def test_a_tampered_event_is_never_shown_as_intact(reader: AuditReader, vandal: Vandal, change: str, state: str) -> None:
    assert all(one.intact for one in reader.query("acme", "q1"))
    vandal(change)
    step = next(one for one in reader.query("acme", "q1") if one.seq == 2)
    assert (step.intact, step.state) == (False, state)
    assert step.body is None or state == "open"


def test_a_body_moved_to_another_event_does_not_open_there(engine: Engine, reader: AuditReader, vandal: Vandal) -> None:
    """Both bodies belong to the same subject: only the event's id tells them apart."""
    with vandal.engine.connect() as connection:
        other = connection.execute(text("SELECT sealed FROM audit_payload WHERE log = 'acme' AND seq = 9")).scalar_one()
    vandal("UPDATE audit_payload SET sealed = :other WHERE log = 'acme' AND seq = 2", other=other)
    assert reader.query("acme", "q1")[2].state == "damaged"

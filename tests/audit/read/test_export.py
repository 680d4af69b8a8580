"""Taking events out of a real log: bundles that verify, tables that are harmless."""

import base64
import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from audit.append.store import AuditStore
from audit.database.tiles import Tiles
from audit.errors import ExportRefused
from audit.format.bundle import Selection
from audit.format.merkle import CompactRange
from audit.format.notes import Checkpoint, Note
from audit.format.receipts import LogProof
from audit.read.export import PAGE, Source, write_bundle
from audit.read.export_tables import COLUMNS, inert, write_csv, write_parquet
from audit.read.receipts import prove
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.offline import ReaderTrust, Verdict, verify_bundle
from tests.audit.conftest import KEK, entry, fill
from tests.audit.verify.second_verifier import Verifier
from tests.audit.verify.test_whole_log import Vandal
from tests.support.bundles import KEY, ORIGIN

COUNT = 53


def checkpoint(engine: Engine, size: int) -> Note:
    with engine.connect() as connection:
        text = Checkpoint(ORIGIN, size, Tiles(connection, "acme").root(size)).text()
    return Note(text, (KEY.sign(text),))


def bundle(engine: Engine, selection: Selection, size: int = COUNT, *, since: Any = (), **options: Any) -> bytes:
    stream = io.BytesIO()
    source = Source(engine, "acme", size, selection, **options)
    write_bundle(stream, source, checkpoint(engine, size), [KEY], made=1, since=since)
    return stream.getvalue()


def verdict(data: bytes, **trust: Any) -> Verdict:
    """Both verifiers' word."""
    found = verify_bundle(io.BytesIO(data), ReaderTrust((KEY.key,), **trust))
    second = Verifier(data, [str(KEY.key)], held=trust.get("held", ())).found
    assert {(one.what, one.seq) for one in found.findings} == second
    return found


@pytest.fixture
def filled(engine: Engine, store: AuditStore) -> Engine:
    fill(store, COUNT)
    return engine


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(), COUNT),
        (Selection(query="query-3"), 4),
        (Selection(conversation="conversation-1"), COUNT),
        (Selection(subject="subject:77aa", query="query-3"), 4),
        (Selection(subject="nobody"), 0),
        (Selection(since=0, until=2**52), COUNT),
        (Selection(until=5), 0),
    ],
    ids=str,
)
def test_what_is_exported_verifies_offline(filled: Engine, keys: SubjectKeys, selection: Selection, count: int) -> None:
    for bodies in ("none", "sealed", "opened"):
        found = verdict(bundle(filled, selection, bodies=bodies, keys=keys))
        assert (found.ok, found.events) == (True, count), found.findings


def test_events_after_the_checkpoint_stay_out(filled: Engine) -> None:
    found = verdict(bundle(filled, Selection(), size=20))
    assert (found.ok, found.events, found.size) == (True, 20, 20)


def test_an_export_continues_the_checkpoints_kept_from_earlier(filled: Engine) -> None:
    held = tuple(checkpoint(filled, size).dump() for size in (1, 8, 20, 52))
    selected = bundle(filled, Selection(query="query-3"), since=[1, 8, 20, 52])
    assert verdict(selected, held=held).ok
    assert verdict(bundle(filled, Selection()), held=held).ok


def test_an_export_for_a_longer_log_than_there_is_says_that_it_was_cut(filled: Engine) -> None:
    with pytest.raises(ExportRefused, match="cut"):
        bundle(filled, Selection(query="query-3"), since=[COUNT + 1])


def test_opened_bodies_are_what_was_said_and_bound_to_the_event(filled: Engine, keys: SubjectKeys) -> None:
    data = bundle(filled, Selection(query="query-3"), bodies="opened", keys=keys)
    events = [json.loads(line) for line in data.splitlines()[1:-1]]
    assert [json.loads(one["opened"]["body"])["text"][-2:] for one in events] == ["12", "13", "14", "15"]
    forged = data.replace(b"number 13", b"number 99")
    assert ("altered", 13) in {(one.what, one.seq) for one in verdict(forged).findings}


def test_an_erased_body_is_said_to_be_erased_and_everything_still_verifies(filled: Engine, tmp_path: Path) -> None:
    keyless = SubjectKeys(f"sqlite:///{tmp_path}/other.db", KEK)
    data = bundle(filled, Selection(query="query-3"), bodies="opened", keys=keyless)
    keyless.close()
    assert verdict(data).ok
    assert [json.loads(line).get("erased") for line in data.splitlines()[1:-1]] == [True] * 4
    assert b"what the customer asked" not in data


def test_bodies_are_not_opened_without_keys(filled: Engine) -> None:
    with pytest.raises(ExportRefused, match="key store"):
        Source(filled, "acme", COUNT, Selection(), bodies="opened")


@pytest.fixture
def vandal(url: str, filled: Engine) -> Iterator[Vandal]:
    vandal = Vandal(url)
    yield vandal
    vandal.engine.dispose()


@pytest.mark.parametrize("selection", [Selection(), Selection(query="query-3")], ids=["whole", "selected"])
def test_what_a_superuser_changed_is_named_by_whoever_gets_the_export(
    filled: Engine, keys: SubjectKeys, vandal: Vandal, selection: Selection
) -> None:
    """The checkpoint was signed before."""
    before = checkpoint(filled, COUNT)
    vandal("UPDATE audit_record SET envelope = (SELECT envelope FROM audit_record WHERE seq = 12) WHERE seq = 13")
    vandal("UPDATE audit_payload SET sealed = (SELECT sealed FROM audit_payload WHERE seq = 12) WHERE seq = 14")
    stream = io.BytesIO()
    source = Source(filled, "acme", COUNT, selection, bodies="opened", keys=keys)
    write_bundle(stream, source, before, [KEY], made=1)
    assert {(one.what, one.seq) for one in verdict(stream.getvalue()).findings} == {("altered", 13), ("altered", 14)}


def test_a_history_rewritten_with_all_its_hashes_is_forked_to_whoever_kept_a_checkpoint(
    engine: Engine, store: AuditStore
) -> None:
    fill(store, 20)
    tree = CompactRange()
    tree.extend([bytes(32)] * 10)
    other = Checkpoint(ORIGIN, 10, tree.root()).text()
    held = (Note(other, (KEY.sign(other),)).dump(),)
    found = verdict(bundle(engine, Selection(query="query-3"), size=20, since=[10]), held=held)
    assert [one.what for one in found.findings] == ["forked"]


def test_a_long_export_reads_page_by_page_with_few_statements_and_tells_how_far_it_is(
    engine: Engine, store: AuditStore
) -> None:
    count = PAGE * 5 + 7
    for number in range(count):
        ticket = store.append("acme", entry(number))
    ticket.wait()
    statements: list[str] = []
    told: list[tuple[str, int, int]] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    data = bundle(engine, Selection(since=0), size=count, progress=lambda *one: told.append(one))
    assert verdict(data).ok
    assert [done for _, done, _ in told] == [*range(PAGE, count, PAGE), count]
    assert {(log, total) for log, _, total in told} == {("acme", count)}
    assert len([one for one in statements if one.startswith("SELECT")]) <= 6 * 3 + 4


def test_memory_does_not_grow_with_the_log(engine: Engine, store: AuditStore) -> None:
    class Nowhere(io.RawIOBase):
        def write(self, data: Any) -> int:
            return len(data)

    def peak(count: int) -> int:
        source = Source(engine, "acme", count, Selection())
        tracemalloc.start()
        write_bundle(Nowhere(), source, checkpoint(engine, count), [KEY], made=1)  # type: ignore[arg-type]
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    for number in range(PAGE * 12):
        ticket = store.append("acme", entry(number))
    ticket.wait()
    peak(PAGE)
    assert peak(PAGE * 12) < peak(PAGE * 2) * 1.5


# --- tables ---

NASTY = ["=HYPERLINK(1)", "+1", "-1", "@sum", "\t=1", " =1", "＝1", "a;=1", '"=1', "plain"]


def test_a_cell_never_begins_a_formula() -> None:
    assert [inert(one) for one in NASTY] == [
        "'=HYPERLINK(1)", "'+1", "'-1", "'@sum", "'\t=1", "' =1", "'＝1", "a;=1", '"=1', "plain",
    ]  # fmt: skip


def test_a_csv_export_has_one_row_for_each_event_and_is_inert(engine: Engine, store: AuditStore, keys: SubjectKeys) -> None:
    for number, text in enumerate(NASTY):
        actor = text.strip() or "x"
        ticket = store.append(
            "acme", entry(number, actor=actor, labels={"bot": text.strip()}, body={"said": f"{text}\r\n\u202eevil\x1b[2J"})
        )
        ticket.wait()
    stream = io.BytesIO()
    source = Source(engine, "acme", len(NASTY), Selection(), bodies="opened", keys=keys)
    assert write_csv(stream, source) == len(NASTY)
    text = stream.getvalue().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["seq"] for row in rows] == [str(n) for n in range(len(NASTY))]
    cells = [cell for row in rows for cell in row.values()]
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@", "＝")) for cell in cells)
    assert json.loads(rows[0]["body"])["said"] == "=HYPERLINK(1)\r\n\u202eevil\x1b[2J"
    assert text.count("\r\n") == text.count("\n") == len(NASTY) + 1
    assert not set(text) & {"\u202e", "\x1b"}


def test_a_parquet_export_holds_the_same_rows(filled: Engine, keys: SubjectKeys) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (extra: parquet)")
    stream = io.BytesIO()
    assert write_parquet(stream, Source(filled, "acme", COUNT, Selection(query="query-3"), bodies="opened", keys=keys)) == 4
    rows = pq.read_table(io.BytesIO(stream.getvalue())).to_pylist()
    assert [row["seq"] for row in rows] == [12, 13, 14, 15]
    assert rows[0]["time"].tzinfo is not None
    assert json.loads(rows[0]["body"])["text"] == "what the customer asked, number 12"


# --- receipts ---


def test_the_receipt_of_every_event_verifies(filled: Engine) -> None:
    from audit.verify.offline import verify_receipt

    note = checkpoint(filled, COUNT)
    events = [one for page in Source(filled, "acme", COUNT, Selection()).pages() for one in page]
    for one in events:
        text = prove(filled, "acme", one.seq, one.envelope.encode(), note, COUNT).dump()
        assert verify_receipt(text, ReaderTrust((KEY.key,), origin=ORIGIN)).ok
        assert LogProof.parse(text).dump() == text
    assert base64.b64encode(events[-1].envelope.encode()).decode() in text

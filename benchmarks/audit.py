"""What the audit log costs: appends beside a bare INSERT, proofs, full verification, checkpoints.

    python benchmarks/audit.py                  # a million events; --quick for a first look
    python benchmarks/audit.py --postgres postgresql+psycopg://user@host/database --json

appends      callers that append an event and wait until it is durable, 1, 8 and 64 at a time; after each round a bare INSERT
             of the rows that the round stored, by the driver, in batches of the round's average size, into tables with the
             same keys and indexes but without triggers, hashes and tree
checkpoints  the same load with 64 callers, with and without a checkpoint every second, in turn
proofs       inclusion and consistency proofs from a log of `--events` events, made and checked
verification `verify_store` over that log

Rounds take turns; the best of each is shown, because other work on the machine only ever makes a round slower. SQLite gets a
folder of its own (synchronous=FULL), PostgreSQL a schema of its own (synchronous_commit=on); both are removed at the end.
Without --postgres or COUNTERSIGN_TEST_POSTGRES only SQLite is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import uuid_utils
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from audit.format.kind import INTEGER, TEXT, Field, Kind, Whose

sys.path.insert(0, str(Path(__file__).parents[1]))

from audit.append.sequencer import Sequencer
from audit.append.store import AuditStore
from audit.checkpoints.issuer import Checkpointer
from audit.database.engine import checkpoint_here, create_engine_for
from audit.database.tiles import Tiles, prove_consistency, prove_inclusion
from audit.format.events import Clock, Draft, Entry, canonical, draft
from audit.format.merkle import leaf_hash
from audit.format.notes import SecretKey
from audit.format.proofs import check_consistency, check_inclusion
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import verify_store
from migrations.run import upgrade

Tick = Callable[[str], None]
TENANT = "acme"
LOADED_AT_ONCE = 4096
PROOFS = 1000
_BARE = "CREATE TABLE bare_{table} AS SELECT * FROM audit_{table} WHERE 1 = 0"
_BARE_INDEXES = (
    "CREATE UNIQUE INDEX bare_record_key ON bare_record (log, seq)",
    "CREATE UNIQUE INDEX bare_record_event ON bare_record (event_id, log)",
    "CREATE INDEX bare_record_query ON bare_record (query, log, seq)",
    "CREATE INDEX bare_record_kind ON bare_record (kind, log, seq)",
    "CREATE UNIQUE INDEX bare_payload_key ON bare_payload (log, seq)",
)
_TEXT = (
    "Can I lower the deductible of my home insurance before the renewal in May, and what would the premium be then? I have"
    " had no claims for six years and have installed an alarm system since. "
)


_KIND = Kind(
    "judged",
    Whose.QUERY,
    "As large as the service's own, with other fields.",
    body=(Field("text", TEXT, ""), Field("score", INTEGER, "")),
    labels=(Field("rail", TEXT, ""), Field("verdict", TEXT, ""), Field("bot", TEXT, ""), Field("score", INTEGER, "")),
)


def an_entry(number: int) -> Entry:
    """About what a judged message leaves: 700 bytes of envelope and 500 of sealed body."""
    return Entry(
        _KIND, f"query-{number // 12}", f"conversation-{number // 60}", "actor:9f1c02ab44d1e8a7",
        f"subject:{number // 60 % 997:016x}", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "aa" * 32, "bb" * 32,
        {"rail": "toxicity", "verdict": "allow", "bot": "rag", "score": number % 1_000_000},
        {"text": f"{number} {_TEXT * 2}", "score": number % 1_000_000},
    )  # fmt: skip


# --- the databases -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """An empty, migrated database. other: a second one of the same kind, for the bare rows."""

    engine: Engine
    other: Engine
    keys: SubjectKeys
    folder: Path

    @property
    def name(self) -> str:
        return "SQLite" if self.engine.dialect.name == "sqlite" else "PostgreSQL"


@contextlib.contextmanager
def sqlite_place(parent: Path | None) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", dir=parent) as made:
        folder = Path(made)
        with _migrated([f"sqlite:///{folder}/main.db", f"sqlite:///{folder}/bare.db"], folder) as place:
            yield place


@contextlib.contextmanager
def postgres_place(url: str, parent: Path | None) -> Iterator[Place]:
    parsed = make_url(url)
    schemas = [f"countersign_bench_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True, connect_timeout=5) as admin:
        try:
            urls = []
            for schema in schemas:
                admin.execute(f'CREATE SCHEMA "{schema}"')
                own = parsed.update_query_dict({"options": f"-csearch_path={schema}"})
                urls.append(own.render_as_string(hide_password=False))
            with (
                tempfile.TemporaryDirectory(prefix="countersign-bench-", dir=parent) as made,
                _migrated(urls, Path(made)) as p,
            ):
                yield p
        finally:
            for schema in schemas:
                admin.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


@contextlib.contextmanager
def _migrated(urls: Sequence[str], folder: Path) -> Iterator[Place]:
    for url in urls:
        upgrade(url)
    engine, other = (create_engine_for(url) for url in urls)
    keys = SubjectKeys(f"sqlite:///{folder}/keys.db", os.urandom(32))
    try:
        yield Place(engine, other, keys, folder)
    finally:
        keys.close()
        engine.dispose()
        other.dispose()


# --- appends -----------------------------------------------------------------------------------------


@dataclass
class Round:
    """seconds: wall. cpu: of this process, all threads. waits: seconds of each append until it was durable, sorted."""

    events: int
    seconds: float
    cpu: float
    batch: float
    waits: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.events / self.seconds

    def wait(self, share: float) -> float:
        return self.waits[int(share * (len(self.waits) - 1))]


def append_round(place: Place, callers: int, seconds: float) -> Round:
    store = AuditStore(place.engine, place.keys)
    waits: list[list[float]] = [[] for _ in range(callers)]
    start = threading.Barrier(callers + 1)
    stop = threading.Event()

    def call(number: int) -> None:
        mine, clock = waits[number], time.perf_counter
        entries = [an_entry(number * 100_000 + at) for at in range(240)]
        start.wait()
        while not stop.is_set():
            for entry in entries:
                begun = clock()
                store.append(TENANT, entry).wait()
                mine.append(clock() - begun)
                if stop.is_set():
                    break

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    store.append(TENANT, an_entry(0)).wait()  # so that the connection is open
    start.wait()
    begun, cpu, before = time.perf_counter(), time.process_time(), store.stats()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    took, cpu, after = time.perf_counter() - begun, time.process_time() - cpu, store.stats()
    store.close()
    events = after.events - before.events
    return Round(events, took, cpu, events / (after.batches - before.batches), sorted(wait for one in waits for wait in one))


def bare_round(place: Place, batch: int, at_most: int) -> Round:
    """The newest rows of the log once more, into tables that nothing guards."""
    with place.engine.connect() as connection:
        newest = text("SELECT * FROM audit_record ORDER BY log DESC, seq DESC LIMIT :count")
        records = [tuple(row) for row in connection.execute(newest, {"count": at_most})][::-1]
        first = {"first": records[0][1]}
        sealed = text("SELECT log, seq, sealed FROM audit_payload WHERE seq >= :first ORDER BY log, seq")
        payloads = [tuple(row) for row in connection.execute(sealed, first)]
    with place.other.connect() as connection:
        for table in ("record", "payload"):
            connection.execute(text(f"DROP TABLE IF EXISTS bare_{table}"))
            connection.execute(text(_BARE.format(table=table)))
        for index in _BARE_INDEXES:
            connection.execute(text(index))
        connection.commit()
        sqlite = place.name == "SQLite"
        marks = "?" if sqlite else "%s"
        into = [f"INSERT INTO bare_{t} VALUES ({', '.join([marks] * n)})" for t, n in (("record", 15), ("payload", 3))]
        driver: Any = connection.connection.driver_connection
        if sqlite:
            checkpoint_here(driver)
        cursor = driver.cursor()
        begun, cpu = time.perf_counter(), time.process_time()
        for at in range(0, len(records), batch):
            if sqlite:
                cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(into[0], records[at : at + batch])
            cursor.executemany(into[1], payloads[at : at + batch])
            driver.commit()
        return Round(len(records), time.perf_counter() - begun, time.process_time() - cpu, batch)


def measure_appends(place: Place, options: argparse.Namespace, tick: Tick) -> list[dict[str, Any]]:
    stored: dict[int, list[Round]] = {callers: [] for callers in options.callers}
    bare: dict[int, list[Round]] = {callers: [] for callers in options.callers}
    for _ in range(options.rounds):
        for callers in options.callers:
            tick(f"{place.name}: {callers} callers")
            stored[callers].append(one := append_round(place, callers, options.seconds))
            bare[callers].append(bare_round(place, round(one.batch), min(one.events, 50_000)))
    rows = []
    for callers in options.callers:
        best = max(stored[callers], key=lambda one: one.rate)
        beside = max(bare[callers], key=lambda one: one.rate)
        waits = [min(one.wait(share) for one in stored[callers]) * 1e3 for share in (0.5, 0.99)]
        rows.append({
            "callers": callers, "events/s": best.rate, "batch": best.batch, "bare/s": beside.rate,
            "of bare": best.rate / beside.rate, "p50 ms": waits[0], "p99 ms": waits[1],
            "cpu us": best.cpu / best.events * 1e6,
        })  # fmt: skip
    return rows


# --- checkpoints -------------------------------------------------------------------------------------


def measure_checkpoints(place: Place, options: argparse.Namespace, tick: Tick) -> dict[str, float]:
    """with/without: the median of neighbours. ms: of one checkpoint, its commit and the file's fsync included."""
    signer = SecretKey.generate("bench")

    def opened(every_s: float) -> Checkpointer:
        file = place.folder / f"checkpoints-{uuid.uuid4().hex}"
        return Checkpointer(place.engine, [signer], _origin, file=file, every_s=every_s, every_events=1 << 40)

    ratios = []
    for number in range(options.rounds * 2):
        tick(f"{place.name}: checkpoints")
        rates = {}
        for with_them in (True, False) if number % 2 else (False, True):
            checkpointer = opened(1.0) if with_them else None
            rates[with_them] = append_round(place, max(options.callers), options.seconds).rate
            if checkpointer is not None:
                checkpointer.close()
        ratios.append(rates[True] / rates[False])
    walls, cpus = [], []
    checkpointer = opened(3600.0)
    store = AuditStore(place.engine, place.keys)
    for number in range(40):
        store.append(TENANT, an_entry(number)).wait()
        begun, cpu = time.perf_counter(), time.thread_time()
        checkpointer.issue(TENANT)
        walls.append(time.perf_counter() - begun)
        cpus.append(time.thread_time() - cpu)
    store.close()
    checkpointer.close()
    return {
        "with/without": statistics.median(ratios),
        "ms": statistics.median(walls[1:]) * 1e3,
        "cpu ms": statistics.median(cpus[1:]) * 1e3,
    }


def _origin(log: str, epoch: int) -> str:
    return f"bench.invalid/audit/{log}/e{epoch}"


# --- proofs and verification -------------------------------------------------------------------------


def load(place: Place, events: int, bar: Progress) -> float:
    """Fills the log through the sequencer, in large batches; sealed bodies are noise. Returns events/s."""
    sequencer = Sequencer(place.engine)
    task = bar.add_task(f"{place.name}: filling the log", total=events)
    begun = time.perf_counter()
    for first in range(0, events, LOADED_AT_ONCE):
        drafts = [_noise(number) for number in range(first, min(first + LOADED_AT_ONCE, events))]
        sequencer.write([TENANT], lambda drafts=drafts: drafts, again=False)  # type: ignore[misc]
        bar.advance(task, len(drafts))
    sequencer.close()
    bar.remove_task(task)
    return events / (time.perf_counter() - begun)


def _noise(number: int) -> Draft:
    entry = an_entry(number)
    sealed = os.urandom(len(canonical(entry.body)) + 53)
    clock = Clock(time.time_ns() // 1000, time.monotonic_ns() // 1000, "bench")
    digest = sha256(sealed).hexdigest()
    return draft(TENANT, str(uuid_utils.uuid7()), entry, clock, sealed, digest, digest)


def measure_proofs(place: Place, events: int) -> dict[str, float]:
    """Milliseconds to make a proof; each is checked, outside the time."""
    chance = random.Random(1)
    inclusion, consistency = [], []
    with place.engine.connect() as connection:
        leaf = text("SELECT envelope FROM audit_record WHERE log = :log AND seq = :seq")
        for _ in range(PROOFS):
            old, size = sorted(chance.sample(range(events // 2, events + 1), 2))
            seq = chance.randrange(size)
            begun = time.perf_counter()
            path = prove_inclusion(place.engine, TENANT, seq, size)
            between = time.perf_counter()
            growth = prove_consistency(place.engine, TENANT, old, size)
            consistency.append(time.perf_counter() - between)
            inclusion.append(between - begun)
            tiles = Tiles(connection, TENANT)
            root = tiles.root(size)
            envelope = connection.scalar(leaf, {"log": TENANT, "seq": seq})
            check_inclusion(leaf_hash(bytes(envelope)), seq, size, path, root)
            check_consistency(old, size, tiles.root(old), root, growth)
    found: dict[str, float] = {}
    for name, times in (("inclusion", sorted(inclusion)), ("consistency", sorted(consistency))):
        found |= {f"{name} p50 ms": times[PROOFS // 2] * 1e3, f"{name} p99 ms": times[PROOFS * 99 // 100] * 1e3}
    return found


def measure_verification(place: Place, rounds: int, bar: Progress) -> dict[str, float]:
    """Events a second by the clock, and by the processor time of this process (on PostgreSQL the server's comes on top)."""
    walls, cpus = [], []
    for number in range(rounds):
        task = bar.add_task(f"{place.name}: verifying, {number + 1} of {rounds}", total=None)
        begun, cpu = time.perf_counter(), time.process_time()
        report = verify_store(place.engine, TENANT, progress=partial(_advance, bar, task))
        walls.append(report.events / (time.perf_counter() - begun))
        cpus.append(report.events / (time.process_time() - cpu))
        bar.remove_task(task)
        if not report.ok:
            raise SystemExit(f"the log does not verify: {report.problems[0]}")
    return {"events/s": max(walls), "events/cpu s": max(cpus)}


def _advance(bar: Progress, task: TaskID, _log: str, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


# --- the figures -------------------------------------------------------------------------------------

AIMS = {"SQLite": 15_000, "PostgreSQL": 7_000}  # events/s with 64 callers


def show(name: str, found: dict[str, Any]) -> None:
    out = Console()
    columns = ("callers", "events/s", "batch", "bare/s", "of bare", "wait p50 ms", "p99 ms", "cpu us/event")
    formats = ("d", ",.0f", ".1f", ",.0f", ".2f", ".2f", ".2f", ".0f")
    shown = Table(*columns, title=f"{name}, appends", title_justify="left")
    for row in found["appends"]:
        shown.add_row(*(format(value, how) for value, how in zip(row.values(), formats, strict=True)))
    out.print(shown)
    points, proofs, verified = found["checkpoints"], found["proofs"], found["verification"]
    last, least = found["appends"][-1], min(row["of bare"] for row in found["appends"])
    share, of_core = points["cpu ms"] / 10, verified["events/cpu s"]
    shown = Table("figure", "measured", "aim", "", title=name, title_justify="left")
    for figure, measured, aim, met in (
        ("least of bare", f"{least:.2f}", "0.5", least >= 0.5),
        (
            f"events/s, {last['callers']} callers",
            f"{last['events/s']:,.0f}",
            f"{AIMS[name]:,}",
            last["events/s"] >= AIMS[name],
        ),
        ("a checkpoint a second, share of a core", f"{share:.2f} %", "1 %", share < 1),
        ("one checkpoint, ms by the clock", f"{points['ms']:.1f}", "", None),
        ("rate with checkpoints / without", f"{points['with/without']:.3f}", "", None),
        *(
            (
                f"{kind} proof of {found['events']:,}, p50 / p99 ms",
                f"{proofs[f'{kind} p50 ms']:.2f} / {proofs[f'{kind} p99 ms']:.2f}",
                "1",
                proofs[f"{kind} p50 ms"] < 1,
            )
            for kind in ("inclusion", "consistency")
        ),
        ("verified, events/s of one core", f"{of_core:,.0f}", "150,000", of_core > 150_000),
        ("verified, events/s by the clock", f"{verified['events/s']:,.0f}", "", None),
        ("filled, events/s", f"{found['filled/s']:,.0f}", "", None),
    ):
        shown.add_row(figure, measured, aim, {True: "met", False: "missed", None: ""}[met])
    out.print(shown)


def measure(opened: Callable[[], contextlib.AbstractContextManager[Place]], options: argparse.Namespace) -> dict[str, Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        with opened() as place:
            steps = bar.add_task("", total=options.rounds * (len(options.callers) + 2))

            def tick(what: str) -> None:
                bar.update(steps, description=what, advance=1)

            found: dict[str, Any] = {"appends": measure_appends(place, options, tick)}
            found["checkpoints"] = measure_checkpoints(place, options, tick)
            bar.remove_task(steps)
        with opened() as place:
            found |= {"events": options.events, "filled/s": load(place, options.events, bar)}
            task = bar.add_task(f"{place.name}: proofs", total=None)
            found["proofs"] = measure_proofs(place, options.events)
            bar.remove_task(task)
            found["verification"] = measure_verification(place, min(options.rounds, 2), bar)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", metavar="URL", default=os.environ.get("COUNTERSIGN_TEST_POSTGRES"))
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="leave the other database out")
    parser.add_argument("--events", type=int, help="events in the log that is proven and verified (default 1000000)")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 64], help="at a time (default 1 8 64)")
    parser.add_argument("--rounds", type=int, help="rounds (default 5)")
    parser.add_argument("--seconds", type=float, help="of one round (default 2)")
    parser.add_argument("--dir", type=Path, help="folder for the files; it must be on a disk (default: the system's)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of half a second, 20,000 events: a first look")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rounds, seconds, events = (2, 0.5, 20_000) if options.quick else (5, 2.0, 1_000_000)
    options.rounds, options.seconds = options.rounds or rounds, options.seconds or seconds
    options.events = options.events or events
    if options.events < 16 or min(options.callers) < 1:
        parser.error("at least 16 events and 1 caller")
    places: dict[str, Callable[[], contextlib.AbstractContextManager[Place]]] = {}
    if options.only != "postgresql":
        places["SQLite"] = lambda: sqlite_place(options.dir)
    if options.only != "sqlite" and options.postgres:
        places["PostgreSQL"] = lambda: postgres_place(options.postgres, options.dir)
    if not places:
        parser.error("--only postgresql needs --postgres URL or COUNTERSIGN_TEST_POSTGRES")
    found = {}
    for name, opened in places.items():
        found[name] = measure(opened, options)
        if not options.json:
            show(name, found[name])
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()

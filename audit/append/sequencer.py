"""Numbers, chains and stores one batch of events in one transaction: the only code that adds to the log.

Invariant: sequence numbers are gapless and their order is the order of the chain, whoever else writes. The head
row is locked before the batch is drawn (SQLite: the write lock; PostgreSQL: SELECT … FOR UPDATE), and moves in the same
transaction as the records, with the tiles that they complete. Nothing is built on a head that contradicts itself or its
last record.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from audit.append.driver_rows import Rows, Store, store_on
from audit.database import tables, tiles
from audit.database.engine import IMMEDIATE, checkpoint_here
from audit.errors import LogDamaged
from audit.format import merkle
from audit.format.events import Draft, Receipt


@dataclass(slots=True)
class Head:
    log: str
    chain: bytes
    tree: merkle.CompactRange

    def mark(self) -> tuple[int, bytes, bytes]:
        return self.tree.size, self.chain, self.tree.dump()


class Sequencer:
    """Owned by one thread, with a connection of its own."""

    def __init__(self, engine: Engine, opened: Callable[[Connection], None]) -> None:
        """opened: called with each new connection before anything is written on it."""
        self._engine, self._opened = engine, opened
        self._connection: Connection | None = None
        self._known: dict[str, tuple[int, bytes, bytes]] = {}  # heads as this process left them, checked already

    def write(self, logs: Sequence[str], draw: Callable[[], Sequence[Draft]], *, again: bool) -> list[Receipt]:
        """Locks the heads of `logs`, draws the batch, stores it durably. Receipts in the order drawn.

        again: an earlier try may have been committed, so events that are already there are only looked up.
        """
        connection = self._connected()
        self._create_heads(connection, [log for log in logs if log not in self._known])
        with connection.begin():
            store = store_on(connection)
            heads = self._lock(connection, store, logs)
            batch = draw()
            stored = self._already_stored(connection, batch) if again else {}
            rows, made = _added(heads, [one for one in batch if one.event_id not in stored])
            if made:
                store.add(rows)
        for head in heads.values():
            self._known[head.log] = head.mark()
        fresh = iter(made)
        return [stored.get(one.event_id) or next(fresh) for one in batch]

    def reset(self) -> None:
        """Forgets the connection after a failure; the next write opens a new one and checks the heads again."""
        self._known.clear()
        self.close()

    def close(self) -> None:
        """The connection is set up as the writer's: it is closed for good, not given back to the pool."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect().execution_options(**{IMMEDIATE: True})
            if connection.dialect.name == "sqlite":
                checkpoint_here(connection.connection.driver_connection)
            self._connection = connection
            self._opened(connection)
        return self._connection

    def _create_heads(self, connection: Connection, logs: Iterable[str]) -> None:
        rows = [
            {"log": log, "size": 0, "chain": merkle.FIRST_CHAIN, "root": merkle.EMPTY_ROOT, "peaks": b""}
            for log in sorted(logs)
        ]
        if not rows:
            return
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        with connection.begin():
            present = set(
                connection.scalars(select(tables.head.c.log).where(tables.head.c.log.in_([r["log"] for r in rows])))
            )
            for row in rows:
                if row["log"] not in present:
                    connection.execute(dialect.insert(tables.head).values(row).on_conflict_do_nothing())

    def _lock(self, connection: Connection, store: Store, logs: Sequence[str]) -> dict[str, Head]:
        heads: dict[str, Head] = {}
        for log, size, chain, root, peaks in store.lock(logs):
            try:
                head = Head(log, chain, merkle.CompactRange(size, peaks))
            except ValueError as error:
                raise LogDamaged(f"head of log {log}: {error}") from None
            if self._known.get(log) != (size, chain, peaks):
                _check_head(connection, head, root)
                tiles.fill(connection, log, size)
            heads[log] = head
        if missing := set(logs) - heads.keys():
            self._known.clear()
            raise LogDamaged(f"log {min(missing)} has no head")
        return heads

    def _already_stored(self, connection: Connection, batch: Sequence[Draft]) -> dict[str, Receipt]:
        record = tables.record.c
        rows = connection.execute(
            select(record.log, record.seq, record.leaf, record.event_id).where(
                record.log.in_({one.log for one in batch}),
                record.event_id.in_([one.event_id for one in batch]),
            )
        )
        return {row.event_id: Receipt(row.log, row.seq, row.leaf.hex(), row.event_id) for row in rows}


def _added(heads: dict[str, Head], batch: Sequence[Draft]) -> tuple[Rows, list[Receipt]]:
    """Numbers and chains the batch, moving `heads`: the rows that say so."""
    before = {log: head.tree.size for log, head in heads.items()}
    rows = Rows()
    receipts: list[Receipt] = []
    for one in batch:
        head = heads[one.log]
        seq = head.tree.size
        envelope = one.envelope(seq)
        leaf = merkle.leaf_hash(envelope)
        head.chain = merkle.chain_hash(head.chain, leaf)
        if (seq + 1) % tiles.LEAVES:
            head.tree.append(leaf)
        else:
            hashes = tiles.tile_hashes(head.tree.append_ending(leaf))
            rows.tiles.append((one.log, seq // tiles.LEAVES, hashes))
        rows.records.append(_record(one, seq, envelope, leaf, head.chain))
        rows.payloads.append((one.log, seq, one.sealed))
        receipts.append(Receipt(one.log, seq, leaf.hex(), one.event_id))
    for log, head in heads.items():
        size, root = head.tree.size, head.tree.root()
        if size > before[log]:
            rows.batches.append((log, before[log], size, root))
            rows.heads.append((size, head.chain, root, head.tree.dump(), log))
    return rows, receipts


def _record(one: Draft, seq: int, envelope: bytes, leaf: bytes, chain: bytes) -> tuple[object, ...]:
    """In the order of audit.append.driver_rows."""
    entry = one.entry
    return (
        one.log, seq, one.event_id, entry.kind.name, entry.query, entry.conversation, entry.actor, entry.subject, one.ts,
        entry.label("bot"), entry.label("verdict"), entry.label("outcome"), envelope, leaf, chain,
    )  # fmt: skip


def _check_head(connection: Connection, head: Head, root: bytes) -> None:
    """A head that another process moved, or that was found at start-up, must agree with itself and its last record."""
    size = head.tree.size
    record = tables.record.c
    last = connection.execute(
        select(record.seq, record.chain).where(record.log == head.log).order_by(record.seq.desc()).limit(1)
    ).first()
    agrees = (last.seq, last.chain) == (size - 1, head.chain) if last else (size, head.chain) == (0, merkle.FIRST_CHAIN)
    if not agrees or head.tree.root() != root:
        raise LogDamaged(
            f"the head of log {head.log} (size {size}) does not fit its records: run `countersign audit verify`;"
            " nothing is appended until it does"
        )

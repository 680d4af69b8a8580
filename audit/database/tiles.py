"""Stored nodes of the Merkle tree, so that a proof costs a few dozen row reads however long the log is.

A tile belongs to a block of LEAVES leaves. It holds the roots of all perfect subtrees that end with the block, lowest
first, so every node above the blocks is stored exactly once, in the tile that completed it; nodes inside a block are
recomputed from at most LEAVES / 2 leaves each. A tile never changes once its block is full, and is not there before.

Invariant: the sequencer adds tiles in the transaction that completes their block, so they cover every full
block. They are derived: `fill` makes them again from the leaves, and the verifier compares each with the records.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, select

from audit.database import tables
from audit.database.engine import writing
from audit.errors import LogDamaged
from audit.format.merkle import HASH_SIZE, CompactRange
from audit.format.proofs import Node, consistency_proof, inclusion_proof, root_of

HEIGHT = 3
LEAVES = 1 << HEIGHT
_FILLED_AT_ONCE = 4096  # leaves

_TILE = tables.tile.c
_RECORD = tables.record.c
_TILES = select(_TILE.idx, _TILE.hashes).where(
    _TILE.log == bindparam("of"), _TILE.idx.in_(bindparam("wanted", expanding=True))
)
_LEAVES = select(_RECORD.seq, _RECORD.leaf).where(
    _RECORD.log == bindparam("of"), _RECORD.seq.in_(bindparam("wanted", expanding=True))
)
_RUN = (
    select(_RECORD.leaf)
    .where(_RECORD.log == bindparam("of"), _RECORD.seq >= bindparam("low"), _RECORD.seq < bindparam("high"))
    .order_by(_RECORD.seq)
)
_LAST = select(_TILE.idx).where(_TILE.log == bindparam("of")).order_by(_TILE.idx.desc()).limit(1)
_SIZE = select(tables.head.c.size).where(tables.head.c.log == bindparam("of"))


class Tiles:
    """Nodes of one log as they are stored. Owned by one thread; `rows` counts the rows read."""

    def __init__(self, connection: Connection, log: str) -> None:
        self._connection = connection
        self._log = log
        self._tiles: dict[int, bytes] = {}
        self._leaves: dict[int, bytes] = {}
        self.rows = 0

    def node(self, level: int, index: int) -> bytes:
        """The root of the leaves from index * 2^level up to, not including, (index + 1) * 2^level.

        Raises ValueError where the log has not grown so far, LogDamaged where a row of it is missing.
        """
        if level >= HEIGHT:
            at, start = tile_of(level, index), (level - HEIGHT) * HASH_SIZE
            if at not in self._tiles:
                self._read([(level, index)])
            found = self._tiles[at][start : start + HASH_SIZE]
            if len(found) != HASH_SIZE:
                raise LogDamaged(f"tile {at} of log {self._log} is too short: run `countersign audit verify`")
            return found
        first, count = index << level, 1 << level
        if any(seq not in self._leaves for seq in range(first, first + count)):
            self._read([(level, index)])
        tree = CompactRange()
        tree.extend(self._leaves[seq] for seq in range(first, first + count))
        return tree.root()

    def prove(self, make: Callable[[Node], list[bytes]]) -> list[bytes]:
        """What `make` returns when it is given `node`. It is run once before, to read all rows that it needs at once."""
        wanted: list[tuple[int, int]] = []

        def note(level: int, index: int) -> bytes:
            wanted.append((level, index))
            return bytes(HASH_SIZE)

        make(note)
        self._read(wanted)
        return make(self.node)

    def root(self, size: int) -> bytes:
        return self.prove(lambda node: [root_of(size, node)])[0]

    def _read(self, nodes: Iterable[tuple[int, int]]) -> None:
        tiles: set[int] = set()
        leaves: set[int] = set()
        for level, index in nodes:
            if level >= HEIGHT:
                tiles.add(tile_of(level, index))
            else:
                leaves.update(range(index << level, (index + 1) << level))
        for query, wanted, found, what in (
            (_TILES, tiles, self._tiles, "tile"),
            (_LEAVES, leaves, self._leaves, "record"),
        ):
            missing = sorted(wanted - found.keys())
            if not missing:
                continue
            rows = self._connection.execute(query, {"of": self._log, "wanted": missing}).all()
            self.rows += len(rows)
            found.update((number, bytes(value)) for number, value in rows)
            if len(rows) < len(missing):
                self._refuse(what, min(set(missing) - found.keys()))

    def _refuse(self, what: str, number: int) -> None:
        size = self._connection.scalar(_SIZE, {"of": self._log}) or 0
        if (number if what == "record" else number * LEAVES + LEAVES - 1) >= size:
            raise ValueError(f"log {self._log} has {size} records: {what} {number} is not there yet")
        raise LogDamaged(f"{what} {number} of log {self._log} is missing: run `countersign audit verify`")


def tile_of(level: int, index: int) -> int:
    """In which tile a node at HEIGHT or above is stored: the one that completes it."""
    return ((index + 1) << (level - HEIGHT)) - 1


def tile_hashes(ended: list[bytes]) -> bytes:
    """A tile's bytes. ended: what `CompactRange.append_ending` gave for the last leaf of a block."""
    return b"".join(ended[HEIGHT:])


def prove_inclusion(engine: Engine, log: str, seq: int, size: int) -> list[bytes]:
    """RFC 9162's PATH(seq, D[size]). Raises ValueError unless 0 <= seq < size <= records stored."""
    with engine.connect() as connection:
        return Tiles(connection, log).prove(lambda node: inclusion_proof(seq, size, node))


def prove_consistency(engine: Engine, log: str, old: int, new: int) -> list[bytes]:
    """RFC 9162's PROOF(old, D[new]). Raises ValueError unless 0 <= old <= new <= records stored."""
    with engine.connect() as connection:
        return Tiles(connection, log).prove(lambda node: consistency_proof(old, new, node))


def integrate(engine: Engine, log: str) -> int:
    """Makes tiles that are missing at the end, say of a log from before there were tiles. Returns how many.

    The sequencer does this by itself, with `fill`, for a log that it meets for the first time.
    """
    with writing(engine) as connection:
        head = select(tables.head.c.size).where(tables.head.c.log == log).with_for_update()
        return fill(connection, log, connection.scalar(head) or 0)


def fill(connection: Connection, log: str, size: int) -> int:
    """`integrate` in a transaction that holds the log's head already. size: of the log. Returns how many it made."""
    last = connection.scalar(_LAST, {"of": log})
    begin = 0 if last is None else last + 1
    end = size // LEAVES
    if begin >= end:
        return 0
    tree = _tree_at(connection, log, begin * LEAVES)
    for low in range(begin * LEAVES, end * LEAVES, _FILLED_AT_ONCE):
        high = min(low + _FILLED_AT_ONCE, end * LEAVES)
        leaves = [bytes(leaf) for leaf in connection.scalars(_RUN, {"of": log, "low": low, "high": high})]
        if len(leaves) != high - low:
            raise LogDamaged(f"records are missing in log {log} between {low} and {high}: run `countersign audit verify`")
        connection.execute(insert(tables.tile), list(_made(log, tree, leaves)))
    return end - begin


def _made(log: str, tree: CompactRange, leaves: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for leaf in leaves:
        ended = tree.append_ending(leaf)
        if not tree.size % LEAVES:
            yield {"log": log, "idx": tree.size // LEAVES - 1, "hashes": tile_hashes(ended)}


def _tree_at(connection: Connection, log: str, size: int) -> CompactRange:
    def peaks(node: Node) -> list[bytes]:
        found, low = [], 0
        while low < size:
            level = (size - low).bit_length() - 1
            found.append(node(level, low >> level))
            low += 1 << level
        return found

    return CompactRange(size, b"".join(Tiles(connection, log).prove(peaks)))

"""Takes events out of the log: as a bundle that proves itself, or as a table for analysts.

Invariant: memory is that of one page however long the log is, no transaction stays open while a page is written,
and nothing is exported beyond the checkpoint that vouches for it. Reading is itself to be recorded: callers append an
`access.exported` event first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from sqlalchemy import Engine, and_, select
from sqlalchemy.engine import Row

from audit.database import tables
from audit.database.tiles import Tiles
from audit.errors import ExportRefused, KeyMissing, LogDamaged, SealBroken
from audit.format.bundle import BundleWriter, EventLine, Header, Selection
from audit.format.events import parse
from audit.format.notes import Checkpoint, Note, Signer
from audit.format.proofs import Node, consistency_proof, inclusion_proof
from audit.sealing.body import open_body
from audit.sealing.subject_keys import SubjectKeys

PAGE = 200  # events: with their proofs, well below what one statement may ask for
WINDOW = 2000  # records looked at by one statement, where no index finds the selected ones

Bodies = Literal["none", "sealed", "opened"]
Progress = Callable[[str, int, int], None]  # log, records passed, records in all


@dataclass(frozen=True, slots=True)
class Exported:
    """One event as an export sees it. opened: salt and body's text. erased: it was to be opened, and its key is gone."""

    seq: int
    envelope: str
    leaf: bytes
    sealed: bytes | None = None
    opened: tuple[bytes, str] | None = None
    erased: bool = False

    def told(self) -> Mapping[str, Any]:
        """The envelope's members. Raises LogDamaged."""
        try:
            found: Mapping[str, Any] = parse(self.envelope.encode())
        except ValueError as error:
            raise LogDamaged(f"record {self.seq} cannot be read: {error}; run `countersign audit verify`") from None
        return found


class Source:
    """The events of one log that a selection takes, up to a checkpoint's size."""

    def __init__(
        self,
        engine: Engine,
        log: str,
        size: int,
        selection: Selection,
        *,
        bodies: Bodies = "none",
        keys: SubjectKeys | None = None,
        progress: Progress | None = None,
    ) -> None:
        """keys: needed to open bodies. Raises ExportRefused without them."""
        if bodies == "opened" and keys is None:
            raise ExportRefused("bodies cannot be opened without the key store: ask for sealed bodies, or for none")
        self._engine, self.log, self.size, self.selection = engine, log, size, selection
        self._bodies, self._keys, self._progress = bodies, keys, progress

    def pages(self) -> Iterator[list[Exported]]:
        """In order; raises LogDamaged where a record is not even text."""
        after, last = -1, self.size - 1
        while after < last:
            upto = last if self.selection.query is not None else min(after + WINDOW, last)
            rows = self._page(after, upto)
            if rows:
                yield [self._exported(row) for row in rows]
            after = rows[-1].seq if len(rows) == PAGE else upto
            if self._progress is not None:
                self._progress(self.log, after + 1, self.size)

    def proofs(self, seqs: Sequence[int]) -> dict[int, tuple[bytes, ...]]:
        """Inclusion proofs of a page's events: all rows that they need are read at once."""
        found: dict[int, tuple[bytes, ...]] = {}

        def make(node: Node) -> list[bytes]:
            found.update((seq, tuple(inclusion_proof(seq, self.size, node))) for seq in seqs)
            return []

        with self._engine.connect() as connection:
            Tiles(connection, self.log).prove(make)
        return found

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """From an earlier size. Raises ExportRefused where the log never got so far."""
        if not 0 <= old <= self.size:
            raise ExportRefused(
                f"the log has {self.size} events now, fewer than {old}: it was cut, or that is another log's"
            )
        with self._engine.connect() as connection:
            return tuple(Tiles(connection, self.log).prove(lambda node: consistency_proof(old, self.size, node)))

    def _page(self, after: int, upto: int) -> Sequence[Row[Any]]:
        record, payload, selection = tables.record, tables.payload, self.selection
        wanted = [record.c.log == self.log, record.c.seq > after, record.c.seq <= upto]
        for column, value in (
            (record.c.query, selection.query),
            (record.c.conversation, selection.conversation),
            (record.c.subject, selection.subject),
        ):
            if value is not None:
                wanted.append(column == value)
        if selection.since is not None:
            wanted.append(record.c.ts >= selection.since)
        if selection.until is not None:
            wanted.append(record.c.ts < selection.until)
        columns = [record.c.seq, record.c.envelope, record.c.leaf, record.c.subject, record.c.event_id]
        query = select(*columns)
        if self._bodies != "none":
            joined = record.outerjoin(payload, and_(payload.c.log == record.c.log, payload.c.seq == record.c.seq))
            query = select(*columns, payload.c.sealed).select_from(joined)
        with self._engine.connect() as connection:
            return connection.execute(query.where(*wanted).order_by(record.c.seq).limit(PAGE)).all()

    def _exported(self, row: Row[Any]) -> Exported:
        try:
            envelope = bytes(row.envelope).decode()
        except UnicodeDecodeError:
            raise LogDamaged(f"record {row.seq} of log {self.log} is no text: run `countersign audit verify`") from None
        seq, leaf = row.seq, bytes(row.leaf)
        sealed = None if self._bodies == "none" or row.sealed is None else bytes(row.sealed)
        if self._bodies != "opened" or self._keys is None or sealed is None:
            return Exported(seq, envelope, leaf, sealed)
        try:
            opened = open_body(self._keys, row.subject, self.log, row.event_id, sealed)
            return Exported(seq, envelope, leaf, opened=(opened.salt, opened.body.decode()))
        except KeyMissing:
            return Exported(seq, envelope, leaf, erased=True)
        except (SealBroken, UnicodeDecodeError):  # as it is stored, so that a verifier can say what is wrong with it
            return Exported(seq, envelope, leaf, sealed)


def write_bundle(
    stream: BinaryIO,
    source: Source,
    checkpoint: Note,
    signers: Sequence[Signer],
    *,
    made: int,
    since: Sequence[int] = (),
    policies: Sequence[str] = (),
) -> int:
    """Writes a bundle and returns how many events it holds.

    checkpoint: the log's, of the source's size. made: now, in microseconds. since: earlier sizes that this log is to be
    shown to continue. policies: canonical texts of policies that events name.
    """
    tree = Checkpoint.parse(checkpoint.text)
    if tree.size != source.size:
        raise ExportRefused(f"the checkpoint is of size {tree.size}, not {source.size}")
    consistency = {old: source.consistency(old) for old in since}
    header = Header(source.log, tree.origin, checkpoint.dump(), source.selection, made, consistency)
    writer = BundleWriter(stream, header, policies)
    whole, count = source.selection.whole, 0
    for page in source.pages():
        proofs = {} if whole else source.proofs([event.seq for event in page])
        for event in page:
            writer.event(
                EventLine(
                    event.seq,
                    event.envelope,
                    proofs.get(event.seq),
                    event.leaf if whole else None,
                    event.sealed,
                    event.opened,
                    event.erased,
                )
            )
        count += len(page)
    writer.finish(signers)
    return count

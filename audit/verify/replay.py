"""Recomputes one log, record by record, and says where it is not what was written.

Invariant: `LogCheck` reports nothing only if every column of every row is what the hashed envelopes say, no record
is missing up to the head, and every root, tile and signed checkpoint fits. One change is reported once.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Generic, TypeVar

from audit.database.tiles import LEAVES, tile_hashes
from audit.format import merkle
from audit.verify.envelope import told
from audit.verify.problems import Problems, span
from audit.verify.signed_claims import Claim, LogTrust, claims, until_damage
from audit.verify.snapshot import Columns, Page, Snapshot

Progress = Callable[[str, int, int], None]  # log, records done, records the head counts
_NEVER = 2**63

# The search columns of audit_record in the order in which the snapshot reads them.
_SEARCHED = (
    "event_id", "kind", "query", "conversation", "actor", "subject", "ts", "bot", "verdict", "outcome",
)  # fmt: skip

_Of = TypeVar("_Of")


class _Ahead(Generic[_Of]):
    """An iterator whose next value can be looked at."""

    def __init__(self, rows: Iterator[_Of]) -> None:
        self._rows = rows
        self.next = next(rows, None)

    def pop(self) -> _Of:
        taken = self.next
        if taken is None:
            raise LookupError("there is nothing left")
        self.next = next(self._rows, None)
        return taken

    def rest(self) -> Iterator[_Of]:
        while self.next is not None:
            yield self.pop()


class LogCheck:
    """One log, record by record, in sequence."""

    def __init__(self, log: str, problems: Problems) -> None:
        self.log = log
        self.tree = merkle.CompactRange()
        self.events = 0
        self._problems = problems
        self._next = 0
        self._chains: tuple[bytes, ...] = (merkle.FIRST_CHAIN,)  # what the next link may start from; () where unknown
        self._whole = True  # as long as no record is missing, roots can be compared
        self._rewritten = False  # the last root did not fit
        self._batches_end = 0
        self._counted = 0  # records, by the head
        self._stop = 0  # the size at which there is a root to compare next
        self._doubtful: list[int] = []  # tiles that do not fit, or else the records below them do not
        self._tiles_ended = False
        self._agreed = 0  # the size of the last checkpoint that fits
        self._forked = False  # a later one did not

    def run(self, snapshot: Snapshot, trust: LogTrust, progress: Progress | None) -> None:
        head = snapshot.head(self.log)
        counted = self._counted = head[0] if head and isinstance(head[0], int) else 0
        self._batches = _Ahead(snapshot.batches(self.log))
        self._claims = _Ahead(claims(snapshot, self.log, trust, self._problems))
        self._tiles = _Ahead(until_damage(snapshot.tiles(self.log), self._problems, self.log, "tile"))
        for page in snapshot.records(self.log, counted):
            self._page(page)
            if progress is not None:
                progress(self.log, self.events, counted)
        for size, first, _ in self._batches.rest():
            self._problem(
                self._next,
                "batch",
                f"a batch from {first} to size {size} is stored, but records end at {self._next}",
            )
            self._batches_end = size
        self._end(head)
        self._unfulfilled()

    def _page(self, page: Page) -> None:
        lost = iter(page.unreadable)
        gap = next(lost, None)
        for row in page.rows:
            while gap is not None and gap[0] < row[0]:
                self._skip(*gap)
                gap = next(lost, None)
            self._record(row, page.payloads.pop(row[0], None))
            if self._next >= self._stop:
                self._stops()
        while gap is not None:
            self._skip(*gap)
            gap = next(lost, None)
        for seq in page.payloads.keys() - {seq for seq, _ in page.unreadable}:
            self._problem(seq, "payload", "a sealed body is stored, but no record for it")

    def _record(self, row: Columns, sealed: object) -> None:
        seq, envelope, leaf, chain = row[:4]
        if seq != self._next:
            self._gap(seq)
        self.events += 1
        self._next = seq + 1
        true_leaf = sha256(b"\x00" + envelope).digest() if isinstance(envelope, bytes) else b""
        chains = self._chains
        if true_leaf == leaf and chains and sha256(chains[0] + leaf).digest() == chain:
            self._chains = (chain,)
            self._grow(leaf)
        elif not self._link(seq, true_leaf, leaf, chain):
            return  # what an altered envelope says proves nothing about the columns
        try:
            log, number, digest, expected = told(envelope)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._problem(seq, "envelope", "the envelope cannot be read: it was altered")
            return
        if number != seq or log != self.log:
            self._problem(seq, "place", f"the envelope stored here is that of record {number} of log {log}")
        if expected != row[4:]:
            for name, true, stored in zip(_SEARCHED, expected, row[4:], strict=True):
                if true != stored:
                    self._problem(seq, name, f"column {name} says {stored!r}, the envelope {true!r}")
        if sealed is None:
            self._problem(seq, "payload", "the sealed body is missing")
        elif not isinstance(sealed, bytes) or sha256(sealed).hexdigest() != digest:
            self._problem(seq, "payload", "the sealed body is not the one the envelope commits to: it was altered")

    def _link(self, seq: int, true_leaf: bytes, leaf: object, chain: object) -> bool:
        """Finds out which of envelope, leaf and chain was altered, and goes on so that one change is reported once.

        Returns whether the envelope may be believed.
        """
        leaves = [one for one in (leaf, true_leaf) if isinstance(one, bytes)]
        fitting = [one for one in leaves if any(sha256(start + one).digest() == chain for start in self._chains)]
        vouched = fitting[0] if fitting else true_leaf
        if true_leaf != leaf:
            if vouched == true_leaf:
                self._problem(seq, "leaf", "the leaf is not the hash of the envelope: it was altered")
            else:
                self._problem(
                    seq,
                    "envelope",
                    "the envelope is not what the leaf and the chain vouch for: it was altered",
                )
        if self._chains and not fitting:
            self._problem(seq, "chain", "the chain does not link this record to the one before: one of them was altered")
        stored = (chain,) if isinstance(chain, bytes) else ()
        computed = () if fitting else tuple(sha256(start + vouched).digest() for start in self._chains[:1])
        self._chains = stored + computed
        self._grow(vouched)
        return vouched == true_leaf

    def _grow(self, leaf: bytes) -> None:
        if (self.tree.size + 1) % LEAVES:
            self.tree.append(leaf)
        else:
            hashes = tile_hashes(self.tree.append_ending(leaf))
            if self._whole:
                self._tile(self.tree.size // LEAVES - 1, hashes)

    def _tile(self, idx: int, hashes: bytes) -> None:
        """A tile that differs is told of only once a root shows that it is not the records that were altered."""
        while self._tiles.next is not None and self._tiles.next[0] < idx:
            self._problem(None, "tile", f"tile {self._tiles.pop()[0]} is stored where {idx} was expected: it was moved")
        if self._tiles.next is None:
            if not self._tiles_ended and idx < self._counted // LEAVES:
                self._problem(idx * LEAVES, "tile", f"tile {idx} is missing, and whatever followed it")
            self._tiles_ended = True
        elif self._tiles.next[0] > idx:
            self._problem(idx * LEAVES, "tile", f"tile {idx} is missing")
        elif self._tiles.pop()[1] != hashes and not self._rewritten:
            self._doubtful.append(idx)

    def _stops(self) -> None:
        """Compares the tree with whatever root was written down for this size."""
        while self._batches.next is not None and self._batches.next[0] <= self._next:
            self._root(self._batches.pop())
        while self._claims.next is not None and self._claims.next.size <= self._next:
            self._claim(self._claims.pop())
        batch, claim = self._batches.next, self._claims.next
        self._stop = min(batch[0] if batch else _NEVER, claim.size if claim else _NEVER)

    def _gap(self, seq: int) -> None:
        if seq > self._next:
            self._problem(self._next, "missing", f"{span(self._next, seq)} missing")
        else:
            self._problem(seq, "place", f"record {seq} is stored where {self._next} was expected")
        self._whole, self._chains = False, ()

    def _skip(self, seq: int, reason: str) -> None:
        if seq > self._next:
            self._gap(seq)
        self._problem(seq, "unreadable", reason)
        self._whole, self._chains, self._next = False, (), seq + 1

    def _root(self, batch: Columns) -> None:
        size, first, root = batch
        begin = self._batches_end
        self._batches_end = size
        if first != begin:
            self._problem(
                begin,
                "batch",
                f"the batch of size {size} starts at {first!r}, but the one before ended at {begin}",
            )
        if not self._whole:
            return
        if size != self.tree.size:
            self._problem(begin, "batch", f"a batch of size {size} is stored among the records of {self.tree.size}")
        elif root == self.tree.root():
            self._rewritten = False
            self._doubts()
        elif not self._rewritten:
            self._rewritten = True
            self._doubtful.clear()
            self._problem(
                begin,
                "root",
                f"the root of size {size} does not fit: {span(begin, size)} altered, or the root was",
            )

    def _doubts(self) -> None:
        for idx in self._doubtful:
            self._problem(idx * LEAVES, "tile", f"tile {idx} does not fit the records: it was altered")
        self._doubtful.clear()

    def _claim(self, claim: Claim) -> None:
        if not self._whole or self._forked:
            return
        if claim.size != self.tree.size:
            self._problem(claim.size - 1, "checkpoint", f"{claim.where} stands behind larger ones: it was moved")
        elif claim.root == self.tree.root():
            self._agreed = claim.size
        else:
            self._forked = True
            self._problem(
                self._agreed,
                "history",
                f"{span(self._agreed, claim.size)} not what was signed: {claim.where} has another root; the history was"
                " rewritten or forked",
            )

    def _unfulfilled(self) -> None:
        """Checkpoints of more records than there are: a tail that was cut, or a restored database."""
        last: Claim | None = None
        for claim in self._claims.rest():
            last = claim if last is None or claim.size > last.size else last
        if last is not None:
            self._problem(self._next, "missing", f"{span(self._next, last.size)} missing: {last.where} counts them")
        self._doubts()
        for idx, _ in self._tiles.rest() if self._whole else ():
            self._problem(None, "tile", f"tile {idx} is stored, but not the records below it")

    def _end(self, head: Columns | None) -> None:
        end = self._next
        if head is None:
            if end or self._batches_end:
                self._problem(None, "head", f"the log has {end} records, but no head")
            return
        size, chain, root, peaks = head
        if not isinstance(size, int):
            self._problem(None, "head", f"the head's size is {size!r}: it was altered")
        elif size > end:
            self._problem(end, "missing", f"{span(end, size)} missing: the head counts {size} records")
        elif size < end:
            self._problem(size, "head", f"the head counts {size} records, but there are {end}: it was altered")
        if size == end and self._chains and chain not in self._chains:
            self._problem(
                end - 1 if end else None,
                "head",
                "the head's chain is not that of the last record: it was altered",
            )
        if size == end and self._batches_end != end:
            self._problem(self._batches_end, "batch", f"batches end at size {self._batches_end}, the records at {end}")
        if size == end and self._whole:
            if root != self.tree.root() and not self._rewritten:
                self._problem(
                    end - 1 if end else None,
                    "head",
                    "the head's root is not the root of the records: it was altered",
                )
            if peaks != self.tree.dump() and not self._rewritten:
                self._problem(
                    end - 1 if end else None,
                    "head",
                    "the head's peaks are not those of the records: they were altered",
                )

    def _problem(self, seq: int | None, what: str, detail: str) -> None:
        self._problems.add(self.log, seq, what, detail)

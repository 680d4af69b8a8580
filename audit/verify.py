"""Recomputes the whole log from its bytes and names what does not fit.

What must stay true: a report says ok only if every column of every row of the four tables is what the hashed envelopes say,
no record is missing up to the head, and the guards stand. Damage is reported, never raised. Memory is constant.

A tail that was cut together with its batches and its head, and a history rewritten with all its hashes, are seen only
against a checkpoint kept elsewhere; those come with the witness.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import Engine

from audit import merkle
from audit.errors import StoreRefused
from audit.snapshot import DAMAGE, Columns, Snapshot, first_line

MAX_PROBLEMS = 1000
_read_json = json.JSONDecoder().raw_decode
Progress = Callable[[str, int, int], None]  # log, records done, records the head counts

# The search columns of audit_record in the order in which the snapshot reads them.
_SEARCHED = (
    "event_id", "kind", "query", "conversation", "actor", "subject", "ts", "bot", "verdict", "outcome",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where. what: a stable word ("envelope", "chain", "missing", a column …); detail: a sentence."""

    log: str
    seq: int | None
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """events: records read; roots: log to (size, root in hex) as recomputed; unlisted: further problems."""

    ok: bool
    problems: list[Problem]
    events: int
    roots: Mapping[str, tuple[int, str]]
    unlisted: int = 0

    @property
    def root(self) -> str:
        """The root of the one log that was verified; empty where there were several, or none."""
        return next(iter(self.roots.values()))[1] if len(self.roots) == 1 else ""


@dataclass(slots=True)
class _Findings:
    listed: list[Problem] = field(default_factory=list)
    total: int = 0

    def add(self, log: str, seq: int | None, what: str, detail: str) -> None:
        self.total += 1
        if len(self.listed) < MAX_PROBLEMS:
            self.listed.append(Problem(log, seq, what, detail))


def verify_store(engine: Engine, tenant: str | None = None, progress: Progress | None = None) -> Report:
    """Verifies one tenant's log, or every log of the database. A log that nobody wrote to is fine and has the empty root."""
    findings = _Findings()
    roots: dict[str, tuple[int, str]] = {}
    events = 0
    try:
        snapshot = Snapshot(engine)
    except (*DAMAGE, StoreRefused) as error:
        findings.add("", None, "unreadable", f"the database cannot be opened: {first_line(error)}")
        return Report(False, findings.listed, 0, roots)
    try:
        with_damage = _tolerant(findings, "")
        with with_damage:
            for detail in snapshot.guards():
                findings.add("", None, "guard", detail)
        logs = [tenant] if tenant is not None else []
        if tenant is None:
            with with_damage:
                logs = snapshot.logs()
        for log in logs:
            check = _LogCheck(log, findings)
            with _tolerant(findings, log):
                check.run(snapshot, progress)
            roots[log] = (check.tree.size, check.tree.root().hex())
            events += check.events
        with with_damage:
            for log, seq, what, detail in snapshot.integrity():
                if tenant is None or log in ("", tenant):
                    findings.add(log, seq, what, detail)
    finally:
        snapshot.close()
    return Report(not findings.total, findings.listed, events, roots, findings.total - len(findings.listed))


class _tolerant:
    """Turns what the database refuses to read into a finding."""

    def __init__(self, findings: _Findings, log: str) -> None:
        self._findings, self._log = findings, log

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, DAMAGE):
            self._findings.add(self._log, None, "unreadable", f"the database cannot be read on: {first_line(error)}")
            return True
        return False


class _LogCheck:
    """One log, record by record, in sequence."""

    def __init__(self, log: str, findings: _Findings) -> None:
        self.log = log
        self.tree = merkle.CompactRange()
        self.events = 0
        self._findings = findings
        self._next = 0
        self._chains: tuple[bytes, ...] = (merkle.FIRST_CHAIN,)  # what the next link may start from; () where unknown
        self._whole = True  # as long as no record is missing, roots can be compared
        self._rewritten = False  # the last root did not fit
        self._batch: Columns | None = None
        self._batches_end = 0

    def run(self, snapshot: Snapshot, progress: Progress | None) -> None:
        head = snapshot.head(self.log)
        counted = head[0] if head and isinstance(head[0], int) else 0
        batches = snapshot.batches(self.log)
        self._batch = next(batches, None)
        for page in snapshot.records(self.log, counted):
            lost = iter(page.unreadable)
            gap = next(lost, None)
            for row in page.rows:
                while gap is not None and gap[0] < row[0]:
                    self._skip(*gap)
                    gap = next(lost, None)
                self._record(row, page.payloads.pop(row[0], None))
                while self._batch is not None and self._batch[0] <= self._next:
                    self._root(self._batch)
                    self._batch = next(batches, None)
            while gap is not None:
                self._skip(*gap)
                gap = next(lost, None)
            for seq in page.payloads.keys() - {seq for seq, _ in page.unreadable}:
                self._problem(seq, "payload", "a sealed body is stored, but no record for it")
            if progress is not None:
                progress(self.log, self.events, counted)
        while self._batch is not None:
            size, first = self._batch[0], self._batch[1]
            self._problem(
                self._next,
                "batch",
                f"a batch from {first} to size {size} is stored, but records end at {self._next}",
            )
            self._batches_end = size
            self._batch = next(batches, None)
        self._end(head)

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
            self.tree.append(leaf)
        elif not self._link(seq, true_leaf, leaf, chain):
            return  # what an altered envelope says proves nothing about the columns
        try:
            told = _read_json(envelope.decode())[0]
            labels = told["labels"]
            expected = (
                told["event_id"], told["kind"], told["query"], told["conversation"], told["actor"], told["subject"],
                told["ts"], labels.get("bot"), labels.get("verdict"), labels.get("outcome"),
            )  # fmt: skip
            log, number, digest = told["log"], told["seq"], told["body"]["ct"]
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
        self.tree.append(vouched)
        return vouched == true_leaf

    def _gap(self, seq: int) -> None:
        if seq > self._next:
            self._problem(self._next, "missing", f"{_span(self._next, seq)} missing")
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
        elif not self._rewritten:
            self._rewritten = True
            self._problem(
                begin,
                "root",
                f"the root of size {size} does not fit: {_span(begin, size)} altered, or the root was",
            )

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
            self._problem(end, "missing", f"{_span(end, size)} missing: the head counts {size} records")
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
        self._findings.add(self.log, seq, what, detail)


def _span(first: int, end: int) -> str:
    """Records first … end - 1, as the subject of a sentence."""
    return f"record {first} is" if end - first == 1 else f"records {first} to {end - 1} are"

"""Checks a bundle or a receipt with nothing but public keys: no database, no service, no model.

Invariant: nothing counts that a key of the reader does not vouch for, directly or through the tree; a verdict says
ok only if every byte of the bundle is under such a signature. Damage is reported, never raised. Memory is constant.
docs/audit-bundle.md says what is checked; a second verifier in the tests is written from that page alone.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, BinaryIO

from audit.errors import BundleRefused, EventRefused, NoteRefused, ProofRefused
from audit.format.bundle import (
    EventLine,
    Header,
    ManifestLine,
    PolicyLine,
    Selection,
    log_of,
    manifest_text,
    raw_lines,
    read_line,
)
from audit.format.events import parse
from audit.format.merkle import CompactRange, leaf_hash
from audit.format.notes import Checkpoint, Note
from audit.format.proofs import check_consistency, check_inclusion
from audit.format.receipts import LogProof
from audit.verify.gaps import Gaps
from audit.verify.trusted_keys import Base, Finding, Findings, ReaderTrust, Verdict, read_base, read_held, signers

Progress = Callable[[str, int, int], None]  # what, events done, in all (0: unknown)


def verify_bundle(stream: BinaryIO, trust: ReaderTrust, progress: Progress | None = None) -> Verdict:
    """stream: the bundle, opened for reading bytes."""
    findings = Findings()
    lines = raw_lines(stream)
    try:
        _, raw = next(lines, (1, b""))
        header = read_line(raw)
        if not isinstance(header, Header):
            raise BundleRefused("the first line is no header")
        base = read_base(header.checkpoint, trust, findings)
    except BundleRefused as error:
        findings.add("malformed", str(error), 1)
        return _verdict(findings, None)
    if (base.checkpoint.origin, log_of(header.origin)) != (header.origin, header.log):
        findings.add("wrong-origin", f"checkpoint, origin {header.origin} and log {header.log} do not belong together", 1)
    check = _Check(header, base.checkpoint, trust, findings)
    check.digest.update(raw)
    for number, raw in lines:
        check.line(number, raw)
        if progress is not None and number % 1000 == 0:
            progress("events", check.events, base.checkpoint.size if header.selection.whole else 0)
    check.end()
    return _verdict(findings, base, check.events, header.selection.told())


def verify_receipt(text: str, trust: ReaderTrust) -> Verdict:
    """text: a tlog-proof of one event."""
    findings = Findings()
    try:
        receipt = LogProof.parse(text)
        base = read_base(receipt.checkpoint, trust, findings)
    except BundleRefused as error:
        findings.add("malformed", str(error))
        return _verdict(findings, None)
    tree, seq = base.checkpoint, receipt.index
    try:
        check_inclusion(leaf_hash(receipt.envelope), seq, tree.size, receipt.proof, tree.root)
        _contents(receipt.envelope, seq, log_of(tree.origin), Selection(), trust, findings, None)
    except ProofRefused as error:
        findings.add("altered", str(error), seq=seq)
    for text in trust.held:
        if (old := read_held(text, tree, trust, findings)) is not None and old.size <= tree.size and old != tree:
            same = old.size == tree.size
            detail = "its root is another" if same else "a receipt cannot show that it continues; use a bundle"
            findings.add("forked" if same else "missing", f"the checkpoint of size {old.size} that you hold: {detail}")
    return _verdict(findings, base, 1)


class _Check:
    """One bundle, line by line, after its header."""

    def __init__(self, header: Header, tree: Checkpoint, trust: ReaderTrust, findings: Findings) -> None:
        self.digest = sha256()
        self.events = 0
        self._header, self._tree, self._trust, self._findings = header, tree, trust, findings
        self._whole = header.selection.whole
        held = (read_held(text, tree, trust, findings) for text in trust.held)
        self._held = [one for one in held if one is not None and one.size <= tree.size]
        self._roots: dict[int, bytes] = {}
        self._computed = CompactRange()
        self._in_order = True
        self._gaps = Gaps(keep_first=self._whole)
        self._manifest: int | None = None
        self._note_root()

    def line(self, number: int, raw: bytes) -> None:
        if self._manifest is not None:
            self._findings.add("malformed", f"something follows the manifest of line {self._manifest}", number)
            return
        try:
            match read_line(raw):
                case EventLine() as event:
                    if (event.leaf if self._whole else event.proof) is None:
                        raise BundleRefused(f"event {event.seq} comes without its {'leaf' if self._whole else 'proof'}")
                    self._event(number, event)
                    self.events += 1
                case PolicyLine(digest, text):
                    if self.events:
                        self._findings.add("malformed", "a policy stands after an event", number)
                    elif sha256(text.encode()).hexdigest() != digest:
                        self._findings.add("altered", f"the text of policy {digest} has another digest", number)
                case ManifestLine(note):
                    self._manifest = number
                    self._check_manifest(number, note)
                case Header():
                    self._findings.add("malformed", "a second header", number)
        except BundleRefused as error:
            self._findings.add("malformed", str(error), number)
        self.digest.update(raw)

    def end(self) -> None:
        if self._manifest is None:
            self._findings.add("missing", "the manifest is missing: the bundle was cut, or its export did not finish")
        if self._whole:
            self._gaps.reach(self._tree.size)
            for first, end in self._gaps.open:
                self._findings.add("missing", f"{_span(first, end)} missing", seq=first)
            self._in_order = self._in_order and not self._gaps.open and self._computed.size == self._tree.size
            if self._in_order and self._computed.root() != self._tree.root:
                self._findings.add("altered", "the events do not lead to the root of the checkpoint: some were replaced")
        for old in self._held:
            self._continues(old)

    def _event(self, number: int, event: EventLine) -> None:
        seq, findings = event.seq, self._findings
        if seq >= self._tree.size:
            findings.add("misplaced", f"the checkpoint covers {self._tree.size} events only", number, seq)
            return
        place = self._gaps.take(seq)
        if place != "next":
            why = "stands after one with a larger number" if place == "reordered" else "is there already"
            findings.add(place, f"event {seq} {why}", number, seq)
        leaf = leaf_hash(event.envelope.encode())
        vouched = self._vouched(number, event, leaf, place == "next")
        if not vouched:
            return
        envelope = _contents(
            event.envelope.encode(), seq, self._header.log, self._header.selection, self._trust, findings, number
        )
        if envelope is None:
            return
        told = envelope.get("body")
        for name, true in zip(("ct", "pt"), event.commitments(), strict=True):
            if true is not None and (not isinstance(told, dict) or told.get(name) != true):
                kind = "sealed" if name == "ct" else "opened"
                findings.add("altered", f"the {kind} body of event {seq} is not the one committed to", number, seq)

    def _vouched(self, number: int, event: EventLine, leaf: bytes, in_order: bool) -> bool:
        """Whether tree or listed leaf vouch for the envelope."""
        seq, findings = event.seq, self._findings
        if event.leaf is not None and self._whole:
            if in_order and not self._gaps.open:
                self._computed.append(event.leaf)
                self._note_root()
            else:
                self._in_order = False
            if leaf != event.leaf:
                findings.add("altered", f"the envelope of event {seq} is not the one of its leaf", number, seq)
            return leaf == event.leaf
        try:
            check_inclusion(leaf, seq, self._tree.size, event.proof or (), self._tree.root)
        except ProofRefused as error:
            findings.add("altered", str(error), number, seq)
            return False
        return True

    def _note_root(self) -> None:
        if any(old.size == self._computed.size for old in self._held):
            self._roots[self._computed.size] = self._computed.root()

    def _continues(self, old: Checkpoint) -> None:
        detail = f"the checkpoint of size {old.size} that you hold"
        if old.size == self._tree.size:
            if old.root != self._tree.root:
                self._findings.add("forked", f"{detail} has another root than this bundle's")
        elif self._whole:
            if (root := self._roots.get(old.size)) is not None and self._in_order and root != old.root:
                self._findings.add("forked", f"{detail} has another root than these events: one history was rewritten")
        elif (proof := self._header.consistency.get(old.size, () if old.size == 0 else None)) is None:
            self._findings.add("missing", f"{detail} is not shown to come before: export with --since-checkpoint")
        else:
            try:
                check_consistency(old.size, self._tree.size, old.root, self._tree.root, proof)
            except ProofRefused as error:
                self._findings.add("forked", f"{detail}: {error}")

    def _check_manifest(self, number: int, text: str) -> None:
        try:
            note = Note.parse(text)
        except NoteRefused as error:
            self._findings.add("malformed", f"the manifest: {error}", number)
            return
        signers(note, self._trust.keys, "the manifest", self._findings, number)
        if note.text != manifest_text(self._header.origin, self.events, self.digest.hexdigest()):
            self._findings.add("altered", "these are not the lines that the manifest was signed for", number)


def _contents(
    raw: bytes, seq: int, log: str | None, selection: Selection, trust: ReaderTrust, findings: Findings, line: int | None
) -> Mapping[str, Any] | None:
    """What an envelope that was vouched for says; None where it cannot be read."""
    try:
        envelope = parse(raw)
        if not isinstance(envelope, dict):
            raise EventRefused("no object")
    except (EventRefused, UnicodeDecodeError) as error:
        findings.add("malformed", f"the envelope of event {seq}: {error}", line, seq)
        return None
    if (envelope.get("log"), envelope.get("seq")) != (log, seq) or isinstance(envelope.get("seq"), bool):
        detail = f"the envelope is that of event {envelope.get('seq')!r} of log {envelope.get('log')!r}"
        findings.add("misplaced", detail, line, seq)
    if not selection.takes(envelope):
        findings.add("misplaced", f"event {seq} is not among those selected", line, seq)
    policy = envelope.get("policy")
    if trust.policies and policy != "" and policy not in trust.policies:
        findings.add("wrong-policy", f"event {seq} was decided under policy {policy!r}", line, seq)
    return envelope


def _verdict(findings: Findings, base: Base | None, events: int = 0, selection: Mapping[str, Any] | None = None) -> Verdict:
    ordered = sorted(findings.listed, key=lambda one: (one.line is None, one.line or 0))
    verdict = Verdict(not findings.total, tuple(ordered), findings.total - len(ordered))
    if base is None:
        return verdict
    tree = base.checkpoint
    return Verdict(
        verdict.ok, verdict.findings, verdict.unlisted, tree.origin, tree.size, tree.root.hex(), events,
        selection or {}, base.signed_by, base.cosigned_by,
    )  # fmt: skip


def _span(first: int, end: int) -> str:
    return f"event {first} is" if end - first == 1 else f"events {first} to {end - 1} are"


__all__ = ["Finding", "ReaderTrust", "Verdict", "verify_bundle", "verify_receipt"]

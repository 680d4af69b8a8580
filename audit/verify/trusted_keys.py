"""What a reader of bundles and receipts trusts, whether a checkpoint is vouched for by it, and what was found.

Invariant: a signature counts only under a key that the reader brought. Nothing here reads events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.errors import BundleRefused, NoteRefused
from audit.format.notes import Checkpoint, Note, VerifierKey, verified

MAX_FINDINGS = 1000


@dataclass(frozen=True, slots=True)
class ReaderTrust:
    """What the reader brings. needed: how many of the witnesses must have cosigned (None: all). policies: those allowed
    (empty: any). held: checkpoints kept from earlier, as texts."""

    keys: tuple[VerifierKey, ...]
    witnesses: tuple[VerifierKey, ...] = ()
    needed: int | None = None
    policies: frozenset[str] = frozenset()
    held: tuple[str, ...] = ()
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """what: a word of docs/audit-bundle.md; line: of the file, from 1; seq: of the event; detail: a sentence."""

    what: str
    detail: str
    line: int | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """ok: nothing was found. signed_by, cosigned_by: keys of the reader that vouch for the checkpoint."""

    ok: bool
    findings: tuple[Finding, ...]
    unlisted: int
    origin: str = ""
    size: int = 0
    root: str = ""
    events: int = 0
    selection: Mapping[str, Any] = field(default_factory=dict)
    signed_by: tuple[str, ...] = ()
    cosigned_by: tuple[str, ...] = ()


@dataclass(slots=True)
class Findings:
    listed: list[Finding] = field(default_factory=list)
    total: int = 0

    def add(self, what: str, detail: str, line: int | None = None, seq: int | None = None) -> None:
        self.total += 1
        if len(self.listed) < MAX_FINDINGS:
            self.listed.append(Finding(what, detail, line, seq))


@dataclass(frozen=True, slots=True)
class Base:
    """The checkpoint against which everything is checked, and who vouches for it."""

    checkpoint: Checkpoint
    signed_by: tuple[str, ...]
    cosigned_by: tuple[str, ...]


def read_base(text: str, trust: ReaderTrust, findings: Findings) -> Base:
    """Raises BundleRefused where the checkpoint cannot be read."""
    try:
        note = Note.parse(text)
        tree = Checkpoint.parse(note.text)
    except NoteRefused as error:
        raise BundleRefused(f"the checkpoint: {error}") from None
    signed = signers(note, trust.keys, "the checkpoint", findings, 1)
    cosigned: list[str] = []
    witnesses = tuple(dict.fromkeys(trust.witnesses))
    for witness in witnesses:
        cosigned += _good(note, [witness], "the checkpoint", findings, 1)
    needed = len(witnesses) if trust.needed is None else trust.needed
    if len(cosigned) < needed:
        detail = f"{len(cosigned)} of {len(witnesses)} witnesses cosigned the checkpoint, {needed} are needed"
        findings.add("uncosigned", detail, 1)
    if trust.origin is not None and tree.origin != trust.origin:
        findings.add("wrong-origin", f"the checkpoint is of {tree.origin}, not of {trust.origin}", 1)
    return Base(tree, signed, tuple(cosigned))


def signers(note: Note, keys: Iterable[VerifierKey], of_what: str, findings: Findings, line: int | None) -> tuple[str, ...]:
    """The log keys of the reader that signed; finds fault where there are none."""
    before = findings.total
    good = _good(note, keys, of_what, findings, line)
    if not good and findings.total == before:
        names = ", ".join(f"{one.name}+{one.key_hash.hex()}" for one in note.signatures) or "nobody"
        findings.add("wrong-key", f"no given key signed {of_what}: it is signed by {names}", line)
    return good


def _good(note: Note, keys: Iterable[VerifierKey], of_what: str, findings: Findings, line: int | None) -> tuple[str, ...]:
    try:
        return tuple(verified(note, keys))
    except NoteRefused as error:
        findings.add("bad-signature", f"{of_what}: {error}", line)
        return ()


def read_held(text: str, tree: Checkpoint, trust: ReaderTrust, findings: Findings) -> Checkpoint | None:
    """A checkpoint of the reader, if it can be compared with."""
    try:
        note = Note.parse(text)
        old = Checkpoint.parse(note.text)
    except NoteRefused as error:
        findings.add("malformed", f"the checkpoint that you hold: {error}")
        return None
    if not signers(note, trust.keys, f"the checkpoint of size {old.size} that you hold", findings, None):
        return None
    if old.origin != tree.origin:
        findings.add("wrong-origin", f"the checkpoint that you hold is of {old.origin}, this is {tree.origin}")
        return None
    if old.size > tree.size:
        findings.add("stale", f"you hold a checkpoint of size {old.size}, this one has {tree.size}: ask for a new one")
    return old

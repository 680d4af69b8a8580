"""Bundles made in memory, from the room's own events and a naive tree, for the tests of both verifiers."""

import hmac
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

from audit.format.bundle import BundleWriter, EventLine, Header, Selection
from audit.format.events import Clock, Entry, canonical, draft
from audit.format.merkle import CompactRange, leaf_hash
from audit.format.notes import COSIGNATURE, Checkpoint, Note, SecretKey
from audit.format.proofs import consistency_proof, inclusion_proof
from audit.kinds import JUDGED

LOG, ORIGIN = "acme", "countersign.invalid/audit/acme/e1"
KEY = SecretKey("countersign.invalid/audit", bytes(range(32)))
OTHER = SecretKey("countersign.invalid/audit", bytes(range(1, 33)))
WITNESSES = [SecretKey(f"witness{n}.example", bytes([n] * 32), COSIGNATURE) for n in (1, 2)]
POLICY = "aa" * 32
START = 1_700_000_000_000_000


class History:
    """Events with their sealed bodies and the tree over them."""

    def __init__(self, count: int, log: str = LOG, mark: str = "") -> None:
        self.envelopes: list[bytes] = []
        self.sealed: list[bytes] = []
        self.bodies: list[tuple[bytes, str]] = []
        for seq in range(count):
            salt, body = os.urandom(16), canonical({"text": f"Grüße {mark}{seq}"})
            entry = Entry(
                JUDGED, f"q{seq // 4}", f"c{seq // 8}", "actor", f"s{seq % 3}", policy_digest=POLICY if seq % 4 else ""
            )
            sealed = os.urandom(40)
            made = draft(
                log, f"id-{seq}", entry, Clock(START + seq, seq, "p"), sealed, sha256(sealed).hexdigest(),
                hmac.digest(salt, body, "sha256").hex(),
            )  # fmt: skip
            self.envelopes.append(made.envelope(seq))
            self.sealed.append(sealed)
            self.bodies.append((salt, body.decode()))

    @property
    def size(self) -> int:
        return len(self.envelopes)

    def node(self, level: int, index: int) -> bytes:
        tree = CompactRange()
        tree.extend(leaf_hash(one) for one in self.envelopes[index << level : (index + 1) << level])
        return tree.root()

    def root(self, size: int | None = None) -> bytes:
        tree = CompactRange()
        tree.extend(leaf_hash(one) for one in self.envelopes[:size])
        return tree.root()

    def checkpoint(self, size: int | None = None, by: Sequence[SecretKey] = (KEY,), origin: str = ORIGIN) -> str:
        size = self.size if size is None else size
        text = Checkpoint(origin, size, self.root(size)).text()
        return Note(text, tuple(key.sign(text) for key in by)).dump()


def written(
    history: History,
    selection: Selection | None = None,
    *,
    checkpoint: str | None = None,
    log: str = LOG,
    origin: str = ORIGIN,
    since: Iterable[int] = (),
    policies: Sequence[str] = (),
    bodies: str = "opened",
    by: Sequence[SecretKey] = (KEY,),
    change: Callable[[list[EventLine]], None] = lambda events: None,
) -> bytes:
    """A bundle. change: what a dishonest exporter does to the lines before the log signs them."""
    selection = selection or Selection()
    size = history.size
    consistency = {old: tuple(consistency_proof(old, size, history.node)) for old in since}
    note = history.checkpoint(by=by) if checkpoint is None else checkpoint
    stream = io.BytesIO()
    writer = BundleWriter(stream, Header(log, origin, note, selection, START, consistency), policies)
    events: list[EventLine] = []
    for seq, envelope in enumerate(history.envelopes):
        if not selection.whole and not selection.takes(json.loads(envelope)):
            continue
        proof = None if selection.whole else tuple(inclusion_proof(seq, size, history.node))
        events.append(
            EventLine(
                seq,
                envelope.decode(),
                proof,
                leaf_hash(envelope) if selection.whole else None,
                history.sealed[seq] if bodies == "sealed" else None,
                history.bodies[seq] if bodies == "opened" else None,
            )
        )
    change(events)
    for event in events:
        writer.event(event)
    writer.finish(by)
    return stream.getvalue()


def lines_of(bundle: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bundle.splitlines()]

"""What a witness decides: whether a log's newer checkpoint is the older one with more behind it (c2sp.org/tlog-witness).

Invariant: a cosignature is given only for a checkpoint that one of the log's own keys signed, and that provably
continues the last one cosigned for its origin. Nothing here does I/O; audit.witness.state keeps what was cosigned.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from audit.errors import NoteRefused, ProofRefused
from audit.format.merkle import EMPTY_ROOT, HASH_SIZE
from audit.format.notes import ED25519, Checkpoint, Note, VerifierKey, verified
from audit.format.proofs import check_consistency

MAX_PROOF = 63  # tlog-witness, "add-checkpoint"
MAX_OFFER = 1 << 16
SIZE_TYPE = "text/x.tlog.size"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Offer:
    """A request: the size that the log believes cosigned last, the proof from there on, and the new checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint

    def dump(self) -> bytes:
        lines = (f"old {self.old}", *(base64.b64encode(one).decode() for one in self.proof))
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.note.dump().encode()

    @classmethod
    def make(cls, old: int, proof: Iterable[bytes], note: Note) -> "Offer":
        """Raises NoteRefused where the note is no checkpoint."""
        return cls(old, tuple(proof), note, Checkpoint.parse(note.text))

    @classmethod
    def parse(cls, body: bytes) -> "Offer":
        """Raises NoteRefused unless `body` is exactly what `dump` would write."""
        head, _, rest = body.partition(b"\n\n")
        lines = head.decode("ascii", "replace").split("\n")
        old = _OLD.fullmatch(lines[0])
        if old is None:
            raise NoteRefused("the first line must be 'old ' and the size that was cosigned last, 0 for none")
        if len(lines) > 1 + MAX_PROOF:
            raise NoteRefused(f"a proof of more than {MAX_PROOF} hashes is not read")
        return cls.make(int(old[1]), map(_hash, lines[1:]), Note.parse(rest))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no cosignature. size: what is held, where the offer began from another size.

    evidence: the log signed something that contradicts, or does not provably continue, what it signed before.
    """

    status: HTTPStatus
    reason: str
    size: int | None = None
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class WitnessTrust:
    """Which keys speak for which logs.

    origins: exact, or a beginning that ends with "/*". With none, a key speaks for its own name and all names below it.
    """

    keys: tuple[VerifierKey, ...]
    origins: tuple[str, ...] = ()

    @classmethod
    def parse(cls, keys: Sequence[str], origins: Sequence[str] = ()) -> "WitnessTrust":
        """Raises NoteRefused where a key is no log's key."""
        found = tuple(VerifierKey.parse(one) for one in keys)
        for key in found:
            if key.algorithm != ED25519:
                raise NoteRefused(f"{key} is a witness' key; give the log's own, which its operator prints")
        return cls(found, tuple(origins))

    def keys_of(self, origin: str) -> tuple[VerifierKey, ...]:
        if self.origins:
            return self.keys if any(_covers(one, origin) for one in self.origins) else ()
        return tuple(key for key in self.keys if _covers(key.name, origin) or _covers(f"{key.name}/*", origin))


def screen(offer: Offer, keys: Sequence[VerifierKey]) -> Refused | None:
    """What can be decided without knowing what is held. keys: those trusted for the offer's origin."""
    if not keys:
        return Refused(HTTPStatus.NOT_FOUND, "this witness does not know that log")
    try:
        signed = verified(offer.note, keys)
    except NoteRefused as refused:
        return Refused(HTTPStatus.FORBIDDEN, str(refused))
    if not signed:
        return Refused(HTTPStatus.FORBIDDEN, "none of the log's keys that this witness knows signed the checkpoint")
    if offer.old > offer.checkpoint.size:
        return Refused(HTTPStatus.BAD_REQUEST, "the old size is above that of the checkpoint")
    return None


def judge(offer: Offer, held: Checkpoint | None) -> Refused | None:
    """Whether what was offered, and screened, continues `held`; None where it does.

    A log that was never seen is taken at its word once: its first checkpoint has nothing to be consistent with.
    """
    new = offer.checkpoint
    held = held or Checkpoint(new.origin, 0, EMPTY_ROOT)
    forked = new.size == held.size and new.root != held.root
    if offer.old != held.size:
        reason = f"size {held.size} was cosigned last, not {offer.old}"
        return Refused(HTTPStatus.CONFLICT, reason, size=held.size, evidence=forked)
    if forked and new.size:
        reason = f"another history of size {held.size} was cosigned before: the log was forked"
        return Refused(HTTPStatus.CONFLICT, reason, evidence=True)
    try:
        check_consistency(held.size, new.size, held.root, new.root, offer.proof)
    except ProofRefused as refused:
        return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(refused), evidence=True)
    return None


def origin_hash(origin: str) -> str:
    """By which a log's checkpoint is asked for: an origin may hold what a URL may not."""
    return sha256(origin.encode()).hexdigest()


def _covers(pattern: str, origin: str) -> bool:
    return origin.startswith(pattern[:-1]) if pattern.endswith("/*") else origin == pattern


def _hash(line: str) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        found = b""
    if len(found) != HASH_SIZE or base64.b64encode(found).decode() != line:
        raise NoteRefused(f"a line of the proof is not the base64 of {HASH_SIZE} bytes")
    return found

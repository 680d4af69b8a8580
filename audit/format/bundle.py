"""Audit bundles, written and read line by line: docs/audit-bundle.md is the format.

Invariant: a bundle is canonical JSON lines whose last line is the log's signature over all bytes before it, so a
line that is dropped, moved or changed shows. Memory is that of one line. Nothing here knows a database.
"""

import base64
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, TypeGuard

from audit.errors import BundleRefused, EventRefused
from audit.format.events import canonical, parse
from audit.format.merkle import HASH_SIZE
from audit.format.notes import Note, Signer

FORMAT = "countersign-bundle/v1"
MAX_LINE = 16 << 20
SELECTED = ("query", "conversation", "subject")  # members of a selection that an envelope's member must equal
_ORIGIN = re.compile(r".+/audit/(?P<log>[^/]+)/e[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: all that is given must hold. since ≤ ts < until, in microseconds since 1970. Empty: the whole log."""

    query: str | None = None
    conversation: str | None = None
    subject: str | None = None
    since: int | None = None
    until: int | None = None

    @property
    def whole(self) -> bool:
        return not self.told()

    def told(self) -> dict[str, str | int]:
        """As the header holds it."""
        members = {"query": self.query, "conversation": self.conversation, "subject": self.subject}
        times = {"from": self.since, "to": self.until}
        return {name: value for name, value in (members | times).items() if value is not None}

    @classmethod
    def read(cls, told: Any) -> "Selection":
        """Raises BundleRefused for what `told()` would not write."""
        if not isinstance(told, dict) or told.keys() - {*SELECTED, "from", "to"}:
            raise BundleRefused("the selection is no object of query, conversation, subject, from and to")
        if not all(isinstance(told.get(name, ""), str) for name in SELECTED):
            raise BundleRefused("the selection holds something that is no text")
        if not all(_whole_number(told.get(name, 0)) for name in ("from", "to")):
            raise BundleRefused("the selection's times are not whole microseconds")
        query, conversation, subject = (told.get(name) for name in SELECTED)
        return cls(query, conversation, subject, told.get("from"), told.get("to"))

    def takes(self, envelope: Mapping[str, Any]) -> bool:
        if any(getattr(self, name) is not None and envelope.get(name) != getattr(self, name) for name in SELECTED):
            return False
        if self.since is None and self.until is None:
            return True
        ts = envelope.get("ts")
        if not _whole_number(ts):
            return False
        return (self.since is None or self.since <= ts) and (self.until is None or ts < self.until)


@dataclass(frozen=True, slots=True)
class Header:
    """checkpoint: the note's text. consistency: earlier size to proof."""

    log: str
    origin: str
    checkpoint: str
    selection: Selection
    made: int
    consistency: Mapping[int, tuple[bytes, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event. proof: where something was selected; leaf: where the bundle is the whole log; body with its salt."""

    seq: int
    envelope: str
    proof: tuple[bytes, ...] | None = None
    leaf: bytes | None = None
    sealed: bytes | None = None
    opened: tuple[bytes, str] | None = None
    erased: bool = False

    def commitments(self) -> tuple[str | None, str | None]:
        """What `ct` and `pt` of the envelope must be; None where the line does not hold it."""
        ct = None if self.sealed is None else sha256(self.sealed).hexdigest()
        pt = None if self.opened is None else hmac.digest(self.opened[0], self.opened[1].encode(), "sha256").hex()
        return ct, pt


@dataclass(frozen=True, slots=True)
class PolicyLine:
    digest: str
    text: str


@dataclass(frozen=True, slots=True)
class ManifestLine:
    note: str


Line = Header | PolicyLine | EventLine | ManifestLine


class BundleWriter:
    """Writes one bundle to a binary stream: header, policies, events, then `finish`. Owned by one thread."""

    def __init__(self, stream: BinaryIO, header: Header, policies: Sequence[str] = ()) -> None:
        self._stream, self._origin = stream, header.origin
        self._digest, self._events = sha256(), 0
        consistency = [{"proof": _texts(proof), "size": size} for size, proof in sorted(header.consistency.items())]
        self._put({
            "line": "header", "format": FORMAT, "log": header.log, "origin": header.origin, "made": header.made,
            "checkpoint": header.checkpoint, "selection": header.selection.told(),
            **({"consistency": consistency} if consistency else {}),
        })  # fmt: skip
        for text in policies:
            self._put({"line": "policy", "digest": sha256(text.encode()).hexdigest(), "text": text})

    def event(self, event: EventLine) -> None:
        line: dict[str, Any] = {"line": "event", "seq": event.seq, "envelope": event.envelope}
        if event.proof is not None:
            line["proof"] = _texts(event.proof)
        if event.leaf is not None:
            line["leaf"] = _text(event.leaf)
        if event.sealed is not None:
            line["sealed"] = _text(event.sealed)
        if event.opened is not None:
            line["opened"] = {"salt": _text(event.opened[0]), "body": event.opened[1]}
        if event.erased:
            line["erased"] = True
        self._put(line)
        self._events += 1

    def finish(self, signers: Sequence[Signer]) -> None:
        """Signs what was written. Without it the bundle counts as cut."""
        text = manifest_text(self._origin, self._events, self._digest.hexdigest())
        note = Note(text, tuple(signer.sign(text) for signer in signers))
        self._put({"line": "manifest", "note": note.dump()})

    def _put(self, line: Mapping[str, Any]) -> None:
        raw = canonical(line) + b"\n"
        if len(raw) > MAX_LINE:
            raise BundleRefused(f"a line of {len(raw)} bytes is longer than {MAX_LINE}: export it without its body")
        self._digest.update(raw)
        self._stream.write(raw)


def manifest_text(origin: str, events: int, digest: str) -> str:
    """What the log signs. No line but the first stands where a checkpoint's would, so neither passes for the other."""
    return f"{FORMAT}\norigin {origin}\nevents {events}\nsha256 {digest}\n"


def raw_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and bytes of each line, its newline included. One that is too long is cut into several."""
    number = 0
    while raw := stream.readline(MAX_LINE):
        number += 1
        yield number, raw


def read_line(raw: bytes) -> Line:
    """Raises BundleRefused with what is wrong with the line."""
    if not raw.endswith(b"\n"):
        raise BundleRefused("the line does not end: it was cut, or is longer than 16 MiB")
    try:
        told = parse(raw[:-1])
    except (EventRefused, UnicodeDecodeError) as error:
        raise BundleRefused(f"the line cannot be read: {error}") from None
    match told:
        case {"line": "event", "seq": int(seq), "envelope": str(envelope)} if _whole_number(seq) and seq >= 0:
            opened, erased = told.get("opened"), told.get("erased", False)
            if "opened" in told and not _strings(opened, "body", "salt"):
                raise BundleRefused("opened is no object of body and salt")
            if not isinstance(erased, bool):
                raise BundleRefused("erased is neither true nor false")
            return EventLine(
                seq,
                envelope,
                proof=_hashes(told["proof"]) if "proof" in told else None,
                leaf=_hash(told["leaf"]) if "leaf" in told else None,
                sealed=_bytes(told["sealed"]) if "sealed" in told else None,
                opened=(_bytes(opened["salt"]), opened["body"]) if "opened" in told else None,
                erased=erased,
            )
        case {"line": "header"}:
            return _header(told)
        case {"line": "policy", "digest": str(digest), "text": str(text)}:
            return PolicyLine(digest, text)
        case {"line": "manifest", "note": str(note)}:
            return ManifestLine(note)
    raise BundleRefused("the line is none of header, policy, event and manifest, or lacks a member")


def log_of(origin: str) -> str | None:
    """The name of the log that an origin speaks of."""
    found = _ORIGIN.fullmatch(origin)
    return found["log"] if found else None


def _header(told: Mapping[str, Any]) -> Header:
    if told.get("format") != FORMAT:
        raise BundleRefused(f"format {told.get('format')!r} is not {FORMAT}: use a verifier of that format")
    if not _strings(told, "log", "origin", "checkpoint") or not _whole_number(told.get("made")):
        raise BundleRefused("the header lacks log, origin, checkpoint or made")
    consistency: dict[int, tuple[bytes, ...]] = {}
    listed = told.get("consistency", [])
    if not isinstance(listed, list):
        raise BundleRefused("consistency is no list")
    for one in listed:
        if not isinstance(one, dict) or not _whole_number(one.get("size")) or one["size"] in consistency:
            raise BundleRefused("consistency holds something that is no size with a proof, or a size twice")
        consistency[one["size"]] = _hashes(one.get("proof"))
    selection = Selection.read(told.get("selection"))
    return Header(told["log"], told["origin"], told["checkpoint"], selection, told["made"], consistency)


def _whole_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _strings(value: Any, *names: str) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _texts(values: Sequence[bytes]) -> list[str]:
    return [_text(one) for one in values]


def _bytes(text: Any) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise BundleRefused("a member that should be base64 is not") from None
    if _text(value) != text:
        raise BundleRefused("a member is not in the one form that base64 has for it")
    return value


def _hashes(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise BundleRefused("a proof is no list")
    return tuple(_hash(one) for one in value)


def _hash(text: Any) -> bytes:
    value = _bytes(text)
    if len(value) != HASH_SIZE:
        raise BundleRefused(f"a hash has {len(value)} bytes, not {HASH_SIZE}")
    return value

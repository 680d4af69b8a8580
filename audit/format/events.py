"""Events as they are told to the log, and the canonical bytes that are hashed.

Invariant: one event has exactly one byte form. `canonical` is RFC 8785 for the values it accepts (ASCII keys,
integers below 2^53, no floats), and refuses all others before anything is hashed. The envelope holds no personal data.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.errors import EventRefused
from audit.format.kind import MAX_NAME, Kind

VERSION = 1
MAX_INT = 2**53  # RFC 8785 section 3.2.2.3: larger integers are not exact in every JSON reader
MAX_DEPTH = 32
MAX_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One step to be recorded.

    kind: one of audit.kinds. actor and subject are pseudonyms already.
    labels: searchable, never personal; "bot", "verdict" and "outcome" have columns. body: sealed with the subject's key.
    Scores are integers in millionths, in labels and bodies alike.
    """

    kind: Kind
    query: str | None
    conversation: str | None
    actor: str
    subject: str
    trace_id: str = ""
    span_id: str = ""
    policy_digest: str = ""
    model_digest: str = ""
    labels: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("actor", "subject"):
            _name(name, getattr(self, name), needed=True)
        for name in ("trace_id", "span_id", "policy_digest", "model_digest"):
            _name(name, getattr(self, name), needed=False)
        for name in ("query", "conversation"):
            if (value := getattr(self, name)) is not None:
                _name(name, value, needed=True)
        for label, text in self.labels.items():
            if isinstance(text, str):
                _name(f"label {label!r}", text, needed=False)
            elif label in SEARCHED:
                raise EventRefused(f"label {label!r} is {text!r}; a searched label is text")

    def label(self, name: str) -> str | None:
        value = self.labels.get(name)
        return value if isinstance(value, str) else None


SEARCHED = ("bot", "verdict", "outcome")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an event stands, once it is durable. leaf: hex of its RFC 9162 leaf hash."""

    log: str
    seq: int
    leaf: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Clock:
    """When a step happened.

    ts: microseconds since 1970 UTC; mono: monotonic microseconds, comparable within one `process`.
    """

    ts: int
    mono: int
    process: str
    source: str = "system"


@dataclass(frozen=True, slots=True)
class Draft:
    """An event complete but for its number: the envelope's bytes before and after the sequence."""

    log: str
    event_id: str
    entry: Entry
    ts: int
    sealed: bytes
    before: bytes
    after: bytes

    def envelope(self, seq: int) -> bytes:
        return b"%s%d%s" % (self.before, seq, self.after)


def draft(log: str, event_id: str, entry: Entry, clock: Clock, sealed: bytes, digest: str, commitment: str) -> Draft:
    """Freezes an entry. digest: SHA-256 of `sealed`; commitment: HMAC of the plaintext under the salt sealed with it.

    The envelope is written out in the order of its keys: a third of the time that `canonical` takes, and the same bytes,
    because an entry's names are printable text and its integers have 53 bits. All but the number is serialised here, in the
    caller's thread, so that the writer holds its lock for less.
    """
    _name("tenant", log, needed=True)
    canonical([clock.mono, clock.ts])  # refuses what has more than 53 bits
    head = (
        f'{{"actor":{_quoted(entry.actor)},"body":{{"ct":"{digest}","pt":"{commitment}"}},'
        f'"clock":{{"mono":{clock.mono},"process":{_quoted(clock.process)},"source":{_quoted(clock.source)}}},'
        f'"conversation":{_quoted_or_null(entry.conversation)},"event_id":{_quoted(event_id)},'
        f'"kind":{_quoted(entry.kind.name)},"labels":'
    )
    between = (
        f',"log":{_quoted(log)},"model":{_quoted(entry.model_digest)},"policy":{_quoted(entry.policy_digest)},'
        f'"query":{_quoted_or_null(entry.query)},"seq":'
    )
    after = (
        f',"span_id":{_quoted(entry.span_id)},"subject":{_quoted(entry.subject)},'
        f'"trace_id":{_quoted(entry.trace_id)},"ts":{clock.ts},"v":{VERSION}}}'
    )
    before = b"".join((head.encode(), canonical(entry.labels), between.encode()))
    return Draft(log, event_id, entry, clock.ts, sealed, before, after.encode())


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value.

    Raises EventRefused for floats, integers beyond 53 bits, keys that are not ASCII, lone surrogates and great depth.
    """
    plain = _plain(value, 0)
    try:
        return _encode(plain).encode("utf-8")
    except UnicodeEncodeError as error:
        raise EventRefused(f"text holds a lone surrogate at character {error.start}: decode it properly first") from None


def parse(data: bytes) -> Any:
    """The value of canonical bytes. Raises EventRefused unless `canonical` of the result gives the same bytes back."""
    try:
        if data.isascii() and data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
            text = data.decode("ascii")
            value = _decode(text)
            same = _encode(value) == text
        else:
            value = json.loads(data)
            same = canonical(value) == data
    except EventRefused:
        raise
    except (ValueError, RecursionError) as error:
        raise EventRefused(f"not canonical JSON: {error}") from None
    if not same:
        raise EventRefused("not canonical JSON: repeated keys, spaces, order or escapes differ from RFC 8785")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if not -MAX_INT < value < MAX_INT:
        raise EventRefused(f"integer {text[:40]} does not fit 53 bits: write it as text")
    return value


def _no_number(text: str) -> Any:
    raise EventRefused(f"number {text[:40]} has no single byte form: write scores as integer millionths")


# What needs no walk through the value: ASCII text has ASCII keys and no lone surrogates, unless they are escaped, which
# canonical form never does; few brackets cannot nest deep.
_decode = json.JSONDecoder(parse_int=_whole, parse_float=_no_number, parse_constant=_no_number).decode
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_quoted = json.encoder.encode_basestring  # what _encode does with one text


def _quoted_or_null(text: str | None) -> str:
    return "null" if text is None else _quoted(text)


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if isinstance(value, int):
        if not -MAX_INT < value < MAX_INT:
            raise EventRefused(f"integer {value} does not fit 53 bits: write it as text")
        return value
    if depth >= MAX_DEPTH:
        raise EventRefused(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        plain = {}
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise EventRefused(f"key {key!r} is not ASCII text")
            plain[key] = _plain(item, depth + 1)
        return plain
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        raise EventRefused(f"float {value!r} has no single byte form: write scores as integer millionths")
    raise EventRefused(f"{kind.__name__} is not a JSON value")


def _name(field_name: str, value: Any, *, needed: bool) -> None:
    if not isinstance(value, str):
        raise EventRefused(f"{field_name} is {type(value).__name__}, not text")
    if needed and not value:
        raise EventRefused(f"{field_name} is empty")
    if len(value) > MAX_NAME or not value.isprintable():
        raise EventRefused(f"{field_name} {value[:40]!r} is longer than {MAX_NAME} or holds control characters")

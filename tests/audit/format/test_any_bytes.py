"""Whatever somebody hands over as a note, a receipt, a key or a bundle's line: it is read, or refused by an error of ours.

The kind of fault: a parser of an outsider's file ends in an error nobody foresaw, or reads two texts as the same thing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import AuditError
from audit.format.bundle import read_line
from audit.format.notes import Checkpoint, Note, SecretKey, VerifierKey
from audit.format.receipts import LogProof
from tests.audit.format.test_notes import C2SP, C2SP_NOTE, PETER, SUMDB_NOTES

HASH = base64.b64encode(bytes(32)).decode()
RECEIPT = LogProof(3, b'{"log":"halden","seq":3}', (bytes(32), bytes(range(32))), SUMDB_NOTES[6476701]).dump()
EVENT = {
    "line": "event",
    "seq": 3,
    "envelope": "{}",
    "proof": [HASH],
    "sealed": HASH,
    "opened": {"body": "{}", "salt": HASH},
}
READ: dict[str, tuple[Callable[[str], Any], str]] = {
    "note": (Note.parse, C2SP_NOTE),
    "checkpoint": (Checkpoint.parse, SUMDB_NOTES[6476701].partition("\n\n")[0] + "\n"),
    "verifier key": (VerifierKey.parse, C2SP),
    "secret key": (SecretKey.parse, PETER),
    "receipt": (LogProof.parse, RECEIPT),
    "event line": (lambda text: read_line(text.encode("utf-8", "surrogatepass")), json.dumps(EVENT) + "\n"),
}
ODD = st.sampled_from(
    [
        "\n",
        "\n\n",
        "—",
        "+",
        "=",
        "0",
        "-1",
        "9" * 5_000,
        "\u0663",
        "\x00",
        "\ud800",
        "\u2028",
        "\r\n",
        "[" * 3_000,
        "1e9",
        "NaN",
    ]
)


@st.composite
def spoilt(draw: st.DrawFn, seed: str) -> str:
    text = seed if draw(st.integers(0, 5)) else draw(st.text(max_size=80))
    for _ in range(draw(st.integers(1, 3))):
        at, width = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
        text = text[:at] + draw(st.one_of(st.just(""), ODD, st.text(max_size=6))) + text[at + width :]
    return text


@pytest.mark.parametrize("kind", sorted(READ))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_it_is_read_or_refused_by_an_error_of_ours(kind: str, data: st.DataObject) -> None:
    read, seed = READ[kind]
    text = data.draw(spoilt(seed))
    found = None
    with suppress(AuditError):
        found = read(text)
    if isinstance(found, (Note, LogProof)):
        assert found.dump() == text, "another text was read as this one"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\n", C2SP_NOTE.encode(), b'{"line":"event"}\n']))
def test_so_are_bytes_of_any_kind(some: bytes, end: bytes) -> None:
    for read in (Note.parse, read_line):
        for whole in (some + end, end + some):
            with suppress(AuditError):
                read(whole)

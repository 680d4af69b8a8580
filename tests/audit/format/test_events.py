"""Canonical JSON: one value, one byte form, the same as RFC 8785's."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit import kinds
from audit.errors import EventRefused
from audit.format.events import MAX_INT, Clock, Entry, canonical, draft, parse
from tests.audit.conftest import entry

keys = st.text(st.characters(max_codepoint=127), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-MAX_INT + 1, MAX_INT - 1) | st.text(st.characters(codec="utf-8"))
values = st.recursive(scalars, lambda v: st.lists(v, max_size=5) | st.dictionaries(keys, v, max_size=5), max_leaves=25)


@given(values)
def test_the_bytes_are_those_of_an_independent_rfc_8785_implementation(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(values)
def test_parsing_canonical_bytes_gives_the_value_back(value: Any) -> None:
    assert parse(canonical(value)) == value


@given(values, st.data())
def test_any_other_spelling_of_a_value_is_refused_when_parsed(value: Any, data: st.DataObject) -> None:
    spelled = json.dumps(value, indent=data.draw(st.sampled_from([None, 1])), ensure_ascii=True).encode()
    if spelled != canonical(value):
        with pytest.raises(EventRefused):
            parse(spelled)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0.5, "millionths"), (float("nan"), "millionths"), (float("inf"), "millionths"), ({"a": [1.0]}, "millionths"),
        (MAX_INT, "53 bits"), (-MAX_INT, "53 bits"), (1 << 80, "53 bits"),
        ("\ud800", "surrogate"), ({"a": "x\udfff"}, "surrogate"),
        ({"schlüssel": 1}, "ASCII"), ({1: 1}, "ASCII"), (b"bytes", "bytes"), ({"a": {1, 2}}, "set"),
        (nested(33), "deeper"), (nested(50_000), "deeper"),
    ],
)  # fmt: skip
def test_what_has_no_single_byte_form_is_refused_with_the_reason(value: Any, reason: str) -> None:
    with pytest.raises(EventRefused, match=reason):
        canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1, "b":2}',
        b'{"b":1,"a":2}',
        b"1.0",
        b"1e3",
        b"NaN",
        b"[" * 100_000,
        b"\xff",
        b'"\\u0041"',
        b'"\\ud800"',
        b'{"\\u00e9":1}',
        b"-0",
        b"Infinity",
        b"9007199254740992",
        b"1" * 5000,
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(EventRefused):
        parse(data)


@given(
    st.integers(0, MAX_INT - 1),
    st.dictionaries(keys, st.text(st.characters(codec="ascii", categories=["L", "N"]))),
)
def test_an_envelope_numbered_late_is_canonical_all_the_same(seq: int, labels: dict[str, str]) -> None:
    made = draft("acme", "event-1", entry(labels=labels), Clock(1, 2, "p"), b"sealed", "c" * 64, "d" * 64)
    envelope = parse(made.envelope(seq))
    assert envelope["seq"] == seq
    assert envelope["labels"] == labels
    assert (envelope["log"], envelope["body"]) == ("acme", {"ct": "c" * 64, "pt": "d" * 64})


names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=9).filter(str.isprintable)


@given(st.lists(names, min_size=5, max_size=5), st.none() | names.filter(bool), st.integers(0, MAX_INT - 1))
def test_an_envelope_is_what_an_independent_rfc_8785_implementation_writes(
    texts: list[str], query: str | None, number: int
) -> None:
    log, actor, subject = (one or "x" for one in texts[:3])
    told = entry(
        query=query,
        conversation=query,
        actor=actor,
        subject=subject,
        trace_id=texts[3],
        labels={"bot": texts[4], "n": number},
    )
    made = draft(log, actor, told, Clock(number, number, subject), b"sealed", "c" * 64, "d" * 64)
    assert made.envelope(number) == rfc8785.dumps({
        "actor": actor, "body": {"ct": "c" * 64, "pt": "d" * 64}, "kind": "judged", "v": 1, "seq": number, "ts": number,
        "clock": {"mono": number, "process": subject, "source": "system"}, "conversation": query, "event_id": actor,
        "labels": {"bot": texts[4], "n": number}, "log": log, "model": told.model_digest, "policy": told.policy_digest,
        "query": query, "span_id": told.span_id, "subject": subject, "trace_id": texts[3],
    })  # fmt: skip


def test_a_time_beyond_53_bits_is_refused() -> None:
    with pytest.raises(EventRefused, match="53 bits"):
        draft("acme", "event-1", entry(), Clock(MAX_INT, 2, "p"), b"sealed", "c", "d")


def test_an_envelope_holds_nothing_of_the_body() -> None:
    made = draft("acme", "event-1", entry(body={"text": "my secret"}), Clock(1, 2, "p"), b"sealed", "c", "d")
    assert b"secret" not in made.envelope(0)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": ""}, {"kind": "two words"}, {"kind": "naïve"}, {"kind": "x" * 300}, {"subject": ""}, {"actor": ""},
        {"query": ""}, {"query": "a\0b"}, {"query": "line\nbreak"}, {"trace_id": "x" * 300}, {"actor": 7},
        {"labels": {"verdict": 1}}, {"labels": {"bot": "\x1b[31m"}}, {"labels": {"rail": "\ud800"}},
    ],
)  # fmt: skip
def test_an_entry_with_a_malformed_field_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EventRefused):
        entry(**changes)


def test_an_entry_needs_only_who_and_what() -> None:
    assert Entry(kinds.VIEWED, None, None, "actor:1", "subject:1").labels == {}

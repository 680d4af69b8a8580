"""Events that fit their kind: what a test does not care about is filled in, in the catalogue's own types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit import kinds
from audit.format.events import Entry
from audit.format.kind import COUNT, LIST, MICROSECONDS, MILLIONTHS, OBJECT, TEXT, Field

_SAMPLES: dict[str, Any] = {
    TEXT.name: "some text", COUNT.name: 1, MICROSECONDS.name: 1, MILLIONTHS.name: 1, LIST.name: [], OBJECT.name: {},
}  # fmt: skip


def step(
    kind: str,
    query: str,
    subject: str,
    *,
    conversation: str | None = None,
    actor: str = "key:1",
    body: Mapping[str, Any] | None = None,
    labels: Mapping[str, str | int] | None = None,
) -> Entry:
    """One event of a query. body, labels: what matters to the test."""
    known = kinds.BY_NAME[kind]
    return Entry(
        known, query, conversation, actor, subject, labels=_filled(known.labels, labels), body=_filled(known.body, body)
    )


def said(number: int, subject: str = "subject:77aa") -> Entry:
    """A sentence of an answer, four to a query."""
    return step("released", f"query-{number // 4}", subject, conversation="c_1", body={"text": f"sentence {number}"})


def _filled(fields: tuple[Field, ...], given: Mapping[str, Any] | None) -> dict[str, Any]:
    samples = {one.name: _SAMPLES.get(one.type.name) for one in fields if not one.optional}
    return samples | dict(given or {})

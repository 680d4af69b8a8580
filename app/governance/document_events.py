"""What the log is told of a change of the library: one event for each way in which documents change, before it is in force.

Invariant: an event names documents by key and digest, and holds none of their words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from app.governance.announcer import Announcer, Said
from audit.format.kind import Kind
from audit.kinds import (
    DOCUMENTS_ADDED,
    DOCUMENTS_CHANGED,
    DOCUMENTS_REMOVED,
    DOCUMENTS_REPLACED,
    DOCUMENTS_RESTORED,
)
from retrieval.types import DocumentInfo, LibraryChange

_MOST = 200
"""Documents of one event; a large ingest is told in several."""
Row = Mapping[str, Any]


def recorder(
    announcer: Announcer, tenant: str, actor: str, reason: str, *, gone: str = "", restores: bool = False
) -> Callable[[LibraryChange], None]:
    """Told of a change, returns when its events are durable. actor: a pseudonym; gone: why documents are removed, where that
    is another reason. Raises AuditUnavailable and SQLAlchemyError."""

    def record(change: LibraryChange) -> None:
        for kind, said in events(change, reason, gone=gone, restores=restores):
            announcer.tell(kind, actor, lambda _log, said=said: said, tenant)  # type: ignore[misc]

    return record


def events(change: LibraryChange, reason: str, *, gone: str = "", restores: bool = False) -> Iterator[tuple[Kind, Said]]:
    """The events of one change, in the order in which they are appended."""
    former = {info.of: info.key for info in change.former}
    replaced = [{**_dated(now), "replaced": before.digest, "former": former.get(now.key)} for before, now in change.replaced]
    changed = [{**_dated(now), "until_now": _dated(before)} for before, now in change.changed]
    succeeded = (DOCUMENTS_RESTORED, "restored") if restores else (DOCUMENTS_REPLACED, "replaced")
    rows: Sequence[tuple[Kind, str, Sequence[Row]]] = (
        (DOCUMENTS_REMOVED, "removed", [_document(one) for one in change.removed]),
        (DOCUMENTS_ADDED, "added", [_dated(one) for one in change.added]),
        (*succeeded, replaced),
        (DOCUMENTS_CHANGED, "changed", changed),
    )
    for kind, count, documents in rows:
        for start in range(0, len(documents), _MOST):
            part = documents[start : start + _MOST]
            labels: dict[str, str | int] = {"before": change.before, "after": change.after, count: len(part)}
            why = gone or reason if kind is DOCUMENTS_REMOVED else reason
            yield kind, Said({"documents": part, "reason": why}, labels)


def _document(one: DocumentInfo) -> dict[str, Any]:
    return {"key": one.key, "digest": one.digest, "passages": one.chunks, "groups": sorted(one.access)}


def _dated(one: DocumentInfo) -> dict[str, Any]:
    return {
        **_document(one),
        "version": one.version,
        "valid_from": iso(one.valid_from),
        "valid_until": iso(one.valid_until),
    }


def iso(day: date | None) -> str | None:
    return day.isoformat() if day else None

"""Sums up what a candidate policy would have decided, from the `shadowed` events of one tenant's log. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from audit.read.reader import EventView
from moderation.severity import severity

EXAMPLES = 5
Effect = Literal["would block", "would pass", "stricter", "milder", "another category"]


@dataclass(frozen=True)
class Line:
    """One kind of difference. queries: ids of examples, newest first; they open on the review pages."""

    effect: Effect
    rail: str
    category: str
    direction: str
    in_force: str
    candidate: str
    count: int
    queries: Sequence[str]


@dataclass(frozen=True)
class ShadowReport:
    """Of the newest candidate alone. blocked, passed: queries that it would have blocked, or let pass, against the policy
    in force. unread: events whose details were erased with their person; they still count as compared."""

    candidate: str
    version: str
    first: datetime
    last: datetime
    queries: int
    texts: int
    dropped: int
    unread: int
    blocked: int
    passed: int
    lines: Sequence[Line]


def summed(events: Iterable[EventView], since: datetime | None = None) -> ShadowReport | None:
    """events: of kind `shadowed`, in order. None where there is none."""
    found = [event for event in events if since is None or event.time >= since]
    if not found:
        return None
    candidate = str(found[-1].labels.get("candidate", ""))
    found = [event for event in found if event.labels.get("candidate") == candidate]
    counted: dict[tuple[Effect, str, str, str, str, str], int] = {}
    examples: dict[tuple[Effect, str, str, str, str, str], list[str]] = {}
    queries: dict[Effect, set[str]] = {}
    for event in reversed(found):
        about = str(event.labels.get("about", ""))
        for difference in (event.body or {}).get("differences", ()):
            key = _key(difference)
            counted[key] = counted.get(key, 0) + 1
            kept = examples.setdefault(key, [])
            if about not in kept and len(kept) < EXAMPLES:
                kept.append(about)
            queries.setdefault(key[0], set()).add(about)
    lines = [
        Line(*key, count, examples[key]) for key, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]
    return ShadowReport(
        candidate=candidate,
        version=next((str(e.body["version"]) for e in reversed(found) if e.body), ""),
        first=found[0].time,
        last=found[-1].time,
        queries=len(found),
        texts=_sum(found, "compared"),
        dropped=_sum(found, "dropped"),
        unread=sum(event.body is None for event in found),
        blocked=len(queries.get("would block", ())),
        passed=len(queries.get("would pass", ())),
        lines=lines,
    )


def _key(difference: Mapping[str, Any]) -> tuple[Effect, str, str, str, str, str]:
    old, new = difference["in_force"], difference["candidate"]
    told = new if severity(new["verdict"]) >= severity(old["verdict"]) else old  # the category that made the difference
    return (
        _effect(old["verdict"], new["verdict"]),
        str(difference["rail"]),
        str(told.get("category", "")),
        str(difference["direction"]),
        str(old["verdict"]),
        str(new["verdict"]),
    )


def _effect(old: str, new: str) -> Effect:
    if old == new:
        return "another category"
    if "block" in (old, new):
        return "would block" if new == "block" else "would pass"
    return "stricter" if severity(new) > severity(old) else "milder"


def _sum(events: Sequence[EventView], label: str) -> int:
    values = (event.labels.get(label, 0) for event in events)
    return sum(value for value in values if isinstance(value, int))

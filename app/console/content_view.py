"""What became of a query's content, in the words of the review pages: open, erased, lost or damaged; held; refused.

A pure function of the query's events and the keeping state: what is not in the log is not claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.kinds import is_step
from audit.read.reader import EventView
from audit.retention.state import Erasure, Hold, RetentionState


@dataclass(frozen=True)
class ContentView:
    """state: of the query's own events. erasure: the one that explains "erased". kept: erasures refused since the query
    began; waiting: asked for and not yet decided. known: False where the keeping events themselves cannot be relied on."""

    state: str
    holds: Sequence[Hold] = ()
    erasure: Erasure | None = None
    refused: Sequence[Erasure] = ()
    waiting: Sequence[Erasure] = ()
    known: bool = True


def content_view(events: Sequence[EventView], keeping: RetentionState | None) -> ContentView:
    """events: of one query, at least one. keeping: None where it cannot be told."""
    own = [event for event in events if is_step(event.kind)]
    found = {event.state for event in own}
    state = next((worst for worst in ("damaged", "lost", "erased") if worst in found), "open")
    if keeping is None:
        return ContentView(state, known=False)
    subject, first = events[0].subject, events[0].seq
    after = [one for one in keeping.erasures_of(subject) if one.ended_seq is None or one.ended_seq > first]
    return ContentView(
        state=state,
        holds=keeping.holds_on(subject),
        erasure=next((one for one in after if one.state == "done"), None) if state == "erased" else None,
        refused=[one for one in after if one.state == "refused"],
        waiting=[one for one in after if one.state in ("waiting", "decided")],
    )

"""Which earlier turns of a conversation go on into its next question.

Invariant: a turn is carried on only where the asker has every group that it was asked with, and may read, now, every
document that could have been read for it. A conversation is found again by whoever names its person, with whatever key; so
the rights are looked at turn by turn, and again at every question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.types import Turn

MayRead = Callable[[frozenset[str], frozenset[str]], frozenset[str]]
"""Those of some documents' versions that some groups may read now."""


@dataclass(frozen=True)
class Carried:
    """turns: those that go on, oldest first. left_out: (id of the query, why) of the others."""

    turns: tuple[Turn, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def documents(self) -> set[str]:
        """What an answer rests on that is given with these turns in sight."""
        return {document for turn in self.turns if turn.basis for document in turn.basis.documents}

    def body(self) -> dict[str, Any]:
        """For the record."""
        return {"turns": [{"query": query, "reason": reason} for query, reason in self.left_out]}


def carry(turns: Sequence[Turn], groups: frozenset[str], may_read: MayRead) -> Carried:
    """Looks at each turn on its own: one that may not be read takes no other with it, since what was made of it rests on its
    documents too."""
    wanted = frozenset().union(*(turn.basis.documents for turn in turns if turn.basis))
    readable = may_read(wanted, groups) if wanted else wanted
    why = [(turn, _why_not(turn, groups, readable)) for turn in turns]
    return Carried(
        tuple(turn for turn, reason in why if not reason), tuple((turn.query, reason) for turn, reason in why if reason)
    )


def _why_not(turn: Turn, groups: frozenset[str], readable: frozenset[str]) -> str:
    """Why a turn is left out; empty where it is not."""
    if turn.basis is None:
        return "unknown"
    if not turn.basis.groups <= groups:
        return "groups"
    return "" if turn.basis.documents <= readable else "documents"

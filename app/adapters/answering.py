"""Puts the evidence of the library behind the documents' bot. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.bots.wording import where
from orchestrator.ports import Passage, Worked
from retrieval.evidence.quotations import Answers, quotations


@dataclass(frozen=True)
class Resolved:
    """Implements `ports.Resolve`."""

    def __call__(
        self, question: str, passages: Sequence[Passage], groups: frozenset[str], slots: Mapping[str, str], language: str
    ) -> Worked | None:
        return None


@dataclass(frozen=True)
class Quoted:
    """Implements `ports.Quote`."""

    answers: Answers

    def __call__(self, question: str, passages: Sequence[Passage], least: float) -> Sequence[tuple[str, int, float]]:
        found = quotations(question, [(where(p), p.text) for p in passages], self.answers, least)
        return [(one.text, one.passage, one.chance) for one in found]

"""What the documents' bot and the on-prem bot ask others, scripted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.bots.base import Question
from orchestrator.bots.rag import RagBot
from orchestrator.closed_book.ruling import MemoryRuling
from orchestrator.ports import Passage, Quoted, Read, Resolve, Worked


def open_book(_question: Question) -> MemoryRuling:
    """Any question may be answered from memory."""
    return MemoryRuling("concept", "asks for a general notion", 1.0)


def closed_book(_question: Question) -> MemoryRuling:
    return MemoryRuling("factual", "asks for a fact", 0.0)


def knows(worked: Worked | None) -> Resolve:
    return lambda *_asked: worked


def quoting(text: str, passage: int = 0, chance: float = 0.9) -> Read:
    """The same quotation whatever is asked."""
    return lambda *_asked: Quoted([(passage, text)], chance)


def quoting_first(heard: Callable[[Sequence[Passage]], None] = lambda _passages: None) -> RagBot:
    """A documents' bot that quotes the first passage whole, as sure as the passage's score."""

    def read(_question: str, passages: Sequence[Passage], _least: float, *_asked: object) -> Quoted | None:
        heard(passages)
        return Quoted([(0, passages[0].text)], passages[0].score) if passages else None

    return RagBot(knows(None), read)

"""A bot whose answer stands between two sentences of the policy: what is not said, and what must be said with it."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.bots.base import Ask, Bot, BotEvidence, Piece, Question, Text


class Framed:
    """The same bot, with `preface` before its answer and `closing` after it. Both pass the gate as the answer does."""

    def __init__(self, bot: Bot, preface: str, closing: str) -> None:
        self.name, self.role, self.leaves_boundary = bot.name, bot.role, bot.leaves_boundary
        self._bot, self._preface, self._closing = bot, preface, closing

    def evidence(self, question: Question) -> BotEvidence:
        return self._bot.evidence(question)

    def answer(self, ask: Ask) -> Iterator[Piece]:
        if self._preface:
            yield Text(f"{self._preface}\n\n")
        pieces = self._bot.answer(ask)
        try:
            yield from pieces
        finally:
            if (close := getattr(pieces, "close", None)) is not None:
                close()
        if self._closing and not ask.cancel.is_set():
            yield Text(f"\n\n{self._closing}")

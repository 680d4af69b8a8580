"""The onprem bot: an open-weight model on the firm's own machines answers from its memory; nothing leaves the building.

Invariant: it is asked only for what policy lets a model say by itself (`closed_book`), which is never a fact.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from orchestrator.bots.base import Ask, BotEvidence, Made, Piece, Question, Role, Text
from orchestrator.closed_book.ruling import MemoryRuling
from orchestrator.ports import Generate
from orchestrator.prompting import messages as prompts

AskOfMemory = Callable[[Question], MemoryRuling]
"""What a question asks of a model's memory."""


class OnPremBot:
    name = "onprem"
    role = Role.MEMORY
    leaves_boundary = False

    def __init__(self, model: Generate, memory: AskOfMemory) -> None:
        self._model, self._memory = model, memory

    def evidence(self, question: Question) -> BotEvidence:
        ruling = self._memory(question)
        if not ruling.allowed(question.rules.closed_book):
            why = f"closed book ({question.rules.closed_book}): the question {ruling.rule}"
            return BotEvidence(cannot=why, finding=ruling)
        return BotEvidence(note=f"open book: the question {ruling.rule}", finding=ruling)

    def answer(self, ask: Ask) -> Iterator[Piece]:
        ruling = ask.evidence.finding
        if isinstance(ruling, MemoryRuling) and ruling.kind == "concept" and ask.rules.notice:
            yield Text(f"{ask.rules.notice}\n\n")
        messages = prompts.general(ask.question, ask.history, ask.instruction, ask.markers)
        usage = yield from said(ask.with_surrogates(self._model).stream(messages, ask.sampling, ask.cancel))
        yield Made(self._model.name, self._model.digest, {"prompt": prompts.digest(messages, ask.markers), **usage})


def said(stream: Generator[str, None, Mapping[str, Any]]) -> Generator[Text, None, Mapping[str, Any]]:
    """A model's text as pieces; returns its usage. Closing it closes the model's stream."""
    try:
        while True:
            try:
                yield Text(next(stream))
            except StopIteration as end:
                return end.value or {}
    finally:
        stream.close()

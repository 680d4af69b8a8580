"""The onprem bot: an open-weight model on the firm's own machines answers from what it has learnt.

Invariant: nothing leaves the building.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from orchestrator.bots.base import NO_EVIDENCE, Ask, BotEvidence, Made, Piece, Question, Role, Text
from orchestrator.ports import Generate
from orchestrator.prompting import messages as prompts


class OnPremBot:
    name = "onprem"
    role = Role.MEMORY
    leaves_boundary = False

    def __init__(self, model: Generate) -> None:
        self._model = model

    def evidence(self, question: Question) -> BotEvidence:
        return NO_EVIDENCE

    def answer(self, ask: Ask) -> Iterator[Piece]:
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

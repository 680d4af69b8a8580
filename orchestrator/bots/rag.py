"""The rag bot: answers from the firm's documents, and from nothing else.

Invariant: every sentence that leaves this bot is supported by one of the passages and carries its number; a sentence that
no passage supports is dropped. When the model's own words have no support, or it cannot be asked, the passages' sentences
answer.
When the passages do not answer either, the bot abstains.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.bots.base import Abstained, Ask, BotEvidence, Cited, Made, Piece, Question, Role, Text
from orchestrator.bots.onprem import said
from orchestrator.citations import sentences, with_mark, without_marks
from orchestrator.errors import BotUnavailable
from orchestrator.ports import Generate, Passage, Support
from orchestrator.prompting import messages as prompts
from orchestrator.types import Citation

PASSAGES = 4
"""Passages that the model is shown: more cost prefill time and dilute a small model's attention."""
SUPPORT_WEIGHT = 4.0
"""Log-odds from documents that surely do not answer (0) to surely do (1)."""
QUOTE = 320
SENTENCES = 3
Weigh = Callable[[str], tuple[int, float]]
_UNKNOWN = re.compile(r"\bI (?:do not|don't|don’t) know\b", re.IGNORECASE)


@dataclass(frozen=True)
class Bar:
    """How sure the documents must be: `answer` to answer at all, `sentence` to let a sentence stand (both 0..1).

    patience_s: time the model has for its first supported sentence; after it the passages are quoted.
    """

    answer: float
    sentence: float
    patience_s: float = 45.0


class RagBot:
    """Retrieval-augmented answers. `model` is None where no generator is to be used: then it quotes."""

    name = "rag"
    role = Role.DOCUMENTS
    leaves_boundary = False

    def __init__(self, support: Support, model: Generate | None, bar: Bar) -> None:
        self._support, self._model, self._bar = support, model, bar

    def evidence(self, question: Question) -> BotEvidence:
        if not question.passages:
            return document_evidence(0.0)
        return document_evidence(self._support.answerable(question.embedding, question.passages, question.text))

    def answer(self, ask: Ask) -> Iterator[Piece]:
        if not ask.passages or ask.evidence.support < self._bar.answer:
            yield Abstained(_nothing_found(ask.passages))
            return
        passages = list(ask.passages[:PASSAGES])
        cited = _Cited(passages)
        spoken = 0
        if self._model is not None:
            spoken = yield from self._generated(self._model, ask, passages, cited)
        if not spoken and not ask.cancel.is_set():
            spoken = yield from self._quoted(ask, cited)
        if not spoken:
            yield Abstained(_nothing_found(ask.passages))

    def _generated(
        self, model: Generate, ask: Ask, passages: Sequence[Passage], cited: _Cited
    ) -> Generator[Piece, None, int]:
        """The model's sentences that a passage supports; returns how many there were."""
        weigh = self._support.weigh(passages)
        messages = prompts.from_passages(ask.question, passages, ask.instruction, ask.markers)
        patience = _Patience(self._bar.patience_s, ask.cancel)
        stream = said(ask.with_surrogates(model).stream(messages, ask.sampling, patience))
        spoken, dropped, rest = 0, 0, ""
        usage: Mapping[str, Any] = {}
        try:
            while True:
                try:
                    rest += next(stream).text
                except StopIteration as end:
                    usage = end.value
                    break
                except BotUnavailable as error:
                    if spoken:  # half an answer is never passed off as a whole one
                        raise
                    usage, rest = {"failed": str(error)}, ""
                    break
                whole, rest = sentences(rest)
                for sentence in whole:
                    pieces = self._checked(sentence, weigh, cited)
                    spoken, dropped = spoken + bool(pieces), dropped + (not pieces)
                    if pieces:
                        patience.satisfied()
                    yield from pieces
        finally:
            stream.close()
        if patience.is_set():
            rest = ""  # it was cut off in mid-sentence
        pieces = self._checked(rest, weigh, cited)
        yield from pieces
        spoken, dropped = spoken + bool(pieces), dropped + (not pieces and bool(rest.strip()))
        yield Made(
            model.name,
            model.digest,
            {"prompt": prompts.digest(messages, ask.markers), "kept": spoken, "dropped": dropped, **usage},
        )
        return spoken

    def _checked(self, sentence: str, weigh: Weigh, cited: _Cited) -> list[Piece]:
        """A sentence with the number of the passage that supports it; nothing if none does."""
        bare = without_marks(sentence).strip(" -*•\t\n")
        if len(bare) < 8 or _UNKNOWN.search(bare):
            return []
        index, score = weigh(bare)
        if score < self._bar.sentence:
            return []
        return cited.say(bare, index)

    def _quoted(self, ask: Ask, cited: _Cited) -> Generator[Piece, None, int]:
        """The passages' own best sentences; returns how many there were."""
        best = self._support.extract(ask.embedding, ask.passages[:PASSAGES], SENTENCES, ask.question)
        for sentence, index in best:
            yield from cited.say(sentence.strip(), index)
        if best:
            yield Made("extractive", "", {"kept": len(best)})
        return len(best)


def document_evidence(support: float) -> BotEvidence:
    """support: how likely the passages answer the question, 0..1."""
    return BotEvidence(SUPPORT_WEIGHT * (support - 0.5), support, f"document support {support:.2f}")


class _Patience(threading.Event):
    """What the model's stream looks at to know whether to go on: set with the journey's cancel event, or when the time
    for the first supported sentence is up. Asked by one thread."""

    def __init__(self, seconds: float, cancel: threading.Event) -> None:
        super().__init__()
        self._cancel, self._ends = cancel, time.monotonic() + seconds

    @property
    def ran_out(self) -> bool:
        return time.monotonic() > self._ends

    def satisfied(self) -> None:
        self._ends = math.inf

    def is_set(self) -> bool:
        return self._cancel.is_set() or self.ran_out


@dataclass
class _Cited:
    """Numbers the sources of one answer in the order in which they are first used."""

    passages: Sequence[Passage]
    numbers: dict[int, int] = field(default_factory=dict)

    def say(self, sentence: str, index: int) -> list[Piece]:
        pieces: list[Piece] = []
        if index not in self.numbers:
            self.numbers[index] = len(self.numbers) + 1
            passage = self.passages[index]
            quote = passage.text if len(passage.text) <= QUOTE else passage.text[:QUOTE].rsplit(" ", 1)[0] + " …"
            citation = Citation(self.numbers[index], passage.document, passage.page, passage.section, quote)
            pieces.append(Cited(citation, passage.as_text))
        return [*pieces, Text(with_mark(sentence, self.numbers[index]))]


def _nothing_found(passages: Sequence[Passage]) -> str:
    where = ""
    if passages:
        nearest = passages[0].title or passages[0].document
        where = f" The nearest document is “{nearest}”, but it does not settle the question."
    return f"I could not find an answer to that in the documents you may read.{where}"

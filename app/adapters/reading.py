"""Puts the reading of sentences, and the model that reads them, behind the documents' bot. Nothing is decided here."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from app.adapters.model import LoadedLater
from app.engine_client.engines import Engines
from orchestrator.bots.wording import where
from orchestrator.ports import Embed, Passage, Quoted, Source, Worked
from retrieval.evidence.prose.calculations import Calculation
from retrieval.evidence.prose.prose_answer import Prose, ProseAnswer, prose_answer
from retrieval.evidence.prose.reader import Reader, ReaderHead
from retrieval.evidence.recomputation import recorded_expression, recorded_value
from retrieval.index.tokens import tokens

_COMMA = frozenset({"de", "fr", "es", "it", "nl"})
"""Languages whose writers put a comma before decimals."""
_KEPT = 8192
"""Vectors of documents' texts, 1.5 KB each."""


@dataclass(frozen=True)
class ReadSentences:
    """Implements `ports.Read`. prose: on a tenant's account. products: the words of what groups may read."""

    prose: Callable[[str], Prose]
    products: Callable[[frozenset[str]], frozenset[str]]

    def __call__(
        self, question: str, passages: Sequence[Passage], least: float, language: str, groups: frozenset[str], tenant: str
    ) -> Quoted | Worked | None:
        read = [(where(passage), passage.text) for passage in passages]
        found = self.prose(tenant)(question, read, least, language in _COMMA, self.products(groups))
        if found is None:
            return None
        if found.calculation is not None:
            return _worked(found.calculation, found.chance, passages, language)
        return Quoted([(part.passage, part.text) for part in found.parts], found.chance)


def _worked(found: Calculation, chance: float, passages: Sequence[Passage], language: str) -> Worked:
    at = [passages[line.unit.passage] for line in found.lines]
    sources = [
        Source(passage.document, passage.title, passage.page, passage.section, line.unit.text, passage.origin)
        for passage, line in zip(at, found.lines, strict=True)
    ]
    value = found.computed.value
    cells = [{"document": passage.document, "page": passage.page} for passage in at]
    figure: Mapping[str, Any] = {**recorded_value(value), "cells": cells}
    computation = recorded_expression(found.computed)
    plan = {"kind": "computed", "plan": "expression", "working": found.computed.working, "computation": computation}
    return Worked(found.text(language), sources, [figure], plan, chance)


def reading_with(
    model: LoadedLater | Engines,
    embed: Embed,
    library_digest: Callable[[], str],
    products: Callable[[frozenset[str]], frozenset[str]],
) -> ReadSentences:
    """Asks the on-prem model, where it is the one that the reader's head was trained on; else the lines are judged by what
    can be seen without a model, which is sure of fewer, and nothing is computed over sentences."""
    head = ReaderHead.load()
    likeness = Nearness(embed, library_digest)
    unaided = Reader(head, None)

    def prose(
        tenant: str, question: str, passages: Sequence[tuple[str, str]], least: float, comma: bool, own: frozenset[str]
    ) -> ProseAnswer | None:
        if isinstance(model, LoadedLater) and model.digest == head.model:
            reads, writes = Reader(head, partial(model.look, tenant=tenant)), partial(model.write, tenant=tenant)
            return prose_answer(question, passages, likeness, reads, writes, least, own, comma)
        return prose_answer(question, passages, likeness, unaided, None, least, own, comma)

    return ReadSentences(lambda tenant: partial(prose, tenant), products)


class Nearness:
    """Implements `digest.Likeness`: the nearer a text is to the question in meaning, and the more of its words stand in
    it, the likelier it answers.

    Vectors of documents' texts are kept, by the texts' digests, as long as the library is the same: what is removed from
    it is removed here. The lock guards them.
    """

    def __init__(self, embed: Embed, library_digest: Callable[[], str] = lambda: "") -> None:
        self._embed, self._library_digest = embed, library_digest
        self._lock = threading.Lock()
        self._of = ""
        self._known: LRUCache[bytes, npt.NDArray[np.float32]] = LRUCache(_KEPT)

    def __call__(self, question: str, evidence: Sequence[str]) -> npt.NDArray[np.float32]:
        names = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in evidence]
        with self._lock:
            if (of := self._library_digest()) != self._of:
                self._known.clear()
                self._of = of
            known = {name: vector for name in names if (vector := self._known.get(name)) is not None}
        new = {name: text for name, text in zip(names, evidence, strict=True) if name not in known}
        asked, *vectors = self._embed([question, *new.values()])
        known |= dict(zip(new, vectors, strict=True))
        with self._lock:
            if of == self._of:
                self._known.update({name: known[name] for name in new})
        words = set(tokens(question))
        share = [len(words & set(tokens(text))) / max(1, len(words)) for text in evidence]
        return np.asarray(0.7 * (np.stack([known[name] for name in names]) @ asked) + 0.3 * np.array(share), np.float32)

"""What a caller may not read tells nothing through names, and a broken right ends in an apology, never in an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.adapters import answering
from app.adapters.answering import Memory, OwnProducts, Resolved
from orchestrator.bots.base import Question
from orchestrator.closed_book.ruling import ClosedBook, MemoryRuling
from orchestrator.live_data import LiveData
from retrieval.evidence.result import Answer
from retrieval.library import Library
from retrieval.types import RightsBroken
from tests.retrieval.conftest import PUBLIC, STAFF, HashingEmbedder
from tests.support.running_deployment import ScriptedBot, answer_of, running_deployment, text_of

Documents = Callable[..., Library]
OPEN = ("open.md", "# Charges\n\n| Charge | 2024 |\n| --- | --- |\n| Exit charge | 0.75% |\n", PUBLIC)
CLOSED = ("closed.md", "# Borealis Bond Fund\n\n| Fund | 2024 |\n| --- | --- |\n| Borealis Bond Fund | 6.54% |\n", STAFF)


@pytest.fixture
def library(tmp_path: Path) -> Documents:
    def made(*documents: tuple[str, str, frozenset[str]]) -> Library:
        found = Library.open(tmp_path / f"library{len(documents)}", HashingEmbedder())
        for name, text, groups in documents:
            (tmp_path / name).write_text(text)
            found.ingest([tmp_path / name], groups)
        return found

    return made


def test_a_name_that_stands_in_closed_documents_alone_changes_nothing_of_what_memory_may_answer(library: Documents) -> None:
    def rulings(found: Library, groups: frozenset[str]) -> list[MemoryRuling]:
        memory = Memory(ClosedBook(), found, LiveData(()))
        asked = ("What does Borealis do?", "What is the Borealis Bond Fund?", "what does borealis mean?")
        return [memory(Question(text, np.zeros(384, np.float32), groups=groups)) for text in asked]

    mixed, alone = library(OPEN, CLOSED), library(OPEN)
    assert rulings(mixed, PUBLIC) == rulings(alone, PUBLIC)
    assert rulings(mixed, STAFF)[0].rule == "names the firm, its people or its products"


def test_words_of_products_are_those_of_the_documents_that_may_be_read(library: Documents) -> None:
    products = OwnProducts(library(OPEN, CLOSED))
    assert products.words(PUBLIC) == OwnProducts(library(OPEN)).words(PUBLIC)
    assert "borealis" in products.words(PUBLIC | STAFF)


def test_an_answer_that_cites_a_foreign_document_raises_instead(library: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    found = library(OPEN)
    resolved = Resolved(found)
    worked = resolved("What is the exit charge?", (), PUBLIC, "en")
    assert worked is not None
    assert [source.origin.id for source in worked.sources] == [found.everything()[0].id]
    real = answering.answer

    def careless(*asked: object, **how: object) -> object:
        told = real(*asked, **how)  # type: ignore[arg-type]
        assert isinstance(told, Answer)
        return replace(told, citations=tuple(replace(one, document="closed") for one in told.citations))

    monkeypatch.setattr(answering, "answer", careless)
    with pytest.raises(RightsBroken):
        resolved("What is the exit charge?", (), PUBLIC, "en")


def test_a_broken_right_is_an_apology_for_the_caller_and_named_in_the_record() -> None:
    broken = RightsBroken("a search found a passage that its caller may not read")
    with running_deployment(ScriptedBot("onprem"), passages=broken) as deployment:
        out = deployment.ask("What is the price of the merger?")
    assert answer_of(out).outcome == "failed"
    assert "merger" not in text_of(out)
    (finished,) = deployment.log.bodies("finished")
    assert "RightsBroken" in finished["reason"]

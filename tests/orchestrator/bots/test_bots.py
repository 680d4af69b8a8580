"""The rag and onprem bots on scripted models: what leaves them is supported, cited, and says how it was made."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from orchestrator.bots.base import Abstained, Ask, Cited, Made, Piece, Text
from orchestrator.bots.onprem import OnPremBot
from orchestrator.bots.rag import RagBot
from orchestrator.ports import Passage, Quote, Resolve, Source, Worked
from orchestrator.prompting import messages as prompts
from orchestrator.prompting.canary import PromptMarkers
from orchestrator.types import Turn
from tests.support.house import ScriptedModel

MARKS = PromptMarkers.fresh()
FEES = "The annual fee of the savings account is 12 EUR."
CUTOFF = "Orders must arrive before two in the afternoon."


def passage(text: str, document: str = "fees.md", score: float = 0.9, title: str = "") -> Passage:
    return Passage(document, title, 3, "Fees", text, score, score)


def ask(*passages: Passage, history: Sequence[Turn] = (), instruction: str = "") -> Ask:
    question = "What is the fee?"
    return Ask(question, history, np.zeros(1), passages, frozenset(), instruction, {}, threading.Event(), markers=MARKS)


def text_of(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


def quoting(*found: tuple[str, int, float]) -> Quote:
    """Quotes that are found whatever is asked, as far as they are likely enough."""
    return lambda _question, _passages, least: [one for one in found if one[2] >= least]


def knows(worked: Worked | None) -> Resolve:
    return lambda *_asked: worked


FEE = Source("prices.md", "Prices", 3, "Fees", "Savings account | 12 EUR")
COMPUTED = Worked("The annual fee is 12 EUR [1].", [FEE], [{"value": "12", "unit": "EUR"}], {"kind": "lookup"}, 0.9, {})


def rag(*found: tuple[str, int, float], worked: Worked | None = None) -> RagBot:
    return RagBot(knows(worked), quoting(*found))


def test_a_quotation_leaves_with_the_number_of_its_source_which_is_said_first() -> None:
    pieces = list(rag((FEES, 1, 0.9)).answer(ask(passage("Nothing of use."), passage(FEES, "prices.md"))))
    assert text_of(pieces) == f"{FEES[:-1]} [1]. "
    (cited,) = (piece.citation for piece in pieces if isinstance(piece, Cited))
    assert (cited.number, cited.document, cited.page, cited.section, cited.quote) == (1, "prices.md", 3, "Fees", FEES)
    assert isinstance(pieces[0], Cited)


def test_a_list_is_quoted_with_a_line_for_each_item_and_its_mark_on_the_line_that_leads_into_it() -> None:
    steps = "You need:\n- a passport\n- a bank statement"
    said = text_of(list(rag((steps, 0, 0.9)).answer(ask(passage(steps)))))
    assert said == "You need [1]:\n- a passport\n- a bank statement\n\n"


def test_what_code_looked_up_comes_before_any_quotation() -> None:
    pieces = list(rag((CUTOFF, 0, 0.99), worked=COMPUTED).answer(ask(passage(CUTOFF))))
    assert text_of(pieces).strip() == COMPUTED.text
    (cited,) = (piece.citation for piece in pieces if isinstance(piece, Cited))
    assert cited.quote == FEE.quote
    (made,) = (piece for piece in pieces if isinstance(piece, Made))
    assert (made.model, made.details["plan"], made.details["chance"]) == ("worked", {"kind": "lookup"}, 900_000)


def test_a_figure_that_is_not_likely_enough_gives_way_to_a_quotation_that_is() -> None:
    unsure = dataclasses.replace(COMPUTED, chance=0.4)
    pieces = list(rag((FEES, 0, 0.8), worked=unsure).answer(ask(passage(FEES))))
    assert text_of(pieces) == f"{FEES[:-1]} [1]. "


@pytest.mark.parametrize("passages", [(), (passage(FEES, title="Fees and charges"),)])
def test_what_is_not_likely_enough_is_withheld_with_the_way_to_go_on(passages: tuple[Passage, ...]) -> None:
    unsure = dataclasses.replace(COMPUTED, chance=0.69)
    *_, made, withheld = rag((FEES, 0, 0.69), worked=unsure).answer(ask(*passages))
    assert isinstance(withheld, Abstained)
    assert "rather not give one" in withheld.text
    assert "- Ask your usual contact" in withheld.text
    assert ("“Fees and charges › Fees”" in withheld.text) == bool(passages)
    assert FEES not in withheld.text
    assert "12" not in withheld.text
    assert isinstance(made, Made)
    assert made.details["plan"] == {"kind": "lookup"}, "a reviewer can see what was nearly said"


def test_a_question_in_another_language_is_looked_up_in_english_and_answered_around_the_quotation_in_its_own() -> None:
    asked: list[str] = []

    def quote(question: str, _passages: Sequence[Passage], _least: float) -> list[tuple[str, int, float]]:
        asked.append(question)
        return [(FEES, 0, 0.9)]

    german = dataclasses.replace(ask(passage(FEES)), language="de", english="What is the fee?", question="Was kostet das?")
    said = text_of(list(RagBot(knows(None), quote).answer(german)))
    assert asked == ["What is the fee?"]
    assert said == f"Im Dokument steht dazu: {FEES[:-1]} [1]. "


def test_a_cancelled_question_is_not_answered() -> None:
    asked = ask(passage(FEES))
    asked.cancel.set()
    assert text_of(list(rag((FEES, 0, 0.9)).answer(asked))) == ""


def test_a_source_comes_with_its_whole_passage_for_the_rails() -> None:
    long = passage(FEES + " More follows." * 100)
    cited, *_ = rag((FEES, 0, 0.9)).answer(ask(long))
    assert isinstance(cited, Cited)
    assert cited.evidence.endswith(long.text)
    assert len(cited.citation.quote) < len(cited.evidence)


def test_closing_the_bot_closes_the_models_stream() -> None:
    model = ScriptedModel([FEES + " ", CUTOFF])
    answering = OnPremBot(model).answer(ask(passage(FEES)))
    next(answering)
    answering.close()  # type: ignore[attr-defined]
    assert model.closed.is_set()


def test_the_onprem_bot_gives_the_model_the_history_and_says_how_the_answer_was_made() -> None:
    model = ScriptedModel(["Two ", "pieces."])
    pieces = list(OnPremBot(model).answer(ask(history=[Turn("earlier?", "yes")], instruction="Be brief.")))
    assert text_of(pieces) == "Two pieces."
    messages = model.asked[0]
    assert [role for role, _ in messages] == ["system", "user", "assistant", "user"]
    assert "Be brief." in messages[0][1]
    (made,) = (piece for piece in pieces if isinstance(piece, Made))
    assert made.model == "scripted"
    assert made.details["prompt"] == prompts.digest(messages, MARKS)
    assert made.details["completion_tokens"] == 5


def test_prompts_that_differ_only_in_where_a_message_ends_have_different_digests() -> None:
    assert prompts.digest([("user", "ab"), ("user", "c")], MARKS) != prompts.digest([("user", "a"), ("user", "bc")], MARKS)

"""The rag and onprem bots on scripted models: what leaves them is supported, cited, and says how it was made."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from moderation.grounding.weighing import weigh
from moderation.text.sentences import cited_sentences
from moderation.types import millionths
from orchestrator.bots.base import Abstained, Ask, Cited, Made, Piece, Question, Text
from orchestrator.bots.onprem import OnPremBot
from orchestrator.bots.rag import RagBot
from orchestrator.ports import Passage, Quoted, Read, Source, Worked
from orchestrator.prompting import messages as prompts
from orchestrator.prompting.canary import PromptMarkers
from orchestrator.types import AnswerRules, Turn
from tests.support.evidence import closed_book, knows, open_book, quoting
from tests.support.running_deployment import ScriptedModel

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


FEE = Source("prices.md", "Prices", 3, "Fees", "Savings account | 12 EUR")
COMPUTED = Worked("The annual fee is 12 EUR [1].", [FEE], [{"value": "12", "unit": "EUR"}], {"kind": "lookup"}, 0.9)


def said_by(asked: Ask, quote: Read, worked: Worked | None = None) -> list[Piece]:
    """The pieces of the documents' bot, asked as a journey does: first what speaks for it, then the answer."""
    bot = RagBot(knows(worked), quote)
    question = Question(asked.question, asked.embedding, asked.passages, language=asked.language)
    return list(bot.answer(dataclasses.replace(asked, evidence=bot.evidence(question))))


def test_a_quotation_leaves_with_the_number_of_its_source_which_is_said_first() -> None:
    pieces = said_by(ask(passage("Nothing of use."), passage(FEES, "prices.md")), quoting(FEES, 1, 0.9))
    assert text_of(pieces) == f"{FEES[:-1]} [1]. "
    (cited,) = (piece.citation for piece in pieces if isinstance(piece, Cited))
    assert (cited.number, cited.document, cited.page, cited.section, cited.quote) == (1, "prices.md", 3, "Fees", FEES)
    assert isinstance(pieces[0], Cited)


def test_a_list_is_quoted_with_a_line_for_each_item_and_its_mark_on_the_line_that_leads_into_it() -> None:
    steps = "You need:\n- a passport\n- a bank statement"
    said = text_of(said_by(ask(passage(steps)), quoting(steps, 0, 0.9)))
    assert said == "You need [1]:\n- a passport\n- a bank statement\n\n"


def test_what_code_looked_up_comes_before_any_quotation() -> None:
    pieces = said_by(ask(passage(CUTOFF)), quoting(CUTOFF, 0, 0.99), COMPUTED)
    assert text_of(pieces).strip() == COMPUTED.text
    (cited,) = (piece.citation for piece in pieces if isinstance(piece, Cited))
    assert cited.quote == FEE.quote
    (made,) = (piece for piece in pieces if isinstance(piece, Made))
    assert (made.model, made.details["plan"], made.details["chance"]) == ("worked", {"kind": "lookup"}, 900_000)
    assert made.details["least"] == millionths(AnswerRules().sure), "the bar that it passed stands beside it"


def test_a_figure_that_is_not_likely_enough_gives_way_to_a_quotation_that_is() -> None:
    unsure = dataclasses.replace(COMPUTED, chance=0.4)
    pieces = said_by(ask(passage(FEES)), quoting(FEES, 0, 0.8), unsure)
    assert text_of(pieces) == f"{FEES[:-1]} [1]. "


@pytest.mark.parametrize("passages", [(), (passage(FEES, title="Fees and charges"),)])
def test_what_is_not_likely_enough_is_withheld_with_the_way_to_go_on(passages: tuple[Passage, ...]) -> None:
    unsure = dataclasses.replace(COMPUTED, chance=0.49)
    *_, made, withheld = said_by(ask(*passages), quoting(FEES, 0, 0.49), unsure)
    assert isinstance(withheld, Abstained)
    assert "rather not give one" in withheld.text
    assert "- Ask your usual contact" in withheld.text
    assert ("“Fees and charges › Fees”" in withheld.text) == bool(passages)
    assert FEES not in withheld.text
    assert "12" not in withheld.text
    assert isinstance(made, Made)
    nearly = {one["how"]: one for one in made.details["nearly"]}  # a reviewer can see what was nearly said, and where
    assert nearly["worked"]["plan"] == {"kind": "lookup"}
    assert (nearly["worked"]["figures"], nearly["worked"]["chance"]) == ([{"value": "12", "unit": "EUR"}], 490_000)
    assert nearly["worked"]["places"] == [{"document": "prices.md", "page": 3, "section": "Fees"}]
    assert [one["places"] for one in made.details["nearly"] if one["how"] == "quoted"] == [
        [{"document": one.document, "page": 3, "section": "Fees"}] for one in passages
    ]
    assert FEES not in str(made.details)
    assert made.details["least"] == millionths(AnswerRules().sure)


def test_a_question_in_another_language_is_looked_up_in_english_and_answered_around_the_quotation_in_its_own() -> None:
    asked: list[str] = []

    def read(question: str, *_asked: object) -> Quoted:
        asked.append(question)
        return Quoted([(0, FEES)], 0.9)

    bot = RagBot(knows(None), read)
    german = Question("Was kostet das?", np.zeros(1), (passage(FEES),), language="de", reading="What is the fee?")
    known = dataclasses.replace(ask(passage(FEES)), language="de", evidence=bot.evidence(german))
    said = text_of(list(bot.answer(known)))
    assert asked == ["What is the fee?"]
    assert said == f"Das Dokument gibt diese Auskunft:\n\n{FEES[:-1]} [1]. "


@pytest.mark.parametrize("language", ["de", "fr", "es", "it", "nl"])
def test_our_line_before_a_quotation_in_another_language_stands_before_the_groundedness_rail(language: str) -> None:
    text = "Your password must have at least 14 characters. It does not expire."
    known = dataclasses.replace(ask(passage(text)), language=language)
    pieces = said_by(known, quoting(text))
    (cited,) = (one for one in pieces if isinstance(one, Cited))
    said = text_of(pieces)
    for span in cited_sentences(said):
        assert weigh(said[slice(*span)], [cited.evidence]).probability == 1.0, said[slice(*span)]


def test_a_cancelled_question_is_not_answered() -> None:
    asked = ask(passage(FEES))
    asked.cancel.set()
    assert text_of(said_by(asked, quoting(FEES))) == ""


def test_a_source_comes_with_its_whole_passage_for_the_rails() -> None:
    long = passage(FEES + " More follows." * 100)
    cited, *_ = said_by(ask(long), quoting(FEES))
    assert isinstance(cited, Cited)
    assert long.text in cited.evidence
    assert len(cited.citation.quote) < len(cited.evidence)


def test_closing_the_bot_closes_the_models_stream() -> None:
    model = ScriptedModel([FEES + " ", CUTOFF])
    answering = OnPremBot(model, open_book).answer(ask(passage(FEES)))
    next(answering)
    answering.close()  # type: ignore[attr-defined]
    assert model.closed.is_set()


def test_the_onprem_bot_gives_the_model_the_history_and_says_how_the_answer_was_made() -> None:
    model = ScriptedModel(["Two ", "pieces."])
    pieces = list(OnPremBot(model, open_book).answer(ask(history=[Turn("earlier?", "yes")], instruction="Be brief.")))
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


def test_the_onprem_bot_says_why_the_book_is_closed_and_marks_a_general_explanation() -> None:
    asked = Question("Who chairs the board?", np.zeros(1))
    assert (
        "closed book (concepts): the question asks for a fact"
        in OnPremBot(ScriptedModel([""]), closed_book).evidence(asked).cannot
    )
    bot = OnPremBot(ScriptedModel(["Inflation is a rise of prices."]), open_book)
    known = dataclasses.replace(ask(), evidence=bot.evidence(asked), rules=AnswerRules(notice="General explanation."))
    assert text_of(list(bot.answer(known))) == "General explanation.\n\nInflation is a rise of prices."
    shut = dataclasses.replace(asked, rules=AnswerRules(closed_book="off"))
    assert "closed book (off)" in bot.evidence(shut).cannot

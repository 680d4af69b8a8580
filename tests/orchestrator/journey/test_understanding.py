"""What a question is read as: a follow-up made whole, a question in another language than its documents in English."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.bots.rag import RagBot
from orchestrator.ports import Passage, Quoted
from orchestrator.understanding.english import Translator
from tests.support.evidence import knows
from tests.support.house import ScriptedModel, a_house, answer_of, passage, text_of

GERMAN = "Wie hoch ist die Gebühr für das Konto?"
FEE = "The annual fee of the account is 12 EUR, and it is taken in March."


def bot(asked: list[str]) -> RagBot:
    def quote(question: str, _passages: Sequence[Passage], _least: float) -> Quoted:
        asked.append(question)
        return Quoted(FEE, 0, 0.9)

    return RagBot(knows(None), quote)


def test_a_german_question_over_english_documents_is_asked_in_english_and_the_record_says_so() -> None:
    asked: list[str] = []
    model = ScriptedModel(["What is the fee for the account?"], name="translator")
    with a_house(bot(asked), passages=[passage(FEE)], translator=Translator("onprem", model)) as house:
        out = house.ask(GERMAN)
    assert asked == ["What is the fee for the account?"]
    (body,) = house.log.bodies("understood")
    assert body == {"language": "de", "reading": "What is the fee for the account?", "model": "translator"}
    assert text_of(out).startswith("Im Dokument steht dazu:")
    assert answer_of(out).outcome == "answered"
    assert len(house.log.bodies("retrieved")) == 2


def test_nothing_is_translated_where_the_documents_speak_the_questions_language() -> None:
    asked: list[str] = []
    model = ScriptedModel(["never asked"])
    german = passage("Die Gebühr für das Konto ist im Jahr 12 EUR und wird im März von dem Konto genommen.")
    with a_house(bot(asked), passages=[german], translator=Translator("onprem", model)) as house:
        house.ask(GERMAN)
    assert asked == [GERMAN]
    assert model.asked == []
    assert house.log.bodies("understood") == []


def test_nothing_is_translated_while_the_models_bot_is_switched_off() -> None:
    model = ScriptedModel(["never asked"])
    off = lambda _tenant, name: "case 12" if name == "onprem" else None  # noqa: E731
    with a_house(bot([]), passages=[passage(FEE)], translator=Translator("onprem", model), switched_off=off) as house:
        house.ask(GERMAN)
    assert model.asked == []


def test_a_follow_up_is_made_whole_before_it_is_looked_up() -> None:
    asked: list[str] = []

    def complete(question: str, earlier: Sequence[str]) -> str:
        return f"{earlier[-1]} {question}" if question.startswith("And") else question

    with a_house(bot(asked), passages=[passage(FEE)], complete=complete) as house:
        house.ask("What is the fee in 2024?")
        house.ask("And in 2023?", fresh=False)
    assert asked[-1] == "What is the fee in 2024? And in 2023?"
    assert house.log.bodies("understood")[-1]["reading"] == "What is the fee in 2024? And in 2023?"

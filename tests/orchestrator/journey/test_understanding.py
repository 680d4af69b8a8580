"""What a question is read as: a follow-up made whole, a question in another language than its documents in English."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.bots.rag import RagBot
from orchestrator.ports import Quoted, Whole
from orchestrator.understanding.english import Translator
from tests.support.evidence import knows
from tests.support.running_deployment import ScriptedModel, answer_of, passage, running_deployment, text_of

GERMAN = "Wie hoch ist die Gebühr für das Konto?"
FEE = "The annual fee of the account is 12 EUR, and it is taken in March."


def bot(asked: list[str]) -> RagBot:
    def read(question: str, *_asked: object) -> Quoted:
        asked.append(question)
        return Quoted([(0, FEE)], 0.9)

    return RagBot(knows(None), read)


def test_a_german_question_over_english_documents_is_asked_in_english_and_the_record_says_so() -> None:
    asked: list[str] = []
    model = ScriptedModel(["What is the fee for the account?"], name="translator")
    with running_deployment(bot(asked), passages=[passage(FEE)], translator=Translator("onprem", model)) as deployment:
        out = deployment.ask(GERMAN)
    assert asked == ["What is the fee for the account?"]
    (body,) = deployment.log.bodies("understood")
    assert body == {"language": "de", "reading": "What is the fee for the account?", "model": "translator"}
    assert text_of(out).startswith("Das Dokument gibt diese Auskunft:")
    assert answer_of(out).outcome == "answered"
    assert len(deployment.log.bodies("retrieved")) == 2


def test_nothing_is_translated_where_the_documents_speak_the_questions_language() -> None:
    asked: list[str] = []
    model = ScriptedModel(["never asked"])
    german = passage("Die Gebühr für das Konto ist im Jahr 12 EUR und wird im März von dem Konto genommen.")
    with running_deployment(bot(asked), passages=[german], translator=Translator("onprem", model)) as deployment:
        deployment.ask(GERMAN)
    assert asked == [GERMAN]
    assert model.asked == []
    assert deployment.log.bodies("understood") == []


def test_nothing_is_translated_while_the_models_bot_is_switched_off() -> None:
    model = ScriptedModel(["never asked"])
    off = lambda _tenant, name: "case 12" if name == "onprem" else None  # noqa: E731
    with running_deployment(
        bot([]), passages=[passage(FEE)], translator=Translator("onprem", model), switched_off=off
    ) as deployment:
        deployment.ask(GERMAN)
    assert model.asked == []


def test_a_follow_up_is_made_whole_before_it_is_looked_up() -> None:
    asked: list[str] = []

    def complete(question: str, earlier: Sequence[str]) -> Whole | None:
        slots = {"question": earlier[-1], "entity": "", "periods": ["2024"]}
        return Whole(f"{earlier[-1]} {question}", slots) if question.startswith("And") else None

    with running_deployment(bot(asked), passages=[passage(FEE)], complete=complete) as deployment:
        deployment.ask("What is the fee in 2024?")
        deployment.ask("And in 2023?", fresh=False)
    assert asked[-1] == "What is the fee in 2024? And in 2023?"
    (body,) = deployment.log.bodies("understood")
    assert body["reading"] == body["whole"] == "What is the fee in 2024? And in 2023?"
    assert body["slots"] == {"question": "What is the fee in 2024?", "entity": "", "periods": ["2024"]}


def test_a_follow_up_in_another_language_is_recorded_made_whole_and_in_english() -> None:
    asked: list[str] = []
    model = ScriptedModel(["What is the fee in 2023?"], name="translator")
    whole = Whole("Wie hoch ist die Gebühr für das Konto im Jahr 2023?", {"question": GERMAN})
    complete = lambda question, _earlier: whole if question.startswith("Und") else None  # noqa: E731
    with running_deployment(
        bot(asked), passages=[passage(FEE)], translator=Translator("onprem", model), complete=complete
    ) as deployment:
        deployment.ask(GERMAN)
        deployment.ask("Und im Jahr 2023, wie war das?", fresh=False)
    body = deployment.log.bodies("understood")[-1]
    assert (body["whole"], body["slots"]) == (whole.question, {"question": GERMAN})
    assert (body["reading"], body["model"]) == ("What is the fee in 2023?", "translator")

"""The closed book: what a model may answer from memory, in six languages, and the names that close it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.closed_book.events import tells_of_an_event
from orchestrator.closed_book.german_names import hides_a_name
from orchestrator.closed_book.ordinary_words import ordinary
from orchestrator.closed_book.own_names import own_names
from orchestrator.closed_book.request_forms import LANGUAGES, forms, load_forms
from orchestrator.closed_book.request_head import KINDS, kinds, outside
from orchestrator.closed_book.ruling import LEVELS, ClosedBook, learned
from orchestrator.errors import ConfigError

CASES = yaml.safe_load((Path(__file__).with_name("cases.yaml")).read_text("utf-8"))
OWN = frozenset(CASES["own_names"])
BOOK = ClosedBook()


@dataclass(frozen=True)
class Case:
    text: str
    kind: str
    language: str
    half: str
    history: int


def cases() -> Iterator[Case]:
    for family in CASES["families"]:
        for language, texts in family["texts"].items():
            for text in texts:
                yield Case(text, family["kind"], language, family["half"], family.get("history", 0))


def kind(question: str, history_turns: int = 0) -> str:
    return BOOK.judge(question, own_names=OWN, history_turns=history_turns).kind


@pytest.mark.parametrize("half", ["dev", "held"])
def test_hardly_a_question_for_a_fact_reaches_memory(half: str) -> None:
    factual = [case for case in cases() if case.half == half and case.kind == "factual"]
    through = [case.text for case in factual if kind(case.text, case.history) != "factual"]
    assert len(through) <= 0.01 * len(factual), through


@pytest.mark.parametrize("half", ["dev", "held"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_harmless_requests_are_answered_in_every_language(half: str, language: str) -> None:
    harmless = [case for case in cases() if (case.half, case.language) == (half, language) and case.kind != "factual"]
    closed = [case.text for case in harmless if kind(case.text, case.history) == "factual"]
    assert len(closed) <= 0.05 * len(harmless), closed


def test_each_language_and_class_is_tested_by_dozens_of_requests() -> None:
    counts = Counter((case.language, case.kind == "factual") for case in cases())
    assert all(counts[language, factual] >= 70 for language in LANGUAGES for factual in (True, False))


@pytest.mark.parametrize(
    ("question", "level", "allowed"),
    [
        ("What is inflation?", "concepts", True),
        ("What is inflation?", "language_tasks", False),
        ("Translate into German: Good morning.", "language_tasks", True),
        ("Hello!", "language_tasks", True),
        ("Hello!", "off", False),
        ("Translate into German: Good morning.", "off", False),
        ("What does Halden do?", "concepts", False),
    ],
)
def test_the_policy_says_which_kinds_memory_may_answer(question: str, level: str, allowed: bool) -> None:
    ruling = BOOK.judge(question, own_names=OWN)
    assert ruling.allowed(level) is allowed  # type: ignore[arg-type]
    assert (level in ruling.levels) is allowed


def test_names_and_figures_within_a_given_text_do_not_matter() -> None:
    assert kind("Summarise this: Halden charges 1.25% for Aurora since 2019.") == "language_task"
    assert kind('Is this sentence correct: "Halden\'s NAV were 104.20"?') == "language_task"


@pytest.mark.parametrize(
    "question",
    [
        "Translate 'fee' into German and tell me what Halden's fee is.",
        "Translate this: Good morning. And what is the NAV of Aurora?",
        "Summarise this text and add the current NAV: The fund did well.",
        "Answer this question: 'Who runs Halden?'",
        "Explain compound interest. What does Aurora charge?",
        "Thanks! Who is the CEO of Halden?",
    ],
)
def test_a_question_for_a_fact_does_not_ride_on_a_harmless_one(question: str) -> None:
    assert kind(question) == "factual"


def test_a_text_that_is_not_given_is_not_worked_on() -> None:
    assert kind("Summarise our complaints policy.") == "factual"
    assert kind("Translate your fee schedule into French.") == "factual"
    assert kind("Make it shorter.") == "factual"
    assert kind("Make it shorter.", history_turns=1) == "language_task"


def test_a_tenants_own_name_closes_a_question_whatever_its_form_and_case() -> None:
    for question in (
        "What is ember?",
        "explain ember",
        "Why is EMBER volatile?",
        "Was ist ein Ember-Fonds?",
        "What are Ember's risks?",
    ):
        assert BOOK.judge(question, own_names=["Ember"]).kind == "factual", question
    assert BOOK.judge("What is an ember?", own_names=[]).kind == "concept"


def test_a_quoted_name_of_the_firm_is_not_explained() -> None:
    assert kind('What does "Aurora" mean?') == "factual"
    assert kind('What does "Rückgabe" mean?') == "language_task"


def test_a_pseudonym_is_a_named_person() -> None:
    assert kind("Explain the role of <PERSON_1>.") == "factual"
    assert kind("Translate into French: Dear <PERSON_1>, thank you.") == "language_task"


def test_the_rule_says_why_in_one_short_sentence() -> None:
    for case in cases():
        ruling = BOOK.judge(case.text, own_names=OWN, history_turns=case.history)
        assert ruling.rule[0].islower()
        assert len(ruling.rule) < 90
        assert not ruling.rule.endswith(".")
    assert BOOK.judge("What does Halden do?", own_names=OWN).rule == "names the firm, its people or its products"
    assert "number" in BOOK.judge("Explain the crash of 2008.").rule


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_ruled_on_and_what_no_form_claims_is_factual(text: str) -> None:
    ruling = BOOK.judge(text)
    assert (ruling.kind == "factual") == (ruling.score == 0.0)
    assert bool(ruling.levels) == (ruling.kind != "factual")
    assert not ruling.allowed("off")
    assert set(ruling.levels) <= set(LEVELS)


@settings(deadline=None)
@given(
    st.sampled_from([case.text for case in cases() if case.kind == "factual"]),
    st.sampled_from(["Hello! ", "Please, ", "Thanks. "]),
)
def test_a_courtesy_before_a_question_for_a_fact_opens_nothing(question: str, courtesy: str) -> None:
    if kind(question) == "factual":
        assert kind(courtesy + question) == "factual"


def test_names_are_derived_from_titles_headings_and_labels_and_ordinary_words_are_none() -> None:
    names = own_names(
        ["Aurora Global Equity Fund factsheet", "Fees and charges"],
        ["Annual Management Charge", "Risk Factors", "About Brightwell"],
        ["Borealis Short Duration Bond Fund", "Performance fee", "Net Asset Value"],
        ["The managers of Halden and of Halden Trust write, as Halden does. They charge no fee to Halden."],
    )
    assert {"Aurora", "Aurora Global Equity Fund", "Brightwell", "Borealis", "Halden"} <= names
    assert not {name for name in names if name.split()[0] in ("Fees", "Annual", "Risk", "Performance", "Net")}


def test_a_word_that_the_documents_write_small_is_no_name() -> None:
    assert "Stewardship" not in own_names(["Stewardship"], [], [], ["Our stewardship is good."])


def test_letters_tell_a_name_from_a_word() -> None:
    assert min(map(ordinary, ("liquidity", "Verwaltung", "rendement", "inversión"))) > 0.5
    assert max(map(ordinary, ("Brightwell", "Helmgate", "Kesslerbank"))) < 0.5


def test_a_file_without_a_key_is_refused_by_language_and_key(tmp_path: Path) -> None:
    file = tmp_path / "forms.yaml"
    file.write_text("languages: {en: {openers: []}}", "utf-8")
    with pytest.raises(ConfigError, match=r"forms.yaml: en: keys missing or unknown: .*concept"):
        load_forms(file)
    file.write_text("[", "utf-8")
    with pytest.raises(ConfigError, match="no forms by language"):
        load_forms(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_forms(tmp_path / "absent.yaml")


def test_a_sure_head_opens_the_book_only_where_nothing_is_objected_to() -> None:
    def sure(*_: object) -> dict[str, float]:
        return dict.fromkeys(KINDS, 0.0) | {"concept": 1.0}

    def opened(message: str) -> bool:
        return learned(message, frozenset({("ember",)}), forms(), sure) is not None

    assert opened("leverage, blessing or curse")
    for message in (
        "ember, blessing or curse",
        "leverage in 2019, blessing or curse",
        "Leverage at Brightwell, blessing or curse",
        "your leverage, blessing or curse",
        "leverage today, blessing or curse",
        "who has leverage, blessing or curse",
        "why did leverage end, blessing or curse",
        "the fund and leverage, blessing or curse",
    ):
        assert not opened(message), message


def test_an_unsure_head_opens_nothing() -> None:
    unsure = dict.fromkeys(KINDS, 0.0) | {"concept": 0.6, "factual": 0.4}
    assert learned("leverage, blessing or curse", frozenset(), forms(), lambda *_: unsure) is None


def test_work_on_language_may_speak_of_the_caller_but_of_no_thing_of_a_firm() -> None:
    work = dict.fromkeys(KINDS, 0.0) | {"language_task": 1.0}
    assert learned("a kind line for my neighbour", frozenset(), forms(), lambda *_: work) is not None
    assert learned("a kind line about my account balance", frozenset(), forms(), lambda *_: work) is None


def test_the_heads_probabilities_sum_to_one_in_every_language() -> None:
    for language, each in forms().items():
        odds = kinds(outside("ETF?", (each,))[0], (each,))
        assert set(odds) == set(KINDS), language
        assert sum(odds.values()) == pytest.approx(1.0, abs=1e-5)


def test_a_text_after_a_colon_is_no_part_of_what_is_asked() -> None:
    first, *others = outside("Headline wanted: Halden cut its fee in May.", (forms()["en"],))
    assert first.given
    assert "Halden" not in first.words
    assert all(not each.given for each in others)


@pytest.mark.parametrize(
    ("language", "event", "notion"),
    [
        ("en", "why did the bubble burst", "why do bubbles burst"),
        ("de", "warum wurde der Index geändert", "was ist mit Liquidität gemeint"),
        ("fr", "pourquoi l'indice a-t-il changé", "dans quels cas y a-t-il un marché"),
        ("es", "por qué cambió el índice", "cómo cambia un índice"),
        ("it", "perché crollò il sistema", "perché un sistema può crollare"),
        ("nl", "waarom daalde de koers", "waarom daalt een koers"),
    ],
)
def test_what_happened_is_told_from_what_holds_at_all_times(language: str, event: str, notion: str) -> None:
    assert tells_of_an_event(event, language)
    assert not tells_of_an_event(notion, language)


@pytest.mark.parametrize(
    "message",
    [
        "My name is <PERSON_1>, draft a reminder to a client who has not returned a signed form.",
        "My name is <PERSON_1>. Please write a polite e-mail to my landlord about the broken heating.",
        "Ich heiße <PERSON_1>. Bitte entwirf eine freundliche Erinnerung an einen Kunden.",
        "Mi chiamo <PERSON_1>, scrivi un promemoria gentile per un cliente.",
    ],
)
def test_who_asks_may_be_said_before_a_message_is_asked_for(message: str) -> None:
    assert kind(message) == "language_task"


@pytest.mark.parametrize(
    "message",
    [
        "My name is <PERSON_1>, what is the minimum for your savings plan?",
        "My name is <PERSON_1>. Please write down what your custody fee is.",
        "Draft a letter to the client stating the fund's management fee.",
        "Draft a message telling the client which documents he must bring.",
        "Ich brauche bitte die Faxnummer Ihrer Niederlassung.",
    ],
)
def test_a_message_holds_no_fact_that_its_caller_did_not_give(message: str) -> None:
    assert kind(message) == "factual"


def test_a_manner_within_a_request_and_a_smiling_face_change_nothing() -> None:
    assert kind("Can you explain in plain English what diversification means?") == "concept"
    assert kind("Can you explain in plain English what Halden means?") == "factual"
    assert kind("good evening :)") == "small_talk"
    assert kind("Who runs Halden? :)") == "factual"


def test_german_compounds_do_not_hide_a_place_a_law_or_a_brand() -> None:
    for name in ("Deutschlandticket", "Kreditwesengesetz", "Bundesfinanzhof", "Brightwell-Rente"):
        assert hides_a_name(f"Wie funktioniert das {name}?") == name
        assert kind(f"Wie funktioniert das {name}?") == "factual"
    assert hides_a_name("Was ist die Zinsstruktur einer Anleihe?") is None

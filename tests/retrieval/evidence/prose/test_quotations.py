"""From passages to a quotation: which lines are read, and which of them are quoted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.sentences import sentences
from retrieval.evidence.prose.digest import CHARACTERS, as_read, digest
from retrieval.evidence.prose.quotations import Part, quoted

LIST = "You need:\n- a passport\n- a bank statement\n- a tax number"
TABLE = "Fund | Class A | Class I\nAurora | 1.25% | 0.65%\nBorealis | 0.45% | 0.25%"


def shared_words(question: str, evidence: Sequence[str]) -> npt.NDArray[np.float32]:
    asked = set(question.lower().split())
    return np.array([len(asked & set(one.lower().split())) / len(asked) for one in evidence], np.float32)


def parts(question: str, *passages: tuple[str, str]) -> list[Part]:
    return quoted(digest(question, passages, shared_words), question)


def test_the_nearest_sentence_comes_with_short_ones_beside_it_in_their_order() -> None:
    text = f"We write first. The fee is 12 EUR. {'Long words follow here ' * 20}. It is taken in March."
    assert parts("what is the fee", ("Fees", text)) == [Part(0, "We write first. The fee is 12 EUR. It is taken in March.")]


def test_a_list_is_quoted_whole_with_the_line_that_leads_into_it() -> None:
    assert parts("you need a passport", ("Papers", f"Welcome to us all.\n{LIST}"))[-1] == Part(0, LIST)


def test_rows_of_a_table_are_quoted_under_their_heads_and_read_with_them() -> None:
    lines = digest("Borealis 0.45%", [("Fees", TABLE)], shared_words)
    assert as_read(lines, [("Fees", TABLE)]).endswith("Borealis - Class A: 0.45%; Class I: 0.25%")
    (part,) = quoted(lines)
    heads = "| Fund | Class A | Class I |\n| --- | --- | --- |\n"
    assert part.text == heads + "| Aurora | 1.25% | 0.65% |\n| Borealis | 0.45% | 0.25% |"


@pytest.mark.parametrize(
    ("table", "question", "first"),
    [
        ("Entry charge | 2.50%\nExit charge | 0.75%\nCustodian | Nordhaven", "exit charge", "Exit charge: 0.75%"),
        ("Custodian | Nordhaven\nNotice | 30 days\nExit charge | 0.75%", "exit charge", "Exit charge: 0.75%"),
        ("Notice | 30 days", "notice", "Notice: 30 days"),
        ("Alder | 1.00% | 0.10%\nBirch | 3.00% | 0.30%", "birch", "Birch | 3.00% | 0.30%"),
        ("Charge | Rate\nExit | 0.75%\nEntry | 2.50%", "exit", "Exit - Rate: 0.75%"),
        ("Charge | 2024\nExit | 0.75%\nEntry | none", "exit", "Exit - 2024: 0.75%"),
        ("Role | Firm\nAuditor | Pellworm", "auditor", "Auditor - Firm: Pellworm"),
    ],
)
def test_one_fact_is_never_the_head_of_another(table: str, question: str, first: str) -> None:
    lines = digest(question, [("Larch Fund", table)], shared_words)
    nearest = max(lines, key=lambda line: line.near)
    assert nearest.text.endswith(first)


def test_what_two_passages_say_stands_side_by_side_and_never_in_one_part() -> None:
    found = parts("fee of gold and fee of silver", ("Gold", "The fee of gold is 3."), ("Silver", "The fee of silver is 2."))
    assert found == [Part(0, "The fee of gold is 3."), Part(1, "The fee of silver is 2.")]


def test_a_table_is_quoted_whole_where_several_of_its_rows_are_wanted() -> None:
    heads = "| Fund | Class A | Class I |\n| --- | --- | --- |\n"
    rows = [f"Fund {name} of the house | {n}.25% | 0.{n}5%" for n, name in enumerate("ABCDEFGH", 1)]
    text = "\n".join(["Fund | Class A | Class I", *rows])
    whole = heads + "\n".join(f"| {row} |" for row in rows)
    assert parts("list all funds of the house with their class", ("Fees", text)) == [Part(0, whole)]
    (one,) = parts("what does fund E of the house cost", ("Fees", text))
    assert len(one.text) < len(whole)


def test_a_list_too_long_to_be_quoted_for_one_thing_is_quoted_whole_where_several_are_wanted() -> None:
    items = [f"- the paper number {n} with all the stamps that belong to it, and a copy" for n in range(9)]
    text = "\n".join(["You send us:", *items])
    assert parts("what about number 3", ("Papers", text)) != [Part(0, text)]
    assert parts("which papers are wanted", ("Papers", text)) == [Part(0, text)]
    (one,) = parts("what about number 3 with all stamps", ("Papers", text))
    assert one.text.startswith("You send us:\n- the paper number"), "an item keeps the line that leads into its list"


def test_a_sentence_that_leans_on_the_one_before_is_read_with_it() -> None:
    text = "The lock opens on Monday. This costs what is the fee 12. " + "Other things are said here at length. " * 40
    lines = digest("what is the fee", [("Title", text)], shared_words)
    assert [line.text for line in lines][:2] == ["The lock opens on Monday.", "This costs what is the fee 12."]


@pytest.mark.parametrize("lead", ["Tracking error.", "Notice:", "What if I lose my card?"])
def test_a_term_or_a_question_is_read_with_what_follows_it(lead: str) -> None:
    text = f"{lead} It is explained here in a few words. Another sentence follows."
    assert (
        digest("explained here", [("Glossary", text)], shared_words)[0].text
        == f"{lead} It is explained here in a few words."
    )


def test_what_is_about_another_product_answers_nothing_about_the_one_that_is_asked_for() -> None:
    sheet = ("Aurora Fund: key facts", "Holdings are 52. The launch was in 2015.")
    fees = ("Fees", "Borealis costs 1%. Aurora costs 2%. Switches are free.")
    names = frozenset({"aurora", "borealis"})

    def read(question: str) -> set[str]:
        return {line.text for line in digest(question, [sheet, fees], shared_words, names)}

    assert read("how many holdings does Borealis have") == {"Borealis costs 1%.", "Switches are free."}
    assert read("how many holdings does aurora have") == {
        "Holdings are 52.", "The launch was in 2015.", "Aurora costs 2%.", "Switches are free."
    }  # fmt: skip
    assert len(read("is Aurora dearer than Borealis")) == 5
    assert len(read("which fund costs most")) == 5, "who names no product asks about all"


def test_no_more_is_read_than_a_few_lines_however_long_the_passages_are() -> None:
    passages = [("Title", " ".join(f"The fee number {n} is what it is." for n in range(200)))] * 4
    lines = digest("what is the fee", passages, shared_words)
    assert sum(len(line.text) for line in lines) <= CHARACTERS


@pytest.mark.parametrize("passages", [[], [("Empty", "")]])
def test_where_there_is_nothing_to_read_nothing_is(passages: list[tuple[str, str]]) -> None:
    assert digest("what is it", passages, shared_words) == []


@given(st.lists(st.text(st.characters(categories=["Ll", "Lu"]), min_size=3, max_size=40), min_size=1, max_size=8))
def test_what_is_quoted_of_prose_stands_in_the_passage_in_its_order(words: list[str]) -> None:
    text = " ".join(f"The {word} is so." for word in words)
    (found,) = parts(f"what is {words[0]}", ("Title", text))
    written, place = sentences(text), -1
    for one in sentences(found.text):
        place = written.index(one, place + 1)

"""Answers from a view: said with their cells, or withheld."""

from dataclasses import dataclass

import pytest

from retrieval.documents.grid import Grid
from retrieval.evidence.answer import answer, candidates
from retrieval.evidence.result import Answer, Withheld
from retrieval.evidence.slots import Slots
from retrieval.graph.document import Paragraph, build
from retrieval.graph.view import GraphView

FEES = Grid(
    (
        ("Fund", "Class A (retail)", "Class I (institutional)"),
        ("Borea Short Bond Fund", "0.45%", "0.25%"),
        ("Delta Infrastructure Fund", "1.40%", "0.80%"),
        ("Ember Debt Fund", "1.30%", "0.70%"),
        ("Aura Equity Fund", "1.25%", "0.65%"),
    ),
    section=("Fees", "Annual management charge"),
)
REPORT = Grid(
    (
        ("(in millions)", "2019", "2018", "2017"),
        ("Revenue", "$2,807", "$2,790", "$2,500"),
        ("Cost of sales", "1,100", "1,050", "990"),
        ("Net income", "310", "(20)", "250"),
    ),
    section=("Report",),
)
WHY = "Revenue increased in 2019 primarily due to higher prices. The plan is closed to new members."


@pytest.fixture(scope="module")
def view() -> GraphView:
    fees = build("fees.md", "fees", "Fees", [FEES], [])
    report = build("report.md", "report", "Annual report", [REPORT], [Paragraph(WHY, ("Report",), 3)])
    return GraphView([fees, report])


def said(question: str, view: GraphView) -> str:
    found = candidates(question, view)
    from retrieval.evidence.look_up.outcome import Outcome
    from retrieval.evidence.wording.templates import worded

    assert found
    return worded(found[0].said) if isinstance(found[0].said, Outcome) else found[0].said.quote


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("What was the revenue in 2018?", "$2,790 million in 2018"),
        ("What was the net income in 2018?", "$(20) million in 2018"),
        (
            "What was the change in revenue between 2018 and 2019?",
            "+$17 million (+0.61%), from $2,790 million in 2018 to $2,807 million in 2019",
        ),
        ("What is the percentage change in revenue from 2018 to 2019?", "+0.61%"),
        ("What is the average cost of sales for 2018 and 2019?", "$1,075 million"),
        ("In which year was net income the highest?", "highest in 2019"),
        ("What is the annual management charge of Ember for Class I?", "0.70%"),
        ("Which fund has the highest annual management charge for Class A?", "Delta Infrastructure Fund: 1.40%"),
        ("What is the difference between the Class A and Class I charge of Aura?", "0.6 percentage points"),
        ("Why did revenue increase in 2019?", "primarily due to higher prices"),
    ],
)
def test_what_the_cells_say_is_said_with_unit_and_period(question: str, holds: str, view: GraphView) -> None:
    assert holds in said(question, view)


def test_an_answer_names_its_cells_its_working_and_its_source(view: GraphView) -> None:
    got = answer("What was the change in revenue between 2018 and 2019?", view)
    assert isinstance(got, Answer)
    assert got.text.endswith("[1].")
    assert got.working == "$2,807 against $2,790: $17 million"
    assert (got.citations[0].document, got.citations[0].quote) == ("report", "Revenue | 2019: $2,807 | 2018: $2,790")
    computed = got.figures[0]
    assert (computed.value, computed.scale, computed.currency) == ("17", 6, "USD")
    assert [(cell.row, cell.column, cell.text) for cell in computed.cells] == [(1, 1, "$2,807"), (1, 2, "$2,790")]


def test_a_column_asked_for_without_a_row_is_given_for_every_row(view: GraphView) -> None:
    got = answer("What are the annual management charges of Class A?", view, threshold=0.5)
    assert isinstance(got, Answer)
    for row in FEES.rows[1:]:
        assert f"| {row[0]} | {row[1]} |" in got.text


@pytest.mark.parametrize(
    "question",
    [
        "What is the annual management charge of the Fjord Small Cap Fund for Class A?",
        "What was the revenue in 2012?",
        "Who was the chief executive in 2009?",
        "What is the salary of a portfolio manager?",
        "",
    ],
)
def test_what_is_not_there_is_withheld(question: str, view: GraphView) -> None:
    assert isinstance(answer(question, view), Withheld)


def test_a_withheld_answer_says_what_was_looked_for_and_what_is_nearest(view: GraphView) -> None:
    got = answer("What was the revenue in Portugal?", view, threshold=0.99)
    assert isinstance(got, Withheld)
    assert got.plan.startswith("look_up(")
    assert got.nearest is not None
    assert got.nearest.document == "report"


@dataclass(frozen=True)
class Passage:
    document: str
    page: int | None
    section: str
    text: str


def test_passages_tell_where_to_look(view: GraphView) -> None:
    hit = Passage("fees", None, "Annual management charge", "Borea Short Bond Fund | 0.45% | 0.25%")
    assert not any("higher prices" in str(c.said) for c in candidates("Why did revenue increase in 2019?", view, [hit]))
    report = Passage("report", 3, "Report", WHY)
    assert "higher prices" in str(candidates("Why did revenue increase in 2019?", view, [report])[0].said)


@pytest.mark.parametrize(
    ("follow_up", "holds"),
    [
        ("and the year before?", "$2,500 million in 2017"),
        ("and in 2019?", "$2,807 million in 2019"),
        ("What about the net income?", "$(20) million in 2018"),
    ],
)
def test_a_follow_up_keeps_what_it_does_not_change(follow_up: str, holds: str, view: GraphView) -> None:
    first = answer("What was the revenue in 2018?", view)
    second = answer(follow_up, view, slots=first.slots, threshold=0.3)
    assert isinstance(second, Answer)
    assert holds in second.text


def test_a_follow_up_exchanges_the_class(view: GraphView) -> None:
    first = answer("What is the annual management charge of Ember for Class A?", view, threshold=0.5)
    second = answer("and for Class I?", view, slots=first.slots, threshold=0.5)
    assert isinstance(second, Answer)
    assert "0.70%" in second.text


def test_slots_hold_the_callers_words_alone(view: GraphView) -> None:
    got = answer("What was the revenue in 2018?", view, slots=Slots())
    assert got.slots.question == "What was the revenue in 2018?"
    assert "2,790" not in repr(got.slots)


GERMAN = Grid(
    (("in Mio. EUR", "2019", "2018"), ("Umsatzerlöse", "2.807,5", "2.790,0"), ("Jahresüberschuss", "310,0", "(20,5)")),
    section=("Geschäftsbericht",),
)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Wie hoch waren die Umsatzerlöse 2018?", "Umsatzerlöse: €2.790,0 Millionen 2018 [1]."),
        (
            "Um wie viel Prozent sind die Umsatzerlöse von 2018 auf 2019 gestiegen?",
            "Umsatzerlöse: +0,63%, von €2.790,0 Millionen 2018 auf €2.807,5 Millionen 2019 [1].",
        ),
        (
            "In welchem Jahr war der Jahresüberschuss am höchsten?",
            "Jahresüberschuss war 2019 am höchsten: €310,0 Millionen [1].",
        ),
    ],
)
def test_a_german_question_is_answered_in_german_with_the_figures_as_written(question: str, text: str) -> None:
    got = answer(question, GraphView([build("gb.md", "gb", "", [GERMAN], [])]), language="de")
    assert isinstance(got, Answer)
    assert got.text == text

"""Sums of a question's own figures: what is understood, how it is told, and what is no sum."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.recomputation import computed_again
from retrieval.evidence.sums.answering import own_sum
from retrieval.evidence.sums.arithmetic import Operation, Quantity, spelt, value_of
from retrieval.evidence.sums.vocabulary import vocabulary


def said(question: str, language: str = "en") -> str | None:
    found = own_sum(question, language)
    return None if found is None else found.text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("12 x 85 + 60", "12 × 85 + 60 = 1,080"),
        ("What is 15 % of 2,400?", "2,400 × 15% = 360"),
        ("What's 15 percent of €2,400?", "€2,400 × 15% = €360"),
        ("2,400 plus 15 %", "2,400 × (1 + 15%) = 2,760"),
        ("what is (12.5 + 7.5) * 4 - 3^2?", "(12.5 + 7.5) × 4 − 3² = 71"),
        ("100 / 7", "100 ÷ 7 ≈ 14.2857"),
        ("What's the average of 4, 7 and 9?", "(4 + 7 + 9) ÷ 3 ≈ 6.6667"),
        ("what percentage of 120 is 30?", "30 ÷ 120 = 25%"),
        ("convert 2.5 million to thousands", "2,500,000 ÷ 1,000 = 2,500 thousands"),
        ("how many days from 3 March to 17 April 2026?",
         "From 3 March 2026 to 17 April 2026: 45 days. The first day is not counted."),
        ("Wie viel sind 15 % von 2.400?", "2.400 × 15 % = 360"),
        ("Combien font 15 % de 2 400 ?", "2 400 × 15 % = 360"),
        ("¿Cuánto es 12 por 85 más 60?", "12 × 85 + 60 = 1.080"),
        ("Qual è la media di 4, 7 e 9?", "(4 + 7 + 9) ÷ 3 ≈ 6,6667"),
        ("Hoeveel dagen zijn er van 3 maart tot 17 april 2026?",
         "Van 3 maart 2026 tot 17 april 2026: 45 dagen. De eerste dag telt niet mee."),
        ("Quanto é 15 % de 2.400?", "2.400 × 15% = 360"),
        ("My rent goes from 850 to 901. By what percentage?", "(901 − 850) ÷ 850 = 6%"),
        ("Wenn ich von 8.500 Euro 12 % weglege, wie viel bleibt mir?", "8.500 € × (1 − 12 %) = 7.480 €"),
        ("12 tickets at 8.50 each, what's the total?", "12 × 8.50 = 102"),
    ],
)  # fmt: skip
def test_a_sum_is_told_with_its_working_in_the_questions_language_and_number_form(question: str, answer: str) -> None:
    assert said(question) == answer


def test_interest_tells_how_it_is_added_and_that_it_speaks_of_no_product() -> None:
    told = said("if I invest 10,000 at 3 % a year, compounded, what do I have after 5 years?")
    assert told is not None
    sum_, how, whose = told.split("\n\n")
    assert sum_ == "10,000 × (1 + 3%)⁵ ≈ 11,592.74"
    assert how == "Interest is added once a year."
    assert "no product" in whose or "any product" in whose


@pytest.mark.parametrize(
    "question",
    [
        "what would 1.5 % entry charge of Aurora on 40,000 be",
        "What is your fee on 40,000?",
        "If I invest 10,000 in Aurora at 3 % a year, what do I have after 5 years?",
        "Aurora rose from 100 to 110. What percentage gain is that?",
        "What would the annual fee on my 40,000 come to in your growth portfolio?",
        "how much is 100 dollars in euros",
        "£85 + €60",
        "what is 5 / 0",
        "What is 24/7?",
        "What is a 60/40 portfolio?",
        "2024-2025",
        "12.05.2026",
        "100 + 10% + 5%",
        "1.2.3 + 4",
        "How many days until 17 April 2026?",
        "How many days from 03/04/2026 to 05/06/2026?",
        "How many days from 17 April 2026 to 3 March 2026?",
        "I earn 2,000 and spend 1,500, how much do I save in total?",
        "My rent of 800 rises by 3 %, how much is that?",
        "five",
        "",
    ],
)
def test_what_is_not_wholly_understood_is_no_sum(question: str) -> None:
    assert own_sum(question) is None


def test_a_numeral_that_could_be_two_numbers_is_none() -> None:
    assert said("Wie viel ist 2,400 mal 3?") is None
    assert said("Wie viel ist 2.400 mal 3?") == "2.400 × 3 = 7.200"
    assert said("how much is 1.250,50 times 2?") == "1.250,50 × 2 = 2.501"
    assert said("1.250 * 4") is None
    assert said("1.250 * 4", "de") == "1.250 × 4 = 5.000"


numbers = st.integers(0, 10**6).map(lambda n: Decimal(n) / 100)
trees = st.recursive(
    numbers.map(Quantity),
    lambda inner: st.builds(Operation, st.sampled_from("+-*/"), inner, inner),
    max_leaves=8,
)


def exact(node: Quantity | Operation) -> Fraction:
    """The value by another arithmetic."""
    if isinstance(node, Quantity):
        return Fraction(node.value)
    a, b = exact(node.left), exact(node.right)
    match node.sign:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case _:
            return a / b


@settings(deadline=None)
@given(trees)
def test_a_spelling_comes_to_what_its_tree_is_worth(tree: Quantity | Operation) -> None:
    try:
        known = exact(tree)
    except ZeroDivisionError:
        with pytest.raises(CannotCompute):
            value_of(spelt(tree))
        return
    with localcontext() as context:
        context.prec = 60
        wanted = Decimal(known.numerator) / Decimal(known.denominator)
        assert abs(value_of(spelt(tree)) - wanted) <= abs(wanted) * Decimal("1e-40") + Decimal("1e-40")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_sum_that_comes_out_again_or_none(text: str) -> None:
    found = own_sum(text)
    if found is not None:
        again = computed_again(found.figures, found.computation)
        assert again is not None
        assert again.same


@pytest.mark.parametrize(
    "question", ["12 x 85 + 60", "100 / 7", "3/8 as a percentage", "how many days from 3 March to 17 April"]
)
def test_the_record_computes_a_sum_again_and_tells_a_figure_that_was_changed(question: str) -> None:
    found = own_sum(question)
    assert found is not None
    again = computed_again(found.figures, found.computation)
    assert again is not None
    assert again.same
    forged = [{**found.figures[0], "value": "7"}]
    again = computed_again(forged, found.computation)
    assert again is not None
    assert not again.same


def test_every_language_has_the_words_of_every_kind_of_sum() -> None:
    known = vocabulary()
    kinds = {form.kind for form in known["en"].forms}
    for language, words in known.items():
        assert {form.kind for form in words.forms} == kinds, language
        assert set(words.said) == set(known["en"].said), language
        assert set(words.stories) == set(known["en"].stories), language
        assert len(set(words.months.values())) == 12, language

"""An answer's figures computed again from what the record keeps of them."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.documents.grid import Grid
from retrieval.evidence.answer import answer
from retrieval.evidence.prose.arithmetic.expressions import computed
from retrieval.evidence.prose.arithmetic.operands import operands
from retrieval.evidence.recomputation import (
    computed_again,
    recorded_computation,
    recorded_expression,
    recorded_figure,
    recorded_value,
)
from retrieval.evidence.result import Answer
from retrieval.evidence.wording.quoted_cells import find_cells
from retrieval.graph.document import build
from retrieval.graph.view import GraphView

REPORT = Grid(
    (
        ("(in millions)", "2019", "2018", "2017"),
        ("Revenue", "$2,807", "$2,790", "$2,500"),
        ("Cost of sales", "1,100", "1,050", "990"),
        ("Net income", "310", "(20)", "250"),
    ),
    section=("Report",),
)
SITES = Grid((("Site", "Staff"), ("Basle", "120"), ("Lyon", "85"), ("Turin", "64")), section=("Sites", "Staff by site"))
VIEW = GraphView([build("report.md", "report", "Annual report", [REPORT, SITES], [])])

COMPUTED = [
    ("What was the change in revenue between 2018 and 2019?", "change"),
    ("What is the percentage change in revenue from 2018 to 2019?", "change_pct"),
    ("What is the average cost of sales for 2018 and 2019?", "average"),
    ("What was the difference between revenue and cost of sales in 2019?", "difference"),
    ("What is the ratio of cost of sales to revenue in 2018?", "ratio"),
    ("What is the change in the average revenue between 2018 and 2019?", "difference_of_averages"),
    ("In which year was net income the highest?", "highest"),
    ("In which years was revenue above 2,600 million?", "above"),
]


def recorded(question: str) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """Figures and computation as they come out of the log, and the quote."""
    got = answer(question, VIEW, threshold=0.0)
    assert isinstance(got, Answer)
    written = json.dumps([[recorded_figure(one) for one in got.figures], recorded_computation(got)])
    figures, computation = json.loads(written)
    return figures, computation, got.citations[0].quote


@pytest.mark.parametrize(("question", "operation"), COMPUTED)
def test_a_computed_figure_comes_out_the_same_from_its_record(question: str, operation: str) -> None:
    figures, computation, _ = recorded(question)
    assert operation in (computation.get("operation"), computation.get("relation"))
    again = computed_again(figures, computation)
    assert again is not None
    assert again.same, again


@pytest.mark.parametrize(("question", "operation"), [one for one in COMPUTED if one[1] not in ("highest", "above")])
def test_a_record_whose_operand_or_result_was_altered_does_not_come_out_the_same(question: str, operation: str) -> None:
    figures, computation, _ = recorded(question)
    for place in (0, 1):
        altered = copy.deepcopy(figures)
        altered[place]["value"] = "7"
        again = computed_again(altered, computation)
        assert again is not None
        assert not again.same


def test_a_per_cent_that_is_said_beside_a_difference_is_computed_again_too() -> None:
    figures, computation, _ = recorded("What was the change in revenue between 2018 and 2019?")
    again = computed_again(figures, computation)
    assert again is not None
    assert [round(one.value, 2) for one in again.figures] == [17, Decimal("0.61")]
    computation["beside"]["value"] = "0.7"
    altered = computed_again(figures, computation)
    assert altered is not None
    assert not altered.same


def test_a_ranking_that_kept_another_than_the_highest_does_not_come_out_the_same() -> None:
    figures, computation, _ = recorded("In which year was net income the highest?")
    computation["compared"][1]["value"] = "999"
    again = computed_again(figures, computation)
    assert again is not None
    assert not again.same


@pytest.mark.parametrize(
    "computation",
    [
        {"operation": "change", "groups": [[1, 9]]},
        {"operation": "change", "groups": [[0, 1]]},
        {"operation": "change", "groups": []},
        {"operation": "root", "groups": [[1, 2]]},
        {"operation": "change"},
        {"relation": "highest", "n": 1, "bound": "x", "scale": 0, "compared": []},
        {"relation": "nearest", "n": 1, "bound": "0", "scale": 0, "compared": []},
        {},
    ],
)
def test_a_record_that_does_not_say_how_is_never_called_the_same(computation: dict[str, Any]) -> None:
    figures, _, _ = recorded("What was the change in revenue between 2018 and 2019?")
    again = computed_again(figures, computation)
    assert again is not None
    assert not again.same
    assert again.why


def test_a_figure_that_was_looked_up_needs_no_computation() -> None:
    figures, computation, _ = recorded("What was the revenue in 2018?")
    assert computation == {}
    assert computed_again(figures, computation) is None


def test_operands_are_joined_with_the_labels_and_words_of_their_quoted_rows() -> None:
    figures, _, quote = recorded("What was the difference between revenue and cost of sales in 2019?")
    revenue, cost = find_cells(figures[1:], [quote])
    assert revenue is not None
    assert (revenue.row, revenue.column, revenue.text) == ("Revenue", "2019", "$2,807")
    assert cost is not None
    assert (cost.row, cost.text) == ("Cost of sales", "1,100")


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-99, 99), min_size=1, max_size=4), min_size=1, max_size=4))
def test_every_cell_of_a_quote_is_found_in_its_own_row_however_alike_the_figures(rows: list[list[int]]) -> None:
    quote = "\n".join(
        " | ".join([f"Row {n}", *(f"{2000 + c}: {v}" for c, v in enumerate(row))]) for n, row in enumerate(rows)
    )
    cell = {"document": "d", "page": 1, "table": 0}
    figures = [
        {"value": str(v), "cells": [{**cell, "row": n, "column": c}]}
        for n, row in enumerate(rows)
        for c, v in enumerate(row)
    ]
    found = find_cells(figures, [quote])
    assert [one and one.row for one in found] == [f"Row {n}" for n, row in enumerate(rows) for _ in row]


def test_a_figure_that_no_quoted_row_holds_is_joined_with_none() -> None:
    figures, _, quote = recorded("What was the revenue in 2018?")
    figures[0]["value"] = "2791"
    assert find_cells(figures, [quote, ""]) == [None]


ASKED = "I put in 40,000 euros for three years; what do I pay?"
LINES = ("The entry charge is 1.50 % and custody costs EUR 25 a quarter.", "Notice is 30 days.")


@pytest.mark.parametrize(
    ("expression", "sources"),
    [
        ("40000 * 1.5%", [0, 1]),
        ("25 * 4 * 3", [1, None, 0]),
        ("25 / 40000 * 100", [1, 0, None]),
        ("30 / 2", [1, None]),
        ("40000 * (1 - 1.5%)", [0, None, 1]),
    ],
)
def test_a_computation_over_sentences_comes_out_the_same_from_its_record(expression: str, sources: list[int | None]) -> None:
    found = computed(expression, operands(ASKED, LINES))
    value, computation = json.loads(json.dumps([recorded_value(found.value), recorded_expression(found)]))
    assert [one["source"] for one in computation["operands"]] == sources
    again = computed_again([value], computation)
    assert again is not None
    assert again.same
    for altered in ({**value, "value": "7"}, {**value, "unit": "weeks"}, {**value, "currency": "USD"}):
        other = computed_again([altered], computation)
        assert other is not None
        assert not other.same
    computation["operands"][0]["value"] = "39000"
    unlike = computed_again([value], computation)
    assert unlike is not None
    assert not unlike.same
    assert "is not how" in unlike.why

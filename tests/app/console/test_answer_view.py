"""What a reviewer reads of how an answer came to be: enough to compute it again, and nothing that acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.console.answer_view import answer_views, plan_in_words, reading_view
from tests.app.conftest import Site
from tests.app.console.test_console import HOSTILE, signed_in
from tests.support.events import step


def figure(value: str, row: int = 1, column: int = 1, **changes: Any) -> dict[str, Any]:
    cell = {"document": "report.pdf", "page": 7, "table": 2, "row": row, "column": column}
    known = {"value": value, "unit": "amount", "scale": 6, "currency": "USD", "period": "2019", "cells": [cell]}
    return {**known, **changes}


RESULT = figure("17", unit="amount", period="", cells=figure("1")["cells"] * 2)
WORKED: dict[str, Any] = {
    "bot": "rag", "model": "worked", "chance": 910_000, "least": 500_000,
    "plan": {
        "kind": "computed", "plan": "change(revenue, 2019, 2018)", "working": "$2,807 against $2,790: $17 million",
        "computation": {"operation": "change", "groups": [[1, 2]]},
    },
    "figures": [RESULT, figure("2807"), figure("2790", column=2, period="2018")],
}  # fmt: skip
QUOTE = {
    "number": 1, "document": "report.pdf", "page": 7, "section": "Income", "quote": "Revenue | 2019: $2,807 | 2018: $2,790"
}  # fmt: skip


def worked(**changes: Any) -> dict[str, Any]:
    return {**WORKED, **changes}


def test_a_computation_is_told_in_words_letters_and_figures_with_the_labels_of_its_cells() -> None:
    (view,) = answer_views([WORKED], [QUOTE])
    assert (view.how, view.chance, view.least) == ("worked", 0.91, 0.5)
    assert view.said is not None
    assert (view.said.plan, view.said.formula, view.said.sum) == (
        "Change of: revenue, 2019, 2018",
        "A − B",
        "2,807 − 2,790 = 17",
    )
    assert [(one.letter, one.value, one.unit, one.scale, one.page) for one in view.said.figures] == [
        ("A", "2,807", "USD", "million", 7), ("B", "2,790", "USD", "million", 7),
    ]  # fmt: skip
    assert [one.quoted and (one.quoted.row, one.quoted.column, one.quoted.text) for one in view.said.figures] == [
        ("Revenue", "2019", "$2,807"), ("Revenue", "2018", "$2,790"),
    ]  # fmt: skip
    assert view.said.again is not None
    assert view.said.again.same


def test_a_per_cent_that_is_said_beside_a_difference_is_told_with_its_own_sum() -> None:
    beside = {"operation": "change_pct", "groups": [[1, 2]], "value": "0.6093189964157706093189964157706093"}
    plan = {"computation": {**WORKED["plan"]["computation"], "beside": beside}}
    (view,) = answer_views([worked(plan=plan)], [QUOTE])
    assert view.said is not None
    assert (view.said.sum, view.said.beside) == ("2,807 − 2,790 = 17", "(2,807 − 2,790) ÷ 2,790 × 100 = 0.609318996416…")
    assert view.said.again is not None
    assert view.said.again.same


def test_operands_of_different_scales_are_shown_in_one_scale_as_they_are_computed_with() -> None:
    thousands = figure("2790000", column=2, scale=3)
    (view,) = answer_views([worked(figures=[RESULT, figure("2807"), thousands])], [])
    assert view.said is not None
    assert view.said.sum == "2,807 − 2,790.000 = 17"
    assert view.said.again is not None
    assert view.said.again.same


@pytest.mark.parametrize(
    ("computation", "formula"),
    [
        ({"operation": "change_pct", "groups": [[1, 2]]}, "(A − B) ÷ B × 100"),
        ({"operation": "average", "groups": [[1, 2]]}, "(A + B) ÷ 2"),
        ({"operation": "difference_of_averages", "groups": [[1, 2], [2, 2]]}, "((A + B) ÷ 2) − ((B + B) ÷ 2)"),
        (
            {"relation": "highest", "n": 1, "bound": "0", "scale": 0, "compared": WORKED["figures"][1:]},
            "Highest of A to B: A",
        ),
        (
            {"relation": "above", "n": 1, "bound": "2800", "scale": 6, "compared": WORKED["figures"][1:]},
            "Above 2,800 million of A to B: A",
        ),
    ],
)
def test_every_operation_is_written_as_a_reader_would(computation: Mapping[str, Any], formula: str) -> None:
    figures = WORKED["figures"] if "operation" in computation else WORKED["figures"][1:2]
    (view,) = answer_views([worked(plan={"computation": computation}, figures=figures)], [QUOTE])
    assert view.said is not None
    assert view.said.formula == formula


def test_a_computation_over_sentences_names_the_sentence_of_each_figure() -> None:
    operand = {"scale": 0, "noun": "", "measure": "", "unit": "amount", "currency": "EUR"}
    operands = [
        {**operand, "written": "40000", "value": "40000", "source": 0},
        {**operand, "written": "1.5%", "value": "1.50", "unit": "percent", "currency": "", "source": 1},
    ]
    plan = {"plan": "expression", "computation": {"expression": "40000 * 1.5%", "operands": operands}}
    (view,) = answer_views([worked(plan=plan, figures=[figure("600", scale=0, currency="EUR", period="")])], [QUOTE])
    assert view.said is not None
    assert (view.said.formula, view.said.sum, view.said.of_sentences) == ("A × B", "40000 × 1.5% = 600", True)
    assert [(one.value, one.unit, one.source) for one in view.said.figures] == [
        ("40,000", "EUR", "the question"),
        ("1.50", "percent", "source [1]"),
    ]
    assert view.said.again is not None
    assert view.said.again.same


def test_what_was_nearly_found_of_a_withheld_answer_is_told_with_its_chance_and_its_place() -> None:
    place = {"document": "fees.md", "page": None, "section": "Fees"}
    nearly = [{"how": "worked", "chance": 400_000, "places": [place], "plan": WORKED["plan"], "figures": WORKED["figures"]},
              {"how": "quoted", "chance": 300_000, "places": [place]}]  # fmt: skip
    body = {"model": "withheld", "chance": 400_000, "least": 500_000, "nearly": nearly}
    (view,) = answer_views([body], [])
    assert (view.chance, view.least, view.said) == (0.4, 0.5, None)
    assert [(one.how, one.chance, len(one.figures)) for one in view.nearly] == [("worked", 0.4, 2), ("quoted", 0.3, 0)]


@pytest.mark.parametrize(
    "odd",
    [
        {"figures": [{"value": "1"}]},
        {"figures": [figure("x")]},
        {"plan": {"computation": {"operation": "change", "groups": [[1, 5]]}}},
        {"plan": {"computation": {"operation": "change", "groups": 3}}},
        {"plan": {"computation": {"relation": "above"}}},
    ],
)
def test_a_record_that_is_not_whole_is_shown_as_one_and_never_as_the_same(odd: Mapping[str, Any]) -> None:
    (view,) = answer_views([worked(**odd)], [QUOTE])
    assert view.said is not None
    assert view.said.again is not None
    assert not view.said.again.same
    assert view.said.again.why


def test_other_models_answers_are_not_explained_as_the_documents_bots() -> None:
    assert answer_views([{"bot": "onprem", "model": "smollm2"}], []) == []


@pytest.mark.parametrize(
    ("body", "whole", "english"),
    [
        ({"language": "de", "reading": "What is it?", "model": "m"}, "", "What is it?"),
        ({"language": "en", "reading": "Revenue in 2018?", "model": ""}, "Revenue in 2018?", ""),
        (
            {"language": "de", "reading": "Revenue in 2018?", "model": "m", "whole": "Umsatz 2018?", "slots": {}},
            "Umsatz 2018?", "Revenue in 2018?",
        ),
    ],
)  # fmt: skip
def test_a_reading_says_what_was_made_whole_and_what_was_translated(
    body: Mapping[str, Any], whole: str, english: str
) -> None:
    view = reading_view(body)
    assert (view.whole, view.english) == (whole, english)


def test_a_plan_of_a_known_formula_keeps_its_name() -> None:
    assert plan_in_words("gross margin(gross profit, sales)") == "Gross margin: gross profit, sales"
    assert (plan_in_words(""), plan_in_words("expression")) == ("", "Compute with the figures of sentences")


def shown(site: Site, query: str, *steps: tuple[str, dict[str, Any]]) -> str:
    site.deployment.audit.append("halden", step("received", query, "s_halden"))
    for kind, body in steps:
        site.deployment.audit.append("halden", step(kind, query, "s_halden", body=body)).wait()
    return signed_in(site).get(f"/review/queries/{query}").text


def test_the_page_shows_a_worked_answer_so_that_it_can_be_computed_again(cold: Site) -> None:
    said = {"whole": "What was the revenue in 2019?", "slots": {"question": "in 2018?"}, "reading": "What was the revenue?",
            "model": "m", "language": "de"}  # fmt: skip
    page = shown(cold, "q_" + "5" * 32, ("understood", said), ("generated", WORKED), ("cited", QUOTE))
    for words in (
        "Change of: revenue, 2019, 2018", "2,807 − 2,790 = 17", "Computed again: the same", "report.pdf",
        "page 7, table 3, row 2", "$2,790", "0.910", "reaches the least, 0.500", "What was the revenue in 2019?",
        "translated by m",
    ):  # fmt: skip
        assert words in page, words
    assert 'role="group" aria-label="Figures" tabindex="0"' in page


def test_the_page_says_where_a_figure_does_not_come_out_again(cold: Site) -> None:
    altered = [figure("18", period="", cells=RESULT["cells"]), *WORKED["figures"][1:]]
    page = shown(cold, "q_" + "6" * 32, ("generated", worked(figures=altered)), ("cited", QUOTE))
    assert "Computed again: not the same" in page
    assert "What comes out now: 17" in page


def test_nothing_of_a_record_acts_on_the_page(cold: Site) -> None:
    odd = figure(value="1", unit=HOSTILE, period=HOSTILE, currency=HOSTILE, cells=[{"document": HOSTILE}])
    hostile = worked(figures=[odd], plan={"plan": f"look_up({HOSTILE})"})
    nearly = {
        "how": "worked",
        "chance": 1,
        "places": [{"document": HOSTILE, "page": None, "section": HOSTILE}],
        "figures": [odd],
    }
    page = shown(
        cold, "q_" + "7" * 32,
        ("understood", {**dict.fromkeys(("language", "reading", "model", "whole"), HOSTILE), "slots": {"entity": HOSTILE}}),
        ("generated", hostile),
        ("generated", {"bot": "rag", "model": "withheld", "nearly": [nearly]}),
        ("cited", {**QUOTE, "quote": HOSTILE, "section": HOSTILE, "document": HOSTILE}),
    )  # fmt: skip
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 8

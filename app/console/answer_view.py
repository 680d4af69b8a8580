"""How an answer came to be, as its record tells: the plan, the cells with their quoted rows, the computation, the chance.

A pure function of the events' bodies, for the review pages and `countersign audit recompute`. Nothing is shown that is not
in the log; what is computed again is computed from it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from string import ascii_uppercase
from typing import Any

from retrieval.evidence.look_up.compute import CannotCompute, rounded
from retrieval.evidence.look_up.formula import Comparison, Formula, written
from retrieval.evidence.prose.arithmetic.expressions import with_names
from retrieval.evidence.recomputation import Again, as_figure, comparison_of, computed_again, formula_of
from retrieval.evidence.wording.quoted_cells import QuotedCell, find_cells
from retrieval.graph.reading.figures import Figure

HOWS = ("worked", "quoted", "withheld")
"""How the documents' bot makes an answer, as the `model` of its `generated` event says."""
_MICRO = 1_000_000
_PLANS = {
    "look_up": "Look up", "list": "Look up each of", "change": "Change of", "change_pct": "Change in per cent of",
    "difference": "Difference of", "ratio": "Ratio of", "share": "Share in per cent of", "sum": "Sum of",
    "average": "Average of", "difference_of_averages": "Difference of the averages of", "product": "Product of",
    "sum_of_rows": "Sum over all rows of", "average_of_rows": "Average over all rows of", "rank": "Highest or lowest of",
    "filter": "Those that stand so of", "count": "How many of", "rows": "Every row of", "define": "Meaning of",
    "verify": "Whether", "steps": "Steps of", "passage": "What is written of",
    "expression": "Compute with the figures of sentences",
    "own_sum": "Compute with the question's own figures", "own_days": "Days between two dates of the question",
}  # fmt: skip
_SCALES = {0: "", 3: "thousand", 6: "million", 9: "billion", 12: "trillion"}
_UNITS = {"points": "percentage points"}
_RELATIONS = {"above": "above", "below": "below", "equal": "equal to"}
_SHOWN_PLACES = 12
_ODD = (CannotCompute, InvalidOperation, LookupError, TypeError, ValueError, AttributeError)
"""What reading a record raises that was not written as it is today."""


@dataclass(frozen=True)
class FigureView:
    """One figure with its cell. letter: its name in the formula. quoted: None where no quoted row holds it. kept: whether a
    comparison kept it. source: where it stands, of a figure that is no cell."""

    letter: str
    value: str
    unit: str
    scale: str
    period: str
    document: str
    page: int | None
    table: int | None
    row: int | None
    column: int | None
    quoted: QuotedCell | None = None
    kept: bool = True
    source: str = ""


@dataclass(frozen=True)
class FoundView:
    """What was found. chance, least: 0..1, or None where not recorded. formula and sum: in letters and in numbers;
    beside: what else is said of the same figures, in numbers.
    places: where it stands, where no citation says it. of_sentences: whether a model chose the figures among those of
    sentences. of_question: whether they are the question's own."""

    how: str
    chance: float | None
    plan: str = ""
    plan_code: str = ""
    formula: str = ""
    sum: str = ""
    beside: str = ""
    result: FigureView | None = None
    figures: Sequence[FigureView] = ()
    again: Again | None = None
    places: Sequence[Mapping[str, Any]] = ()
    of_sentences: bool = False
    of_question: bool = False


@dataclass(frozen=True)
class AnswerView:
    """What the documents' bot made of a query. nearly: what was found and not said, the likeliest first."""

    how: str
    chance: float | None
    least: float | None
    said: FoundView | None = None
    cited: Sequence[Mapping[str, Any]] = ()
    nearly: Sequence[FoundView] = ()


@dataclass(frozen=True)
class ReadingView:
    """How a question was read. whole: a follow-up made whole; english: where a model translated it; slots: name to words."""

    language: str
    whole: str
    english: str
    model: str
    slots: Mapping[str, str]


def answer_views(generated: Sequence[Mapping[str, Any]], cited: Sequence[Mapping[str, Any]]) -> list[AnswerView]:
    """generated, cited: the bodies of a query's events of these kinds, in order."""
    return [_answer(body, cited) for body in generated if body.get("model") in HOWS]


def reading_view(body: Mapping[str, Any]) -> ReadingView:
    """body: of an `understood` event."""
    model, reading = str(body.get("model", "")), str(body.get("reading", ""))
    slots = body.get("slots") or {}
    told = {name: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in slots.items()}
    whole = str(body.get("whole", "" if model else reading))
    return ReadingView(str(body.get("language", "")), whole, reading if model else "", model, told)


def plan_in_words(plan: str) -> str:
    """'change_pct(revenue, 2019, 2018)' → 'Change in per cent of: revenue, 2019, 2018'; a known formula keeps its name."""
    name, opened, inside = plan.partition("(")
    words = _PLANS.get(name, name[:1].upper() + name[1:])
    return f"{words}: {inside.removesuffix(')')}" if opened else words


def _answer(body: Mapping[str, Any], cited: Sequence[Mapping[str, Any]]) -> AnswerView:
    how = str(body["model"])
    chance, least = _share(body.get("chance")), _share(body.get("least"))
    quotes = [str(one.get("quote", "")) for one in cited]
    match how:
        case "worked":
            return AnswerView(how, chance, least, _found({"how": how, **body}, quotes), cited)
        case "quoted":
            return AnswerView(how, chance, least, None, cited)
        case _:
            older = [{"how": "worked", "plan": body["plan"]}] if "plan" in body else []
            return AnswerView(how, chance, least, nearly=[_found(one, ()) for one in body.get("nearly", older)])


def _found(body: Mapping[str, Any], quotes: Sequence[str]) -> FoundView:
    plan = body.get("plan") or {}
    code = str(plan.get("plan", ""))
    known = FoundView(
        str(body.get("how", "")), _share(body.get("chance")), plan_in_words(code), code, places=body.get("places", ())
    )
    try:
        return _worked(known, body.get("figures", ()), plan.get("computation") or {}, quotes)
    except _ODD as error:
        return replace(known, again=Again(False, why=f"the record cannot be read: {error}"))


def _worked(
    known: FoundView, figures: Sequence[Mapping[str, Any]], computation: Mapping[str, Any], quotes: Sequence[str]
) -> FoundView:
    again = computed_again(figures, computation)
    if formula := formula_of(computation):
        operands = figures[1:]
        in_letters, in_numbers = _told(formula, operands)
        came = [f" = {_short(one.value)}" for one in again.figures] if again else []
        beside = _told(other, operands)[1] if (other := formula_of(computation.get("beside") or {})) else ""
        return replace(
            known,
            formula=in_letters,
            sum=in_numbers + "".join(came[:1]),
            beside=beside + "".join(came[1:2]),
            result=_view("", figures[0], None),
            figures=_views(operands, quotes),
            again=again,
        )
    if "sums" in computation or "days" in computation:
        return _of_question(known, figures, computation, again)
    if "expression" in computation:
        return _of_sentences(known, figures, computation, again)
    if comparison := comparison_of(computation):
        quoted = dict(zip(map(_cell, figures), find_cells(figures, quotes), strict=True))
        views = [
            _view(_letter(n), one, quoted.get(_cell(one)), kept=_cell(one) in quoted)
            for n, one in enumerate(computation["compared"])
        ]
        kept = ", ".join(view.letter for view in views if view.kept)
        formula_text = f"{_compared(comparison)} of {_letter(0)} to {_letter(len(views) - 1)}: {kept or 'none'}"
        return replace(known, formula=formula_text, figures=views, again=again)
    return replace(known, figures=_views(figures, quotes), again=again)


def _of_question(
    known: FoundView, figures: Sequence[Mapping[str, Any]], computation: Mapping[str, Any], again: Again | None
) -> FoundView:
    """Sums of the question's own figures, or the days between its dates."""
    sums = "; ".join(str(one["sum"]) for one in computation.get("sums", ())) or " to ".join(computation["days"])
    came = "; ".join(_short(one.value) for one in again.figures) if again else ""
    return replace(known, formula=sums, sum=came, result=_view("", figures[0], None), again=again, of_question=True)


def _of_sentences(
    known: FoundView, figures: Sequence[Mapping[str, Any]], computation: Mapping[str, Any], again: Again | None
) -> FoundView:
    expression, operands = str(computation["expression"]), computation["operands"]
    views = [
        replace(
            _view(_letter(n), {**one, "period": "", "cells": [{}]}, None), source=_source(one["source"]), unit=_unit(one)
        )
        for n, one in enumerate(operands)
    ]
    came = f" = {_short(again.figures[0].value)}" if again and again.figures else ""
    return replace(
        known,
        formula=with_names(expression, {one["written"]: view.letter for one, view in zip(operands, views, strict=True)}),
        sum=with_names(expression, {}) + came,
        result=_view("", figures[0], None),
        figures=views,
        again=again,
        of_sentences=True,
    )


def _source(number: int | None) -> str:
    return "a constant" if number is None else f"source [{number}]" if number else "the question"


def _unit(operand: Mapping[str, Any]) -> str:
    return str(operand["noun"]) or str(operand["currency"]) or str(operand["unit"])


def _views(figures: Sequence[Mapping[str, Any]], quotes: Sequence[str]) -> list[FigureView]:
    quoted = find_cells(figures, quotes)
    return [_view(_letter(n), one, cell) for n, (one, cell) in enumerate(zip(figures, quoted, strict=True))]


def _view(letter: str, figure: Mapping[str, Any], quoted: QuotedCell | None, *, kept: bool = True) -> FigureView:
    cells = figure["cells"]
    cell = cells[0] if len(cells) == 1 else {}
    unit, currency, scale = str(figure["unit"]), str(figure["currency"]), int(figure["scale"])
    return FigureView(
        letter=letter,
        value=f"{Decimal(str(figure['value'])):,f}",
        unit=currency if currency and unit in ("amount", "number") else f"{currency} {_UNITS.get(unit, unit)}".strip(),
        scale=_SCALES.get(scale, f"× 10^{scale}"),
        period=str(figure["period"]),
        document=str(cell.get("document", "")),
        page=cell.get("page"),
        table=cell.get("table"),
        row=cell.get("row"),
        column=cell.get("column"),
        quoted=quoted,
        kept=kept,
    )


def _told(formula: Formula, operands: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """A formula in letters, and in the figures that it is computed with."""
    letters = [_letter(place) for place in range(len(operands))]
    numbers = _numbers(formula, [as_figure(one) for one in operands])
    return written(formula, _names(formula, operands, letters)), written(formula, _names(formula, operands, numbers))


def _numbers(formula: Formula, operands: Sequence[Figure]) -> list[str]:
    """The operands' values as they are computed with: in the scale of the first, but for a product."""
    first = operands[0].scale if operands and formula.operation != "product" else None
    values = [one.value if first is None else one.value.scaleb(one.scale - first) for one in operands]
    return [f"({value:,f})" if value < 0 else f"{value:,f}" for value in values]


def _names(formula: Formula, operands: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """In a product a percentage counts a hundredth."""
    hundredth = formula.operation == "product"
    return [
        f"{name} ÷ 100" if hundredth and one["unit"] == "percent" else name
        for name, one in zip(names, operands, strict=True)
    ]


def _compared(comparison: Comparison) -> str:
    if comparison.relation in _RELATIONS:
        bound = f"{comparison.bound:,f} {_SCALES.get(comparison.scale, '')}".strip()
        return f"{_RELATIONS[comparison.relation].capitalize()} {bound}"
    return comparison.relation.capitalize() + (f" {comparison.n}" if comparison.n > 1 else "")


def _cell(figure: Mapping[str, Any]) -> str:
    """What tells one cell from another."""
    return str(figure["cells"])


def _letter(place: int) -> str:
    """A to Z, then AA, AB …"""
    high, low = divmod(place, len(ascii_uppercase))
    return (_letter(high - 1) if high else "") + ascii_uppercase[low]


def _short(value: Decimal) -> str:
    """At most twelve decimal places, with a mark where there are more."""
    near = rounded(value, _SHOWN_PLACES)
    return f"{near:,f}" + ("" if near == value else "…")


def _share(millionths: Any) -> float | None:
    return millionths / _MICRO if isinstance(millionths, int) else None

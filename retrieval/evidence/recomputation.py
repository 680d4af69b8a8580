"""What a record keeps of an answer's figures, and the answer computed again from that record alone.

Invariant: what is read here is what was written here; a figure that comes out otherwise, or whose record is not whole, is
never called the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from retrieval.evidence.look_up.compute import CannotCompute, Result
from retrieval.evidence.look_up.formula import Comparison, Formula, carried_out, kept
from retrieval.evidence.prose.arithmetic.expressions import Computed, Value, computed
from retrieval.evidence.prose.arithmetic.operands import CONSTANT, QUESTION, Operand
from retrieval.evidence.result import Answer, AnswerFigure
from retrieval.evidence.sums.answering import own_values
from retrieval.graph.reading.figures import Figure, Kind

_KINDS: frozenset[str] = frozenset(get_args(Kind))
_UNITS = {"money": "amount", "percent": "percent", "points": "points", "plain": "number", "ratio": "number"}
"""Of what an expression came to; a count has the noun of what it counts."""


def recorded_figure(figure: AnswerFigure) -> Mapping[str, Any]:
    """A figure with the places of its cells. A cell's words are in the quote alone, which the rails judge."""
    cells = [
        {"document": c.document, "page": c.page, "table": c.table, "row": c.row, "column": c.column} for c in figure.cells
    ]
    return {
        "value": figure.value,
        "unit": figure.unit,
        "scale": figure.scale,
        "currency": figure.currency,
        "period": figure.period,
        "cells": cells,
    }


def recorded_computation(answer: Answer) -> Mapping[str, Any]:
    """Of tables: `operation` and `groups` of a formula, whose operands are counted from 1, since the record's figure 0 is
    the result, with the formula and `value` of what is said `beside` it; or `relation`, `n`, `bound`, `scale` and
    `compared`; empty where nothing was computed."""
    match answer.computation:
        case Formula() as formula:
            beside = {"beside": {**_recorded_formula(answer.beside[0]), "value": answer.beside[1]}} if answer.beside else {}
            return {**_recorded_formula(formula), **beside}
        case Comparison(relation, n, bound, scale):
            compared = [recorded_figure(one) for one in answer.compared]
            return {"relation": relation, "n": n, "bound": format(bound, "f"), "scale": scale, "compared": compared}
        case None:
            return {}


def _recorded_formula(formula: Formula) -> Mapping[str, Any]:
    return {"operation": formula.operation, "groups": [[place + 1 for place in group] for group in formula.groups]}


def recorded_value(value: Value) -> Mapping[str, Any]:
    """What an expression came to, as a figure; its `cells` are for whoever knows the passages."""
    unit = _UNITS.get(value.kind, value.noun)
    return {"value": format(value.number, "f"), "unit": unit, "scale": 0, "currency": value.currency, "period": ""}


def recorded_expression(found: Computed) -> Mapping[str, Any]:
    """`expression` and its `operands`, each with the `source` that it stands in: the number of a mark, 0 for the question,
    null for a constant such as the months of a year."""
    lines = list(dict.fromkeys(one.line for one in found.used if one.line != QUESTION))
    return {"expression": found.expression, "operands": [_recorded_operand(one, lines) for one in found.operands]}


def _recorded_operand(operand: Operand, lines: Sequence[int]) -> Mapping[str, Any]:
    figure, source = operand.figure, None
    if operand.line != CONSTANT:
        source = 0 if operand.line == QUESTION else lines.index(operand.line) + 1
    return {
        "written": operand.written,
        "value": format(figure.value, "f"),
        "unit": figure.kind,
        "scale": figure.scale,
        "currency": figure.currency,
        "noun": operand.noun,
        "measure": operand.unit,
        "source": source,
    }


@dataclass(frozen=True)
class Again:
    """One answer computed again. `figures`: what came out. `why`: what is wrong with the record, where nothing came out."""

    same: bool
    figures: tuple[Figure, ...] = ()
    why: str = ""


def computed_again(figures: Sequence[Mapping[str, Any]], computation: Mapping[str, Any]) -> Again | None:
    """Whether the recorded figures come out again by the recorded computation; None where none is recorded and none is
    needed, since every figure is a cell's own."""
    try:
        if formula := formula_of(computation):
            operands = [as_figure(one) for one in figures[1:]]
            again = _held_against(figures[:1], [_figure(carried_out(formula, operands)[0])])
            beside = computation.get("beside")
            if beside is None or (other := formula_of(beside)) is None:
                return again
            relative = _figure(carried_out(other, operands)[0])
            return Again(again.same and relative.value == Decimal(str(beside["value"])), (*again.figures, relative))
        if comparison := comparison_of(computation):
            over = [as_figure(one) for one in computation["compared"]]
            return _held_against(figures, [over[place] for place in kept(comparison, over)])
        if "sums" in computation or "days" in computation:
            return _own_sum(figures, computation)
        if "expression" in computation:
            return _computed_from_sentences(figures, computation)
    except (CannotCompute, InvalidOperation, KeyError, TypeError, ValueError) as error:
        return Again(False, why=f"the record cannot be computed with: {error}")
    if any(len(one.get("cells", ())) != 1 for one in figures):
        return Again(False, why="the record does not say by which operation the figure was computed")
    return None


def formula_of(computation: Mapping[str, Any]) -> Formula | None:
    """The recorded formula, its operands counted from 0; None where it is none. Raises what a damaged record raises."""
    if "operation" not in computation:
        return None
    groups = tuple(tuple(_place(number) for number in group) for group in computation["groups"])
    return Formula(str(computation["operation"]), groups)


def comparison_of(computation: Mapping[str, Any]) -> Comparison | None:
    """The recorded comparison; None where it is none. Raises what a damaged record raises."""
    if "relation" not in computation:
        return None
    bound = Decimal(str(computation["bound"]))
    return Comparison(str(computation["relation"]), int(computation["n"]), bound, int(computation["scale"]))


def as_figure(recorded: Mapping[str, Any]) -> Figure:
    """A recorded figure for the arithmetic. A unit that is no kind ("shares") is of a plain number."""
    unit = str(recorded["unit"])
    kind: Kind = unit if unit in _KINDS else "number"  # type: ignore[assignment]  # one of them
    return Figure(Decimal(str(recorded["value"])), kind, str(recorded["currency"]), int(recorded["scale"]))


def _computed_from_sentences(figures: Sequence[Mapping[str, Any]], computation: Mapping[str, Any]) -> Again:
    operands = [_operand(one) for one in computation["operands"]]
    value = computed(str(computation["expression"]), operands).value
    known, found = figures[0], recorded_value(value)
    same = Decimal(str(known["value"])) == value.number and all(known[name] == found[name] for name in ("unit", "currency"))
    return Again(same and len(figures) == 1, (Figure(value.number, "number", value.currency),))


def _own_sum(figures: Sequence[Mapping[str, Any]], computation: Mapping[str, Any]) -> Again:
    """Of the question's own figures; what is said in per cent counts hundredths."""
    known = [as_figure(one) for one in figures]
    values = own_values(computation, percent=bool(known) and known[0].kind == "percent")
    return Again([one.value for one in known] == values, tuple(replace(known[0], value=value) for value in values))


def _operand(recorded: Mapping[str, Any]) -> Operand:
    line = CONSTANT if recorded["source"] is None else int(recorded["source"]) - 1
    found = Operand(as_figure(recorded), line, str(recorded["measure"]), str(recorded["noun"]))
    if found.written != recorded["written"]:
        raise CannotCompute(f"{recorded['written']} is not how {found.written} is written")
    return found


def _place(number: Any) -> int:
    if not isinstance(number, int) or number < 1:
        raise CannotCompute(f"{number!r} is no operand's number")
    return number - 1


def _figure(result: Result) -> Figure:
    return Figure(result.value, result.kind, result.currency, result.scale)


def _held_against(recorded: Sequence[Mapping[str, Any]], found: Sequence[Figure]) -> Again:
    same = len(recorded) == len(found) and all(
        (one.value, one.currency, one.scale) == (known.value, known.currency, known.scale) and _alike(one, known)
        for one, known in zip(found, map(as_figure, recorded), strict=True)
    )
    return Again(same, tuple(found))


def _alike(one: Figure, known: Figure) -> bool:
    """Percentages are percentages; the kinds of plain amounts are no part of what is said."""
    relative = ("percent", "points", "basis points")
    return one.kind == known.kind or not {one.kind, known.kind} & set(relative)

"""Answers in words, by templates: figures as written with unit, scale and period, and the working of what was computed.

Invariant: every figure in the text is a cell's or the recorded result's; the template adds none of its own.
"""

from __future__ import annotations

import re
from decimal import Decimal

from retrieval.evidence.compute import Result, rounded
from retrieval.evidence.outcome import Outcome
from retrieval.evidence.plan import Compute, Count, Filter, Lookup, Rank, Rows
from retrieval.graph.figures import SCALE_WORDS, Figure
from retrieval.graph.series import Point
from retrieval.graph.view import Line

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CAD": "C$", "AUD": "A$", "HKD": "HK$", "SGD": "S$"}
_NAMES = {
    "change": "change",
    "change_pct": "change",
    "difference": "difference",
    "average": "average",
    "sum": "sum",
    "ratio": "ratio",
    "share": "share",
    "difference_of_averages": "change of the average",
    "product": "product",
}


def figure_words(figure: Figure) -> str:
    """'$1,496.5 million', '(194) thousand', '4.7%': the digits as written, the currency and scale that the table states."""
    text = figure.text
    if figure.kind == "percent" and "%" not in text:
        return f"{text}%"
    if figure.kind == "basis points" and "b" not in text:
        return f"{text} basis points"
    if figure.currency and not _says_currency(text):
        sign = _SIGNS.get(figure.currency)
        text = f"{sign}{text}" if sign else f"{figure.currency} {text}"
    text = text.replace("$ ", "$").replace("€ ", "€").replace("£ ", "£").replace("( ", "(")
    scale = SCALE_WORDS.get(figure.scale, "")
    return f"{text} {scale}" if scale and scale not in text.lower() and not _says_scale(text) else text


def _says_currency(text: str) -> bool:
    return any(not (c.isdigit() or c in " .,()-–−'’%+") for c in text)


def _says_scale(text: str) -> bool:
    return text.rstrip(")").rstrip()[-1:].isalpha()


def result_words(result: Result) -> str:
    """'-12.6 million', '+0.6%', '27.9 percentage points': rounded as the source's figures, plus a digit where computed."""
    value = rounded(result.value, result.places)
    digits = f"{value:,f}"
    match result.kind:
        case "percent":
            return f"{digits}%"
        case "points":
            return f"{digits} percentage points"
        case "basis points":
            return f"{digits} basis points"
    sign = _SIGNS.get(result.currency, f"{result.currency} " if result.currency else "")
    text = f"-{sign}{digits[1:]}" if digits.startswith("-") else f"{sign}{digits}"
    scale = SCALE_WORDS.get(result.scale, "")
    return f"{text} {scale}" if scale else text


def cell_words(point: Point) -> str:
    """A cell as an answer shows it."""
    cell = point.cell
    if cell.figure is not None:
        words = figure_words(cell.figure)
        return f"{words} {cell.unit}" if cell.unit and cell.unit not in words else words
    return cell.text


def name_of(line: Line) -> str:
    """'Domestic: Discount rate' — the label with what tells it from its sisters."""
    series = line.series
    label = series.label
    section = series.path[-1] if series.path else ""
    if not label or label.lower() in ("total", "other", "subtotal"):
        label = ", ".join(part for part in (section, label or "total") if part)
    elif section and len(section) < 60 and section.lower() not in label.lower():
        label = f"{section}, {label}"
    head = series.head
    return f"{label} ({head})" if head and head.lower() not in label.lower() else label


def period_words(point: Point, line: Line) -> str:
    if point.period is None:
        return ""
    period = point.period
    if period.end:
        return f"{period.year}-{period.end}"
    if period.quarter:
        return f"Q{period.quarter} {period.year or ''}".strip()
    alone = sum(1 for p in line.series.points if p.period and p.period.year == period.year) == 1
    if period.year and alone:
        return str(period.year)
    return (
        period.text.strip(" ,")
        if not period.year or str(period.year) in period.text
        else f"{period.text.strip(' ,')} {period.year}"
    )


def worded(outcome: Outcome, mark: str = "[1]", language: str = "en") -> str:
    """The answer's text, with its source mark."""
    plan = outcome.plan
    match plan:
        case Lookup():
            return _stated(outcome, mark)
        case Compute(op="list"):
            return _stated(outcome, mark)
        case Compute():
            return _computed(outcome, plan, mark)
        case Rank(over="rows"):
            return _ranked_rows(outcome, plan, mark)
        case Filter(over="rows"):
            return f"{_and([f'{name_of(line)} ({cell_words(p)})' for line, p in outcome.chosen]) or 'None'} {mark}."
        case Rows(of="rows" | "column"):
            return _listed(outcome, plan, mark)
        case Count():
            return f"{len(outcome.chosen)}: {_and([line.series.label for line, _ in outcome.chosen])} {mark}."
        case Rank():
            return _ranked(outcome, plan, mark)
        case Filter():
            return _filtered(outcome, plan, mark)
        case Rows():
            line = outcome.found[0].match.line
            periods = [period_words(p, line) for _, p in outcome.chosen]
            return f"{name_of(line)} is given for {_and(periods)} {mark}."
        case _:
            return ""


def _stated(outcome: Outcome, mark: str) -> str:
    sentences = []
    for one in outcome.found:
        line = one.match.line
        said = [f"{cell_words(p)}{_in(period_words(p, line))}" for p in one.points]
        sentences.append(f"{name_of(line)}: {_and(said)} {mark}.")
    return " ".join(sentences)


def _in(period: str) -> str:
    if not period:
        return ""
    return f" {'on' if re.match(r'[0-9]{1,2} [A-Za-z]|[A-Z][a-z]+ [0-9]{1,2}(?:,|$)', period) else 'in'} {period}"


def _and(parts: list[str]) -> str:
    if not parts:
        return ""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _computed(outcome: Outcome, plan: Compute, mark: str) -> str:
    assert outcome.result is not None
    value = result_words(outcome.result)
    if plan.op == "ratio" and outcome.result.kind == "number" and not outcome.parts and abs(outcome.result.value) < 1:
        value = f"{value} or {rounded(outcome.result.value * 100, 2)}%"
    if outcome.result.value > 0 and plan.op in ("change", "change_pct", "difference_of_averages"):
        value = f"+{value}"
    names = list(dict.fromkeys(name_of(one.match.line) for one in outcome.found))
    what = plan.formula or _NAMES[plan.op]
    cells = [f"{cell_words(p)}{_in(period_words(p, line))}" for line, p in outcome.chosen]
    if plan.op in ("change", "change_pct"):
        return f"{names[0]}: {value}, from {cells[1]} to {cells[0]} {mark}."
    if plan.op in ("difference",):
        return f"Difference between {' and '.join(names)}: {value} ({cells[0]} against {cells[1]}) {mark}."
    if plan.op in ("ratio", "share") and not outcome.parts:
        return f"{what[:1].upper()}{what[1:]} of {names[0]} to {names[-1]}: {value} ({cells[0]} over {cells[-1]}) {mark}."
    if outcome.parts:
        later, earlier = (result_words(part) for part in outcome.parts[:2])
        return f"{what[:1].upper()}{what[1:]}, {' and '.join(names)}: {value}, from {earlier} to {later} {mark}."
    return f"{what[:1].upper()}{what[1:]} of {_and(names)}: {value}, from {_and(cells)} {mark}."


def _ranked_rows(outcome: Outcome, plan: Rank, mark: str) -> str:
    line, point = outcome.chosen[0]
    period = period_words(point, line)
    return f"{line.series.label}: {cell_words(point)}{_in(period)}, the {plan.direction} of {len(outcome.found)} {mark}."


def _listed(outcome: Outcome, plan: Rows, mark: str) -> str:
    """A sentence with the rows' labels, or what a column says of each; more than three rows follow as a table."""
    pairs = outcome.chosen
    line, first = pairs[0]
    labels = [line.series.label for line, _ in pairs]
    head = " ".join(part for part in (line.series.head, period_words(first, line)) if part)
    rows = [f"| {one.series.label} | {cell_words(point)} |" for one, point in pairs]
    table = "\n".join([f"| {line.series.table.corner or ' '} | {head or ' '} |", "| --- | --- |", *rows])
    if plan.of == "column":
        topic = line.series.table.section[-1] if line.series.table.section else ""
        name = f"{topic}: {head}" if topic else head
        if len(pairs) <= 3:
            return f"{name}: {_and([f'{one.series.label} {cell_words(point)}' for one, point in pairs])} {mark}."
        return f"{name}, {len(pairs)} rows {mark}:\n\n{table}"
    sentence = f"{_and(labels)} {mark}."
    return sentence if len(pairs) <= 3 else f"{sentence}\n\n{table}"


def _ranked(outcome: Outcome, plan: Rank, mark: str) -> str:
    line, point = outcome.chosen[0]
    return f"{name_of(line)} was {plan.direction} in {period_words(point, line)}: {cell_words(point)} {mark}."


def _filtered(outcome: Outcome, plan: Filter, mark: str) -> str:
    line = outcome.found[0].match.line
    bound = f"{Decimal(plan.value):,f} {SCALE_WORDS.get(plan.scale, '')}".strip()
    kept = [f"{period_words(p, line)} with {cell_words(p)}" for _, p in outcome.chosen]
    if plan.count:
        counted = f": {_and(kept)}" if kept else ""
        return (
            f"{len(kept)} {'year' if len(kept) == 1 else 'years'}{counted} - {name_of(line)} {plan.relation} {bound} {mark}."
        )
    if not kept:
        return f"{name_of(line)} was {plan.relation} {bound} in none of the periods shown {mark}."
    return f"{name_of(line)} was {plan.relation} {bound} in {_and(kept)} {mark}."

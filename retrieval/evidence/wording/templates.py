"""Answers in words, by templates: figures as written with unit, scale and period, and the working of what was computed.

Invariant: every figure in the text is a cell's or the recorded result's; a template adds none but the count of rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from retrieval.evidence.look_up.compute import Result, rounded
from retrieval.evidence.look_up.outcome import Found, Outcome
from retrieval.evidence.plans.plan import Aggregate, Compute, Count, Filter, Lookup, Rank, Rows
from retrieval.evidence.wording.phrases import Phrases, phrases
from retrieval.graph.reading.figures import Figure
from retrieval.graph.reading.words import stems
from retrieval.graph.series import Point
from retrieval.graph.view import Line

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CAD": "C$", "AUD": "A$", "HKD": "HK$", "SGD": "S$"}
_ENGLISH = phrases("en")
_FULL_DATE = re.compile(r"\d{1,2}\.? [^\W\d]|[^\W\d]+ \d{1,2}(?:,|$)")


def figure_words(figure: Figure, said: Phrases = _ENGLISH) -> str:
    """'$1,496.5 million', '(194) thousand', '4.7%': the digits as written, the currency and scale that the table states."""
    text = figure.text
    if figure.kind == "percent" and "%" not in text:
        return f"{text}%"
    if figure.kind == "basis points" and "b" not in text:
        return f"{text} {said.basis_points}"
    if figure.currency and not _says_currency(text):
        sign = _SIGNS.get(figure.currency)
        text = f"{sign}{text}" if sign else f"{figure.currency} {text}"
    text = text.replace("$ ", "$").replace("€ ", "€").replace("£ ", "£").replace("( ", "(")
    scale = said.scales.get(figure.scale, "")
    return f"{text} {scale}" if scale and scale not in text.lower() and not _says_scale(text) else text


def _says_currency(text: str) -> bool:
    return any(not (c.isdigit() or c in " .,()-–−'’%+") for c in text)


def _says_scale(text: str) -> bool:
    return text.rstrip(")").rstrip()[-1:].isalpha()


def result_words(result: Result, said: Phrases = _ENGLISH, comma: bool = False) -> str:
    """'-12.6 million', '0.6%', '27.9 percentage points': rounded as the source's figures, plus a digit where computed.

    comma: whether the source writes decimals with a comma.
    """
    digits = f"{rounded(result.value, result.places):,f}"
    if comma:
        digits = digits.translate(str.maketrans(",.", ".,"))
    match result.kind:
        case "percent":
            return f"{digits}%"
        case "points":
            return f"{digits} {said.points}"
        case "basis points":
            return f"{digits} {said.basis_points}"
    sign = _SIGNS.get(result.currency, f"{result.currency} " if result.currency else "")
    text = f"-{sign}{digits[1:]}" if digits.startswith("-") else f"{sign}{digits}"
    scale = said.scales.get(result.scale, "")
    return f"{text} {scale}" if scale else text


def writes_comma(points: Sequence[Point]) -> bool:
    """Whether the cells themselves write decimals with a comma."""
    figures = [p.cell.figure for p in points if p.cell.figure]
    return any(f.value != int(f.value) and f.text.rfind(",") > f.text.rfind(".") for f in figures)


def cell_words(point: Point, said: Phrases = _ENGLISH) -> str:
    """A cell as an answer shows it."""
    cell = point.cell
    if cell.figure is not None:
        words = figure_words(cell.figure, said)
        return f"{words} {cell.unit}" if cell.unit and cell.unit not in words else words
    return cell.text


def name_of(line: Line, said: Phrases = _ENGLISH) -> str:
    """'Domestic, Discount rate': the label with what tells it from its sisters."""
    series = line.series
    label = series.label
    section = series.path[-1] if series.path else ""
    if not label or label.lower() in ("total", "other", "subtotal"):
        label = ", ".join(part for part in (section, label or said.total) if part)
    elif section and len(section) < 60 and section.lower() not in label.lower():
        label = f"{section}, {label}"
    head = series.head
    return f"{label} ({head})" if head and head.lower() not in label.lower() else label


def subject_of(one: Found, said: Phrases) -> str:
    """The row's name, after the name of its table where the question asked for that ("Annual management charge")."""
    line = one.match.line
    name = name_of(line, said)
    section = line.series.table.section[-1] if line.series.table.section else ""
    asked = one.match.covered & frozenset(stems(section))
    if section and len(section) < 70 and asked - {*line.label, *line.path, *line.head}:
        return f"{section}, {name}"
    return name


def period_words(point: Point, line: Line) -> str:
    """'2019', 'Q4 2019', '2021-2022', '15 July 2025': the year alone where the series has one point a year."""
    period = point.period
    if period is None:
        return ""
    if period.end:
        return f"{period.year}-{period.end}"
    if period.quarter:
        return f"Q{period.quarter} {period.year or ''}".strip()
    alone = sum(1 for p in line.series.points if p.period and p.period.year == period.year) == 1
    if period.year and alone and not _FULL_DATE.match(point.row.label):
        return str(period.year)
    text = period.text.strip(" ,")
    return text if not period.year or str(period.year) in text else f"{text} {period.year}"


def worded(outcome: Outcome, mark: str = "[1]", language: str = "en") -> str:
    """The answer's text, with its source mark, in the asked language; cells stay as the document writes them."""
    said = phrases(language)
    plan = outcome.plan
    match plan:
        case Lookup() | Compute(op="list"):
            return _stated(outcome, mark, said)
        case Compute():
            return f"{_computed(outcome, plan, said)} {mark}."
        case Aggregate(op=op):
            assert outcome.result is not None
            line = outcome.found[0].match.line
            value = result_words(outcome.result, said, writes_comma([point for _, point in outcome.chosen]))
            section = line.series.path if all(one.series.path == line.series.path for one, _ in outcome.chosen) else ()
            section = section or line.series.table.section
            topic = section[-1] if section else ""
            name = ", ".join(part for part in (topic, line.series.head) if part) or line.series.table.corner
            rows = [f"| {one.series.label} | {cell_words(point, said)} |" for one, point in outcome.chosen]
            table = "\n".join([f"| {line.series.table.corner or ' '} | {line.series.head or ' '} |", "| --- | --- |", *rows])
            return f"{said.operations[op]}, {said.column.format(name=name, n=len(rows))}: {value} {mark}.\n\n{table}"
        case Rank(over="rows"):
            line, point = outcome.chosen[0]
            cell = f"{cell_words(point, said)}{_when(point, line, said)}"
            extreme, n = getattr(said, plan.direction), len(outcome.found)
            return f"{said.extreme_row.format(name=line.series.label, cell=cell, extreme=extreme, n=n)} {mark}."
        case Filter(over="rows"):
            kept = [f"{name_of(line, said)} ({cell_words(p, said)})" for line, p in outcome.chosen]
            return f"{_and(kept, said) or said.nothing} {mark}."
        case Rows(of="rows" | "column"):
            return _listed(outcome, plan, mark, said)
        case Count():
            return f"{len(outcome.chosen)}: {_and([line.series.label for line, _ in outcome.chosen], said)} {mark}."
        case Rank():
            line, point = outcome.chosen[0]
            extreme, period = getattr(said, plan.direction), _when(point, line, said).strip()
            name = subject_of(outcome.found[0], said)
            return f"{said.extreme.format(name=name, extreme=extreme, period=period, cell=cell_words(point, said))} {mark}."
        case Filter():
            return f"{_filtered(outcome, plan, said)} {mark}."
        case Rows():
            line = outcome.found[0].match.line
            periods = _and([period_words(p, line) for _, p in outcome.chosen], said)
            grid = line.series.table
            title = "" if outcome.found[0].match.named else (grid.section[-1] if grid.section else grid.corner)
            return f"{said.given.format(name=title or name_of(line, said), periods=periods)} {mark}."
        case _:
            return ""


def _stated(outcome: Outcome, mark: str, said: Phrases) -> str:
    sentences = []
    for one in outcome.found:
        line = one.match.line
        values = [f"{cell_words(p, said)}{_when(p, line, said)}" for p in one.points]
        sentences.append(f"{subject_of(one, said)}: {_and(values, said)} {mark}.")
    return " ".join(sentences)


def _when(point: Point, line: Line, said: Phrases) -> str:
    period = period_words(point, line)
    if not period:
        return ""
    return " " + (said.upon if _FULL_DATE.match(period) else said.within).format(period)


def _and(parts: Sequence[str], said: Phrases) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {said.both} {parts[-1]}"


def _computed(outcome: Outcome, plan: Compute, said: Phrases) -> str:
    assert outcome.result is not None
    comma = writes_comma([point for _, point in outcome.chosen])
    value = result_words(outcome.result, said, comma)
    if plan.op == "ratio" and outcome.result.kind == "number" and not outcome.parts and abs(outcome.result.value) < 1:
        value = f"{value} ({rounded(outcome.result.value * 100, 2)}%)"
    if outcome.result.value > 0 and plan.op in ("change", "change_pct", "difference_of_averages"):
        value = f"+{value}"
    if outcome.beside:
        relative = outcome.beside[1]
        value = f"{value} ({'+' if relative.value > 0 else ''}{result_words(relative, said, comma)})"
    names = list(dict.fromkeys(subject_of(one, said) for one in outcome.found))
    joined = f" {said.both} ".join(names)
    what = plan.formula[:1].upper() + plan.formula[1:] if plan.formula else said.operations.get(plan.op, "")
    cells = [f"{cell_words(p, said)}{_when(p, line, said)}" for line, p in outcome.chosen]
    if plan.op in ("change", "change_pct"):
        return said.moved.format(name=names[0], value=value, a=cells[1], b=cells[0])
    if plan.op == "difference":
        return said.apart.format(names=joined, value=value, a=cells[0], b=cells[1])
    if plan.op in ("ratio", "share") and not outcome.parts:
        a_name, b_name = _and(names[:-1] or names, said), names[-1]
        return said.over.format(what=what, a_name=a_name, b_name=b_name, value=value, a=_and(cells[:-1], said), b=cells[-1])
    if outcome.parts:
        later, earlier = (result_words(part, said, comma) for part in outcome.parts[:2])
        return said.from_to.format(what=what, names=joined, value=value, a=earlier, b=later)
    return said.derived.format(what=what, names=_and(names, said), value=value, cells=_and(cells, said))


def _listed(outcome: Outcome, plan: Rows, mark: str, said: Phrases) -> str:
    """A sentence with the rows' labels, or what a column says of each; more than three rows follow as a table."""
    pairs = outcome.chosen
    line, first = pairs[0]
    head = " ".join(part for part in (line.series.head, period_words(first, line)) if part)
    rows = [f"| {one.series.label} | {cell_words(point, said)} |" for one, point in pairs]
    table = "\n".join([f"| {line.series.table.corner or ' '} | {head or ' '} |", "| --- | --- |", *rows])
    if plan.of == "column":
        sections = line.series.table.section
        topic = sections[-1] if len(sections) > 1 else ""  # the outermost heading is the document's title
        name = f"{topic}: {head}" if topic else head
        if len(pairs) <= 3:
            return f"{name}: {_and([f'{one.series.label} {cell_words(point, said)}' for one, point in pairs], said)} {mark}."
        return f"{said.column.format(name=name, n=len(pairs))} {mark}:\n\n{table}"
    sentence = f"{_and([one.series.label for one, _ in pairs], said)} {mark}."
    return sentence if len(pairs) <= 3 else f"{sentence}\n\n{table}"


def _filtered(outcome: Outcome, plan: Filter, said: Phrases) -> str:
    line = outcome.found[0].match.line
    name, relation = name_of(line, said), getattr(said, plan.relation)
    bound = f"{Decimal(plan.value):,f} {said.scales.get(plan.scale, '')}".strip()
    kept = [f"{period_words(p, line)} ({cell_words(p, said)})" for _, p in outcome.chosen]
    if plan.count:
        periods = f" ({', '.join(kept)})" if kept else ""
        return said.counted.format(
            n=len(kept), all=len(outcome.found[0].points), periods=periods, name=name, relation=relation, bound=bound
        )
    if not kept:
        return said.unbounded.format(name=name, relation=relation, bound=bound)
    return said.bounded.format(name=name, relation=relation, bound=bound, periods=_and(kept, said))

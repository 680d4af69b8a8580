"""Findings in words: the figure asked for in a sentence, and the rows that it was computed from in a table.

Invariant: every figure of the text is a cell's, or the recorded result of a computation over the cells of the table
below it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from retrieval.evidence.statements.answering import Finding
from retrieval.evidence.statements.row_lists import RowsFound
from retrieval.evidence.statements.values import Use, Value
from retrieval.evidence.statements.vocabulary.formulas import Item, Joined, Labelled, Node, Number, OverYears
from retrieval.evidence.statements.vocabulary.terms import plain
from retrieval.evidence.wording.templates import figure_words

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CAD": "C$", "AUD": "A$", "HKD": "HK$", "SGD": "S$"}
_SCALES = {3: "thousand", 6: "million", 9: "billion", 12: "trillion"}
_DIGITS = {"percent": 1, "times": 2, "days": 2, "amount": 0}


def worded(found: Finding) -> str:
    """The sentence with its source marks, then the rows behind a computation."""
    marks = marks_of(found.uses)
    cited = "".join(f"[{number}]" for number in sorted(set(marks.values())))
    if found.missing and found.asked.wanted.zero:
        return f"0: the income statement of FY{found.years[0]} shows no line for {found.missing} {cited}."
    if found.missing:
        return _without_meaning(found, cited)
    text = f"{_sentence(found)} {cited}."
    simple = isinstance(found.asked.measure.node, Item | Labelled) and len(found.uses) == len(found.values)
    return text if simple else f"{text}\n\n{_table(found)}"


def rows_worded(found: RowsFound) -> str:
    """The sentence, and the rows that it is about as a table."""
    head = f"|  | FY{found.year} |" + (f" {found.head} |" if found.beside else "")
    lines = [head, "| --- | --- |" + (" --- |" if found.beside else "")]
    for number, use in enumerate(found.shown):
        figure = use.cell.figure
        cells = [
            found.names[number].replace("|", "/"),
            figure_words(figure) if figure else use.cell.text,
            *found.beside[number : number + 1],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return f"{found.sentence} [1].\n\n" + "\n".join(lines)


def marks_of(uses: Sequence[Use]) -> dict[int, int]:
    """For each table (by its number) the mark of its citation, in the order in which the computation uses them."""
    return {number: mark for mark, number in enumerate(dict.fromkeys(use.table.number for use in uses), 1)}


def result_of(found: Finding) -> tuple[Decimal, str]:
    """The figure asked for, and its unit: "percent", "points", "times", "days" or a currency."""
    form, values = found.asked.measure.form, found.values
    match found.asked.how:
        case "cagr":
            years = found.years[0] - found.years[-1]
            grown = values[0].amount / values[-1].amount
            return (grown ** (Decimal(1) / Decimal(years)) - 1) * 100, "percent"
        case "average":
            mean = sum((value.amount for value in values), Decimal(0)) / len(values)
            return (mean * 100, "percent") if form == "percent" else (mean, values[0].currency or form)
        case "change":
            return (values[0].amount - values[-1].amount) / abs(values[-1].amount) * 100, "percent"
    amount = values[0].amount
    return (amount * 100, "percent") if form == "percent" else (amount, values[0].currency if form == "amount" else form)


def _sentence(found: Finding) -> str:
    asked, values, years = found.asked, found.values, found.years
    name = _name(found)
    part = f"Q{asked.quarter} " if asked.quarter else ""
    first, last = f"{part}FY{years[0]}", f"{part}FY{years[-1]}"
    match asked.how:
        case "cagr":
            rate = _percent(result_of(found)[0], asked.wanted.digits)
            grown = f"from {_said(found, values[-1])} in {last} to {_said(found, values[0])} in {first}"
            return f"{name}: compound annual growth of {rate}, {grown}"
        case "average":
            mean = result_of(found)[0]
            shown = (
                _percent(mean, asked.wanted.digits)
                if asked.measure.form == "percent"
                else _said(found, _like(values[0], mean))
            )
            each = ", ".join(f"{_said(found, value)} in FY{year}" for value, year in zip(values, years, strict=True))
            return f"{name}, average of {len(values)} years: {shown} ({each})"
        case "change":
            rate = _percent(result_of(found)[0], asked.wanted.digits, signed=True)
            return f"{name}: {rate}, from {_said(found, values[-1])} in {last} to {_said(found, values[0])} in {first}"
        case "compare":
            later, earlier = _said(found, values[0]), _said(found, values[-1])
            return f"{_answer(found)}{name}: {later} in {first} against {earlier} in {last}{_moved(found)}"
    said = [f"{_said(found, value)} in {part}FY{year}" for value, year in zip(values, years, strict=True)]
    if found.judgement is not None:
        also = [f"{beside} {_percent(value.amount * 100, None)}" for beside, value in found.judgement.beside]
        further = f", with {_and(also)}" if also else ""
        return f"{'Yes' if found.judgement.yes else 'No'}: {found.judgement.ground}. {name}: {_and(said)}{further}"
    return f"{_answer(found)}{name}: {_and(said)}{_ended(found)}"


def _ended(found: Finding) -> str:
    """The end of a year that ends in January or February: its name alone says too little."""
    when = next((use.when for use in found.uses if use.when.month), None)
    if when is None or when.month not in (1, 2) or len(found.years) > 1:
        return ""
    return f" (the year that ended in {'January' if when.month == 1 else 'February'} {when.year})"


def _answer(found: Finding) -> str:
    """'Yes. ' or 'No. ' where one is asked for."""
    asked, values = found.asked, found.values
    later, earlier = values[0].amount, values[-1].amount
    if asked.either or not asked.verdict or asked.verdict == "sound":
        return ""
    up = later > earlier
    better = later < earlier if asked.measure.better == "lower" else up
    yes = {"better": better, "up": up, "down": later < earlier, "positive": later > 0, "negative": later < 0}[asked.verdict]
    return "Yes. " if yes else "No. "


def _moved(found: Finding) -> str:
    later, earlier = found.values[0].amount, found.values[-1].amount
    if later == earlier:
        return ", unchanged"
    better = found.asked.measure.better
    if found.asked.verdict == "better" and better:
        word = "improved" if (later > earlier) == (better == "higher") else "declined"
    else:
        word = "increased" if later > earlier else "decreased"
    if found.asked.measure.form == "percent":
        points = _rounded((later - earlier) * 100, 1)
        return f"; it {word} by {abs(points)} percentage points"
    rate = _percent(abs((later - earlier) / earlier * 100), 1) if earlier > 0 and later > 0 else ""
    if found.asked.measure.form != "amount":
        return f"; it {word} by {rate}" if rate else f"; it {word}"
    value = found.values[0]
    moved = _money(replace(value, amount=abs(later - earlier)), found.asked.wanted.scale or value.scale, None)
    return f"; it {word} by {moved} ({rate})" if rate else f"; it {word} by {moved}"


def _name(found: Finding) -> str:
    """The measure, and the row by which the statement calls it."""
    name = found.asked.measure.name
    node = found.asked.measure.node
    uses = found.values[0].uses
    if isinstance(node, Labelled) and uses:
        return uses[0].name
    if isinstance(node, Item) and len(uses) == 1 and uses[0].row.label:
        label = uses[0].row.label
        return label if plain(label) == plain(name) else f"{_capital(name)} (“{label}”)"
    return _capital(name)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _said(found: Finding, value: Value) -> str:
    """A value in the form of the measure, in the unit and to the places asked for."""
    asked = found.asked
    digits = asked.wanted.digits if asked.how not in ("change", "cagr") else None
    match asked.measure.form:
        case "percent":
            text = _percent(value.amount * 100, max(digits, 1) if digits is not None else None)
            plainly = digits is not None and not asked.wanted.percent and asked.how == "value"
            return f"{text} ({_rounded(value.amount, digits or 2)})" if plainly else text
        case "times":
            if asked.wanted.percent:
                return _percent(value.amount * 100, digits)
            return f"{_rounded(value.amount, digits if digits is not None else 2):,f}"
        case "days":
            return f"{_rounded(value.amount, digits if digits is not None else 1):,f} days"
    if not value.money and not value.currency:
        return f"{_rounded(value.amount, digits if digits is not None else value.places or 2):,f}"
    if len(value.uses) == 1 and asked.wanted.scale in (None, value.scale) and digits is None:
        figure = value.uses[0].cell.figure
        if figure is not None and abs(figure.full) == abs(value.amount) and (figure.value < 0) == (value.amount < 0):
            return figure_words(figure)
    return _money(value, asked.wanted.scale if asked.wanted.scale is not None else value.scale, digits)


def _money(value: Value, scale: int, digits: int | None) -> str:
    if digits is None:
        digits = value.places if scale <= value.scale else 2
    number = _rounded(value.amount.scaleb(-scale), digits)
    sign = _SIGNS.get(value.currency, f"{value.currency} " if value.currency else "")
    text = f"-{sign}{abs(number):,f}" if number < 0 else f"{sign}{number:,f}"
    return f"{text} {_SCALES[scale]}" if scale in _SCALES else text


def _percent(value: Decimal, digits: int | None, signed: bool = False) -> str:
    number = _rounded(value, 1 if digits is None else digits)
    return f"{'+' if signed and number > 0 else ''}{number:,f}%"


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def _like(value: Value, amount: Decimal) -> Value:
    return Value(amount, value.currency, value.money, value.scale, max(value.places, 1))


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _table(found: Finding) -> str:
    """The rows of the computation, a column for each year, under the formula."""
    whens = sorted({use.when.year for use in found.uses}, reverse=True)
    rows: dict[tuple[int, int], dict[int, Use]] = {}
    for use in found.uses:
        rows.setdefault((use.table.number, use.row.index), {})[use.when.year] = use
    shift = max(whens) - max(found.years) if whens else 0
    head = f"| {formula_words(found.asked.measure.node)} | {' | '.join(f'FY{year - shift}' for year in whens)} |"
    lines = [head, "|" + " --- |" * (len(whens) + 1)]
    for cells in rows.values():
        first = next(iter(cells.values()))
        figures = [cells[year].cell.figure if year in cells else None for year in whens]
        shown = ["" if figure is None else figure_words(figure) for figure in figures]
        lines.append(f"| {first.name.replace('|', '/')} | {' | '.join(shown)} |")
    if found.asked.measure.form in ("percent", "times") and found.asked.how in ("value", "compare"):
        results = dict(zip((year + shift for year in found.years), found.values, strict=True))
        exact = [_exact(found, results[year]) if year in results else "" for year in whens]
        lines.append(f"| {_capital(found.asked.measure.name)} | {' | '.join(exact)} |")
    return "\n".join(lines)


def _exact(found: Finding, value: Value) -> str:
    """The result to one place more than the sentence says it."""
    if found.asked.measure.form == "percent":
        return f"{_rounded(value.amount * 100, 2):,f}%"
    return f"{_rounded(value.amount, 3):,f}"


def formula_words(node: Node) -> str:
    """'(current assets - inventories) / current liabilities': the formula as it was computed."""
    match node:
        case Number(value):
            return format(value, "f")
        case Item(term=term):
            return term.name
        case Labelled(label=label):
            return label
        case OverYears(how, item, _):
            return f"{how} {'of' if how == 'average' else 'in'} {formula_words(item)}"
        case Joined(sign, left, right):
            a, b = formula_words(left), formula_words(right)
            if isinstance(left, Joined) and sign in "*/" and left.sign in "+-":
                a = f"({a})"
            if isinstance(right, Joined) and sign in "*/-":
                b = f"({b})"
            return f"{a} {sign} {b}"


def _without_meaning(found: Finding, cited: str) -> str:
    rows = _and([f"“{name}”" for name in dict.fromkeys(use.name for use in found.shown)])
    name = found.asked.measure.name
    return (
        f"{_capital(name)} is not a useful metric here: this company's performance is not measured through it. "
        f"Its income statement is a "
        f"financial company's, with {rows}, and the statements show no {re.sub('^total ', '', found.missing)} {cited}."
    )

"""The figures of a company's statements: a term, or a row by its label, in one document and year.

Invariant: a value names every cell that it rests on; a blank or a dash is no zero, and a year that a statement does not show
has no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from retrieval.evidence.statements.vocabulary.formulas import Item, Joined, Labelled, Node, Number, OverYears, read_formula
from retrieval.evidence.statements.vocabulary.terms import BY_NAME, Term, variants
from retrieval.graph.cells import Cell, Column, Row, Table
from retrieval.graph.document import DocumentGraph
from retrieval.graph.statements import Kind, Statement, When

_OTHER_KINDS: dict[str, tuple[Kind, ...]] = {
    "net income": ("cash flow",),
    "depreciation and amortization": ("income",),
    "stock-based compensation": ("income",),
    "dividends paid": (),
}
_COUNTS = re.compile(r"\b(?:outstanding|weighted|average|number of)\b", re.I)
_LOSS_ALONE = re.compile(r"^(?:net )?(?:operating )?loss\b(?!.*\b(?:income|earnings|profit)\b)", re.I)
_EACH = re.compile(r"\bper\b.*\bshare\b|\bbasic\b|\bdiluted\b|\bshares\b", re.I)
_RUNNING = re.compile(r"\b(?:general|selling|administrati\w+|marketing|research|salaries|rewards)\b", re.I)
_ALL_COSTS = re.compile(r"^total costs?(?: and expenses)?(?: of .*)?$", re.I)


class NoValue(LookupError):
    """What was looked for and not found: a line item, or a year."""


class NoMeaning(ArithmeticError):
    """A division by nothing, or amounts that do not go together."""


@dataclass(frozen=True)
class Use:
    """A cell that a value rests on. `name` is the row's label as written."""

    table: Table
    row: Row
    column: Column
    cell: Cell
    when: When

    @property
    def name(self) -> str:
        section = self.row.path[-1] if self.row.path else ""
        return self.row.label or section or "Total"


@dataclass(frozen=True)
class Value:
    """`amount` in full. currency: "" for a plain number; scale, places: of the figures it comes from, as written.

    sure: how far the reading is beyond doubt, 0 to 1; parts of it multiply.
    """

    amount: Decimal
    currency: str = ""
    money: bool = False
    scale: int = 0
    places: int = 0
    uses: tuple[Use, ...] = ()
    sure: float = 1.0


@dataclass(frozen=True)
class Books:
    """The statements of one document, for periods of so many months. shifted: its fiscal years are named a year before the
    one in which they end ("fiscal 2022" ends in January 2023), and the question names them so."""

    document: int
    graph: DocumentGraph
    months: int = 12
    shifted: bool = False

    def years(self) -> tuple[int, ...]:
        """The years of the income statement (else of any), latest first."""
        shown = [
            when.year
            for one in self._of(("income", "cash flow", "balance"))
            for when in one.whens()
            if when.months in (0, self.months)
        ]
        return tuple(sorted({year - self.shifted for year in shown}, reverse=True))

    def value(self, node: Node, year: int) -> Value:
        """Raises NoValue, NoMeaning."""
        match node:
            case Number(value):
                return Value(value)
            case Item():
                return self._item(node, node.year or year)
            case Labelled():
                return self._labelled(node, year)
            case OverYears(how, item, years):
                first, last = (min(years), max(years)) if len(years) > 1 else (year - 1, year)
                earlier, later = self.value(item, first), self.value(item, last)
                if how == "change":
                    return joined("-", later, earlier)
                return joined("/", joined("+", earlier, later), Value(Decimal(2)))
            case Joined(sign, left, right):
                if sign in "+-" and isinstance(right, Item) and right.may_lack:
                    try:
                        return joined(sign, self.value(left, year), self.value(right, year))
                    except NoValue:
                        return replace(self.value(left, year), sure=self.value(left, year).sure * 0.95)
                if sign in "+-" and isinstance(left, Item) and left.may_lack:
                    try:
                        return joined(sign, self.value(left, year), self.value(right, year))
                    except NoValue:
                        return replace(self.value(right, year), sure=self.value(right, year).sure * 0.95)
                return joined(sign, self.value(left, year), self.value(right, year))

    def _of(self, kinds: Iterable[Kind]) -> Iterator[Statement]:
        for kind in kinds:
            yield from (one for one in self.graph.statements if one.kind == kind)

    def _item(self, item: Item, year: int) -> Value:
        term = item.term
        for kind in (term.kind, *_OTHER_KINDS.get(term.name, ())):
            for statement in self._of((kind,)):
                found = self._row(term, statement, year)
                if found is not None:
                    doubt = (1.0 if statement.titled else 0.8) * (1.0 if kind == term.kind else 0.95)
                    return replace(found, sure=found.sure * doubt)
                if self._whens(statement, year):
                    break  # the statement of that year lacks the row: no lesser table is asked
        if term.otherwise:
            formula = read_formula(term.otherwise, lambda _: None)
            if formula is not None:
                found = self.value(formula, year)
                return replace(found, sure=found.sure * 0.97)
        raise NoValue(f"{term.name} of {year}")

    @cached_property
    def _interim(self) -> When | None:
        """The day of a balance sheet in mid-year: the latest one of a report that shows no whole year."""
        lengths = {when.months for one in self._of(("income", "cash flow")) for when in one.whens()}
        days = [when for one in self._of(("balance",)) for when in one.whens()]
        if not lengths or 12 in lengths or self.months != 12:
            return None
        return max(days, key=lambda w: (w.year, w.month or 12, w.day or 31), default=None)

    def _whens(self, statement: Statement, year: int) -> list[When]:
        """The statement's columns about the year, latest end first."""
        found = [
            w
            for w in statement.whens()
            if w.year - self.shifted == year and w.months in (0, self.months) and w != self._interim
        ]
        return sorted(found, key=lambda w: (w.month or 12, w.day or 31), reverse=True)

    def _row(self, term: Term, statement: Statement, year: int) -> Value | None:
        whens = self._whens(statement, year)
        if not whens:
            return None
        when = whens[0]
        if term.name == "cost of sales":
            whole = _closing_costs(statement)
            if whole is not None and (value := self._valued(term, statement, *whole, when)) is not None:
                return value
        for place, pattern in enumerate(term.rows):
            for table, row in statement.rows:
                if any(re.fullmatch(pattern, one) for one in labels_of(row)) and not _COUNTS.search(
                    " ".join((*row.path[-1:], row.label))
                ):
                    value = self._valued(term, statement, table, row, when)
                    if value is not None:
                        return replace(value, sure=value.sure * (1.0 if place < 3 else 0.97))
        if not term.parts:
            return None
        parts = [
            value
            for table, row in statement.rows
            if any(re.fullmatch(term.parts, one) for one in labels_of(row))
            and (value := self._valued(term, statement, table, row, when))
        ]
        if not parts:
            return None
        total = parts[0]
        for part in parts[1:]:
            total = joined("+", total, part)
        return replace(total, sure=total.sure * 0.95)

    def _labelled(self, node: Labelled, year: int) -> Value:
        """The row of that label; the cash flow statement's only where no other has it, or the question names it: under
        "changes in assets and liabilities" it repeats the balance sheet's labels."""
        for kinds in (("income", "balance"), ("cash flow",)):
            found = [
                value
                for statement in self._of(tuple(kind for kind in kinds if not node.kinds or kind in node.kinds))
                for when in self._whens(statement, year)[:1]
                for table, row in _rows_called(node.label, statement)
                if (value := self._read(statement, table, row, when)) is not None
            ]
            if found:
                several = len({abs(value.amount) for value in found}) > 1  # rows of that name that say different things
                return replace(found[0], sure=found[0].sure * (0.45 if several else 1.0))
        raise NoValue(f"{node.label} of {year}")

    def _valued(self, term: Term, statement: Statement, table: Table, row: Row, when: When) -> Value | None:
        value = self._read(statement, table, row, when, term.each)
        if value is None:
            return None
        if term.each != (value.scale == 0 and value.places > 0) and term.each:
            return None
        if term.spent:
            return replace(value, amount=abs(value.amount))
        if term.name == "income tax expense":
            return self._tax(value, when.year - self.shifted)
        if _LOSS_ALONE.match(row.label) and value.amount > 0 and not any(c.figure and c.figure.value < 0 for c in row.cells):
            return replace(value, amount=-value.amount, sure=0.9)
        return value

    @cached_property
    def _scale(self) -> int:
        """The scale of most of its statements: one that does not say its own is taken to share it."""
        scales = [one.tables[0].scale for one in self.graph.statements if one.tables[0].scale is not None]
        return max(set(scales), key=scales.count) if scales else 0

    def _read(self, statement: Statement, table: Table, row: Row, when: When, each: bool = False) -> Value | None:
        found = statement.cell(table, row, when)
        if found is None or found[1].figure is None:
            return None
        column, cell = found
        figure = cell.figure
        assert figure is not None
        scale, sure = figure.scale, 1.0
        if table.scale is None and not figure.scale and not each and not _EACH.search(row.label):
            scale, sure = self._scale, 0.9 if self._scale else 0.7
        exponent = figure.value.as_tuple().exponent
        places = max(0, -exponent) if isinstance(exponent, int) else 0
        money = figure.kind == "amount" or bool(figure.currency)
        return Value(
            figure.value.scaleb(scale), figure.currency, money, scale, places, (Use(table, row, column, cell, when),), sure
        )

    def _tax(self, tax: Value, year: int) -> Value:
        """Positive where it is an expense: what makes net income of income before taxes tells which sign the row uses."""
        try:
            before = self.value(Item(BY_NAME["income before income taxes"]), year).amount
            after = self.value(Item(BY_NAME["net income"]), year).amount
        except NoValue:
            return replace(tax, sure=0.7)
        as_written, turned = abs(before - tax.amount - after), abs(before + tax.amount - after)
        sure = 1.0 if min(as_written, turned) <= abs(before) * Decimal("0.05") else 0.8
        return replace(tax, amount=tax.amount if as_written <= turned else -tax.amount, sure=tax.sure * sure)


def _rows_called(label: str, statement: Statement) -> list[tuple[Table, Row]]:
    """The rows of that label; where there is none, the total of that name ("Total interest income")."""
    for wanted in (label, f"total {label}"):
        rows = [(table, row) for table, row in statement.rows if wanted in labels_of(row)]
        if rows:
            return rows
    return []


def _closing_costs(statement: Statement) -> tuple[Table, Row] | None:
    """A total of costs that stands before the expenses of running the business: "Total costs and expenses" over general and
    administrative expense. After these it is the total of everything, and no cost of sales."""
    rows = list(statement.rows)
    for place, (table, row) in enumerate(rows):
        if _RUNNING.search(row.label):
            return None
        if _ALL_COSTS.match(row.label.strip()) and any(
            _RUNNING.search(later.label) for _, later in rows[place + 1 : place + 8]
        ):
            costs = [one for _, one in rows[:place] if re.match(r"costs? of ", one.label, re.I)]
            return (table, row) if costs else None
    return None


def labels_of(row: Row) -> tuple[str, ...]:
    """The row's label in the table's words; a bare total's is its section's ("Total" under "Revenues")."""
    if row.label and row.label.lower() not in ("total", "totals"):
        return variants(row.label)
    return variants(f"Total {row.path[-1]}") if row.path else ()


def joined(sign: str, a: Value, b: Value) -> Value:
    """a sign b, with both's cells. Raises NoMeaning."""
    uses = tuple({(id(use.table), use.row.index, use.column.index): use for use in (*a.uses, *b.uses)}.values())
    sure = a.sure * b.sure
    if a.money and b.money and a.currency and b.currency and a.currency != b.currency:
        raise NoMeaning(f"amounts in {a.currency} and {b.currency}")
    kept = a if a.money or not b.money else b
    like = replace(
        kept,
        uses=uses,
        sure=sure,
        scale=max(a.scale, b.scale) if a.money and b.money else kept.scale,
        places=max(a.places, b.places),
    )
    match sign:
        case "+":
            return replace(like, amount=a.amount + b.amount)
        case "-":
            return replace(like, amount=a.amount - b.amount)
        case "*":
            if a.money and b.money:
                raise NoMeaning("two amounts of money have no product")
            return replace(like, amount=a.amount * b.amount)
    if not b.amount:
        raise NoMeaning("the figure to divide by is zero")
    ratio = replace(like, amount=a.amount / b.amount)
    return replace(ratio, money=False, currency="", scale=0, places=0) if b.money else ratio

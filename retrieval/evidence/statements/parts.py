"""What revenue is made up of: segments, products or regions, found where rows or columns of a table add up to it.

Invariant: parts of a total are taken for its parts only where they add up to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from retrieval.documents.grid import unmarked
from retrieval.evidence.statements.values import Books, NoMeaning, NoValue, Use, Value
from retrieval.evidence.statements.vocabulary.formulas import Item
from retrieval.evidence.statements.vocabulary.terms import BY_NAME, plain
from retrieval.graph.cells import Table
from retrieval.graph.statements import When

_KINDS = {
    "geography": (
        r"geograph\w+|regions?|countr(?:y|ies)|geographic(?:al)? (?:areas?|regions?|markets?|segments?)",
        r"geograph|region|countr|customer location|location of",
    ),
    "segment": (
        r"(?:business |operating |reportable |reporting )*segments?|business(?:es)? (?:units?|lines?)"
        r"|lines? of business|divisions?",
        r"segment|business",
    ),
    "product": (
        r"products?(?: and services?| or services?)?(?: lines?| categor(?:y|ies)| groups?| types?)?"
        r"|services? categor(?:y|ies)|"
        r"categor(?:y|ies)|offerings?|revenues? (?:streams?|sources?|lines?|categor(?:y|ies))",
        r"product|service|categor|segment|business|summar",
    ),
}
KIND = re.compile("|".join(rf"\b(?P<{name}>{said})\b" for name, (said, _) in _KINDS.items()))
_REGION = re.compile(
    r"america|europe|asia|africa|\bmiddle east|oceania|pacific|\bunited |\bu\.?s\.?\b|canada|mexico|brazil|china"
    r"|japan|india|germany|france"
    r"|\bu\.?k\.?\b|ireland|australia|korea|emea|apac|lacc|latam|\binternational\b|domestic|foreign|rest of"
    r"|countries|switzerland|italy|spain",
    re.I,
)
_NO_PART = re.compile(
    r"\b(?:unallocated|eliminat\w+|intersegment|inter-segment|reconcil\w+|corporate|concessions?)\b|^(?:all )?others?\b",
    re.I,
)


@dataclass(frozen=True)
class Parts:
    """Rows (or columns) that add up to a total; the largest first."""

    names: tuple[str, ...]
    uses: tuple[Use, ...]
    total: Decimal
    titled: bool


def parts_of_revenue(books: Books, kind: str, year: int) -> Parts | None:
    """What revenue is made up of, by kind: a table whose rows or columns add up to the income statement's revenue."""
    try:
        revenue = books.value(Item(BY_NAME["revenue"]), year)
    except (NoValue, NoMeaning):
        return None
    spoken = re.compile(_KINDS[kind][1], re.I)
    own = {id(table) for statement in books.graph.statements for table in statement.tables}
    found: list[Parts] = []
    for table in books.graph.tables:
        if id(table) in own:
            continue
        title = " ".join((table.caption, table.corner, *table.section[-2:]))
        for uses in (*_rows_adding_up(table, revenue, year, books.shifted), *_columns_adding_up(table, revenue)):
            named = [
                (unmarked(name), _scaled(use, revenue))
                for name, use in uses
                if not _NO_PART.search(name) and use.cell.figure and use.cell.figure.value > 0
            ]
            named.sort(key=lambda one: -size_of(one[1]))
            regions = sum(bool(_REGION.search(name)) for name, _ in named) > len(named) / 2
            titled = regions if kind == "geography" else bool(spoken.search(title)) and not regions
            if len(named) > 1 and regions == (kind == "geography"):
                found.append(Parts(tuple(name for name, _ in named), tuple(use for _, use in named), revenue.amount, titled))
    return max(found, key=lambda one: one.titled, default=None)


MEASURES = {
    "operating income": (
        r"operating (?:income|profits?)|income from operations|segment (?:income|profits?|results?)",
        r"operating (?:\(?loss\)?|income|profit|earnings|results?)|(?:earnings|income|loss|profit)\W* from operations"
        r"|segment (?:operating )?(?:\(?loss\)?|profit|income|earnings|results?)",
    ),
    "capital expenditures": (r"cap(?:ital )?ex(?:penditures?)?|capital spending", r"capital expenditures?|capital spending"),
    "assets": (r"(?:total )?assets", r"\bassets\b"),
}
"""What else than revenue is told by segment: by the question's plain words, and by titles and sections of tables."""


def parts_of_measure(books: Books, measure: str, kind: str, year: int) -> tuple[Use, ...]:
    """What each part of revenue shows of another measure, in a table or a section of one that is named after it; () where no
    table has at least two of them."""
    parts = parts_of_revenue(books, kind, year)
    titled = re.compile(MEASURES[measure][1], re.I)
    names = {plain(name) for name in parts.names} if parts else set()
    best: tuple[Use, ...] = ()
    for table in books.graph.tables if names else ():
        title = " ".join((table.caption, table.corner, *table.section[-1:]))
        for column in table.columns[1:]:
            period = column.period
            if period is None or period.year is None or period.year - books.shifted != year or (period.months or 12) != 12:
                continue
            when = When(period.year, period.month, period.day, 12)
            uses = tuple(
                Use(table, row, column, cell, when)
                for row in table.rows
                if plain(row.label) in names
                and (titled.search(row.path[-1]) if row.path else titled.search(title))
                and (cell := row.at(column.index)) is not None
                and cell.figure is not None
                and cell.figure.kind != "percent"
            )
            if len({use.row.label for use in uses}) == len(uses) > max(1, len(best)):
                best = uses
    return best


def _is_total(use: Use, revenue: Value) -> bool:
    figure = use.cell.figure
    if figure is None or figure.kind == "percent":
        return False
    return revenue.amount in (figure.full, figure.value.scaleb(revenue.scale))


def _scaled(use: Use, revenue: Value) -> Use:
    """The cell in the statements' unit, where its table says none ("Dollars in millions" stands over all notes): its total
    is revenue's, so its unit is."""
    figure = use.cell.figure
    if figure is None or figure.scale or not revenue.scale:
        return use
    return replace(use, cell=replace(use.cell, figure=replace(figure, scale=revenue.scale)))


def _rows_adding_up(table: Table, revenue: Value, year: int, shifted: bool) -> Iterator[list[tuple[str, Use]]]:
    """Rows above a row of total revenue that add up to it, subtotals passed over."""
    for column in table.columns[1:]:
        if (
            column.period is None
            or column.period.year is None
            or column.period.year - shifted != year
            or (column.period.months or 12) != 12
        ):
            continue
        when = When(column.period.year, column.period.month, column.period.day, 12)
        cells = [(row, cell) for row in table.rows if (cell := row.at(column.index)) is not None and cell.figure is not None]
        for place, (row, cell) in enumerate(cells):
            if place < 2 or not _is_total(Use(table, row, column, cell, when), revenue):
                continue
            taken: list[tuple[str, Use]] = []
            total = Decimal(0)
            for above, its in reversed(cells[:place]):
                if above.total or its.figure is None:
                    continue
                taken.insert(0, (above.label, Use(table, above, column, its, when)))
                total += its.figure.value
                if cell.figure is not None and abs(total - cell.figure.value) <= len(taken) / Decimal(2) and len(taken) > 1:
                    yield taken
                    break


def _columns_adding_up(table: Table, revenue: Value) -> Iterator[list[tuple[str, Use]]]:
    """The cells of a row before its total of all columns ("Consolidated") that add up to revenue; the total's year."""
    if any(column.period and column.period.year for column in table.columns[1:]):
        return
    use = revenue.uses[0]
    for row in table.rows:
        cells = [cell for cell in row.cells if cell.figure is not None]
        if len(cells) < 3:
            continue
        *parts, last = cells
        if not _is_total(Use(table, row, table.columns[last.column], last, use.when), revenue) or last.figure is None:
            continue
        if abs(sum((one.figure.value for one in parts if one.figure), Decimal(0)) - last.figure.value) <= len(
            parts
        ) / Decimal(2):
            yield [
                (table.columns[one.column].name, Use(table, row, table.columns[one.column], one, use.when)) for one in parts
            ]


def size_of(use: Use) -> Decimal:
    return abs(use.cell.figure.full) if use.cell.figure else Decimal(0)

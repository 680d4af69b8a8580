"""Questions about several rows: the largest liability, the segment with the highest sales, what makes up more than a fifth.

Invariant: parts of a total are taken for its parts only where they add up to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.core import Core, left_over
from retrieval.evidence.statements.fiscal import names_years_before
from retrieval.evidence.statements.parts import KIND, MEASURES, Parts, parts_of_measure, parts_of_revenue, size_of
from retrieval.evidence.statements.values import Books, NoMeaning, NoValue, Use
from retrieval.evidence.statements.vocabulary.formulas import Item
from retrieval.evidence.statements.vocabulary.terms import BY_NAME, plain
from retrieval.evidence.wording.templates import figure_words
from retrieval.graph.statements import Statement, When
from retrieval.graph.view import GraphView

_LARGEST = r"largest|biggest|highest|greatest|most significant|main"
_SMALLEST = r"smallest|lowest|least"
_EXTREME = re.compile(rf"\b(?:(?P<most>{_LARGEST}|most)|(?P<fewest>{_SMALLEST}))\b")
_SECTION = re.compile(
    rf"\b(?:{_LARGEST}|{_SMALLEST}) (?:single |individual |reported )*(?P<of>(?:current |operating )?(?:liability"
    rf"|liabilities|assets?|"
    r"expenses?|costs?|expense (?:item|line|category))(?: items?)?)\b"
)
_ACTIVITIES = re.compile(r"\boperati\w+\b.*\binvest\w+\b.*\bfinanc\w+\b")
_ACTIVITY_WORDS = re.compile(
    r"\b(?:among|activit(?:y|ies)|operations?|operating|invest\w+|financ\w+|brought|bring|in the most|lost?|lose"
    r"|cash|flows?|provided|"
    r"generated|used|or|highest|lowest|most|least|largest)\b"
)
_OF_REVENUE = re.compile(r"\b(?:total |net )*(?:revenues?|sales)\b")
_SHARE = re.compile(
    r"\b(?:(?:more|greater|higher|larger) than|over|above|exceed\w*|at least) (?P<percent>\d{1,2}) percent\b(?: of)?"
)
_HOLDS = re.compile(
    r"\b(?:represent\w*|account\w*(?: for)?|make up|makes up|contribut\w*|compris\w*|constitut\w*|generat\w*"
    r"|exceed\w*|br(?:ing|ought)\w*|report\w*|produc\w*|earn\w*|had|has)\b"
)
_OPERATES = re.compile(
    r"\b(?:operat\w+|primar\w+|mainly|main|major|key|different|serv\w+|activ\w+|do business|have|sell\w*|various"
    r"|any|there)\b"
)
_GREW = re.compile(r"\b(?:gr[eo]w\w*|growth|increas\w*)\b(?: (?:the )?(?:most|fastest))?|\bfastest growing\b")
_FELL = re.compile(r"\b(?:declin\w*|decreas\w*|f[ae]ll\w*|drop\w*|shr[aiu]nk\w*)\b")
_EXPENSE = re.compile(
    r"expens|\bcosts?\b|provision for credit|provisions for credit|administrative|research|amortization"
    r"|depreciation|impairment",
    re.I,
)
_END_OF_COSTS = re.compile(
    r"\bbefore\b.*\btax|^pre-?tax|^(?:total )?(?:operating (?:income|profit)|income from operations"
    r"|earnings from operations)",
    re.I,
)
_LEFT_OVER = (1.0, 0.5, 0.3, 0.1)


@dataclass(frozen=True)
class RowsFound:
    """`sentence` ends without its mark; `shown` are the rows of the table below it, each with a further cell in `beside`."""

    document: int
    year: int
    sentence: str
    shown: tuple[Use, ...]
    plan: str
    chance: float
    names: tuple[str, ...]
    beside: tuple[str, ...] = ()
    head: str = ""

    @property
    def uses(self) -> tuple[Use, ...]:
        return self.shown


def find_rows(core: Core, view: GraphView, company: Bound) -> RowsFound | None:
    """The rows that a question about several asks for, in the company's best document."""
    if core.quarter:
        return None
    found = []
    for place in company.documents:
        graph = view.documents[place]
        books = Books(place, graph, 12, names_years_before(graph, core.years))
        shown = books.years()
        year = max(core.years) if core.years else (shown[0] if shown else None)
        if year is not None and year in shown:
            found += [
                one
                for one in (_of_section(core, books, year), _activity(core, books, year), _of_parts(core, books, year))
                if one
            ]
    return max(found, key=lambda one: (one.chance, len(view.documents[one.document].tables)), default=None)


def _of_section(core: Core, books: Books, year: int) -> RowsFound | None:
    """'The largest liability': among the rows of a section of a statement, totals left out."""
    asked = _SECTION.search(core.text)
    extreme = _EXTREME.search(core.text)
    if asked is None or extreme is None:
        return None
    what = asked.group("of")
    kind = "income" if re.search("expens|cost", what) else "balance"
    for statement in books.graph.statements:
        whens = [w for w in statement.whens() if w.year - books.shifted == year and w.months in (0, 12)]
        if statement.kind != kind or not whens:
            continue
        rows = list(_section(statement, whens[0], what))
        if len(rows) < 3:
            return None
        ordered = sorted(rows, key=size_of, reverse=bool(extreme.group("most")))
        best = ordered[0]
        chance = 0.9 * _LEFT_OVER[min(3, len(left_over(core.text.replace(asked.group(), " "), (_EXTREME,))))]
        word = "largest" if extreme.group("most") else "smallest"
        name = re.sub(
            r"^liabilities$", "liability", re.sub(r"s? ?items?$|(?<=asset)s$|(?<=expense)s$|(?<=cost)s$", "", what)
        )
        figure = best.cell.figure
        amount = f" ({figure_words(figure)})" if figure else ""
        sentence = f"{best.name}{amount} was the {word} {name} in FY{year}"
        plan = f"rank({name}, rows of the {kind} statement, {word}, {year})"
        top = tuple(ordered[:5])
        return RowsFound(books.document, year, sentence, top, plan, chance, tuple(use.name for use in top))
    return None


def _section(statement: Statement, when: When, what: str) -> Iterator[Use]:
    """The rows of the asked section, without totals."""
    passed_assets = False
    for table, row in statement.rows:
        label = plain(row.label)
        if what.startswith("current") and label.startswith("total current") and ("liab" in what) == passed_assets:
            return
        if label == "total assets":
            if "asset" in what:
                return
            passed_assets = True
            continue
        if "liab" in what and (
            label == "total liabilities" or re.search(r"\bequity\b|\bcapital\b|common stock|preferred", label)
        ):
            return
        if re.search("expens|cost", what) and _END_OF_COSTS.search(row.label):
            return
        cell = statement.cell(table, row, when)
        if row.total or label.startswith("total") or not label or cell is None or cell[1].figure is None:
            continue
        use = Use(table, row, *cell, when)
        if (
            ("asset" in what and not passed_assets)
            or ("liab" in what and passed_assets)
            or (re.search("expens|cost", what) and _is_expense(use, what))
        ):
            yield use


def _is_expense(use: Use, what: str) -> bool:
    section = use.row.path[-1] if use.row.path else ""
    if what.startswith("operating") and re.match(r"costs? of|interest", use.row.label, re.I):
        return False
    return (
        bool(_EXPENSE.search(use.row.label) or re.search(r"expens|costs\b", section, re.I))
        and "income" not in plain(use.row.label).split()[-1:]
    )


def _activity(core: Core, books: Books, year: int) -> RowsFound | None:
    """'Among operations, investing and financing activities, which brought in the most cash flow?'"""
    if not _ACTIVITIES.search(core.text) or not _EXTREME.search(core.text):
        return None
    names = ("operating", "investing", "financing")
    terms = ("cash from operations", "cash from investing activities", "cash from financing activities")
    try:
        values = [books.value(Item(BY_NAME[term]), year) for term in terms]
    except (NoValue, NoMeaning):
        return None
    first = _EXTREME.search(core.text)
    most = (
        first is not None and bool(first.group("most")) and not re.search(r"\blost the most\b|\bused the most\b", core.text)
    )
    pick = max if most else min
    best = pick(range(3), key=lambda number: values[number].amount)
    chance = 0.93 * _LEFT_OVER[min(3, len(left_over(core.text, (_ACTIVITY_WORDS,))))]
    word = "most" if most else "least"
    sentence = f"{names[best].capitalize()} activities brought in the {word} cash in FY{year}"
    uses = tuple(use for value in values for use in value.uses)
    return RowsFound(
        books.document,
        year,
        sentence,
        uses,
        f"rank(cash flow by activity, {word}, {year})",
        chance,
        tuple(u.name for u in uses),
    )


def _of_parts(core: Core, books: Books, year: int) -> RowsFound | None:
    """Segments, products or regions: listed, ranked, or those above a share of revenue."""
    kinds = [found.lastgroup or "" for found in KIND.finditer(core.text)]
    if not kinds:
        return None
    kind = kinds[0]
    if _EXTREME.search(core.text) and not _OF_REVENUE.search(core.text):
        return _of_measure(core, books, kind, year)
    parts = parts_of_revenue(books, kind, year)
    if parts is None:
        return None
    share, extreme = _SHARE.search(core.text), _EXTREME.search(core.text)
    about_revenue = bool(_OF_REVENUE.search(core.text))
    rest = left_over(
        core.text,
        (_SHARE, _HOLDS, _OPERATES, _EXTREME, _OF_REVENUE, _GREW, _FELL, KIND, re.compile(r"\bmore than\b|\bbiggest\b")),
    )
    chance = (0.88 if parts.titled else 0.6) * _LEFT_OVER[min(3, len(rest))]
    shares = [f"{_share(use, parts.total)}%" for use in parts.uses]
    if share and about_revenue:
        least = Decimal(share.group("percent"))
        above = [number for number, use in enumerate(parts.uses) if _share(use, parts.total) > least]
        named = _and([f"{parts.names[number]} ({shares[number]})" for number in above])
        yes = re.match(r"(?:are|is|were|was|do|does|did|has|have)\b", core.text)
        start = ("Yes. " if above else "No. ") if yes else ""
        said = f"{start}More than {least}% of revenue in FY{year}: {named or 'none'}"
        return _shown(
            books, year, said, parts, f"filter(parts of revenue by {kind}, above {least}%, {year})", chance, shares
        )
    if extreme and about_revenue and not share:
        if _GREW.search(core.text) or _FELL.search(core.text):
            return None  # growth of parts needs two years of them
        number = 0 if extreme.group("most") else len(parts.names) - 1
        word = "highest" if extreme.group("most") else "lowest"
        said = f"{parts.names[number]} had the {word} revenue in FY{year} ({shares[number]} of the total)"
        return _shown(books, year, said, parts, f"rank(parts of revenue by {kind}, {word}, {year})", chance, shares)
    lists = (
        re.match(r"(?:what|which) (?:are|were|is)?\b", core.text)
        and not extreme
        and not share
        and not _GREW.search(core.text)
    )
    from_them = about_revenue and re.search(r"\b(?:from|in)$", core.text)
    if lists and (from_them or (_OPERATES.search(core.text) and not about_revenue)):
        return _shown(
            books,
            year,
            f"{_and(parts.names)}, by revenue in FY{year}",
            parts,
            f"list(parts of revenue by {kind}, {year})",
            chance * 0.9,
            shares,
        )
    return None


def _of_measure(core: Core, books: Books, kind: str, year: int) -> RowsFound | None:
    """The part with the highest or lowest of another measure: "which segment had the largest operating loss?"."""
    extreme = _EXTREME.search(core.text)
    measure = next((name for name, (said, _) in MEASURES.items() if re.search(rf"\b(?:{said})\b", core.text)), None)
    if extreme is None or measure is None:
        return None
    uses = parts_of_measure(books, measure, kind, year)
    if not uses:
        return None
    spoken = re.compile(rf"\b(?:{MEASURES[measure][0]})\b")
    chance = 0.8 * _LEFT_OVER[min(3, len(left_over(core.text, (spoken, _HOLDS, _OPERATES, _EXTREME, KIND))))]
    loss = re.search(r"\bloss(?:es)?\b", core.wanted.core, re.I) is not None
    most = bool(extreme.group("most")) != loss
    ordered = sorted(uses, key=lambda use: use.cell.figure.full if use.cell.figure else Decimal(0), reverse=most)
    figure = ordered[0].cell.figure
    if figure is None or (loss and figure.value >= 0):
        return None
    word = "largest" if extreme.group("most") else "smallest"
    name = measure.replace("income", "loss") if loss else measure
    sentence = f"{ordered[0].name} had the {word} {name} in FY{year} ({figure_words(figure)})"
    plan = f"rank({measure} by {kind}, {word}, {year})"
    return RowsFound(books.document, year, sentence, tuple(ordered), plan, chance, tuple(use.name for use in ordered))


def _shown(books: Books, year: int, said: str, parts: Parts, plan: str, chance: float, shares: Sequence[str]) -> RowsFound:
    return RowsFound(books.document, year, said, parts.uses, plan, chance, parts.names, tuple(shares), "share of revenue")


def _share(use: Use, total: Decimal) -> Decimal:
    return (abs(use.cell.figure.full) / total * 100).quantize(Decimal("0.1")) if use.cell.figure else Decimal(0)


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""

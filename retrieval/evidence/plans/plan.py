"""The typed plan of an answer: what is to be looked up, and what is to be computed from it.

Invariant: a plan names things only by words of the question (or by a known formula's); it holds no figure of any document.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from retrieval.graph.reading.periods import Period

Op = Literal[
    "difference",
    "change",
    "change_pct",
    "ratio",
    "share",
    "sum",
    "average",
    "difference_of_averages",
    "product",
    "list",
]
Direction = Literal["highest", "lowest"]
Relation = Literal["above", "below", "equal"]


@dataclass(frozen=True)
class Lookup:
    """One measure, as the question words it; several periods are asked for one after the other, in `periods`' order."""

    measure: str
    periods: tuple[Period, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Rows:
    """All rows of a table or under a section label. `of` "periods" asks for the columns' periods instead, "column"
    for what one
    column says of every row."""

    measure: str
    of: Literal["rows", "periods", "column"] = "rows"
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Compute:
    """`operands` in the order in which they are worded; `base` of a ratio or share is the last one."""

    op: Op
    operands: tuple[Lookup, ...]
    periods: tuple[Period, ...] = ()
    formula: str = ""


@dataclass(frozen=True)
class Rank:
    """The period (or row) with the highest or lowest value."""

    measure: str
    over: Literal["periods", "rows"]
    direction: Direction
    n: int = 1
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Filter:
    """The periods (or rows) whose value stands in `relation` to `value`; `count` asks how many there are."""

    measure: str
    over: Literal["periods", "rows"]
    relation: Relation
    value: Decimal
    scale: int
    count: bool = False
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Aggregate:
    """A sum or an average over the rows of one column."""

    op: Literal["sum", "average"]
    measure: str
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Count:
    """How many rows stand under a label."""

    measure: str
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Define:
    """What a term means."""

    term: str


@dataclass(frozen=True)
class Verify:
    """A yes/no question: whether the documents bear the claim out."""

    claim: str


@dataclass(frozen=True)
class Steps:
    """How something is done."""

    topic: str


@dataclass(frozen=True)
class Passage:
    """What prose says; `wants` is the kind of words that would answer."""

    topic: str
    wants: Literal["", "date", "amount", "person", "place", "reason", "count", "duration", "contents", "table"] = ""


Plan = Lookup | Rows | Compute | Aggregate | Rank | Filter | Count | Define | Verify | Steps | Passage


@dataclass(frozen=True)
class Planned:
    """A plan and how sure the rules are, 0 to 1; `spoken` are the stems that the plan's own words account for."""

    plan: Plan
    confidence: float
    spoken: frozenset[str] = frozenset()


def operands(plan: Plan) -> tuple[Lookup, ...]:
    """What must be found before the plan can be carried out."""
    match plan:
        case Lookup():
            return (plan,)
        case Compute():
            return plan.operands
        case (
            Rows(measure, _, periods)
            | Rank(measure, periods=periods)
            | Filter(measure, periods=periods)
            | Count(measure, periods)
        ):
            return (Lookup(measure, periods),)
        case _:
            return ()


def told(plan: Plan) -> str:
    """The plan in one line, for the record: change_pct(capital expenditures, 2019, 2018)."""
    name = type(plan).__name__.lower()
    match plan:
        case Compute(op, parts, periods, formula):
            inside = [*(part.measure for part in parts), *(period.text for period in periods)]
            return f"{formula or op}({', '.join(inside)})"
        case Lookup(measure, periods, _):
            return f"look_up({', '.join([measure, *(one.text for one in periods)])})"
        case Filter(measure, over, relation, value, scale, count, _):
            return f"{'count' if count else 'filter'}({measure}, {over} {relation} {value}{f'e{scale}' if scale else ''})"
        case Rank(measure, over, direction, n, _):
            return f"rank({measure}, {over}, {direction} {n})"
        case Aggregate(op, measure, periods):
            return f"{op}_of_rows({', '.join([measure, *(one.text for one in periods)])})"
        case Rows(measure, of, _):
            return f"rows({measure}, {of})"
        case Count(measure, _):
            return f"count({measure})"
        case Define(term):
            return f"define({term})"
        case Verify(claim):
            return f"verify({claim})"
        case Steps(topic) | Passage(topic):
            return f"{name}({topic})"

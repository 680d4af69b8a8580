"""What a question comes to: an answer with its cells and citations, or why there is none.

Invariant: every figure of an answer names the cells that it is, or was computed from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from retrieval.evidence.look_up.formula import Comparison, Formula
from retrieval.evidence.slots import Slots


class Hit(Protocol):
    """What this module needs of a passage that a search found."""

    @property
    def document(self) -> str: ...
    @property
    def page(self) -> int | None: ...
    @property
    def section(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class CellRef:
    """Where a figure stands. `row` and `column` count the grid's from 0, head rows included; `box` in points where known."""

    document: str
    page: int | None
    table: int
    row: int
    column: int
    label: str
    heads: tuple[str, ...]
    text: str
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class AnswerFigure:
    """A figure of the answer; `value` is written out, times ten to the `scale`. `cells` are what it is or was
    computed from."""

    value: str
    unit: str
    scale: int
    currency: str
    period: str
    cells: tuple[CellRef, ...]


@dataclass(frozen=True)
class Citation:
    """`number` is the [n] of the text; `quote` is the row with its heads, or the sentence, as written."""

    number: int
    document: str
    page: int | None
    section: str
    quote: str


@dataclass(frozen=True)
class Answer:
    """`computation`: a formula's operands are the figures after the first, which is its result; of a comparison `figures`
    are what it kept of `compared`. None where nothing was computed. `beside`: what else was computed from the operands, and
    its value."""

    text: str
    citations: tuple[Citation, ...]
    figures: tuple[AnswerFigure, ...]
    plan: str
    working: str
    confidence: float
    kind: Literal["figure", "computed", "list", "quotation", "stated"]
    slots: Slots
    computation: Formula | Comparison | None = None
    compared: tuple[AnswerFigure, ...] = ()
    beside: tuple[Formula, str] | None = None


@dataclass(frozen=True)
class Withheld:
    """`reason` "prose": a model may word an answer from `sentences`; "unsure": something was found that is not sure enough;
    "nothing": no row and no sentence fits. `nearest` is the best find, also where it is not said."""

    reason: Literal["prose", "unsure", "nothing"]
    confidence: float
    plan: str
    nearest: Citation | None = None
    sentences: tuple[Citation, ...] = ()
    slots: Slots = field(default_factory=Slots)

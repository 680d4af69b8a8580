"""What the sentences of some passages say to a question: a quotation, a calculation over their figures, or nothing.

Invariant: every word is a passage's own, the question's own figures, or arithmetic; below `least` it is not to be said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retrieval.evidence.prose.arithmetic.computing import Writes
from retrieval.evidence.prose.calculations import Calculation, asks_amount, calculation, chance_of
from retrieval.evidence.prose.digest import Likeness, digest
from retrieval.evidence.prose.open_names import MOST, names_what_is_not_there
from retrieval.evidence.prose.quotations import Part, quoted
from retrieval.evidence.prose.reader import Passages, Reads

HOLDS = 0.3
"""Chance that the lines hold what a computation needs, below which none is tried."""


@dataclass(frozen=True)
class ProseAnswer:
    """parts: of a quotation. calculation: else. chance: to be right, 0..1."""

    chance: float
    parts: tuple[Part, ...] = ()
    calculation: Calculation | None = None


def prose_answer(
    question: str,
    passages: Passages,
    likeness: Likeness,
    reads: Reads,
    writes: Writes | None,
    least: float,
    products: frozenset[str] = frozenset(),
    comma: bool = False,
) -> ProseAnswer | None:
    """The likeliest that the passages' sentences say; None where there are none. A quotation that reaches `least` is taken
    before anything is computed. products: the words by which the firm's products are told apart.
    comma: whether who asks writes decimals with a comma. writes: None where no model can write the arithmetic."""
    lines = digest(question, passages, likeness, products)
    if not lines:
        return None
    most = MOST if names_what_is_not_there(question, lines, passages) else 1.0
    reading = reads(question, lines, passages)
    quotation = ProseAnswer(min(most, reading.answers), tuple(quoted(reading.lines or lines, question)))
    if writes is None or most < least or reading.answers >= least or reading.holds < HOLDS or not asks_amount(question):
        return quotation
    found = calculation(question, lines, passages, writes, comma)
    if found is None:
        return quotation
    computed = ProseAnswer(chance_of(question, found, lines, reading), calculation=found)
    return max(quotation, computed, key=lambda answer: answer.chance)


Prose = Callable[[str, Passages, float, bool, frozenset[str]], ProseAnswer | None]
"""(question, passages, least, comma, words of products) → what `prose_answer` says, with a model behind it."""

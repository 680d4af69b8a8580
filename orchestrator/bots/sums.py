"""The calculator: a question that brings its own figures is computed; no document is read and no model is asked.

Invariant: it speaks only where the whole question was understood as a sum, so that nothing is said of the firm's products.
"""

from __future__ import annotations

from collections.abc import Iterator

from moderation.types import millionths
from orchestrator.bots.base import Ask, BotEvidence, Made, Piece, Question, Role, Text
from orchestrator.bots.wording import recorded
from orchestrator.ports import Calculate, Worked

NO_SUM = "no sum of the question's own figures"


class SumsBot:
    """Holds no state; may be asked by many threads."""

    name = "sums"
    role = Role.SUMS
    leaves_boundary = False

    def __init__(self, calculate: Calculate) -> None:
        self._calculate = calculate

    def evidence(self, question: Question) -> BotEvidence:
        """The question as it was asked counts, never a reading of it: a figure of an earlier turn is not its own."""
        worked = self._calculate(question.text, question.language)
        if worked is None:
            return BotEvidence(cannot=NO_SUM)
        return BotEvidence(support=1.0, note="a sum of the question's own figures", finding=worked)

    def answer(self, ask: Ask) -> Iterator[Piece]:
        worked = ask.evidence.finding
        if not isinstance(worked, Worked):
            worked = self._calculate(ask.question, ask.language)
        if worked is None or ask.cancel.is_set():
            return
        yield Text(worked.text)
        details = {"chance": millionths(worked.chance), **recorded(worked)}
        yield Made("worked", "", details, {"plan": worked.plan.get("plan"), "figures": details["figures"]})

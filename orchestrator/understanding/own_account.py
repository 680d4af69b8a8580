"""Whether a question is about the caller's own account at the moment, which no document of the firm says.

Invariant: what a document says of everybody's orders, plans or complaints ("how long does my order take?") stays a question.
"""

from __future__ import annotations

import re

_THINGS = (
    "orders?|units?|shares?|balance|holdings?|portfolio|accounts?|distributions?|dividends?|payments?|transfers?|switch|applications?|"
    "complaints?|statements?|subscriptions?|redemptions?|savings plan|plan|position|documents?|claims?|money"
    "|address|limit|advis[eo]r"
)
_STATE = (
    "executed|arrived|received|processed|approved|accepted|rejected|gone through|been|settled|booked|credited"
    "|debited|paid out|"
    "cancelled|confirmed|completed|changed|due"
)
_OWN = re.compile(
    rf"\b(?:has|have|was|were|is|are|did)\s+(?:you\s+)?my\s+(?:\w+\s+){{0,2}}(?:{_THINGS})\b.*\b(?:{_STATE})\b"
    r"|\bhow (?:much|many)\b.*\b(?:do|did|have) i (?:own|have|hold|paid|pay in|invested|earned?|lost)\b(?!.*\b(?:to|if)\b)"
    rf"|\bmy (?:last|latest|most recent|current|own) (?:\w+\s+)?(?:{_THINGS})\b"
    rf"|\bwhat(?:'s| is| was) my (?:\w+\s+)?(?:{_THINGS})\b(?! (?:period|deadline|fee))"
    rf"|\b(?:worth|value of|status of)\b.*\bmy (?:\w+\s+)?(?:{_THINGS})\b|\bmy (?:\w+\s+)?(?:{_THINGS})\b.*\bworth\b"
    r"|\bwho is my (?:personal )?advis[eo]r\b|\bam i (?:a |already |still |registered)",
    re.IGNORECASE,
)


def about_own_account(question: str) -> bool:
    """question: in English, as it is read."""
    return _OWN.search(question) is not None

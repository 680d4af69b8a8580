"""Questions about one measure over another: shares, ratios, and the ratios that finance knows by name.

Invariant: the base of a share or ratio is its last operand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from retrieval.evidence.plans import operation_words as said
from retrieval.evidence.plans.conjunctions import splits
from retrieval.evidence.plans.plan import (
    Compute,
    Lookup,
    Op,
    Planned,
)
from retrieval.evidence.plans.question import Question, measure_of, planned
from retrieval.graph.reading.periods import Period
from retrieval.graph.reading.words import split

_SPOKEN = (
    "ratio proportion percentage share percent fraction accounted consist account represent divid constitution composition"
)


def _own_periods(asked: Question, found: re.Match[str], name: str) -> tuple[Period, ...]:
    """The periods that stand within one operand's words; all of the question's where it has none."""
    start = len(asked.masked[: found.start(name)].rstrip())  # "of 2018 sales": the year before the words is theirs
    inside = tuple(one for one in asked.periods if start <= one.start < found.end(name))
    if not inside and re.search(r"\b(?:that|the same|this) (?:year|period)\b", found.group(name)):
        return tuple(Period(one.year, text=str(one.year)) for one in asked.periods if one.year)
    return inside or asked.periods


def pairs(asked: Question) -> Iterator[Planned]:
    """Shares, ratios and the ratios that finance knows by name."""
    text = asked.masked
    change = bool(re.search(r"\bchange|\bincrease|\bdecrease|\bdifference", text))
    kinds: tuple[tuple[Op, tuple[re.Pattern[str], ...]], ...] = (("share", said.SHARE), ("ratio", said.RATIO))
    for op, patterns in kinds:
        for pattern in patterns:
            if (found := pattern.search(text)) and not change:
                a, b = (_clean(found.group(name)) for name in "ab")
                if a and b:
                    yield planned(
                        Compute(
                            op, (Lookup(a, _own_periods(asked, found, "a")), Lookup(b, _own_periods(asked, found, "b")))
                        ),
                        0.8,
                        asked,
                        _SPOKEN,
                    )
                    for parts in splits(a) if op == "share" else ():  # "the share of A and B in C"
                        own = _own_periods(asked, found, "a")
                        whole = Lookup(b, _own_periods(asked, found, "b"))
                        yield planned(
                            Compute(op, (*(Lookup(part, own) for part in parts), whole)),
                            0.75,
                            asked,
                            _SPOKEN,
                        )
                    if op == "share":  # a document may state the share itself
                        yield planned(Lookup(f"percentage {a} {b}", asked.periods), 0.6, asked, "proportion share fraction")
    for formula in said.FORMULAS:
        if found := re.search(formula.pattern, text):
            for a in formula.a:
                for b in formula.b:
                    op_name: Op = "share" if formula.percent else "ratio"
                    rest = measure_of(asked.masked, re.search(formula.pattern, asked.masked))
                    rest = re.sub(r"\b(?:change|increase|decrease|difference|percentage|average)s?\b(?: in| of)?", " ", rest)
                    scope = " ".join(word.text for word in split(rest) if word.telling)
                    named = f"{formula.name} change" if change else formula.name
                    yield planned(
                        Compute(
                            op_name,
                            (Lookup(f"{a} {scope}".strip(), asked.periods), Lookup(f"{b} {scope}".strip(), asked.periods)),
                            (),
                            named,
                        ),
                        0.7,
                        asked,
                        f"{found.group()} ratio",
                    )


def _clean(text: str) -> str:
    text = re.sub(r"^(?:what|which|how much|how many)\s+(?:is|was|are|were|does|do)?\s*", "", text.strip())
    text = re.sub(r"^(?:the|that)\s+", "", text)
    return " ".join(text.split()).strip(" ,")

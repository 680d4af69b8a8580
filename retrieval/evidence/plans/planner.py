"""From a question to typed plans, by rules: the likeliest first, with how sure the rules are.

Several plans may stand for one question ("average of A and B": two rows, or one row named "A and B"); what the
documents hold
decides between them. Invariant: every word of the question is either spoken for by the plan or part of a measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from retrieval.evidence.plans import operation_words as said
from retrieval.evidence.plans.alternatives import alternatives
from retrieval.evidence.plans.conjunctions import splits
from retrieval.evidence.plans.pairs import pairs
from retrieval.evidence.plans.plan import (
    Aggregate,
    Compute,
    Count,
    Define,
    Direction,
    Filter,
    Lookup,
    Op,
    Passage,
    Plan,
    Planned,
    Rank,
    Relation,
    Rows,
)
from retrieval.evidence.plans.question import Question, measure_of, planned
from retrieval.evidence.plans.question_kinds import prose_plan
from retrieval.graph.reading.figures import find_figures

_OPENING = re.compile(
    r"^(?:who|whom|whose|when|where|how (?:long|often|old|late|soon|fast|quickly)|on which \w+)\s+"
    r"(?:is|was|are|were|does|do|did)?\s*"
)


def plans(question: str) -> list[Planned]:
    """What the question may ask for, likeliest first; the last resort is a look-up or a passage of prose."""
    asked = Question.read(question)
    found = list(alternatives(asked))
    found += (one for one in _plans(asked) if not (found and isinstance(one.plan, Rank | Aggregate)))
    unique: dict[Plan, Planned] = {}
    for one in found:
        unique.setdefault(one.plan, one)
    return list(unique.values())


def _plans(asked: Question) -> Iterator[Planned]:
    prose = prose_plan(asked.text)
    if prose is not None and _is_computed_anyway(asked, prose):
        prose = None
    if prose is not None:
        yield prose
        if isinstance(prose.plan, Passage) and prose.plan.wants in ("person", "date", "place", "duration"):
            yield planned(
                Lookup(_OPENING.sub("", asked.masked).strip(), asked.periods), 0.5, asked, ""
            )  # a table may say it
        if prose.confidence >= 0.7:
            return
    years = list(_years(asked))
    yield from years
    yield from _counts(asked)
    computed = list(_computations(asked))
    yield from computed
    if not years:
        yield from _ranks(asked)
    yield from _listings(asked)
    measure = measure_of(asked.masked)
    if measure and asked.text.startswith("how many "):
        measure = f"number of {measure}"
    if measure:
        sure = 0.9 if asked.periods or said.RESPECTIVELY.search(asked.text) else 0.6
        if computed and not said.RESPECTIVELY.search(asked.text):
            sure = 0.4  # a document may state the change or the average itself
        if prose is not None:
            sure = min(sure, 0.35)
        yield planned(Lookup(measure, asked.periods), sure, asked, "")
        if not computed and not _first((*said.AVERAGE, *said.SUM), asked.masked):
            yield planned(Rows(measure, "column", asked.periods), sure - 0.1, asked, "")
        for parts in splits(measure) if not computed else ():
            yield planned(Compute("list", tuple(Lookup(part, asked.periods) for part in parts)), sure - 0.1, asked, "")
    yield from _aggregates(asked)
    yield Planned(Passage(asked.text), 0.3)


def _is_computed_anyway(asked: Question, prose: Planned) -> bool:
    """An opening that asks for prose ("Was ist der Durchschnitt …") and names an operation and periods asks for a figure."""
    open_ended = isinstance(prose.plan, Define) or (isinstance(prose.plan, Passage) and prose.plan.wants == "")
    operations = (*said.CHANGE_PCT, *said.AVERAGE, *said.DIFFERENCE)
    return open_ended and len(asked.periods) > 1 and _first(operations, asked.masked) is not None


def _first(patterns: tuple[str, ...], text: str) -> re.Match[str] | None:
    return next((found for pattern in patterns if (found := re.search(pattern, text))), None)


def _years(asked: Question) -> Iterator[Planned]:
    """'In which year was X largest / below 500 / reported?'"""
    opening = said.YEARS_SHOWN.search(asked.text)
    many = re.search(r"\bhow many (?:fiscal |financial )?(?:years|quarters|periods)\b", asked.text)
    start = opening or many
    if start is None or (start.start() > 12 and not re.match(r"(?:between|from|in|for|of|during|over)\b", asked.text)):
        return
    rest = asked.masked
    if condition := _condition(asked, rest):
        relation, value, scale, spoken = condition
        measure = measure_of(rest, start, spoken)
        yield planned(
            Filter(measure, "periods", relation, value, scale, bool(many)), 0.9, asked, spoken.group() + start.group()
        )
        return
    for pattern, direction in _extremes():
        if found := pattern.search(rest):
            measure = measure_of(rest, start, found)
            yield planned(
                Rank(measure, "periods", direction, 1, asked.periods), 0.9, asked, start.group() + " " + found.group()
            )
            return
    verb = said.SHOWN_VERB.search(rest)
    if not many:
        measure = re.sub(r"\b(?:the )?table\b|\binformation\b|\bdata\b", " ", measure_of(rest, start, verb))
        yield planned(
            Rows(" ".join(measure.split()), "periods"),
            0.85 if verb else 0.4,
            asked,
            f"{start.group()} {verb.group() if verb else ''} table information data include",
        )


def _extremes() -> tuple[tuple[re.Pattern[str], Direction], ...]:
    return (said.HIGHEST, "highest"), (said.LOWEST, "lowest")


def _condition(asked: Question, text: str) -> tuple[Relation, Decimal, int, re.Match[str]] | None:
    relations: tuple[tuple[re.Pattern[str], Relation], ...] = (
        (said.ABOVE, "above"),
        (said.BELOW, "below"),
        (said.EQUAL, "equal"),
    )
    for pattern, relation in relations:
        if found := pattern.search(text):
            figure = next(find_figures(text[found.end() :]), None)
            if figure is None:
                continue
            spoken = re.compile(re.escape(text[found.start() : found.end() + figure.end]) + r"s?").search(text)
            if spoken:
                return relation, figure.value, figure.scale, spoken
    return None


def _counts(asked: Question) -> Iterator[Planned]:
    found = re.search(
        (
            r"^how many (?P<what>.+?) (?:are there|are listed|are shown|were there|are included|are presented"
            r"|does the table|make up)\b"
        ),
        asked.masked,
    )
    if found:
        yield planned(
            Count(measure_of(asked.masked, re.match(r"how many", asked.masked)), asked.periods),
            0.5,
            asked,
            "how many table listed",
        )


def _computations(asked: Question) -> Iterator[Planned]:
    text = asked.masked
    average = _first(said.AVERAGE, text)
    per_cent = _first(said.CHANGE_PCT, text)
    difference = _first(said.DIFFERENCE, text)
    if average and difference and not per_cent:
        if " between " in text or len(re.findall(r"\baverage\b", text)) > 1:
            yield from _several("difference_of_averages", asked, 0.85, average, difference)
        yield from _over_periods("difference_of_averages", asked, 0.85, average, difference)
    if average and per_cent:
        yield from _over_periods("change_pct", asked, 0.5, per_cent)
    yield from pairs(asked)
    if per_cent:
        yield from _over_periods("change_pct", asked, 0.9, per_cent)
        return
    if average and not difference:
        one_year = len(asked.periods) == 1 and not asked.periods[0].end
        if not one_year or asked.periods[0].stop <= average.start():  # "the 2019 average": of its opening and closing values
            yield from _over_periods("average", asked, 0.85, average)
        yield from _several("average", asked, 0.8, average)
        return
    total = _first(said.SUM, text)
    if total and not difference:
        yield from _several("sum", asked, 0.9, total)
        yield from _over_periods("sum", asked, 0.8 if len(_years_of(asked)) > 1 else 0.3, total)
        return
    if not average and re.search(
        r"\b(?:across|over|for|in) (?:all|the)(?: (?:three|two|four|five|\d))? (?:\d )?(?:years|periods|quarters)\b", text
    ):
        yield from _over_periods(
            "sum",
            asked,
            0.8,
            re.search(r"\btotal\b|\bsum\b", text),
            re.search(r"\b(?:across|over|for|in) (?:all|the)(?: \w+)? (?:years|periods|quarters)\b", text),
        )
    if difference and not average:
        if len(asked.periods) < 2 or " between " in text:
            yield from _several("difference", asked, 0.85, difference)
        yield from _over_periods("change", asked, 0.85, difference)
        return
    if re.search(r"\btotal\b", text) and not said.RESPECTIVELY.search(text):
        bare = re.search(r"\btotal\b(?: of)?", text)
        if len(_years_of(asked)) > 1:
            both = bool(re.search(r"\bboth\b", text))
            yield from _over_periods("sum", asked, 0.9 if both else 0.75, bare)
            if both or any(one.end for one in asked.periods):
                yield from _over_periods("sum", asked, 0.9 if both else 0.7)
        yield from _several("sum", asked, 0.6, bare)


def _aggregates(asked: Question) -> Iterator[Planned]:
    """'The average charge of Class A': over the rows of a column, where no row is named."""
    op: Literal["sum", "average"]
    for op, patterns in (("average", said.AVERAGE), ("sum", said.SUM)):
        if (found := _first(patterns, asked.masked)) and len(asked.periods) < 2:
            yield planned(Aggregate(op, measure_of(asked.masked, found), asked.periods), 0.6, asked, f"{found.group()} all")
            return
    if len(asked.periods) < 2 and (found := re.search(r"\btotal\b(?: (?:amount|value) of)?", asked.masked)):
        yield planned(Aggregate("sum", measure_of(asked.masked, found), asked.periods), 0.5, asked, f"{found.group()} all")


def _years_of(asked: Question) -> set[int]:
    found: set[int] = set()
    for one in asked.periods:
        if one.year:
            found |= set(range(one.year, (one.end or one.year) + 1))
    return found


def _over_periods(op: Op, asked: Question, sure: float, *spoken: re.Match[str] | None) -> Iterator[Planned]:
    measure = measure_of(asked.masked, *spoken)
    words = " ".join(match.group() for match in spoken if match)
    if measure:
        yield planned(Compute(op, (Lookup(measure, asked.periods),), asked.periods), sure, asked, words)


def _several(op: Op, asked: Question, sure: float, *spoken: re.Match[str] | None) -> Iterator[Planned]:
    """Two or more measures joined by 'and': every way to part them, shared words given to each."""
    measure = measure_of(asked.masked, *spoken)
    if op == "difference_of_averages":
        measure = re.sub(r"\b(?:the )?average\b", " ", measure)
    words = " ".join(match.group() for match in spoken if match)
    for parts in splits(measure):
        yield planned(Compute(op, tuple(Lookup(part, asked.periods) for part in parts), asked.periods), sure, asked, words)


def _ranks(asked: Question) -> Iterator[Planned]:
    found = re.match(
        r"(?:which|what|who|whose|welche[rs]?|quels?|quelles?|cuál|qué|quale|welk)\s+(?P<what>.+)", asked.masked
    )
    if not found:
        return
    for pattern, direction in _extremes():
        match = pattern.search(asked.masked)
        if match is None:
            continue
        before = asked.masked[: match.start()] + ("the" if match.group().startswith("the ") else "")
        if re.search(r"(?:\b(?:the|has|have|had|is|are|was|were|with|your|our)|'s)\s*$", before):
            yield planned(
                Rank(measure_of(asked.masked, match), "rows", direction, 1, asked.periods), 0.6, asked, match.group()
            )
    if condition := _condition(asked, asked.masked):
        relation, value, scale, spoken = condition
        yield planned(
            Filter(measure_of(asked.masked, spoken), "rows", relation, value, scale, False, asked.periods),
            0.6,
            asked,
            spoken.group(),
        )


def _listings(asked: Question) -> Iterator[Planned]:
    found = said.LISTED.search(asked.masked)
    if found:
        yield planned(
            Rows(measure_of(asked.masked), "rows", asked.periods),
            0.6,
            asked,
            "components items types listed table consist recorded considered under",
        )

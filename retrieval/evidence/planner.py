"""From a question to typed plans, by rules: the likeliest first, with how sure the rules are.

Several plans may stand for one question ("average of A and B": two rows, or one row named "A and B"); what the documents hold
decides between them. Invariant: every word of the question is either spoken for by the plan or part of a measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from retrieval.evidence import operation_words as said
from retrieval.evidence.plan import (
    Compute,
    Count,
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
from retrieval.evidence.question_kinds import prose_plan
from retrieval.graph.figures import find_figures
from retrieval.graph.periods import Period, find_periods
from retrieval.graph.words import fold, split

_SPLIT = re.compile(
    r"\s*(?:,|\band\b|\bund\b|\bet\b|\by\b|\be\b|\ben\b|\bplus\b|&|\bversus\b|\bvs\.?\b|\b(?:as )?compared (?:to|with)\b|\bor\b)\s*"
)
_SHARED = re.compile(
    r"^(?P<head>.*\b(?:between|from|for|of|in|to|by|on|related to|attributable to|at|that (?:is|are|was|were)|which (?:is|are|was|were)|due)\s+)(?P<rest>.+)$"
)
_QUARTERS = re.compile(r"\b(?:quarters?|months?)\b")
_ORDINALS = re.compile(
    r"\b(?P<a>first|second|third|fourth)\s+(?:and|to|or|versus|vs)\s+(?:the\s+)?(?P<b>first|second|third|fourth)\s+(?P<noun>quarter)s?\b"
)
_LEAD = re.compile(
    r"^(?:what|which|how much|how many|how large|how big|how high)\s+(?:is|was|were|are|did|does|do|has|have|had|will|would|be)?\s*(?:the\s+)?"
)


@dataclass(frozen=True)
class Question:
    """`text` is folded, without its closing mark; `masked` has the periods blanked out, at equal length."""

    text: str
    masked: str
    periods: tuple[Period, ...]

    @classmethod
    def read(cls, question: str) -> Question:
        text = fold(question).strip().rstrip("?!. ").strip()
        text = _ORDINALS.sub(
            lambda found: f"{found.group('a')} {found.group('noun')} and the {found.group('b')} {found.group('noun')}", text
        )
        periods = tuple(find_periods(text))
        masked = text
        for one in periods:
            masked = masked[: one.start] + " " * (one.stop - one.start) + masked[one.stop :]
        return cls(text, masked, periods)


def plans(question: str) -> list[Planned]:
    """What the question may ask for, likeliest first; the last resort is a look-up or a passage of prose."""
    asked = Question.read(question)
    found = list(_plans(asked))
    unique: dict[Plan, Planned] = {}
    for planned in found:
        unique.setdefault(planned.plan, planned)
    return list(unique.values())


def _plans(asked: Question) -> Iterator[Planned]:
    prose = prose_plan(asked.text)
    if prose is not None:
        yield prose
        if prose.confidence >= 0.7:
            return
    yield from _years(asked)
    yield from _counts(asked)
    computed = list(_computations(asked))
    yield from computed
    yield from _ranks(asked)
    yield from _listings(asked)
    measure = _measure(asked.masked)
    if measure:
        sure = 0.9 if asked.periods or said.RESPECTIVELY.search(asked.text) else 0.6
        if computed and not said.RESPECTIVELY.search(asked.text):
            sure = 0.4  # a document may state the change or the average itself
        if prose is not None:
            sure = min(sure, 0.35)
        yield _planned(Lookup(measure, asked.periods), sure, asked, "")
        if not computed:
            yield _planned(Rows(measure, "column", asked.periods), sure - 0.1, asked, "")
        for parts in _splits(measure) if not computed else ():
            yield _planned(Compute("list", tuple(Lookup(part, asked.periods) for part in parts)), sure - 0.1, asked, "")
    yield Planned(Passage(asked.text), 0.3)


def _planned(plan: Plan, sure: float, asked: Question, spoken: str) -> Planned:
    return Planned(plan, sure, frozenset(word.stem for word in split(spoken) if word.telling))


def _measure(masked: str, *spoken: re.Match[str] | None) -> str:
    """The question's words without those spoken for and without its opening."""
    for match in spoken:
        if match is not None:
            masked = masked[: match.start()] + " " * (match.end() - match.start()) + masked[match.end() :]
    text = said.RESPECTIVELY.sub(" ", masked)
    text = _LEAD.sub("", text.strip())
    return " ".join(text.split()).strip(" ,;:")


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
        measure = _measure(rest, start, spoken)
        yield _planned(
            Filter(measure, "periods", relation, value, scale, bool(many)), 0.9, asked, spoken.group() + start.group()
        )
        return
    for pattern, direction in _extremes():
        if found := pattern.search(rest):
            measure = _measure(rest, start, found)
            yield _planned(
                Rank(measure, "periods", direction, 1, asked.periods), 0.9, asked, start.group() + " " + found.group()
            )
            return
    verb = said.SHOWN_VERB.search(rest)
    if not many:
        measure = re.sub(r"\b(?:the )?table\b|\binformation\b|\bdata\b", " ", _measure(rest, start, verb))
        yield _planned(
            Rows(" ".join(measure.split()), "periods"),
            0.85 if verb else 0.4,
            asked,
            start.group() + " table information data",
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
        r"^how many (?P<what>.+?) (?:are there|are listed|are shown|were there|are included|are presented|does the table|make up)\b",
        asked.masked,
    )
    if found:
        yield _planned(
            Count(_measure(asked.masked, re.match(r"how many", asked.masked)), asked.periods),
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
    yield from _pairs(asked)
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
            yield from _over_periods("sum", asked, 0.9 if re.search(r"\bboth\b", text) else 0.75, bare)
            if re.search(r"\bboth\b", text):
                yield from _over_periods("sum", asked, 0.9)
        yield from _several("sum", asked, 0.6, bare)


def _years_of(asked: Question) -> set[int]:
    found: set[int] = set()
    for one in asked.periods:
        if one.year:
            found |= set(range(one.year, (one.end or one.year) + 1))
    return found


def _over_periods(op: Op, asked: Question, sure: float, *spoken: re.Match[str] | None) -> Iterator[Planned]:
    measure = _measure(asked.masked, *spoken)
    words = " ".join(match.group() for match in spoken if match)
    if measure:
        yield _planned(Compute(op, (Lookup(measure, asked.periods),), asked.periods), sure, asked, words)


def _several(op: Op, asked: Question, sure: float, *spoken: re.Match[str] | None) -> Iterator[Planned]:
    """Two or more measures joined by 'and': every way to part them, shared words given to each."""
    measure = _measure(asked.masked, *spoken)
    if op == "difference_of_averages":
        measure = re.sub(r"\b(?:the )?average\b", " ", measure)
    words = " ".join(match.group() for match in spoken if match)
    for parts in _splits(measure):
        yield _planned(Compute(op, tuple(Lookup(part, asked.periods) for part in parts), asked.periods), sure, asked, words)


def _splits(measure: str) -> Iterator[tuple[str, ...]]:
    joints = list(_SPLIT.finditer(measure))
    if not joints or len(joints) > 4:
        return
    ways = [[joint] for joint in joints if joint.group().strip() != ","]
    if len(joints) > 1:
        ways.append(joints)
    for way in ways:
        pieces = []
        at = 0
        for joint in [*way, None]:
            piece = measure[at : joint.start() if joint else len(measure)].strip(" ,")
            if piece:
                pieces.append(piece)
            at = joint.end() if joint else at
        if len(pieces) < 2 or not all(any(word.telling for word in split(piece)) for piece in pieces):
            continue
        yield from _sharing(pieces)


def _sharing(pieces: list[str]) -> Iterator[tuple[str, ...]]:
    """'revenue from Apple' and 'Huawei' -> the second is 'revenue from Huawei'; and the pieces as they stand."""
    yield tuple(pieces)
    head = _SHARED.match(pieces[0])
    if head:
        yield (pieces[0], *(f"{head.group('head')}{piece}" for piece in pieces[1:]))
    tail = re.match(r"^(?P<rest>.+?)(?P<tail>\s+(?:in|for|of|from|on|at|within)\s+.+)$", pieces[-1])
    if tail:
        yield (*(f"{piece}{tail.group('tail')}" for piece in pieces[:-1]), pieces[-1])
    last = pieces[-1].split()
    first = pieces[0].split()
    if len(pieces) == 2 and len(first) > 1 and len(last) > 1:
        yield (f"{' '.join(first)} {' '.join(last[1:])}", f"{' '.join(first[:-1])} {' '.join(last)}")
    if len(last) > 1:
        yield (*(f"{piece} {' '.join(last[1:])}" for piece in pieces[:-1]), pieces[-1])


def _own_periods(asked: Question, found: re.Match[str], name: str) -> tuple[Period, ...]:
    """The periods that stand within one operand's words; all of the question's where it has none."""
    inside = tuple(one for one in asked.periods if found.start(name) <= one.start < found.end(name))
    if not inside and re.search(r"\b(?:that|the same|this) (?:year|period)\b", found.group(name)):
        return tuple(Period(one.year, text=str(one.year)) for one in asked.periods if one.year)
    return inside or asked.periods


def _pairs(asked: Question) -> Iterator[Planned]:
    """Shares, ratios and the ratios that finance knows by name."""
    text = asked.masked
    change = bool(re.search(r"\bchange|\bincrease|\bdecrease|\bdifference", text))
    for op, patterns in (("share", said.SHARE), ("ratio", said.RATIO)):
        for pattern in patterns:
            if (found := pattern.search(text)) and not change:
                a, b = (_clean(found.group(name)) for name in "ab")
                if a and b:
                    yield _planned(
                        Compute(
                            op, (Lookup(a, _own_periods(asked, found, "a")), Lookup(b, _own_periods(asked, found, "b")))
                        ),  # type: ignore[arg-type]
                        0.8,
                        asked,
                        "ratio proportion percentage share percent fraction accounted consist account represent divid",
                    )
    for formula in said.FORMULAS:
        if found := re.search(formula.pattern, text):
            for a in formula.a:
                for b in formula.b:
                    op_name: Op = "share" if formula.percent else "ratio"
                    rest = _measure(asked.masked, re.search(formula.pattern, asked.masked))
                    rest = re.sub(r"\b(?:change|increase|decrease|difference|percentage|average)s?\b(?: in| of)?", " ", rest)
                    scope = " ".join(word.text for word in split(rest) if word.telling)
                    named = f"{formula.name} change" if change else formula.name
                    yield _planned(
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


def _ranks(asked: Question) -> Iterator[Planned]:
    found = re.match(
        r"(?:which|what|who|whose|welche[rs]?|quels?|quelles?|cuál|qué|quale|welk)\s+(?P<what>.+)", asked.masked
    )
    if not found:
        return
    for pattern, direction in _extremes():
        match = pattern.search(asked.masked)
        if match and re.search(
            r"\b(?:the|has|have|had|is|are|was|were|with|'s|your|our)\s*$",
            asked.masked[: match.start()] + match.group()[:4].replace("the ", "the"),
        ):
            yield _planned(
                Rank(_measure(asked.masked, match), "rows", direction, 1, asked.periods), 0.6, asked, match.group()
            )
    if condition := _condition(asked, asked.masked):
        relation, value, scale, spoken = condition
        yield _planned(
            Filter(_measure(asked.masked, spoken), "rows", relation, value, scale, False, asked.periods),
            0.6,
            asked,
            spoken.group(),
        )


def _listings(asked: Question) -> Iterator[Planned]:
    found = said.LISTED.search(asked.masked)
    if found:
        yield _planned(
            Rows(_measure(asked.masked), "rows", asked.periods), 0.6, asked, "components items types listed table"
        )

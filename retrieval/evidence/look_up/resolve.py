"""Measures resolved against the graph: which series a question's words name, and how far from the next best.

Invariant: only what the view holds can be found, and a match says which of the question's words it does not account for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.evidence.plans.operation_words import GENERIC, OPERATION
from retrieval.evidence.plans.plan import Lookup
from retrieval.graph.reading.periods import Period, fits
from retrieval.graph.reading.words import LIGHT, fold, split, stems
from retrieval.graph.series import Point
from retrieval.graph.view import GraphView, Line

_PERCENT = frozenset({"percentag", "percent", "rate", "margin", "%", "proport", "share"})
_CHANGE = frozenset({"chang", "increas", "decreas", "varianc", "growth"})
NEUTRAL = frozenset({"amount", "total", "week", "year", "ended", "valu", "reported", "actual", "note", "month"})
_KEPT = 12
_BRACKETS = re.compile(r"\([^)]*\)")
_CLOSELY = 80  # lines that are compared in full


@dataclass(frozen=True)
class Scope:
    """Where to look: `near` raises tables (document, number) that a search found, 0 to 1; `names` are stems that the
    question
    writes as names, with capitals; `documents` are the only ones to look at, where the question names whose they are."""

    near: Mapping[tuple[int, int], float] | None = None
    names: frozenset[str] = frozenset()
    documents: frozenset[int] | None = None


ANYWHERE = Scope()


@dataclass(frozen=True)
class Match:
    """`score` orders matches; `covered` are the asked stems that label, path, heads or context hold; `named`
    tells whether label or path hold one."""

    line: Line
    score: float
    coverage: float
    precision: float
    exact: bool
    covered: frozenset[str]
    fit: float
    named: bool = True


def asked_stems(measure: str) -> tuple[str, ...]:
    """The telling stems of a measure, percent signs spelt out."""
    return tuple(word.stem for word in split(fold(measure.replace("%", " percent "))) if word.telling)


def weight(view: GraphView, stem: str) -> float:
    """Generic words count a fifth, light ones a third."""
    return view.rarity(stem) * (0.2 if stem in GENERIC else 0.35 if stem in LIGHT else 0.6 if stem in OPERATION else 1.0)


def resolve(lookup: Lookup, view: GraphView, scope: Scope = ANYWHERE) -> list[Match]:
    """The best matches of a measure, best first."""
    asked = asked_stems(lookup.measure)
    if not asked:
        return []
    kin = {stem: view.kin(stem) for stem in dict.fromkeys(asked)}
    weights = {stem: weight(view, stem) for stem in kin}
    likely = view.likely(weights, _CLOSELY, scope.near or (), scope.documents)
    found = [match for line in likely if (match := _match(view, line, asked, kin, weights, lookup, scope))]
    found.sort(key=lambda match: (-match.score, match.line.number))
    return found[:_KEPT]


def _match(
    view: GraphView,
    line: Line,
    asked: Sequence[str],
    kin: Mapping[str, tuple[str, ...]],
    weights: Mapping[str, float],
    lookup: Lookup,
    scope: Scope,
) -> Match | None:
    label = set(line.label)
    named = label | line.path | line.head
    total = sum(weights.values())
    covered: set[str] = set()
    reached = 0.0
    for stem, words in kin.items():
        hit = _best_place(stem, words, line, named)
        if (
            0 < hit <= 0.9
            and stem not in named
            and not any(word in named for word in words)
            and not (line.series.total and all(word in GENERIC for word in line.label))
            and view.names_elsewhere(line, stem)
        ):
            hit = 0.2  # a sister row's own name, though the table's text speaks of it
        if not hit and stem in _PERCENT and line.series.kind == "percent":
            hit = 0.9
        if hit:
            covered.add(stem)
            reached += weights[stem] * hit
    coverage = reached / total
    spoken = {word for words in kin.values() for word in words}
    # A bare total speaks of its section; a row without a label of its own too.
    bare = all(word in GENERIC for word in line.label)
    own = [*line.label, *stems(" ".join(line.series.path))] if bare else list(line.label)
    if (not own and not line.head) or (not line.label and not line.head):
        return None
    held = sum(_label_weight(view, word) for word in own)
    precision = sum(_label_weight(view, word) for word in own if word in spoken) / held if held else 0.5
    if any(name in line.label and view.tells_apart(line, name) for name in scope.names):
        precision = max(precision, 0.9)  # "Borealis" is enough to name the Borealis Short Duration Bond Fund
    head = head_precision(view, line, spoken)
    exact = _contains(asked, line.label, kin) or (len(own) > len(line.label) and _contains(asked, own, kin))
    if own and own[0] == "total" and len(own) > 1:
        exact = exact or _contains(asked, own[1:], kin)
    fit = 0.7 if _undated(line, lookup.periods) else period_fit(lookup.periods, line.series.points)
    score = 0.55 * coverage + 0.27 * precision + 0.12 * head + (0.06 if exact else 0.0)
    score *= 0.35 + 0.65 * fit
    score += _kind(line, spoken, asked)
    if denied(line.label) - spoken:
        score -= 0.12
    if scope.near is not None:
        score += 0.08 * scope.near.get((line.document, line.series.table.number), 0.0)
    if not (label & spoken or line.path & spoken or line.head & spoken):
        return None
    return Match(line, score, coverage, precision, exact, frozenset(covered), fit, bool((label | line.path) & spoken))


def _best_place(stem: str, words: Iterable[str], line: Line, named: set[str] | frozenset[str]) -> float:
    if stem in line.label:
        return 1.0
    if stem in named:
        return 0.95
    if any(word in named for word in words):
        return 0.85
    if stem in line.topic:
        return 0.9
    return 0.6 if stem in line.context else 0.0


def _label_weight(view: GraphView, word: str) -> float:
    return view.rarity(word) * (0.35 if word in LIGHT else 0.4 if word in GENERIC and word not in ("total", "tot") else 1.0)


def head_precision(view: GraphView, line: Line, spoken: Collection[str]) -> float:
    """1 where the column's own name is asked for, or it has none but 'Amount', 'Total' or a currency's sign.

    What stands in brackets ("Class A (retail)") explains the name and counts little.
    """
    telling = [word for word in line.head if word not in NEUTRAL]
    if not telling:
        return 1.0 if not line.head or any(word in spoken for word in line.head) else 0.9
    core = frozenset(stems(_BRACKETS.sub(" ", line.series.head)))
    weights = {word: view.rarity(word) * (1.0 if word in core or not core else 0.2) for word in telling}
    return sum(weights[word] for word in telling if word in spoken) / sum(weights.values())


def _kind(line: Line, spoken: set[str], asked: Sequence[str]) -> float:
    """Percentages answer to percentages, changes to changes."""
    percent = bool(_PERCENT & {*spoken, *asked})
    score = 0.0
    if line.series.kind == "percent" and not percent and (line.head or "%" in line.series.head):
        score -= 0.15
    if percent and line.series.kind == "percent":
        score += 0.04
    if line.head & _CHANGE and not _CHANGE & {*spoken, *asked}:
        score -= 0.08
    if line.series.kind == "text":
        score -= 0.05
    if line.series.kind == "percent" and "number" in asked:
        score -= 0.1
    return score


def denied(label: Iterable[str]) -> set[str]:
    """The stems that a label has with "non" before them: 'Deferred taxes, non-current' -> {'noncurrent'}."""
    return {word for word in label if word.startswith("non") and len(word) > 6}


def _contains(asked: Sequence[str], label: Sequence[str], kin: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the label's words stand in the measure one after the other."""
    size = len(label)
    return any(
        all(word == stem or word in kin[stem] for word, stem in zip(label, asked[start : start + size], strict=True))
        for start in range(len(asked) - size + 1)
    )


def period_fit(periods: Sequence[Period], points: Sequence[Point]) -> float:
    """How well a series serves the asked periods: the mean over them of the best point's fit; 1 where none is asked."""
    if not periods:
        return 1.0
    return sum(max((_fit(one, point) for point in points), default=0.0) for one in periods) / len(periods)


def _fit(asked: Period, point: Point) -> float:
    if point.period is None:
        return 0.15
    best = fits(asked, point.period)
    if not best and asked.end and asked.year and point.period.year and not point.period.end:
        best = 0.9 if asked.year <= point.period.year <= asked.end else 0.0
    return best


def pick(match: Match, period: Period) -> Point | None:
    """The point that answers for one period; None where the series does not reach it."""
    scored = [
        (fits(period, point.period), -place, point) for place, point in enumerate(match.line.series.points) if point.period
    ]
    best = max(scored, key=lambda one: one[:2], default=None)
    return best[2] if best and best[0] > 0.3 else None


def _undated(line: Line, periods: Sequence[Period]) -> bool:
    """Whether a row has no period, in a table whose columns have none, and the text about it names the asked years."""
    if not periods or any(column.period for column in line.series.table.columns):
        return False
    return not line.series.periods and timeless(line, periods)


def timeless(line: Line, periods: Sequence[Period]) -> bool:
    """Whether a cell without a period may answer for the asked ones: the table or the text around it names their years."""
    return all(one.year in line.years for one in periods if one.year) and not any(one.quarter or one.half for one in periods)


def margin(matches: Sequence[Match]) -> float:
    """How far the best stands above the next series that would say something else."""
    if not matches:
        return 0.0
    best = matches[0]
    said = [point.cell.text for point in best.line.series.points]
    for other in matches[1:]:
        if [point.cell.text for point in other.line.series.points] != said:
            return best.score - other.score
    return 1.0

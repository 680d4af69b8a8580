"""Whether a sentence's figures are those of the cells that its words name.

A figure that stands somewhere in a document supports nothing by that: it must be the figure of the row, the column and the
period that the sentence speaks of. Invariant: no figure is bound to a cell of another period or name than the sentence's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from retrieval.evidence.look_up import compute
from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.look_up.resolve import Match, Scope, resolve
from retrieval.evidence.plans.operation_words import GENERIC
from retrieval.evidence.plans.plan import Lookup
from retrieval.graph.reading.figures import Figure, find_figures
from retrieval.graph.reading.periods import Period, find_periods, fits
from retrieval.graph.reading.words import LIGHT, fold
from retrieval.graph.series import Point
from retrieval.graph.view import GraphView, Line

Verdict = Literal["bound", "contradicted", "open"]
_NAMED = 0.8  # share of a row's name that a sentence must hold to speak of it
_CLEAR = 0.05  # how far the named row must stand above the next for its figure to contradict another
_NEAR = 0.1  # rows further below the best are not what the sentence speaks of
_REFERENCE = re.compile(
    r"\b(?:notes?|items?|sections?|articles?|pages?|tables?|no|nr|part|chapter|class|scope|level)\.?\s*$", re.I
)
_RESPECTIVELY = re.compile(
    r"\b(?:respectively|jeweils|respectivement|respectivamente|rispettivamente|respectievelijk)\b", re.I
)
_CHANGES = re.compile(
    r"\b(?:chang|increas|decreas|grew|grow|rose|ris|fell|fall|declin|up|down|higher|lower|gestiegen|gesunken)\w*", re.I
)
_DEGREE = re.compile(
    r"\b(?:about|around|approximately|nearly|almost|roughly|some|over|more than|less than|rund|etwa|environ)\s*$", re.I
)


@dataclass(frozen=True)
class Binding:
    """One figure of a claim. bound: `line` and `points` are what it is or was computed from; contradicted: what stands
    there instead."""

    text: str
    verdict: Verdict
    line: Line | None = None
    points: tuple[Point, ...] = ()


@dataclass(frozen=True)
class CellClaim:
    """`verdict` is "bound" where every figure is, "contradicted" where one is, else "open"; without figures it is open."""

    verdict: Verdict
    bindings: tuple[Binding, ...]


def check(sentence: str, view: GraphView, near: Iterable[tuple[int, int]] = ()) -> CellClaim:
    """Binds the figures of a sentence. `near`: (document, table number) of the tables that it was written from, if known."""
    text = re.sub(r"\[\d+(?:\s*,\s*\d+)*\]", " ", sentence)
    periods = find_periods(fold(text))
    figures = [one for one in find_figures(text) if not _is_period(one, text) and not _REFERENCE.search(text[: one.start])]
    if not figures:
        return CellClaim("open", ())
    scope = Scope(dict.fromkeys(near, 1.0) or None)
    matches = _named(text, periods, figures, view, scope)
    own = _own_periods(text, figures, periods)
    bindings = tuple(_bind(figure, text, mine, periods, matches) for figure, mine in zip(figures, own, strict=True))
    verdicts = {one.verdict for one in bindings}
    verdict: Verdict = "contradicted" if "contradicted" in verdicts else "bound" if verdicts == {"bound"} else "open"
    return CellClaim(verdict, bindings)


def _is_period(figure: Figure, text: str) -> bool:
    """Years and days of dates are no figures of a claim."""
    return any(one.start <= figure.start and figure.end <= one.stop for one in find_periods(text))


def _named(text: str, periods: Sequence[Period], figures: Sequence[Figure], view: GraphView, scope: Scope) -> list[Match]:
    """The rows that the sentence names, best first."""
    words = list(text)
    for span in [*((f.start, f.end) for f in figures), *((p.start, p.stop) for p in find_periods(text))]:
        words[span[0] : span[1]] = " " * (span[1] - span[0])
    found = resolve(Lookup("".join(words), tuple(periods)), view, scope)
    named = [match for match in found if _holds_name(match, view)]
    best = named[0].score if named else 0.0
    near = [match for match in named if match.score >= best - _NEAR]
    return [match for match in near if not any(_more_special(other, match) for other in near)]


def _more_special(one: Match, other: Match) -> bool:
    """'Free cash flow (pre-spectrum)' leaves 'Free cash flow' out, where the sentence holds the longer name."""
    longer, shorter = set(one.line.label), set(other.line.label)
    return shorter < longer and longer <= one.covered | LIGHT | GENERIC and one.precision >= other.precision - 0.05


def _own_periods(text: str, figures: Sequence[Figure], periods: Sequence[Period]) -> list[tuple[Period, ...]]:
    """For each figure the period that it is said of: by order where the sentence says "respectively", else the nearest."""
    if len(periods) < 2:
        return [tuple(periods) for _ in figures]
    if _RESPECTIVELY.search(text) and len(figures) == len(periods):
        return [(one,) for one in periods]
    out: list[tuple[Period, ...]] = []
    for figure in figures:
        after = [one for one in periods if 0 <= one.start - figure.end <= 14]
        before = [one for one in periods if 0 <= figure.start - one.stop <= 40]
        out.append((after[0],) if after else (before[-1],) if before else tuple(periods))
    return out


def _holds_name(match: Match, view: GraphView) -> bool:
    """Whether the sentence holds enough of the row's own name (or of its section's, for a bare total)."""
    own = [word for word in match.line.label if word not in LIGHT] or list(match.line.label)
    telling = [word for word in own if word not in GENERIC]
    if not telling:
        own = [*own, *match.line.path]
    weights = {word: view.rarity(word) * (0.4 if word in GENERIC else 1.0) for word in own}
    total = sum(weights.values())
    held = {word for word in weights if any(word == stem or word in view.kin(stem) for stem in match.covered)}
    return bool(total) and sum(weights[word] for word in held) / total >= _NAMED


def _bind(figure: Figure, text: str, own: Sequence[Period], periods: Sequence[Period], matches: Sequence[Match]) -> Binding:
    about = bool(_DEGREE.search(text[: figure.start]))
    for match in matches:
        for point in _spoken_of(match, own):
            if point.cell.figure is not None and same(figure, point.cell.figure, about):
                return Binding(figure.text, "bound", match.line, (point,))
        computed = _computed(figure, match, periods, about) if _may_be_computed(figure, match, text) else ()
        if computed:
            return Binding(figure.text, "bound", match.line, computed)
    pair = _between(figure, matches, periods, about)
    if pair is not None:
        return pair
    return _contradiction(figure, own, matches, bool(_CHANGES.search(text)) and len(periods) > 1)


def _spoken_of(match: Match, periods: Sequence[Period]) -> list[Point]:
    """The points whose period the sentence names; all of them where it names none."""
    points = [point for point in match.line.series.points if point.cell.figure is not None]
    if not periods:
        return points
    named = [point for point in points if point.period and any(fits(one, point.period) > 0.3 for one in periods)]
    return named or [point for point in points if point.period is None]


def same(said: Figure, cell: Figure, about: bool = False) -> bool:
    """Whether a sentence's figure is a cell's: of one kind and currency, equal in full or as rounded in the sentence."""
    if said.currency and cell.currency and said.currency != cell.currency:
        return False
    relative = {"percent", "points", "basis points"}
    if (said.kind in relative) != (cell.kind in relative) and (said.kind in relative or "%" in cell.text):
        return False
    stated = said.full if said.scale else said.value.scaleb(cell.scale)
    unit = Decimal(1).scaleb(int(said.value.as_tuple().exponent) + (said.scale or cell.scale))
    gap = abs(abs(stated) - abs(cell.full))
    return gap <= (abs(cell.full) / 50 if about else unit / 2) and (said.value >= 0 or cell.value <= 0)


def _computed(figure: Figure, match: Match, periods: Sequence[Period], about: bool) -> tuple[Point, ...]:
    """Two points of the row whose change, change in per cent, sum or average the figure is."""
    points = _spoken_of(match, periods)
    for a in points:
        for b in points:
            if a is b or a.cell.figure is None or b.cell.figure is None:
                continue
            if _is_result(figure, a.cell.figure, b.cell.figure, about):
                return a, b
    return ()


def _is_result(figure: Figure, a: Figure, b: Figure, about: bool) -> bool:
    for operation in (compute.difference, compute.change_pct, compute.share, compute.ratio, _mean, _sum):
        try:
            result = operation(a, b)
        except CannotCompute:
            continue
        relative = result.kind in ("percent", "points")
        if relative != (figure.kind in ("percent", "points")):
            continue
        if same(figure, Figure(result.value, "percent" if relative else result.kind, result.currency, result.scale), about):
            return True
    return False


def _mean(a: Figure, b: Figure) -> compute.Result:
    return compute.average((a, b))


def _sum(a: Figure, b: Figure) -> compute.Result:
    return compute.total((a, b))


def _between(figure: Figure, matches: Sequence[Match], periods: Sequence[Period], about: bool) -> Binding | None:
    """A figure computed from two rows that the sentence both names."""
    for place, one in enumerate(matches[:4]):
        for other in matches[place + 1 : 5]:
            if one.line.series.label == other.line.series.label and one.line.series.head == other.line.series.head:
                continue
            for a in _spoken_of(one, periods):
                for b in _spoken_of(other, periods):
                    if a.cell.figure is None or b.cell.figure is None:
                        continue
                    if _is_result(figure, a.cell.figure, b.cell.figure, about) or _is_result(
                        figure, b.cell.figure, a.cell.figure, about
                    ):
                        return Binding(figure.text, "bound", one.line, (a, b))
    return None


def _may_be_computed(figure: Figure, match: Match, text: str) -> bool:
    """A figure of the row's own kind is read as computed only where the sentence speaks of a change, a sum or an average."""
    relative = figure.kind in ("percent", "points", "basis points")
    if relative and match.line.series.kind != "percent":
        return True
    return bool(
        _CHANGES.search(text) or re.search(r"\b(?:total|sum|together|combined|average|mean|difference|ratio)\b", text, re.I)
    )


def _contradiction(figure: Figure, periods: Sequence[Period], matches: Sequence[Match], changes: bool) -> Binding:
    """Contradicted where the sentence names one row and period clearly, and another figure of that kind stands there."""
    if not matches:
        return Binding(figure.text, "open")
    best = matches[0]
    rivals = [m for m in matches[1:] if best.score - m.score < _CLEAR and m.line.series.table is not best.line.series.table]
    points = _spoken_of(best, periods)
    relative = {"percent", "points", "basis points"}
    alike = [p for p in points if p.cell.figure and (p.cell.figure.kind in relative) == (figure.kind in relative)]
    if not alike and changes and figure.kind == "percent":
        alike = points  # the change of an amount: what could be computed was tried above
    if alike and not rivals:
        return Binding(figure.text, "contradicted", best.line, tuple(alike))
    return Binding(figure.text, "open", best.line, tuple(points))

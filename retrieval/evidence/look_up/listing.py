"""Whole tables asked for: rows listed, ranked, filtered and counted.

Invariant: a list is all rows that stand under the asked label or table, totals left out; never a choice among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from retrieval.evidence.look_up.resolve import NEUTRAL, Scope, asked_stems, timeless, weight
from retrieval.evidence.plans.operation_words import GENERIC
from retrieval.evidence.plans.plan import Aggregate, Count, Filter, Rank, Rows
from retrieval.graph.reading.periods import Period, fits
from retrieval.graph.reading.words import LIGHT
from retrieval.graph.series import Point
from retrieval.graph.view import GraphView, Line

_LIST_WORDS_TEXT = """
    compon item type categori segment element factor kind part class countri region line list tabl shown show includ
    consist compris financi what which present calculat consider record provid total mak main major respect follow
    differ variou name in
"""
_LIST_WORDS = frozenset(_LIST_WORDS_TEXT.split())
_MOST_TABLES = 40


@dataclass(frozen=True)
class Listing:
    """Rows of one table with the point that each is judged by. `covered` are the asked stems that table and rows hold."""

    lines: tuple[Line, ...]
    points: tuple[Point, ...]
    coverage: float
    covered: frozenset[str]
    whole_table: bool
    margin: float = 1.0


def list_rows(plan: Rows | Count, view: GraphView, scope: Scope) -> Listing | None:
    """The rows under the best section label, or of the best table; None where nothing fits."""
    asked = [stem for stem in asked_stems(plan.measure) if stem not in _LIST_WORDS]
    best: Listing | None = None
    second = 0.0
    for document, number in _tables(view, scope, asked):
        lines = list(view.lines_of(document, number))
        for group, whole, words in _groups(lines):
            if asked:
                covered, coverage = _coverage(view, asked, words)
                precise = _precise(asked, words) if not whole else 0.5
                coverage *= 0.7 + 0.3 * precise
            else:
                covered, coverage = frozenset[str](), 0.6 if whole else 0.0
            picked = _points(group, plan.periods)
            if len(picked) < 2:
                continue
            if best is None or coverage > best.coverage:
                second = best.coverage if best else 0.0
                best = Listing(tuple(a for a, _ in picked), tuple(b for _, b in picked), coverage, covered, whole)
            else:
                second = max(second, coverage)
    if best is None or best.coverage < 0.4:
        return None
    return Listing(best.lines, best.points, best.coverage, best.covered, best.whole_table, best.coverage - second)


_TERMS = frozenset({"current", "noncurrent", "short", "long", "term"})


def part_rows(plan: Aggregate, view: GraphView, scope: Scope) -> Listing | None:
    """The rows that make up a measure which has no row of its own: those of a section that has no total, or a current and a
    non-current row of one name. None where fewer than two are found, or where they leave a word of the measure open."""
    aside = _LIST_WORDS | GENERIC | LIGHT
    asked = list(dict.fromkeys(stem for stem in asked_stems(plan.measure) if stem not in aside))
    if not asked:
        return None
    found: list[Listing] = []
    for document, number in _tables(view, scope, asked):
        lines = [line for line in view.lines_of(document, number) if line.series.kind != "text"]
        if any(all(any(word in line.label for word in view.kin(stem)) for stem in asked) for line in lines):
            continue  # it has a row
        for group, words in (*_sections(lines), *_twins(lines, set(asked))):
            covered, coverage = _coverage(view, asked, words | set(group[0].head))
            picked = _points(group, plan.periods)
            if coverage < 0.99 or len(picked) < 2 or len(picked) < len(group):
                continue
            precise = _precise(asked, words | set(group[0].head) - NEUTRAL)
            found.append(
                Listing(tuple(a for a, _ in picked), tuple(b for _, b in picked), 0.6 + 0.4 * precise, covered, False)
            )
    found.sort(key=lambda one: -one.coverage)
    if not found or (len(found) > 1 and found[1].coverage > found[0].coverage - 0.05):
        return None
    second = found[1].coverage if len(found) > 1 else 0.0
    return replace(found[0], margin=found[0].coverage - second)


def _sections(lines: Sequence[Line]) -> Iterator[tuple[list[Line], set[str]]]:
    """The rows of each section and column, where no total closes the section."""
    for key in dict.fromkeys((line.series.path, line.series.head) for line in lines if line.series.path):
        group = [line for line in lines if (line.series.path, line.series.head) == key]
        words = set(group[0].path)
        if not any(line.series.total and (not line.path or line.path & words) for line in lines):
            yield group, words


def _twins(lines: Sequence[Line], asked: set[str]) -> Iterator[tuple[list[Line], set[str]]]:
    """Rows whose names differ by "current" and "non-current" alone, and hold no other word than the asked ones."""
    for one in lines:
        if "noncurrent" not in one.label:
            continue
        rest = set(one.label) - _TERMS
        if not rest or not rest <= asked:
            continue
        twins = [
            line
            for line in lines
            if line is not one
            and (line.series.path, line.series.head) == (one.series.path, one.series.head)
            and set(line.label) - _TERMS == rest
            and "noncurrent" not in line.label
        ]
        if len(twins) == 1 and not twins[0].series.total:
            yield [twins[0], one], rest | set(one.path)


def rank_rows(plan: Rank | Filter | Rows, view: GraphView, scope: Scope) -> Listing | None:
    """The rows of the table and column that the measure names, each with its point; the caller orders or filters them."""
    asked = list(asked_stems(plan.measure))
    best: Listing | None = None
    second = 0.0
    for document, number in _tables(view, scope, asked):
        lines = view.lines_of(document, number)
        for head in dict.fromkeys(line.series.head for line in lines):
            column = [line for line in lines if line.series.head == head and not line.series.total]
            if not isinstance(plan, Rows):
                column = [line for line in column if line.series.kind != "text"]
            if len(column) < 2:
                continue
            words = {*column[0].head, *(w for line in column for w in line.path), *column[0].topic}
            covered, coverage = _coverage(view, asked, words)
            also, wider = _coverage(view, asked, words | column[0].context)
            covered, coverage = also, coverage + 0.4 * (wider - coverage)
            other = {w for line in lines for w in line.head} - set(column[0].head) - NEUTRAL
            telling = set(column[0].head) - NEUTRAL
            kin = {k for stem in asked for k in view.kin(stem)}
            rows_named = any(set(line.label) & kin - set(line.topic) - column[0].head for line in lines if line.series.total)
            if isinstance(plan, Rows) and rows_named:
                continue
            if isinstance(plan, Rows) and (
                not telling & kin or any(set(line.label) & kin - set(column[0].topic) - telling for line in column)
            ):
                continue  # a column is meant where its head is named and none of its rows is
            coverage += 0.03 * len(telling & kin)
            coverage += 0.15 * (len(telling & kin) / len(telling) if telling else 0.5) - 0.1 * bool(
                other & kin and not telling & kin
            )
            picked = _points(column, plan.periods)
            if len(picked) < 2 or (plan.periods and len(picked) < len(column) / 2):
                continue
            if best is None or coverage > best.coverage:
                second = best.coverage if best else 0.0
                best = Listing(tuple(a for a, _ in picked), tuple(b for _, b in picked), coverage, covered, True)
            else:
                second = max(second, coverage)
    if best is None or best.coverage < 0.4:
        return None
    return Listing(best.lines, best.points, min(best.coverage, 1.0), best.covered, True, best.coverage - second)


def _tables(view: GraphView, scope: Scope, asked: Sequence[str]) -> list[tuple[int, int]]:
    """The tables worth a look: those near the search's hits, then those whose names hold the asked words; all, where few."""
    everything = [
        (place, table.number)
        for place, document in enumerate(view.documents)
        if scope.documents is None or place in scope.documents
        for table in document.tables
    ]
    if len(everything) <= _MOST_TABLES and scope.near is None:
        return everything
    near = sorted(
        (key for key in scope.near or {} if scope.documents is None or key[0] in scope.documents),
        key=lambda key: -(scope.near or {})[key],
    )
    likely = view.likely({stem: weight(view, stem) for stem in asked}, 60, (), scope.documents)
    found = dict.fromkeys([*near, *((line.document, line.series.table.number) for line in likely)])
    return list(found)[:_MOST_TABLES]


def _groups(lines: Sequence[Line]) -> Iterator[tuple[list[Line], bool, set[str]]]:
    """The rows under each section label, and those of the whole table; one column stands for each row."""
    first = _one_column(lines)
    plain = [line for line in first if not line.series.total]
    for path in dict.fromkeys(line.series.path for line in plain if line.series.path):
        group = [line for line in plain if line.series.path == path]
        yield group, False, set(group[0].path) | {w for line in group for w in line.head}
    for total in (line for line in first if line.series.total and line.series.label and not line.series.path):
        above = [line for line in plain if not line.series.path and line.number < total.number]
        if above and len(above) == len([line for line in plain if line.number < total.number]):
            yield above, False, set(total.label)
    if plain:
        yield (
            plain,
            True,
            set(plain[0].topic) | set(plain[0].context) | {w for line in lines for w in (*line.head, *line.path)},
        )


def _one_column(lines: Sequence[Line]) -> list[Line]:
    seen: set[tuple[str, tuple[str, ...], int]] = set()
    out = []
    for line in lines:
        key = (line.series.label, line.series.path, line.series.points[0].row.index)
        if key not in seen:
            seen.add(key)
            out.append(line)
    return out


def _coverage(view: GraphView, asked: Sequence[str], words: set[str]) -> tuple[frozenset[str], float]:
    held = {stem: weight(view, stem) for stem in asked}
    covered = {stem for stem in held if stem in words or any(k in words for k in view.kin(stem))}
    total = sum(held.values())
    return frozenset(covered), sum(held[stem] for stem in covered) / total if total else 0.0


def _precise(asked: Sequence[str], words: set[str]) -> float:
    telling = words - _LIST_WORDS - {"total"}
    return len(telling & set(asked)) / len(telling) if telling else 0.0


def _points(lines: Sequence[Line], periods: Sequence[Period]) -> list[tuple[Line, Point]]:
    out = []
    for line in lines:
        points = line.series.points
        if periods:
            scored = max(points, key=lambda p: fits(periods[0], p.period) if p.period else 0.1, default=None)
            if scored is None:
                continue
            if fits(periods[0], scored.period) > 0.3 if scored.period else timeless(line, periods):
                out.append((line, scored))
        else:
            timed = [p for p in points if p.period]
            out.append((line, max(timed, key=lambda p: p.period.order if p.period else (0, 0, 0)) if timed else points[0]))
    return out

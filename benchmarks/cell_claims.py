"""How well figures in sentences are bound to cells: true sentences made from cells, and their falsified twins.

    python benchmarks/cell_claims.py --data DIR

DIR holds contexts (ctxNNN.md) as of TAT-QA; both halves of benchmarks/answers_tatqa.py are counted. A falsified sentence has
another period's or row's figure, another digit, scale or year, exchanged ends, or a wrong change. Stopped: contradicted. Let
through: bound.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from benchmarks.answers_tatqa import Contexts, is_development
from retrieval.evidence.cell_claims import check
from retrieval.evidence.wording.templates import figure_words, name_of, period_words
from retrieval.graph.reading.figures import Figure, read_cell
from retrieval.graph.series import Point
from retrieval.graph.view import GraphView, Line

FORMS = ("{n} was {f} in {p}.", "In {p}, {n} amounted to {f}.", "The {n} stood at {f} for {p}.", "{n}: {f} in {p} [1].")
ROWS = 6  # of each context
CHANGE = "{n} changed by {c}% from {x} in {p} to {y} in {q}."


def claims(view: GraphView, draw: random.Random) -> Iterator[tuple[str, bool, str]]:
    """(kind, true, sentence)"""
    lines = [line for line in view.lines if line.series.kind != "text" and line.label]
    draw.shuffle(lines)
    for line in lines[:ROWS]:
        points = [p for p in line.series.points if p.cell.figure and p.period and p.period.year]
        if points:
            yield from _of_cell(line, draw.choice(points), points, lines, draw)
            yield from _of_change(line, points, draw)


def _of_cell(
    line: Line, point: Point, points: list[Point], lines: list[Line], draw: random.Random
) -> Iterator[tuple[str, bool, str]]:
    figure, period = point.cell.figure, point.period
    assert figure is not None
    assert period is not None
    assert period.year is not None
    name, when, form = name_of(line), period_words(point, line), draw.choice(FORMS)

    def said(one: Figure, year: str = when) -> str:
        return form.format(n=name, f=figure_words(one), p=year)

    yield "a cell", True, said(figure)
    others = [p.cell.figure for p in points if p.cell.figure and p.cell.text != point.cell.text]
    if others:
        yield "another period's figure", False, said(draw.choice(others))
    beside = [
        p.cell.figure
        for other in lines
        if other is not line and other.series.kind == line.series.kind
        for p in other.series.points
        if p.cell.figure and p.period and p.period.year == period.year and p.cell.figure.value != figure.value
    ]
    if beside:
        yield "another row's figure", False, said(draw.choice(beside))
    places = [i for i, c in enumerate(figure.text) if c.isdigit()][:3]
    at = draw.choice(places)
    text = figure.text[:at] + str((int(figure.text[at]) + draw.randint(1, 8)) % 10) + figure.text[at + 1 :]
    changed = read_cell(text)
    if changed is not None:
        yield "another digit", False, said(replace(figure, text=text, value=changed.value))
    if figure.scale:
        yield "another scale", False, said(replace(figure, scale=figure.scale + 3))
    yield "a year that is not there", False, said(figure, str(period.year - 7))


def _of_change(line: Line, points: list[Point], draw: random.Random) -> Iterator[tuple[str, bool, str]]:
    if len(points) < 2:
        return
    a, b = points[0].cell.figure, points[1].cell.figure
    if a is None or b is None or not a.value or not b.value or a.kind == "percent":
        return
    change = (a.value - b.value) / b.value * 100
    parts = {
        "n": name_of(line),
        "c": str(round(change, 1)),
        "x": figure_words(b),
        "p": period_words(points[1], line),
        "y": figure_words(a),
        "q": period_words(points[0], line),
    }
    yield "a change", True, CHANGE.format(**parts)
    yield "a wrong change", False, CHANGE.format(**parts | {"c": str(round(change + Decimal(draw.choice([-7, 5, 11])), 1))})
    if a.text != b.text:
        yield "exchanged ends", False, CHANGE.format(**parts | {"x": parts["y"], "y": parts["x"]})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    contexts, draw = Contexts(options.data), random.Random(3)
    names = sorted(path.stem for path in options.data.glob("ctx*.md"))
    for half in (True, False):
        counts: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
        for name in names:
            if is_development(name) == half:
                view = contexts.view(name)
                for kind, true, sentence in claims(view, draw):
                    counts[kind, true][check(sentence, view).verdict] += 1
        print("development" if half else "held back")
        for (kind, true), found in counts.items():
            print(
                f"  {'true ' if true else 'false'}  {kind:26} "
                + "  ".join(f"{v} {found[v]}" for v in ("bound", "contradicted", "open"))
            )
        true_ones = sum((found for (_, true), found in counts.items() if true), Counter())
        false_ones = sum((found for (_, true), found in counts.items() if not true), Counter())
        print(
            f"  true sentences stopped {true_ones['contradicted'] / true_ones.total():.3f} of {true_ones.total()};"
            f"  falsified let through {false_ones['bound'] / false_ones.total():.3f},"
            f" stopped {false_ones['contradicted'] / false_ones.total():.3f} of {false_ones.total()}"
        )


if __name__ == "__main__":
    main()

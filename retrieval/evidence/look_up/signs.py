"""The signs by which an outcome is trusted, as numbers: what the logistic of `confidence` weighs.

Invariant: signs are made of the question, the plan and the view alone; a sign never looks at what the figure is.
"""

from __future__ import annotations

import re
from itertools import pairwise

from retrieval.evidence.look_up.outcome import Outcome
from retrieval.evidence.look_up.resolve import denied, head_precision, weight
from retrieval.evidence.plans.operation_words import GENERIC
from retrieval.evidence.plans.plan import Aggregate, Compute, Count, Filter, Lookup, Rank, Rows
from retrieval.graph.reading.periods import find_periods
from retrieval.graph.reading.words import LIGHT, fold, split, stems
from retrieval.graph.view import GraphView, Line

NAMES = (
    "plan",
    "coverage",
    "uncovered",
    "precision",
    "exact",
    "margin",
    "fit",
    "head",
    "unknown",
    "assumed",
    "look_up",
    "one_measure",
    "several",
    "compare",
    "periods_list",
    "rows_list",
    "nil",
    "spare_words",
    "text_cell",
    "rival",
    "negated",
    "prose_question",
    "open_name",
    "kind_clash",
    "aggregate",
)


def question_stems(question: str) -> tuple[str, ...]:
    """The telling stems of a question, its periods left out."""
    text = fold(question)
    for one in sorted(find_periods(text), key=lambda p: -p.start):
        text = text[: one.start] + " " + text[one.stop :]
    return tuple(dict.fromkeys(word.stem for word in split(text) if word.telling and not word.text.isdigit()))


def names(question: str) -> frozenset[str]:
    """Stems of the words that a question writes with a capital in mid-sentence, and of 'Class I' or 'Article 8'."""
    words = question.replace("’", "'").split()
    words = [word for word in words if not _YEAR.fullmatch(word.strip("?.,;:()"))]  # FY2022 and Q4 are no names
    written = {s for word in words[1:] if word[:1].isupper() for s in stems(word) if s not in GENERIC and s not in LIGHT}
    return frozenset(written | {s for s in stems(question) if " " in s})


_YEAR = re.compile(r"(?:FY|CY|Q[1-4]|H[12])['’]?(?:(?:19|20)?\d\d)?(?:'s)?|(?:19|20)\d\d")


def joined_names(question: str) -> frozenset[str]:
    """Neighbouring names written as one, as files' names run them together: 'Ulta Beauty' -> 'ultabeauti'."""
    words = [re.sub(r"'s$|[^\w]", "", word.replace("’", "'")) for word in question.split()]
    return frozenset(s for a, b in pairwise(words) if a[:1].isupper() and b[:1].isupper() for s in stems(a + b))


def signs(question: str, outcome: Outcome, view: GraphView, prose_question: bool = False) -> dict[str, float]:
    """One number for each of NAMES. `prose_question`: the question's opening asks for prose rather than a figure."""
    asked = question_stems(question)
    accounted: set[str] = set(outcome.planned.spoken)
    for one in outcome.found:
        if (
            isinstance(outcome.plan, Rows | Count | Rank | Filter | Aggregate)
            and getattr(outcome.plan, "over", "rows") == "rows"
        ):
            accounted |= one.match.covered
        for stem in asked:
            kin = view.kin(stem)
            if (
                any(k in one.match.line.label or k in one.match.line.path or k in one.match.line.head for k in kin)
                or (stem in one.match.line.context and not view.names_elsewhere(one.match.line, stem))
                or (stem in _PERCENT and one.match.line.series.kind == "percent")
            ):
                accounted.add(stem)
    telling = [stem for stem in asked if stem not in GENERIC]
    kin_asked = {kin for stem in asked for kin in view.kin(stem)}
    mass = sum(weight(view, stem) for stem in asked) or 1.0
    open_words = [stem for stem in telling if stem not in accounted and not _spoken(stem, outcome)]
    plan = outcome.plan
    head = min((_head(one.match.line, asked, view) for one in outcome.found), default=1.0)
    rivals = [stem for stem in open_words if any(view.names_elsewhere(one.match.line, stem) for one in outcome.found)]
    negated = any(denied(one.match.line.label) - kin_asked for one in outcome.found)
    return {
        "rival": float(bool(rivals)),
        "prose_question": float(prose_question),
        "open_name": float(any(name in open_words for name in names(question))),
        "kind_clash": float(_clash(question, outcome)),
        "aggregate": float(isinstance(plan, Aggregate)),
        "negated": float(negated and bool(outcome.found) and not isinstance(plan, Rows | Count)),
        "plan": 0.9 if _timeless(outcome) else outcome.planned.confidence,
        "coverage": min((one.match.coverage for one in outcome.found), default=0.0),
        "uncovered": sum(weight(view, stem) for stem in open_words) / mass,
        "precision": min((one.match.precision for one in outcome.found), default=0.0),
        "exact": float(all(one.match.exact for one in outcome.found)),
        "margin": min((min(one.margin, 0.3) for one in outcome.found), default=0.0),
        "fit": min((one.match.fit for one in outcome.found), default=0.0),
        "head": head,
        "unknown": float(sum(stem not in view.words for stem in open_words)),
        "assumed": float(outcome.assumed),
        "look_up": float(isinstance(plan, Lookup)),
        "one_measure": float(isinstance(plan, Compute) and len(plan.operands) == 1),
        "several": float(isinstance(plan, Compute) and len(plan.operands) > 1),
        "compare": float(isinstance(plan, Rank | Filter) and plan.over == "periods"),
        "periods_list": float(isinstance(plan, Rows) and plan.of == "periods"),
        "rows_list": float(
            isinstance(plan, Count)
            or (isinstance(plan, Rows) and plan.of != "periods")
            or (isinstance(plan, Rank | Filter) and plan.over == "rows")
        ),
        "nil": float(any(point.cell.nil for _, point in outcome.chosen)),
        "spare_words": float(len(open_words)),
        "text_cell": float(any(point.cell.figure is None and not point.cell.nil for _, point in outcome.chosen)),
    }


def _clash(question: str, outcome: Outcome) -> bool:
    """A count asked for and a percentage found, or a percentage asked for and an amount looked up."""
    text = fold(question)
    kinds = {point.cell.figure.kind for _, point in outcome.chosen if point.cell.figure}
    counts = "number of" in text or text.startswith("how many")
    per_cent = "percent" in text or "%" in text
    if counts and not per_cent and kinds and kinds <= {"percent"}:
        return True
    return per_cent and outcome.result is None and bool(kinds) and "percent" not in kinds


def _timeless(outcome: Outcome) -> bool:
    """A look-up without a period, of a cell without one: there was none to name."""
    plan = outcome.plan
    if not isinstance(plan, Lookup) or plan.periods or outcome.planned.confidence < 0.5:
        return False
    return all(len(one.points) == 1 and one.points[0].period is None for one in outcome.found)


_PERCENT = frozenset({"percentag", "percent", "rate", "margin", "share"})


def _spoken(stem: str, outcome: Outcome) -> bool:
    return any(stem == other or (len(stem) > 4 and other.startswith(stem[:5])) for other in outcome.planned.spoken)


def _head(line: Line, asked: tuple[str, ...], view: GraphView) -> float:
    return head_precision(view, line, {k for stem in asked for k in view.kin(stem)})

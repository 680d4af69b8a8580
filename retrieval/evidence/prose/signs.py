"""What can be seen of a question and the lines that are read for it without a model: 22 signs, each about 0 to 1.

They say what the reader's state does not say well: which words of the question the lines hold that would be quoted and how
rare those are in the searched passages, whether they hold the kind of thing that is asked for, and how much nearer they are
than the rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from retrieval.documents.sentences import sentences
from retrieval.evidence.look_up.signs import names
from retrieval.evidence.plans.operation_words import GENERIC
from retrieval.evidence.plans.plan import Define, Passage, Steps, Verify
from retrieval.evidence.plans.question_kinds import prose_plan
from retrieval.evidence.prose.digest import Line
from retrieval.evidence.prose.quotations import together
from retrieval.evidence.wording.quoting import CUES, has_amount, neighbours, unasked
from retrieval.graph.reading.periods import find_periods, years_in
from retrieval.graph.reading.words import LIGHT, fold, kin, split, stems

_WANTS = ("amount", "reason", "person", "place", "date", "duration", "define", "steps", "verify", "other")
_AMOUNT = re.compile(
    r"\bhow (?:much|many|large|big|high|old|far|low)\b|\bwhat (?:percentage|share|rate|amount|sum|figure|number)\b"
)
_ASKING_WORDS = "what which who whom whose when where why how much many doe did explain describ mean defin happen long often"
_ASKING = frozenset(_ASKING_WORDS.split())
_FIGURE = re.compile(r"\d[\d.,]*")
NAMES = (
    "near", "near_gap", "coverage", "nearest_coverage", "coverage_gap", "all_coverage", "heading_only", "missing",
    "rare_missing", "unknown", "pairs", "names_missing", "names_missing_all", "figures_missing", "period_same",
    "period_other", "cue", "no_cue", "amount_there", "amount_missing", "row", "item",
)  # fmt: skip


def signs(question: str, lines: Sequence[Line], passages: Sequence[tuple[str, str]]) -> list[float]:
    """One number for each of NAMES. passages: (heading, text) of those searched, from which the lines are."""
    quoted = together(lines, question)
    nearest = quoted[0]
    farther = [line for line in lines if line not in quoted]
    asked = [one for one in dict.fromkeys(stems(question)) if one not in _ASKING]
    searched = [frozenset(stems(one)) for _, text in passages for one in sentences(text)]
    rarity = _rarities(asked, searched)
    total = sum(rarity.values()) or 1.0

    def covered(words: frozenset[str]) -> float:
        return sum(weight for word, weight in rarity.items() if _in(word, words)) / total

    said = " ".join(f"{line.unit.lead} {line.text}" for line in quoted)
    heading = " ".join(dict.fromkeys(passages[line.unit.passage][0] for line in quoted))
    own = frozenset(stems(said)) | frozenset(stems(heading))
    everything = own.union(*(_words(line, passages) for line in farther))
    somewhere = everything.union(*searched)
    missing = [word for word in asked if not _in(word, own)]
    coverage = covered(own)
    wants = wanted(question)
    cue, text = CUES.get(wants), unasked(said, asked)
    shown = bool(cue and cue.search(text))
    amount = wants == "amount"
    named = names(question)
    periods = {one.year for one in find_periods(fold(question)) if one.year}
    years = years_in(f"{heading} {said}")
    lower = f"{heading} {said}".lower()
    figures = [figure.strip(".,") for figure in _FIGURE.findall(question)]
    return [
        nearest.near,
        nearest.near - max((line.near for line in farther), default=0.0),
        coverage,
        covered(_words(nearest, passages)),
        coverage - max((covered(_words(line, passages)) for line in farther), default=0.0),
        covered(everything),
        coverage - covered(frozenset(stems(said))),
        len(missing) / 8,
        max((rarity[word] for word in missing), default=0.0) / max(rarity.values(), default=1.0),
        float(any(not _in(word, somewhere) for word in missing)),
        neighbours(asked, [word.stem for word in split(fold(said))]),
        sum(not _in(name, own) for name in named) / 2,
        sum(not _in(name, everything) for name in named) / 2,
        sum(figure not in lower for figure in figures) / 2,
        float(bool(periods & years)),
        float(bool(periods and years and not periods & years)),
        float(shown),
        float(cue is not None and not shown),
        float(amount and has_amount(text)),
        float(amount and not has_amount(text)),
        float(nearest.unit.kind in ("row", "fact")),
        float(nearest.unit.kind == "item"),
    ]


def _words(line: Line, passages: Sequence[tuple[str, str]]) -> frozenset[str]:
    return frozenset(stems(f"{passages[line.unit.passage][0]} {line.unit.lead} {line.text}"))


def wanted(question: str) -> str:
    """What kind of thing a question asks for, one of _WANTS."""
    folded = fold(question)
    planned = prose_plan(folded)
    match planned.plan if planned else None:
        case Passage(_, kind) if kind in _WANTS:
            return str(kind)
        case Define():
            return "define"
        case Steps():
            return "steps"
        case Verify():
            return "verify"
    return "amount" if _AMOUNT.search(folded) else "other"


def _in(word: str, words: frozenset[str]) -> bool:
    return word in words or bool(kin(word, words))


def _rarities(asked: Sequence[str], held: Sequence[frozenset[str]]) -> dict[str, float]:
    """How much each word of a question tells among sentences, given by their words; small and general words less."""
    size = len(held) + 1
    return {
        word: (1.0 + math.log(size / (1 + sum(word in one for one in held))))
        * (0.3 if word in GENERIC else 0.4 if word in LIGHT else 1.0)
        for word in asked
    }

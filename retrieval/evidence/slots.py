"""What a conversation is about: measure, entity and period, carried into a follow-up question.

Invariant: slots hold words of the caller's own questions alone, no figure and no document text, so that erasing them
erases all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrieval.evidence.look_up.outcome import Outcome
from retrieval.graph.reading.periods import Period, find_periods
from retrieval.graph.reading.words import fold, split

_FOLLOWS = re.compile(
    r"^(?:and|what about|how about|und|wie ist es mit|et|et pour|y|e|en)\b(?P<rest>.*)$"
    r"|^(?:compare|vergleiche|comparez|compara|confronta|vergelijk)\s+(?:it|that|this|das|es|cela|eso|ciò|dat)\s+(?:with|to|mit|avec|con|met)\s+(?P<other>.+)$",
    re.I,
)
_BEFORE = re.compile(
    r"\b(?:the )?(?:(?:year|period) before|(?:previous|prior|preceding|last) (?:year|period)"
    r"|(?:im )?(?:vor)?jahr(?:e)? (?:davor|zuvor)|vorjahr"
    r"|l'année (?:précédente|d'avant)|el año anterior|l'anno (?:precedente|prima)|het jaar (?:ervoor|daarvoor))\b"
)
_AFTER = re.compile(
    r"\b(?:the )?(?:year after|following year|next year|folgejahr|l'année suivante|el año siguiente|l'anno dopo"
    r"|het jaar erna)\b"
)
_PREPOSITION = re.compile(r"^(?:for|in|of|at|on|für|pour|en|para|per|voor|bei|im)\s+", re.I)


@dataclass(frozen=True)
class Slots:
    """The last question in full, with its period and the words that a follow-up may put others in the place of."""

    question: str = ""
    periods: tuple[Period, ...] = ()
    entity: str = ""


def carried(question: str, slots: Slots | None) -> tuple[str, Slots]:
    """The question made whole from the slots where it follows up on them; else as it is. Also the slots as they were."""
    kept = slots or Slots()
    found = _FOLLOWS.match(question.strip())
    if found is None or not kept.question:
        return question, kept
    rest = (found.group("rest") or found.group("other") or "").strip(" ?.,")
    if not rest:
        return question, kept
    folded = fold(rest)
    if _BEFORE.search(folded) or _AFTER.search(folded):
        return _shifted(kept, -1 if _BEFORE.search(folded) else 1) or question, kept
    new = find_periods(folded)
    if new and len([w for w in split(folded) if w.telling and not w.text.isdigit()]) <= 2:
        return _with_period(kept, rest), kept
    if found.group("other") and kept.entity:
        return _with_entity(kept, f"{kept.entity} and {rest}"), kept
    return _with_entity(kept, _PREPOSITION.sub("", rest)), kept


def _shifted(slots: Slots, years: int) -> str | None:
    """The last question with its year moved; None where it named none."""
    out = slots.question
    moved = False
    for year in sorted({p.year for p in slots.periods if p.year}, reverse=years > 0):
        out = re.sub(rf"\b{year}\b", str(year + years), out)
        moved = True
    return out if moved else None


def _with_period(slots: Slots, rest: str) -> str:
    out = slots.question.rstrip(" ?.")
    for one in sorted(find_periods(out), key=lambda p: -p.start):
        out = out[: one.start] + out[one.stop :]
    out = re.sub(r"\b(?:in|for|at|on|as of|from|to|between|and|of)\s*$", "", " ".join(out.split()))
    return f"{out.strip()} {rest if _PREPOSITION.match(rest) else 'in ' + rest}?"


def _with_entity(slots: Slots, entity: str) -> str:
    """The last entity's words exchanged; where the last question named none, the new one is added."""
    alike = _same_head(slots.question, entity)
    if alike:
        return slots.question.replace(alike, entity)
    if slots.entity and re.search(re.escape(slots.entity), slots.question, re.I):
        return re.sub(re.escape(slots.entity), entity, slots.question, flags=re.I)
    return f"{slots.question.rstrip(' ?.')} for {entity}?"


def _same_head(question: str, entity: str) -> str | None:
    """'Class A' in the question for 'Class I': a name of two words that share the first."""
    words = entity.split()
    if len(words) < 2:
        return None
    found = re.search(rf"\b{re.escape(words[0])}\s+[\w-]+", question, re.I)
    return found.group() if found else None


def remembered(question: str, outcome: Outcome | None, before: Slots) -> Slots:
    """The slots after a turn: the question as asked, and the name in it that a row answered to."""
    entity = ""
    if outcome is not None and outcome.found:
        line = outcome.found[0].match.line
        entity = _named(question, line.series.label) or before.entity
    return Slots(question, tuple(find_periods(question)), entity)


def _named(question: str, label: str) -> str:
    """The longest run of capitalised words of the question that stand in the row's label."""
    runs = re.findall(r"(?:[A-Z][\w&'’-]*\s?)+", question[1:])
    inside = [run.strip() for run in runs if any(word.lower() in label.lower().split() for word in run.split())]
    return max(inside, key=len, default="")

"""Questions that prose answers: reasons, persons, places, procedures, definitions, yes and no; told by their opening
words."""

from __future__ import annotations

import re

from retrieval.evidence.plans.plan import Define, Passage, Planned, Steps, Verify
from retrieval.graph.reading.periods import find_periods

_REASON = re.compile(
    r"^(?:why|warum|weshalb|pourquoi|por qué|perché|waarom)\b"
    r"|\bwhat (?:is|was|were|are|'s) the (?:\w+ ){0,2}(?:reasons?|rationale|causes?|drivers?|purpose|basis|objective|aim)\b"
    r"|\bwhat (?:\w+ )?(?:caused?|causes|led to|leads to|drove|drives|resulted|results in|contributed|contributes"
    r"|explains)\b"
    r"|\breasons? (?:for|why|behind)\b|\b(?:attributed|attributable|due) to$|\b(?:driven|caused|affected|impacted"
    r"|influenced) by$"
)
_PERSON = re.compile(r"^(?:who|whose|whom|wer|wem|qui|quién|chi|wie is)\b")
_PLACE = re.compile(r"^(?:where|wo|wohin|où|dónde|dove|waar)\b")
_DATE = re.compile(
    r"^(?:when|wann|quand|cuándo|quando|wanneer|until when|since when|by when|on which (?:day|date|weekday)"
    r"|what date|which date)\b"
)
_HOW = re.compile(r"^(?:how|wie|comment|cómo|come|hoe)\b(?!\s*-?\s*(?:much|many|large|big|high|viele?|hoch|groß|veel|hoog))")
_STEPS = re.compile(
    r"^(?:how (?:do|can|should|must|may|would|to) (?:i|we|you|one|a|an|the)?)\b|^(?:wie kann|comment puis"
    r"|cómo puedo|come posso|hoe kan)\b"
)
_DURATION = re.compile(
    r"^how (?:long|quickly|soon|often|old|late|fast|frequently)\b|^(?:wie lange|wie oft|combien de temps)\b"
)
_TABLE = re.compile(
    r"^(?:what|which)(?: financial)?(?: information| data| details?)? (?:does|do|did|is|are) (?:shown |given "
    r"|presented )?(?:in |by )?"
    r"(?:the|this) (?:above |below |following )?table(?: (?:shows?|represents?|presents?|summari[sz]es?"
    r"|describes?|illustrates?"
    r"|provides?|sets? out|gives?|depicts?|contains?|us|about))*$"
)
_MEANING = re.compile(
    r"^what (?:does|do|did) (?P<a>.+?) (?:mean|stand for|refer to|denote|represent)\b"
    r"|^what (?:is|are) (?:meant by|the (?:meaning|definition) of) (?P<b>.+)|^(?:define|explain) (?P<c>.+)"
    r"|^how (?:is|are) (?P<d>.+?) defined"
    r"|^was (?:bedeutet|ist|heißt) (?P<e>.+)|^que signifie (?P<f>.+)|^qué significa (?P<g>.+)|^cosa significa (?P<h>.+)"
)
_WHAT_IS = re.compile(
    r"^what(?: is|'s| are) (?:an? )?(?P<term>(?!the |our |your |its |their |included |considered )"
    r"(?!.*\b(?:percentage|percent|ratio|average|total|change"
    r"|difference|sum|share|proportion|largest|highest|lowest|smallest)\b|.*'s )[^,]{2,60})$"
)
_CONTENTS = re.compile(
    r"\b(?:included (?:in|within|under)|consists? of|composed of|comprised? of|made up of|comprises?|includes?"
    r"|contains?|excludes?)\b"
)
_YES_NO = re.compile(r"^(?:is|are|was|were|does|do|did|can|could|may|must|has|have|had|will|would|should|am)\b")
_VERBAL = re.compile(
    r"^what (?:does|do|did|can|could|will|would|should|must|may|happens?|happened)\b(?!.*\b(?:cost|amount|total"
    r"|return|pay out|earn|yield)\b)"
)


def prose_plan(text: str) -> Planned | None:
    """The plan of a folded question that no table answers, or None. 'What was the reason for …' -> Passage(wants reason)."""
    if _TABLE.search(text):
        return Planned(Passage(text, "table"), 0.9)
    if found := _MEANING.search(text):
        term = next(part for part in found.groups() if part)
        return Planned(Define(term), 0.9)
    if _REASON.search(text):
        return Planned(Passage(text, "reason"), 0.9)
    if _PERSON.search(text):
        return Planned(Passage(text, "person"), 0.8)
    if _PLACE.search(text):
        return Planned(Passage(text, "place"), 0.8)
    if _DATE.search(text):
        return Planned(Passage(text, "date"), 0.8)
    if _DURATION.search(text):
        return Planned(Passage(text, "duration"), 0.8)
    if _STEPS.search(text):
        return Planned(Steps(text), 0.8)
    if _HOW.search(text):
        return Planned(Passage(text), 0.8)
    if _YES_NO.search(text):
        return Planned(Verify(text), 0.8)
    if _VERBAL.search(text):
        return Planned(Passage(text), 0.7)
    if not find_periods(text) and (found := _WHAT_IS.match(text)):
        return Planned(Define(found.group("term")), 0.6)
    if _CONTENTS.search(text):
        return Planned(Passage(text, "contents"), 0.65)
    return None

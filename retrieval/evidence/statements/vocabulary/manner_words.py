"""How a question asks for a measure: words of comparing, of moving, of averaging, of judging. As data, over plain words."""

from __future__ import annotations

import re

BETTER = re.compile(r"\b(?:improv\w*|better|strengthen\w*|healthier)\b")
UP = re.compile(
    r"\b(?:(?:go|goes|went|gone|move\w*) up|increas\w*|gr[eo]w\w*|growth|rise|rose|risen|rising|higher|expand\w*"
    r"|went up|gone up|larger|more)\b"
)
DOWN = re.compile(
    r"\b(?:declin\w*|decreas\w*|fall\w*|fell|lower|drop\w*|shr[aiu]nk\w*|reduc\w*|deteriorat\w*|worse\w*|(?:go"
    r"|goes|went|gone|move\w*)?(?: up or)? ?down|less)\b"
)
COMPARES = re.compile(
    r"\b(?:compar(?:e|es|ed|ing|ison)|versus|vs|chang\w+|differ\w*|develop\w*|evolv\w*|trend\w*|year over year"
    r"|yoy|percent|rate)\b"
)
PERCENTAGE = re.compile(r"\b(?:year over year|yoy)\b|\b(?:percent|percentage|pct|relative)\b|\bgrowth rates?\b")
AVERAGE = re.compile(r"\b(?:(?:\d|two|three|four|five) years? )?(?:average|mean)\b")
CAGR = re.compile(r"\bcagr\b|\bcompound(?:ed)? annual growth(?: rate)?\b")
YES_NO = re.compile(r"^(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would)\b")
WHY = re.compile(
    r"^(?:what (?:drove|caused|led|explains|contributed|are the reasons?|were the reasons?|was the reason)|why)\b"
    r"|\bdriven by\b|\breasons?\b"
)
SIGN = re.compile(r"\b(?P<positive>positive)\b|\b(?P<negative>negative)\b")
SOUND = re.compile(
    r"\b(?:healthy|reasonabl\w+|conservative|strong|sound|good|efficient\w*|robust|intensive|liquid|liquidity"
    r"|adequate)\b"
)
YEARS_TEXT = re.compile(r"\b(?:\d|two|three|four|five|one) years?\b")
PART_OF = re.compile(r"\b(?:what|which) (?:share|proportion|fraction|part|percent)\b")
STEADY = re.compile(r"\b(?:consistent\w*|stable|steady|steadily|stability|fluctuat\w*|volatil\w*)\b")
STEADY_WORDS = re.compile(
    r"\b(?:historically|each|every|maintain\w*|distributions?|trend|not|no|roughly|around|within|more than"
    r" (?:roughly |about )?\d+ percent)\b"
)
LIMIT = re.compile(r"\b(?:more than|within|over|above) (?:roughly |about |around )?(?P<percent>\d{1,2}) percent\b")
SPOKEN_FOR = (STEADY, PART_OF, CAGR, AVERAGE, BETTER, UP, DOWN, COMPARES, PERCENTAGE, SIGN, SOUND, YEARS_TEXT)

"""Rules of the advice rail: personal recommendations, promised returns, predicted figures."""

from __future__ import annotations

from moderation.rules.base import Rule, rule
from moderation.types import Direction

_ASSET = (
    r"(?:stocks?|shares?|bonds?|funds?|etfs?|crypto|bitcoin|gold"
    r"|pension|portfolio|investments?|savings?|money|property"
    r"|options|futures|annuity|isa|equities|mortgage)"
)
_RETURN = r"(?:returns?|profits?|yields?|gains?|income|growth|interest|dividends?|appreciation)"

ADVICE: tuple[Rule, ...] = (
    # advice
    rule(
        "advice/personal_advice",
        0.9,
        rf"\bshould (?:i|we) (?:\w+ ){{0,2}}?(?:(?:buy|sell|invest|short|hold on to)\b[^.!?\n]{{0,50}}"
        rf"(?:\b{_ASSET}\b|\?|$)|(?:put|move|switch|pull|cash)\b[^.!?\n]{{0,50}}\b{_ASSET}\b)"
        rf"|\b(?:which|what) {_ASSET} (?:should (?:i"
        rf"|we)|would you|do you|is (?:best|right|good) for me)\b"
        rf"|\b(?:do|would|can|could) you (?:recommend|suggest|advise)\b[^.!?\n]{{0,40}}\b{_ASSET}\b"
        rf"|\b(?:is (?:it|now)|would it be) a good (?:time|idea|moment) to (?:buy|sell|invest)\b"
        rf"|\b(?:recommend|suggest|pick|choose|tell) me (?:\w+ ){{0,4}}{_ASSET} (?:to buy|for me|to invest)\b"
        rf"|\bwhat would you (?:do with|invest|buy)\b[^.!?\n]{{0,40}}\b(?:my|place|money)\b",
        "asks for personal advice",
        unless=r"\b(?:card|top ?up|pin|currency exchange|atm)\b",
        only=Direction.INPUT,
    ),
    rule(
        "advice/personal_advice",
        0.9,
        rf"\byou (?:should|ought to|had better|must) (?:\w+ )?(?:buy|sell|invest|hold|switch)\b"
        rf"|\b(?:i|we)(?:'d| would)? (?:strongly |highly )?(?:recommend|suggest"
        rf"|advise)\b[^.!?\n]{{0,30}}\b(?:buy|sell|invest|hold)(?:ing)?\b"
        rf"|\b(?:best|right|perfect|ideal) (?:\w+ )?{_ASSET} for you\b"
        rf"|\bmy advice (?:is|would be) to (?:buy|sell|invest|hold)\b",
        "gives personal advice",
        unless=r"\b(?:can(?:no|')t|not|never) (?:\w+ )?(?:recommend|advise|suggest|say|tell)\b",
        only=Direction.OUTPUT,
    ),
    rule(
        "advice/promissory",
        0.93,
        rf"\bguarantee(?:s|d)?\b[^.!?\n]{{0,40}}\b{_RETURN}\b"
        rf"|\b{_RETURN}\b[^.!?\n]{{0,25}}\b(?:are|is|be|being) guaranteed\b"
        rf"|\brisk[- ]free\b[^.!?\n]{{0,20}}\b(?:{_RETURN}|investment|profit)\b"
        rf"|\b(?:can(?:'t|not| not)|impossible to) lose(?: \w+)? money\b"
        rf"|\bdouble (?:your|my) (?:money|investment|savings)\b|\b(?:absolutely|completely|totally) no risk\b"
        rf"|\bwill (?:definitely|certainly|surely|always) (?:rise|double"
        rf"|go up|pay|grow|make)\b|\bsure[- ]fire (?:profit|investment)\b",
        "promises a return",
        unless=rf"\b(?:not?|never|nor|isn't|aren't|doesn't|don't|cannot|can't|no one|nobody|nothing)\b"
        rf"[^.!?\n]{{0,25}}\bguarantee"
        rf"|\bguaranteed? (?:no|against)\b|\bguarantee(?:s|d)? (?:\w+ )?neither\b"
        rf"|\b{_RETURN}\b[^.!?\n]{{0,20}}\bnot guaranteed\b",
    ),
    rule(
        "advice/forward_looking",
        0.85,
        rf"\b(?:prices?|{_ASSET}|rates?|markets?|index|nav|revenues?"
        rf"|earnings|values?|it|they)\b[^.!?\n]{{0,25}}\b(?:will|is going to"
        r"|are going to|is expected to|is set to|is bound to)\b[^.!?\n]{0,15}\b(?:rise"
        r"|fall|reach|double|increase|climb|soar|drop"
        r"|outperform|hit|grow|go up|go down|crash)\b",
        "predicts prices or returns",
    ),
    rule(
        "advice/forward_looking",
        0.85,
        r"\b(?:will|(?:is|are) (?:going|set|expected|bound) to) (?:\w+ )?(?:rise|fall|climb|drop|soar|increase|outperform"
        r"|go (?:up|down))\b[^.!?\n]{0,20}\d[\d.,]{0,20} ?(?:%|per ?cent)"
        r"|\b(?:expect|predict|forecast)s? (?:[\w&'-]{1,30} ){1,6}?to (?:outperform|rise|fall|climb|soar|crash|double)\b"
        r"|\b(?:predict|forecast) (?:me )?(?:the|its|their) (?:\w+ )?(?:price|return|value|rate|yield)s?\b"
        r"|\bwhat will (?:the )?(?:\w+ )?(?:price|return|value|rate|yield|nav)s?\b[^.!?\n]{0,60}\bbe\b",
        "predicts a figure",
        unless=r"\b(?:fees?|charges?|costs?|vat|tax(?:es)?|premiums?)\b",  # what a firm itself sets and announces
    ),
)

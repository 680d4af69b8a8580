"""Denials, and words that a sentence must not turn round: "rose" for "fell", "at least" for "at most"."""

from __future__ import annotations

import re

NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|unable|fails?|failed|denie[sd]|lacks?|\w+n['’]t)\b",
    re.I,
)
# Each line's words against the next line's.
OPPOSITES = tuple(
    (re.compile(rf"\b(?:{one})\b", re.I), re.compile(rf"\b(?:{other})\b", re.I))
    for one, other in (
        (r"ris(?:e|es|ing|en)|rose|increas(?:e|es|ed|ing)|gr(?:ow|ows|ew|own|owth)|climb(?:s|ed)?|gain(?:s|ed)?|up|higher|improv\w+"
         r"|expand\w*|strengthen\w*|exceed\w*|accelerat\w+",
         r"fall(?:s|en|ing)?|fell|decreas(?:e|es|ed|ing)|declin(?:e|es|ed|ing)"
         r"|drop(?:s|ped)?|los(?:t|es)|down|lower(?:ed)?|worsen\w*"
         r"|reduc\w+|shr[aiu]nk\w*|weaken\w*|deteriorat\w+|slow(?:ed|ing)"),
        (r"must|shall|required|requires?|mandatory|obligat\w+|need(?:s|ed)? to",
         r"may|might|can|could|optional|permitted|allowed"),
        (r"before|prior to|preced\w+|until", r"after|following|subsequent\w*|since"),
        (r"at least|minimum|no less than|not less than|more than|above|exceed\w*|over",
         r"at most|maximum|no more than|not more than|less than|below|up to|under"),
        (r"includ\w+", r"exclud\w+"),
        (r"profits?|income|gains?", r"loss(?:es)?|expenses?"),
        (r"assets?", r"liabilit\w+"),
        (r"buy(?:s|ing)?|bought|purchas\w+|acquir\w+", r"sell(?:s|ing)?|sold|sale of|dispos\w+|divest\w+"),
        (r"received?|receiv\w+", r"paid|pays?|paying"),
        (r"monthly|every month|per month", r"yearly|annual\w*|every year|quarterly|every quarter|weekly|daily"),
        (r"quarterly|every quarter", r"yearly|annual\w*|every year|weekly|daily"),
        (r"first", r"last|second|third|fourth"),
        (r"open(?:s|ed|ing)?", r"clos(?:e|es|ed|ing)"),
        (r"favou?rabl\w+|positive\w*", r"unfavou?rabl\w+|negative\w*|advers\w+"),
        (r"short-term|current", r"long-term|non-current|noncurrent"),
    )
)  # fmt: skip


def denies(text: str) -> bool:
    """Whether it denies what it says; two denials are none."""
    return len(NEGATION.findall(text)) % 2 == 1


def turned(claim: str, source: str) -> bool:
    """Whether the claim has more of one side of a pair of opposites than its source, and the source more of the other."""
    for one, other in OPPOSITES:
        ours, theirs = len(one.findall(claim)), len(other.findall(claim))
        if not ours and not theirs:
            continue
        its, others = len(one.findall(source)), len(other.findall(source))
        if (ours > its and others > theirs) or (theirs > others and its > ours):
            return True
    return False

"""What a question tells the answerer beside what it asks: unit and rounding, a formula, a role to play, where to look.

"Assume that you are an analyst. Using the cash flow statement, what is the FY2018 capex of X (in USD millions)? Define capex
as …" asks one thing and instructs in four. Invariant: `core` holds only words of the question.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from retrieval.graph.statements import Kind


def _either_case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.I)


_SENTENCE = re.compile(r"(?<=[.?!])[\"”]?\s+(?=[A-Z“\"])")
_DEFINED = (
    _either_case(
        r"^(?:here,? |where |assume (?:that )?)?(?:the )?(?P<name>[^:?]{2,90}?) (?:is|are|can be|should be|to be)"
        r" (?:defined|calculated|computed|measured|given) (?:as|by)\b:?\s*(?P<formula>.+)$"
    ),
    _either_case(
        r"^(?:please )?(?:define|calculate|compute|measure|take)(?: the)? (?P<name>[^:?]{2,90}?) (?:as"
        r"|with the formula|by)\b:?\s*"
        r"(?P<formula>.+)$"
    ),
    _either_case(r"\((?P<name>)(?:defined|calculated|computed|measured) as:?\s*(?P<formula>.+)\)"),
)
_NO_NAME = _either_case(r"(?:what|how|which|the answer|answer|your|it|this|that)\b")
_ROLES = _either_case(
    r"\busing (?P<a>.+?) as (?:the |its )?numerator and (?P<b>.+?) as (?:the |its )?denominator"
    r"|\bwith (?P<c>.+?) in the numerator and (?P<d>.+?) in the denominator"
)
_ESCAPE = _either_case(
    r"^if\b.*\b(?:useful|relevant|meaningful|appropriate|applicable|suitable|sensible|something that|would ask"
    r"|measured|important)"
)
_ZERO = _either_case(
    r"^if\b.*\bnot\b.*\b(?:outlined|stated|shown|reported|disclosed|listed|available|mentioned|present"
    r"|found)\b.*\b(?:0|zero|nil)\b"
)
_INSTRUCTS = _either_case(
    r"^(?:please |kindly )?(?:answer|round|give|base|provide|respond|address|state|express|report|use|using"
    r"|you are|you're|assume"
    r"|act|imagine|pretend|suppose|we need|i am|i'm|your|take|show|present|write|consider|rely|refer|keep|if"
    r"|(?:calculate|compute|determine)"
    r" (?:\(or|what|the answer|your|it|this|that))\b"
)
_CALCULATES = _either_case(
    r"^(?:please )?(?:calculate|compute|determine|find|work out)\b(?! (?:\(or|what|the answer|your|it|this|that)\b)"
)
_ASKS = r"(?:what|how|which|is|are|does|do|did|has|have|was|were|can|could|by|calculate|compute|roughly|approximately)"
_LEADS = (
    _either_case(r"^.*\b(?:questions?|answer|asked?|task)\b[^:?]{0,200}:\s*"),
    _either_case(
        r"^(?:based|by|using|relying|according|drawing|considering|looking|from|with|given"
        r"|judging)\b[^?:]*?\b(?:statements?|sheets?"
        rf"|data|information|filings?|10-?[kq]|reports?|p&l|position)\b[^,?]*,\s*(?={_ASKS}\b)"
    ),
)
_STATEMENT = (
    r"(?:(?:consolidated|primary|annual|audited) )*(?:statements? of (?:financial )?(?:income|operations|earnings"
    r"|cash flows?"
    r"|position|condition)|balance sheets?|income statements?|cash flows? statements?|p&l(?: statements?)?"
    r"|profit and loss (?:statement|account)|financial statements?|10-?[kq]s?|annual reports?|earnings releases?"
    r"|filings?)"
)
_WHERE = _either_case(
    r",?\s*\b(?:according to|based (?:up)?on|as (?:shown|reported|stated|presented|outlined|per)(?: (?:in|on|by))?"
    r"|(?:shown|reported) (?:in|on)|(?:directly )?outlined in|using|per|from|in|on|within)\s+(?:the |its |their "
    r"|\w+'s? "
    rf"|thecompany(?:'s)? )?(?:details shown within the |information in the )?{_STATEMENT}(?:(?:,| and"
    rf"|, and) (?:the )?{_STATEMENT})*\b"
)
_ASIDE = _either_case(
    r"\((?:in|using|answer|rounded|round|as a|please|from|i\.?e\.?|e\.?g\.?|based|or)\b[^()]*\)|\((?-i:[A-Z&]{2,6})\)"
)
_KINDS: dict[Kind, re.Pattern[str]] = {
    "balance": _either_case(r"\bbalance sheets?\b|\bstatements? of financial (?:position|condition)\b"),
    "income": _either_case(
        r"\bincome statements?\b|\bstatements? of (?:income|operations|earnings)\b|\bp&l\b|\bprofit and loss\b"
    ),
    "cash flow": _either_case(r"\bcash flows? statements?\b|\bstatements? of cash flows?\b"),
}
_SHORT = re.compile(r"\(([A-Za-z&]{2,6})\)")
_SCALES = {"thousand": 3, "million": 6, "billion": 9}
_UNIT = _either_case(
    r"\b(?:in|to|as)\s+(?:units of |the unit of )?(?:usd|us\$|u\.s\. dollars|us dollars|dollars|\$)?\s*(?:in )?\$?\s?"
    r"(?P<scale>thousand|million|billion)s?\b"
)
_PERCENT = _either_case(r"\bin (?:units of )?percent(?:s|ages?| terms)?\b|\bas an? percent(?:age)?\b(?! of)|\bin %")
_NUMBERS = {"zero": 0, "no": 0, "one": 1, "two": 2, "three": 3, "four": 4, "a": 1}
_NUMBER = r"(?:zero|no|one|two|three|four|a|\d)"
_ROUND = _either_case(
    rf"\bround\w*\b[^.?]{{0,40}}?\bto (?:the )?(?:nearest )?(?P<n>{_NUMBER}) decimals?\b"
    rf"|\b(?P<m>{_NUMBER}) decimals?(?: places?| points?)?\b"
)
_WHOLE = _either_case(
    r"\bround\w*\b[^.?]{0,40}?\b(?:nearest|closest) (?:whole|integer|percent\b|million"
    r"|thousand|dollar)"
)


@dataclass(frozen=True)
class Instructed:
    """`core`: what is asked. definitions: (name, formula), name "" for the core's own measure. scale: of the unit asked for,
    a power of ten. digits: decimal places. escape: "if it is no useful metric, say so".
    zero: "if it is not stated, answer 0"."""

    core: str
    definitions: tuple[tuple[str, str], ...] = ()
    scale: int | None = None
    percent: bool = False
    digits: int | None = None
    escape: bool = False
    zero: bool = False
    kinds: frozenset[Kind] = frozenset()


def instructed(question: str) -> Instructed:
    """The question taken apart. A question that instructs nothing is its own core."""
    cores: list[str] = []
    spare: list[str] = []
    told: list[str] = []
    definitions: list[tuple[str, str]] = []
    escape = zero = False
    for sentence in _SENTENCE.split(_flat(question).strip()):
        text = sentence.strip()
        roles = _ROLES.search(text)
        if roles:
            a, b = roles.group("a") or roles.group("c"), roles.group("b") or roles.group("d")
            definitions.append(("", f"({a}) / ({b})"))
            text = text.replace(roles.group(), " ")
        defined = next((found for pattern in _DEFINED if (found := pattern.search(text))), None)
        if defined is not None and "?" not in defined.group("formula") and not _NO_NAME.match(defined.group("name")):
            definitions.append(
                (defined.group("name").strip(" ,"), _WHERE.sub(" ", _ASIDE.sub(" ", defined.group("formula"))).strip(" .?"))
            )
            if not defined.group("name"):
                cores.append(text.replace(defined.group(), " "))
        elif text.lower().startswith("if ") and "?" not in text:
            escape = escape or bool(_ESCAPE.match(text))
            zero = zero or bool(_ZERO.match(text))
        elif "?" not in text and _INSTRUCTS.match(text):
            told.append(text)
        elif "?" not in text and _CALCULATES.match(text):
            spare.append(_CALCULATES.sub("", text))
        else:
            cores.append(text)
    asked = " ".join(cores) or " ".join(spare)
    whole = " ".join((*told, asked))
    unit, places = _UNIT.search(whole), _ROUND.search(whole)
    digits = (places.group("n") or places.group("m")).lower() if places else ""
    return Instructed(
        _bare(asked, definitions, spare if cores else ()),
        tuple(definitions),
        _SCALES[unit.group("scale").lower()] if unit else None,
        bool(_PERCENT.search(whole)),
        0 if _WHOLE.search(whole) else _NUMBERS.get(digits, int(digits) if digits.isdigit() else None),
        escape,
        zero,
        frozenset(kind for kind, named in _KINDS.items() if named.search(question)),
    )


def _bare(asked: str, definitions: list[tuple[str, str]], spare: list[str] | tuple[str, ...]) -> str:
    """The question without its lead ("Using the balance sheet, …"), asides, units and where to look."""
    for lead in _LEADS:
        asked = lead.sub("", asked, count=1)
    names = {name.lower().removeprefix("the ") for name, _ in definitions}
    asked = _SHORT.sub(lambda found: found.group(1) if found.group(1).lower() in names else found.group(), asked)
    asked = _WHERE.sub(" ", _ASIDE.sub(" ", asked))
    asked = _UNIT.sub(" ", _PERCENT.sub(" ", asked))
    whole = " ".join((asked, *(_WHERE.sub(" ", one) for one in spare)))
    return " ".join(whole.split()).strip(" .?!")


def _flat(text: str) -> str:
    """One kind of apostrophe and dash; capitals stay."""
    text = unicodedata.normalize("NFKC", text)
    return text.replace("’", "'").replace("‘", "'").replace("–", "-").replace("—", "-")

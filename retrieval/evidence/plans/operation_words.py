"""The words by which questions ask for operations, by language, as data. English is the widest.

Each entry is a pattern over a folded question (lower case, plain dashes and apostrophes). `{m}` in a template stands for a
measure: the words that are then looked for in the graph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PCT = r"(?:percentage|percentual|percent|per cent|%|relative|procentual)"
_CHANGE = (
    r"(?:changes?|increases?(?:\s*/\s*\(?decreases?\)?)?|decreases?|growth|declines?|difference|variation|rise|fall|drop"
    r"|movement|reduction)"
)
_INC = r"(?:increase\s*/?\s*\(?\s*decrease\s*\)?|\(?\s*decrease\s*\)?\s*/?\s*increase)"

CHANGE_PCT = (
    rf"(?<!\w){_PCT}\s+(?:of\s+)?{_CHANGE}(?:\s+(?:of|in|for|on))?\b",
    rf"\b{_CHANGE}\s+(?:of|in|by)\s+{_PCT}(?:s)?\b(?!\s+(?:of|for)\b)",
    rf"\bby (?:what|how much|how many)\s+{_PCT}s?\b",
    rf"\bhow many {_PCT}(?:s)?\b",
    rf"\b(?:what|which) {_PCT}s? (?:did|has|have|was|were)\b",
    rf"\b(?:{_CHANGE}|growth)\s+rate(?:\s+(?:of|in|for))?\b",
    rf"\b(?:year[- ]on[- ]year|year[- ]over[- ]year|yoy|annual)\s+(?:{_PCT}\s+)?(?:{_CHANGE})(?:\s+(?:of|in|for))?\b",
    r"\b(?:prozentuale\w*|relative\w*) (?:veränderung|änderung|anstieg|rückgang|zunahme|abnahme|wachstum)\b",
    r"\bum (?:wie ?viel|wieviele?) prozent\b",
    r"\b(?:variation|évolution|hausse|baisse|croissance) en (?:pourcentage|%)",
    r"\bde combien de pour ?cent\b|\btaux de croissance\b",
    r"\b(?:variación|cambio|aumento|crecimiento) (?:porcentual|en porcentaje)\b",
    r"\b(?:variazione|aumento|crescita) (?:percentuale|in percentuale)\b",
    r"\b(?:procentuele) (?:verandering|stijging|daling|groei)\b|\bhoeveel procent\b",
)
DIFFERENCE = (
    rf"\b(?:net |absolute )?{_INC}(?:\s+(?:of|in|for))?",
    r"\bby how much (?:did|has|have|was|were|is|does)\b",
    (
        rf"\b(?:what|how much)\s+(?:was|is|were|are)\s+(?:the\s+)?(?:total |net |overall |absolute |nominal "
        rf"|numerical )?{_CHANGE}\b"
        r"(?:\s+(?:of|in|for|between)\b)?"
    ),
    (
        r"\bhow much (?:more|less|higher|lower|larger|greater|did|has|have|is)\b"
        r"(?=.*\b(?:than|increase|decrease|change|grow|decline|fall|rise|exceed|compared))"
    ),
    rf"\b(?:the\s+)?{_CHANGE}\s+(?:of|in|for|on)\b(?=.*\b(?:from|between|to|than|over|versus|vs|compared)\b)",
    r"\b(?:nominal |absolute |net |numerical )?(?:difference|change)\s+(?:between|in|of|for)?\b",
    r"\b(?:veränderung|unterschied|differenz|anstieg|rückgang|zunahme|abnahme)\b",
    r"\b(?:différence|variation|écart)\b|\bde combien\b",
    r"\b(?:diferencia|variación|cambio)\b",
    r"\b(?:differenza|variazione)\b",
    r"\b(?:verschil|verandering)\b",
)
AVERAGE = (
    (
        r"(?<!weighted )(?<!weighted-)(?<!moving )\b(?:the )?(?:simple |arithmetic |yearly |annual )?(?:average|mean)\b"
        r"(?:\s+(?:of|for|annual|yearly))?\b"
    ),
    r"\b(?:durchschnitt(?:liche[rsnm]?)?|mittelwert|moyenne?s?|promedio|media|gemiddelde)\b",
)
SUM = (
    r"\b(?:sum|combined|aggregate|together|in total|altogether|total sum|sum total|combined total)\b(?:\s+of)?",
    r"\b(?:summe|insgesamt|zusammen|somme|au total|suma|en total|somma|in totale|som|totaal)\b(?:\s+(?:von|der|de|di|van))?",
)
HIGHEST = re.compile(
    r"\b(?:the\s+)?(?:largest|highest|biggest|greatest|maximum|most(?: expensive| costly)?|longest|höchste[rsnm]?"
    r"|größte[rsnm]?|meisten"
    r"|priciest|plus (?:élevée?|grande?|haut)|mayor|más alt[ao]|maggiore|più alt[ao]|hoogste|grootste|higher"
    r"|larger|bigger|greater)\b"
    r"(?!\s+than\s+[$€£]?\d)"
)
LOWEST = re.compile(
    r"\b(?:the\s+)?(?:smallest|lowest|least(?: expensive| costly)?|cheapest|minimum|fewest|shortest"
    r"|niedrigste[rsnm]?|kleinste[rsnm]?"
    r"|geringste[rsnm]?|plus (?:basse?|petite?|faible)|menor|más baj[ao]|minore|più bass[ao]"
    r"|laagste|kleinste|lower|smaller)\b"
    r"(?!\s+than\s+[$€£]?\d)"
)
ABOVE = re.compile(
    r"\b(?:more|greater|higher|larger|above|over|exceed(?:s|ed|ing)?|at least|mehr als|über"
    r"|plus de|más de|più di|meer dan)\b"
    r"(?:\s+than)?\s*(?=[$€£]?\s?-?\(?\d)"
)
BELOW = re.compile(
    r"\b(?:less|lower|smaller|fewer|below|under|at most|weniger als|unter|moins de|menos de|meno di|minder dan)\b"
    r"(?:\s+than)?\s*(?=[$€£]?\s?-?\(?\d)"
)
EQUAL = re.compile(r"\b(?:equal(?:s|ed)? to|exactly|equal)\b\s*(?=[$€£]?\s?-?\(?\d)")

# Pairs of measures: {a} over {b}, {a} and {b}.
SHARE = tuple(
    re.compile(pattern)
    for pattern in (
        (
            r"(?P<a>.+?)\s+(?:expressed )?as (?:an?|the) (?:percentage|percent|per cent|proportion|share|%|fraction)"
            r" (?:of|over|to)\s+(?P<b>.+)"
        ),
        (
            r"(?:what|how much|how many)?\s*(?:percentage|percent|per cent|proportion|share|%|fraction) (?:of|in)\s+"
            r"(?P<b>.+?)\s+"
            r"(?:was|is|were|are|does|did|do|came|come|consists? of|comprised?(?: of)?|made up by|comes from|represented by"
            r"|relates? to|derived from|made up of|accounted for by|accounts? for)\s+(?P<a>.+)"
        ),
        (
            r"(?:proportion|percentage|share|fraction) of (?P<a>.+?)\s+"
            r"(?:over|to|out of|in|against|relative to|among|from|of)\s+(?:the\s+)?(?P<b>total .+)"
        ),
        r"(?:percentage )?(?:constitution|composition) of (?P<a>.+?)\s+(?:among|in|within|over|of)\s+(?P<b>.+)",
        r"(?:proportion|percentage|share|fraction) of (?P<a>.+?)\s+(?:over|out of|relative to|against|to)\s+(?P<b>.+)",
        r"(?:anteil|welcher anteil) (?:von|der|des) (?P<a>.+?) an (?P<b>.+)",
    )
)
RATIO = tuple(
    re.compile(pattern)
    for pattern in (
        r"ratio (?:of|between|for)\s+(?P<a>.+?)\s+(?:to|and|over|against|divided by)\s+(?P<b>.+)",
        r"(?P<a>.+?)\s+(?:divided by|as a multiple of|(?:expressed )?as an? ratio (?:of|to|over))\s+(?P<b>.+)",
        r"(?P<a>.+?)[- ]to[- ](?P<b>.+?)\s+ratio",
        r"verhältnis (?:von|zwischen) (?P<a>.+?) (?:zu|und) (?P<b>.+)",
        r"(?:ratio|rapport) (?:de|entre|tra|entre el) (?P<a>.+?) (?:à|sur|et|e|y|a) (?P<b>.+)",
    )
)


@dataclass(frozen=True)
class Formula:
    """A ratio of finance that documents seldom state and that their rows define."""

    name: str
    pattern: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    percent: bool = False


FORMULAS = (
    Formula(
        "current ratio", r"\b(?:current|working capital) ratio\b", ("total current assets",), ("total current liabilities",)
    ),
    Formula(
        "debt-to-asset ratio",
        r"\b(?:total )?(?:debt|liabilit(?:y|ies))[- ](?:to[- ])?assets? ratio\b|\bdebt ratio\b",
        ("total liabilities",),
        ("total assets",),
    ),
    Formula("debt-to-equity ratio", r"\bdebt[- ](?:to[- ])?equity ratio\b", ("total liabilities",), ("total equity",)),
    Formula("gross margin", r"\bgross (?:profit )?margin\b", ("gross profit",), ("revenue",), True),
    Formula("operating margin", r"\boperating (?:profit |income )?margin\b", ("operating income",), ("revenue",), True),
    Formula("net profit margin", r"\bnet (?:profit |income )?margin\b", ("net income",), ("revenue",), True),
    Formula("asset turnover", r"\basset turnover\b", ("revenue",), ("total assets",)),
    Formula("return on assets", r"\breturn on assets\b|\broa\b", ("net income",), ("total assets",), True),
)
YEARS_SHOWN = re.compile(
    r"\b(?:in welche[mn]|welches|en quelle?s?|quelle?s?|en qué|qué|in quale|quale|in welk|welke?)\s+"
    r"(?:jahr(?:en)?|geschäftsjahr(?:en)?|quartal(?:en)?|années?|exercices?|trimestres?|años?|ejercicios?|trimestres?|anno|anni"
    r"|trimestre|jaar|jaren|kwartaal)\b|\bwhich of the (?:years|periods|quarters)\b|"
    r"\b(?:which|what|for which|in which|for what|over which)\s+(?:\w+\s+)?(?:fiscal |financial |reporting )?"
    r"(?:years?|years?\(s\)|years'|periods?|quarters?|dates?)\b"
)
_SHOWN_VERB = (
    r"\b(?:provides?|show(?:s|n)?|contains?|includes?d?|present(?:s|ed)?|report(?:s|ed)?|calculated|recorded|cover(?:s|ed)?|listed|compared?|recognised"
    r"|recognized|analy[sz]ed|disclosed|given|available|computed|measured|tabulated|provided|consist|comprise)\b"
)
SHOWN_VERB = re.compile(_SHOWN_VERB)
LISTED = re.compile(
    r"\b(?:what|which|name|list)\b.{0,30}?\b(?:components?|items?|types?|categories|segments|elements|factors|kinds|parts|classes|countries|regions|lines)\b"
)
RESPECTIVELY = re.compile(
    r"\b(?:respectively|respective|jeweils|respectivement|respectivamente|rispettivamente|respectievelijk)\b"
)
# Words that a question uses about any figure and that no label need hold.
_GENERIC_TEXT = """
    amount valu figur total compani number group reported balanc cost year fiscal period quarter end ended date
    table shown recorded currenc dollar euro million thousand billion financi item type kind worth level busi firm
    corpor entiti time report respect both
"""
GENERIC = frozenset(_GENERIC_TEXT.split())
# Stems by which operations are asked for: a plan that does not speak of them must find them among the labels.
_OPERATION_TEXT = """
    chang increas decreas much averag mean ratio proport percentag percent sum differenc growth combin fraction
    exceed higher lower
"""
OPERATION = frozenset(_OPERATION_TEXT.split())

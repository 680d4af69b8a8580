"""Words as the sparse index counts them: folded, lightly stemmed, figures and fiscal years made comparable.

Question and text must pass through the same function, or nothing matches.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

VERSION = "3"  # stored words and asked ones must be made by the same rules

_WORD = re.compile(
    r"""[a-z]+\d+[a-z\d]*                    # fy2023  q4  g20
      | (?:[$€£])?\d[\d,]*(?:\.\d+)?[a-z%]*   # 1,875  3.5%  10k
      | [a-z]+(?:&[a-z]+)+                   # sg&a  r&d
      | (?:[a-z]\.){2,}                      # u.s.
      | [^\W\d_]+(?:['’][a-z]+)?             # words, with a possessive or contraction
    """,
    re.X,
)
_FISCAL = re.compile(r"^(?:fy|f)'?((?:19|20)?\d\d)$")
_UNTELLING = """
    a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing down during each few for from further had has have having he her here hers him his how
    i if in into is it its itself just me more most my no nor not now of off on once only or other our ours out over
    own please same she should so some such than that the their theirs them then there these they this those through to
    too under until up very was we were what when where which while who whom why will with would you your yours
    tell give explain state describe mention much many"""
_STOP = frozenset(_UNTELLING.split())


def tokens(text: str) -> list[str]:
    """'Has AMCOR's FY2023 SG&A risen 3.50%?' -> ['amcor', 'fy23', '2023', 'sg&a', 'sga', 'risen', '3.5%']."""
    folded = unicodedata.normalize("NFKC", text).lower()
    found: list[str] = []
    for word in _WORD.findall(re.sub(r"(\d)-([a-z])", r"\1\2", folded)):
        found += _forms(word)
    return found


def _forms(word: str) -> list[str]:
    if word[0].isdigit() or word[0] in "$€£":
        return [_figure(word)]
    if "&" in word:
        return [word, word.replace("&", "")]
    if "." in word:
        return [word.replace(".", "")]
    if fiscal := _FISCAL.match(word):
        year = fiscal.group(1)
        return [f"fy{year[-2:]}", year if len(year) == 4 else f"20{year}"]
    word = re.sub(r"['’](?:s|re|ve|ll|d|m|t)$", "", word)
    if word in _STOP or len(word) == 1:
        return []
    return [stem(word)]


def _figure(word: str) -> str:
    figure = word.lstrip("$€£").replace(",", "")
    if "." in figure:
        whole, _, rest = figure.partition(".")
        digits = rest.rstrip("%abcdefghijklmnopqrstuvwxyz")
        unit = rest[len(digits) :]
        digits = digits.rstrip("0")
        return f"{whole}.{digits}{unit}" if digits else f"{whole}{unit}"
    return figure


def stem(word: str) -> str:
    """Plurals and the commonest verb endings off; light on purpose, so that different words stay different."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        base = word[: -len(ending)]
        if word.endswith(ending) and len(base) >= 4 and any(vowel in base for vowel in "aeiouy"):
            if base[-1] == base[-2] and base[-1] not in "lsz":
                return base[:-1]
            return base
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def compounds(text: str) -> list[str]:
    """Neighbouring words written as one, for names like 'ULTABEAUTY' that files' names run together."""
    words = [re.sub(r"['’]s$", "", word) for word in re.findall(r"[^\W\d_]+(?:['’]s)?", text.lower())]
    return [stem(first + second) for first, second in itertools.pairwise(words)]

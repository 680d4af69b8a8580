"""Post-processing of NER output: which labels to keep, where to trim a name, what to relabel as a firm.

Invariant: what comes out lies within what the model marked; doubt only removes, trims or relabels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from presidio_analyzer import RecognizerResult

from moderation.pii import word_lists as words
from moderation.pii.recognisers.base import SpanRecogniser, result
from moderation.pii.recognisers.people.name_vectors import Lexicon
from moderation.types import PiiSpan

_LABELS = {
    "PERSON": ("PERSON", 0.85),
    "GPE": ("LOCATION", 0.7),
    "LOC": ("LOCATION", 0.6),
    "FAC": ("LOCATION", 0.45),
    "ORG": ("ORGANIZATION", 0.6),
}
_CORPORATE = re.compile(
    r"\b(?:inc|ltd|llc|llp|plc|corp|co|company|group|holdings?|bank|fund|funds|trust|capital|partners|ag"
    r"|sa|nv|gmbh|se|spa|etf|insurance|pharma\w*"
    r"|technologies|systems|industries|brands|beauty|airlines|motors|energy|foods|financial|securities"
    r"|management|university|institute)\b\.?",
    re.I,
)
_FINANCE_AFTER = re.compile(
    r"(?:['’]s)?\s+(?:\w+\s+){0,2}(?:revenue|sales|margin|earnings|ebitda|eps|shares?|stock|dividend|10-k"
    r"|10-q|fy\s?\d|balance sheet|guidance|profit"
    r"|capex|cash flow|debt|segment|annual report|ticker|bonds?|valuation|market cap|ceo|cfo|ratio)",
    re.I,
)
_PART = re.compile(r"[^\W\d_][\w'’.-]*")
_OWNER = re.compile(r"\\?['’]s ")
_OWNED = re.compile(r"\\?['’]s$")
_NEAR_NAMES = 0.5
_SURNAME = re.compile(r" ([A-Z][^\W\d_]+)")
_LINE_BREAK = re.compile(r"(\n+)")
_PEOPLE_BREAK = re.compile(r"(\n+|, (?!(?:jr|sr|md|phd|esq|ii|iii)\b)| and )", re.I)
_EDGE = " \t\r\n\"'“”‘’`«»()[]{}<>,;:!?*_#|\\/-–."


@dataclass(frozen=True)
class Named:
    """An entity of the model, freed from the document it came from."""

    start: int
    end: int
    label: str


class NerRecogniser(SpanRecogniser):
    """The model's entities, after doubt: label trust, deny words, trimmed edges, firms that look like people."""

    finds = ("PERSON", "LOCATION", "ORGANIZATION")

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        super().__init__()

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        if nlp_artifacts is None:
            return []
        return [result(self, span) for span in trusted(text, nlp_artifacts.entities, self._lexicon)]


class CompanyRecogniser(SpanRecogniser):
    """Well-known firms, so that nobody takes "Charles Schwab" or "Eli Lilly" in a question for a customer."""

    finds = ("ORGANIZATION",)

    def __init__(self) -> None:
        body = "|".join(re.escape(name) for name in sorted(words.companies(), key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{body})(?!\w)", re.I)
        super().__init__()

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in self._pattern.finditer(text):
            several = " " in match.group()
            surname = _SURNAME.match(text, match.end()) if not several else None
            if several or (match.group()[0].isupper() and not (surname and not _CORPORATE.fullmatch(surname.group(1)))):
                yield PiiSpan(match.start(), match.end(), "ORGANIZATION", 0.9)


def trusted(text: str, entities: Iterable[Named], lexicon: Lexicon) -> list[PiiSpan]:
    """The entities worth believing, in Presidio's labels."""
    out: list[PiiSpan] = []
    small = text.islower()
    shouted = text.isupper()
    for entity in entities:
        if entity.label not in _LABELS:
            continue
        label, score = _LABELS[entity.label]
        for start, end in _pieces(text, entity.start, entity.end, label):
            if not _credible(text[start:end], label, shouted, lexicon):
                continue
            if small:
                trimmed = _uncommon(text, start, end, lexicon)
                if trimmed is None or (label == "ORGANIZATION" and not _CORPORATE.search(text, start, end)):
                    continue
                start, end = trimmed
            out.append(PiiSpan(start, end, _label(text, start, end, label), score))
    return out


def _credible(shown: str, label: str, shouted: bool, lexicon: Lexicon) -> bool:
    """Is it a name at all, rather than an acronym, a field's name, a figure or an ordinary word?"""
    parts = _parts(shown)
    if not parts or all(p in words.mistaken().labels for p in parts):
        return False
    if sum(c.isdigit() for c in shown) > (2 if label == "ORGANIZATION" else 0):
        return False
    if all(p in words.common() for p in parts) and not (len(parts) > 1 and shown.istitle()):
        return False
    if label == "PERSON" and len(parts) == 1:
        if shown.isupper() and not shouted:  # CUSIP, SEDOL, AAPL
            return lexicon.namelike(parts[0])
        if shown.islower():
            score = lexicon.score(parts[0])
            return parts[0] not in words.mistaken().months and (score is None or score > _NEAR_NAMES)
    return True


def _parts(shown: str) -> list[str]:
    return [w.lower().rstrip(".") for w in _PART.findall(shown)]


def _uncommon(text: str, start: int, end: int, lexicon: Lexicon) -> tuple[int, int] | None:
    """Without capitals to go by, the span less its ordinary words at either end."""
    rare = [m for m in words.WORD.finditer(text, start, end) if not lexicon.ordinary(m.group().lower())]
    return (rare[0].start(), rare[-1].end()) if rare else None


def _pieces(text: str, start: int, end: int, label: str) -> list[tuple[int, int]]:
    """The span without quotes, titles' articles, possessives and line breaks."""
    pieces: list[tuple[int, int]] = []
    at = start
    breaks = _PEOPLE_BREAK if label == "PERSON" else _LINE_BREAK
    for line in breaks.split(text[start:end]):
        if line.strip():
            left, right = at, at + len(line)
            lower = text[left:right].lower()
            if lower.startswith("the "):
                left += 4
            if label == "PERSON":
                left += _leading_greeting(lower)
                inner = _OWNER.search(text[left:right])
                right = left + inner.start() if inner else right
            while left < right and text[left] in _EDGE:
                left += 1
            while right > left and text[right - 1] in _EDGE and not _abbreviated(text, left, right):
                right -= 1
            if owned := _OWNED.search(text[left:right]):
                right = left + owned.start()
            if right > left:
                pieces.append((left, right))
        at += len(line)
    return pieces


def _leading_greeting(lower: str) -> int:
    greeting = re.match(r"(?:hi|hello|hey|dear|thanks|from|ex-\w+)[ ,]+", lower)
    return greeting.end() if greeting else 0


def _abbreviated(text: str, left: int, right: int) -> bool:
    return bool(re.search(r"\b(?:Jr|Sr|Inc|Ltd|Co|Corp|Esq|Ph\.D|M\.D|[A-Z])\.$", text[left:right]))


def _label(text: str, start: int, end: int, label: str) -> str:
    """Firms that the model took for people, and people that it took for firms."""
    shown = text[start:end]
    lower = shown.lower()
    parts = _parts(shown)
    financial = _FINANCE_AFTER.match(text, end, end + 60) is not None
    firm = lower in words.companies() or _CORPORATE.search(shown) is not None
    if label == "PERSON" and (firm or financial):
        return "ORGANIZATION"
    if label == "ORGANIZATION" and not firm and parts[0] in words.given_names():
        alone = len(parts) == 1 and not financial
        full = 2 <= len(parts) <= 3 and "&" not in shown and " and " not in lower
        return "PERSON" if alone or full else label
    return label

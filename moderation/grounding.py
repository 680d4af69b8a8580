"""Does a text say what a claim says: figures with their units, names, denials, directions, and the words themselves.

Embeddings hardly tell 1.25% from 1.52%, "rose" from "fell" or one year from the next; this does, in a fraction of their
time. Invariant: the score depends on the two texts and the weights below alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

FEATURES = (
    "words in the sentence", "word pairs in the sentence", "words in the passage", "figures that stand nowhere",
    "figures that stand elsewhere", "figures in other company", "names that stand nowhere", "names that stand elsewhere",
    "denial", "direction",
)  # fmt: skip
# Logistic weights over FEATURES, and the bias: fitted by benchmarks/groundedness.py (docs/model-cards/groundedness.md).
WEIGHTS: tuple[float, ...] = (7.159, 0.136, -2.055, -5.3, -4.121, -3.419, -6.155, -1.421, -6.429, -5.747)
BIAS = -2.225

_MOST_UNITS = 200
_BESIDE = 3  # words on either side of a figure that say what it is a figure of
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LITTLE = """the a an of to in on at by for with from and or as is are was were be been being it its this that these those
    which who whom whose has have had do does did will would shall should can could may might must not no nor than then so
    such we our us you your they their them he she his her i my s t also there here into about over under per each any all"""
_STOP = frozenset(_LITTLE.split())
_ENDINGS = (
    "ations", "ation", "ments", "ment", "ings", "ing", "edly", "ies", "ied", "ers", "er", "ed", "es", "ly", "s", "e", "y",
)  # fmt: skip
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'“(]?[A-Z0-9])|\n+")
_QUOTED = 4
"""Words from which on a text counts as a quotation: a single "no" stands in every passage."""
_MARK = re.compile(r"\s*\[\d+(?:\s*[,;]\s*\d+)*\]")

_SCALES = {"thousand": 3, "k": 3, "million": 6, "millions": 6, "mn": 6, "m": 6, "billion": 9, "billions": 9, "bn": 9, "b": 9,
           "trillion": 12, "tn": 12}  # fmt: skip
_FIGURE = re.compile(
    r"(?<![\w.,-])(?P<minus>[-−–(])?\s?(?:(?:US|A|C)?[$€£¥]|(?:USD|EUR|GBP|CHF)\s)?\s?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:[\s-]?(?P<scale>thousand|millions?|billions?|trillion|bn|mn|tn|k|m|b)\b)?\)?"
    r"(?:\s?(?P<unit>%|per ?cent\b|percentage points?\b|bps\b|basis points?\b))?(?![\w%])",
    re.I,
)
_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: value for value, word in enumerate(_ONES.split())}
_NUMBERS |= {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}
_NAME = re.compile(r"\b[A-Z][\w&’'-]*[A-Za-z0-9]")
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|unable|fails?|failed|denie[sd]|lacks?|\w+n['’]t)\b",
    re.I,
)
# What a sentence must not turn round: each line's words against the next line's.
_OPPOSITES = tuple(
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


@dataclass(frozen=True)
class Figure:
    """A number at its full size. kind: "%", "bp", "year", or "" for an amount or a count; digits: as it was written."""

    value: float
    kind: str
    scaled: bool
    digits: int
    beside: frozenset[str] = frozenset()  # the words around it


@dataclass(frozen=True)
class Read:
    """A sentence as the comparison sees it."""

    text: str
    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    figures: tuple[Figure, ...]
    names: frozenset[str]
    denies: bool
    parts: tuple[Read, ...] = ()  # of two sentences read as one: each by itself


@dataclass(frozen=True)
class Weighed:
    """How likely a claim is supported, and by what it suffers most (in words, without the texts)."""

    probability: float
    reason: str


def weigh(claim: str, evidence: Sequence[str]) -> Weighed:
    """The claim against the sentence of the passages that supports it best. Marks like [1] are no part of it."""
    read = _read(_MARK.sub("", claim).strip())
    if not read.words and not read.figures:
        return Weighed(1.0, "claims nothing")
    if any(stands_in(claim, text) for text in evidence):
        return Weighed(1.0, "stands there word for word")
    best, why = 0.0, "no passage is cited"
    for text in evidence:
        for features in compared(read, _prepared(text)):
            score = BIAS + sum(w * f for w, f in zip(WEIGHTS, features, strict=True))
            probability = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))
            if probability >= best:
                best, why = probability, _reason(features)
    return Weighed(best, why)


def stands_in(claim: str, text: str) -> bool:
    """Whether a claim of several words is the evidence's own text, whatever its marks, blanks and lines."""
    said, written = (" ".join(_MARK.sub("", one).split()).strip(" .:-*•") for one in (claim, text))
    if len(said.split()) < _QUOTED:
        return False
    return re.search(rf"(?<![\w.,]){re.escape(said)}(?![\w]|[.,]\d)", written) is not None


def compared(claim: Read, units: tuple[Read, ...]) -> Iterator[tuple[float, ...]]:
    """The FEATURES of a claim beside each unit of one text; the text as a whole is its last unit."""
    if not units:
        return
    *sentences, whole = units
    names_nowhere = len(claim.names - whole.words)
    figures_nowhere = _missing(claim.figures, whole)
    known = _share(claim.words, whole.words)
    for unit in sentences:
        figures_here, names_here = _missing(claim.figures, unit), len(claim.names - unit.words)
        # a denial or a direction next door must not excuse the sentence that the claim is about
        about = max(unit.parts, key=lambda part: _share(claim.words, part.words), default=unit)
        yield (
            _share(claim.words, unit.words),
            _share(claim.pairs, unit.pairs),
            known,
            float(min(2, figures_nowhere)),
            float(min(2, figures_here - figures_nowhere)),
            float(min(2, _displaced(claim.figures, unit))),
            float(min(2, names_nowhere)),
            float(min(2, names_here - names_nowhere)),
            float(claim.denies != about.denies),
            float(_turned(claim.text, about.text)),
        )


def read_claim(text: str) -> Read:
    return _read(_MARK.sub("", text).strip())


@lru_cache(maxsize=64)
def _prepared(text: str) -> tuple[Read, ...]:
    """A passage's sentences, each alone and with the one before it; its first line, which names it, belongs to each."""
    pieces = [piece.strip() for piece in _SENTENCE.split(text) if piece.strip()][:_MOST_UNITS]
    if not pieces:
        return ()
    head = pieces[0] if len(pieces) > 1 else ""
    units = [_read(piece, head) for piece in (*pieces, *_rows(text))]
    units += [_both(one, two, head) for one, two in pairwise(pieces)]
    return (*units, _read(text))


def _rows(text: str) -> Iterator[str]:
    """Each row of a table with its columns' names, as one would say it: "Fund: Aurora; Class A: 1.25%"."""
    header: list[str] = []
    for line in text.splitlines()[:_MOST_UNITS]:
        cells = [cell.strip() for cell in line.split(" | ")]
        if len(cells) < 2:
            header = []
        elif len(cells) == len(header):
            yield "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(header, cells, strict=True))
        else:
            header = cells


def prepared(text: str) -> tuple[Read, ...]:
    return _prepared(text)


def _both(one: str, two: str, head: str) -> Read:
    return replace(_read(f"{one} {two}", head), parts=(_read(one, head), _read(two, head)))


@lru_cache(maxsize=1024)
def _read(text: str, head: str = "") -> Read:
    """head: adds its words, names and figures, and no denial of its own."""
    whole = f"{head} {text}" if head else text
    said = [_stem(word) for word in _WORD.findall(text.lower())]
    words = {_stem(word) for word in _WORD.findall(whole.lower()) if word not in _STOP}
    content = [word for word in said if word not in _STOP]
    return Read(
        text,
        frozenset(words),
        frozenset(pairwise(content)),
        tuple(_figures(whole)),
        frozenset(_names(text)),
        len(_NEGATION.findall(text)) % 2 == 1,
    )


def _stem(word: str) -> str:
    word = word.replace("’", "'").removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _figures(text: str) -> Iterator[Figure]:
    for match in _FIGURE.finditer(text):
        written = match["number"]
        bare, unit = written.replace(",", ""), (match["unit"] or "").lower()
        scale = _SCALES.get((match["scale"] or "").lower(), 0)
        digits = len(bare.replace(".", "").lstrip("0"))
        if unit:
            kind = "bp" if unit.startswith("b") else "%"
        elif re.fullmatch(r"(?:19|20)\d\d", written) and not scale:
            kind = "year"
        else:
            kind = ""
        before, after = (
            _company(text[max(0, match.start() - 80) : match.start()]),
            _company(text[match.end() : match.end() + 80]),
        )
        beside = frozenset((*before[-_BESIDE:], *after[:_BESIDE]))
        yield Figure(float(bare) * 10**scale, kind, bool(scale), digits, beside)
    for word in _WORD.findall(text.lower()):
        if _NUMBERS.get(word, 0) > 1:
            yield Figure(float(_NUMBERS[word]), "", False, len(str(_NUMBERS[word])))


def _company(text: str) -> list[str]:
    said = _WORD.findall(text.lower())
    return [
        _stem(word) for word in said if word not in _STOP and word not in _SCALES and word not in ("per", "percent", "cent")
    ]


def _missing(figures: Sequence[Figure], unit: Read) -> int:
    return sum(not any(_same(one, other) for other in unit.figures) for one in figures)


def _displaced(figures: Sequence[Figure], unit: Read) -> int:
    """Figures that stand in the unit, but beside other words: another line of a table, another year's."""
    found = 0
    for one in figures:
        places = [other.beside for other in unit.figures if _same(one, other)]
        found += bool(places) and bool(one.beside) and max(_share(one.beside, place) for place in places) < 0.34
    return found


def _same(claim: Figure, source: Figure) -> bool:
    """Equal, or rounded from it; a table's figures carry their scale in its head."""
    if claim.kind != source.kind and "%" in (claim.kind + source.kind) and "" not in (claim.kind, source.kind):
        return False
    if claim.kind != source.kind and not {claim.kind, source.kind} <= {"", "%"}:
        return False
    if claim.value == source.value:
        return claim.kind == source.kind or source.kind == ""
    if claim.kind != source.kind or claim.kind == "year":
        return False
    if claim.scaled and not source.scaled:
        for power in (3, 6, 9):
            if _rounded(source.value * 10**power, claim):
                return True
    return claim.digits >= 2 and claim.digits < source.digits and _rounded(source.value, claim)


def _rounded(value: float, claim: Figure) -> bool:
    if value <= 0:
        return False
    step = 10.0 ** (math.floor(math.log10(value)) + 1 - max(claim.digits, 1))
    return math.isclose(round(value / step) * step, claim.value, rel_tol=1e-9)


def _names(text: str) -> Iterator[str]:
    """Words with a capital in mid-sentence, or with several; as the stems that words are known by."""
    for match in _NAME.finditer(text):
        word = match.group()
        opens = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1:] in ".!?:;"
        opens = opens and not re.match(r"\s[A-Z][a-z]", text[match.end() :])  # "Lunar Trust acts"
        if (not opens or sum(c.isupper() for c in word) > 1) and word.lower() not in _STOP:
            for part in _WORD.findall(word.lower()):
                if part not in _STOP:
                    yield _stem(part)


def _share(part: Set[object], whole: Set[object]) -> float:
    return len(part & whole) / len(part) if part else 1.0


def _turned(claim: str, source: str) -> bool:
    """Whether the claim has more of one side of a pair of opposites than its source, and the source more of the other."""
    for one, other in _OPPOSITES:
        ours, theirs = len(one.findall(claim)), len(other.findall(claim))
        if not ours and not theirs:
            continue
        its, others = len(one.findall(source)), len(other.findall(source))
        if (ours > its and others > theirs) or (theirs > others and its > ours):
            return True
    return False


def _reason(features: Sequence[float]) -> str:
    for at in (3, 6, 8, 9, 4, 5, 7):
        if features[at]:
            return f"differs from the nearest sentence in: {FEATURES[at]}"
    return f"{round(100 * features[0])}% of its words stand in the nearest sentence"

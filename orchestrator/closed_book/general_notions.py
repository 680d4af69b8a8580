"""Judges whether words are general notions: no named thing, no figure, date or law, nothing of the firm's.

Invariant: an objection is found by what the words are, never by whether somebody thought of this question before; words
that are neither known nor look like ordinary words are objected to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from orchestrator.closed_book.ordinary_words import ordinary
from orchestrator.closed_book.request_forms import Forms

_WORD = re.compile(r"[^\W\d_]+(?:[-&./][^\W\d_]+)*")
_TOKEN = re.compile(r"[\w'&.+/]*\w")
_ELIDED = re.compile(r"^(?:l|d|qu|j|n|s|c|m|t|un|dell|all|nell|sull|dall|quest|quell|jusqu|lorsqu|puisqu)'(?=\w)")
_HARMLESS_NUMBERS = re.compile(
    r"(?<!\w)(?:401\(?k\)?|60/40|80/20|t ?\+ ?\d|rule of 72|50/30/20|b2b|b2c|2fa|p2p|(?:one|two|three)-factor)(?!\w)", re.I
)
_PSEUDONYM = re.compile(r"<[A-Z][A-Z_]*_\d+>")
_CLASS = re.compile(r"(?<=\w )[A-HJ-Z](?![\w'&./])")  # "class A", "Klasse Z": no single letter is a notion
_NUMBER = re.compile(r"\d|[€$£%§]")
_LONGEST_NAME, _LONGEST_NOTION, _LONGEST_SLOT = 8, 6, 40
_ENDINGS = ("s", "es", "n", "en", "e", "x", "er", "i", "'s")
_SHORTEST_NAME = 4
_ORDINARY = 0.25  # docs/model-cards/closed-book.md: the threshold that lets 96 of 100 unseen ordinary words through
_SURELY_NAME = 0.03  # where capitals tell too, only letters that are hardly ever a word's
_MASK = "\u25a1"


@dataclass(frozen=True)
class Vocabulary:
    """notions: general terms as rows of words; words: each word of them; named: names known without capitals;
    acronyms: short capitals that are general."""

    notions: frozenset[tuple[str, ...]]
    words: frozenset[str]
    named: frozenset[tuple[str, ...]]
    acronyms: frozenset[str]


_SMALL = frozenset("and the for key one over con del per los las der die das und les des par sur van het een tra".split())  # noqa: SIM905


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary that comes with Countersign."""
    notions = [term for terms in _sections("notions.txt").values() for term in terms]
    named = _sections("named.txt")
    acronyms = frozenset(named.pop("acronyms"))
    masks = named.pop("masks")
    rows = frozenset(row(term) for term in (*notions, *masks))
    return Vocabulary(
        notions=rows,
        words=frozenset(word for term in notions for word in row(term) if len(word) > 2) - _SMALL,
        named=frozenset(row(name) for names in named.values() for name in names),
        acronyms=acronyms,
    )


def _sections(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    section: list[str] = []
    for line in files("orchestrator").joinpath("data", name).read_text("utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            section += [term.strip() for term in line.split(";") if term.strip()]
    return found


def row(text: str) -> tuple[str, ...]:
    """The words of a text, folded for comparison, without a genitive."""
    return tuple(_ELIDED.sub("", word.casefold()).removesuffix("'s").strip("'") for word in _TOKEN.findall(text))


def name_in(text: str, names: frozenset[tuple[str, ...]]) -> str | None:
    """The longest of the names that the text holds as whole words, or None."""
    words = row(text)
    for length in range(min(_LONGEST_NAME, len(words)), 0, -1):
        for at in range(len(words) - length + 1):
            here = words[at : at + length]
            if here in names or (*here[:-1], here[-1].removesuffix("s")) in names:
                return " ".join(here)
    return None


def is_known(word: str, known: frozenset[str] | None = None) -> bool:
    """Whether a word, or the word without a common ending, is part of a general notion."""
    words = vocabulary().words if known is None else known
    folded = word.casefold()
    return folded in words or any(folded.endswith(end) and folded.removesuffix(end) in words for end in _ENDINGS)


def has_notion(text: str) -> bool:
    """Whether a general notion of the vocabulary stands in a text."""
    hidden = masked(text)
    return _MASK in hidden or any(len(word.group()) > 3 and is_known(word.group()) for word in _WORD.finditer(hidden))


def only_general(text: str, forms: Forms) -> bool:
    """Whether a text consists of general notions and of words that name nothing."""
    hidden = masked(text)
    words = [part for word in _WORD.findall(hidden) for part in (word, *word.split("-")) if len(part) > 1]
    words = [word for word in words if "-" not in word or not is_known(word)]
    return all("-" in word or forms.words["neutral"].fullmatch(word) or is_known(word) for word in words)


def masked(text: str) -> str:
    """A text in which every general notion of several words, and every general acronym, is a sign."""
    notions, acronyms = vocabulary().notions, vocabulary().acronyms
    spans = [(found.start(), found.end()) for found in _TOKEN.finditer(text)]
    words = [_ELIDED.sub("", text[begin:end].casefold()) for begin, end in spans]
    out, at, upto = [], 0, 0
    while at < len(words):
        length = next(
            (
                n
                for n in range(min(_LONGEST_NOTION, len(words) - at), 1, -1)
                if _is_notion(tuple(words[at : at + n]), notions)
            ),
            0,
        )
        written = text[spans[at][1] - len(words[at]) : spans[at][1]]
        if not length and words[at].removesuffix("s") in acronyms and written.rstrip("s").isupper():
            length = 1
        if length:
            out += [text[upto : spans[at][0]], _MASK]
            upto = spans[at + length - 1][1]
        at += length or 1
    return "".join([*out, text[upto:]])


def _is_notion(words: tuple[str, ...], notions: frozenset[tuple[str, ...]]) -> bool:
    if words in notions:
        return True
    *first, last = words
    return any(last.endswith(end) and (*first, last.removesuffix(end)) in notions for end in _ENDINGS)


@dataclass(frozen=True)
class Setting:
    """What is known of a request beside its slot: the tenant's names, whether capitals tell a name (not where every word has
    one or none has), and the word that begins the request."""

    own: frozenset[tuple[str, ...]]
    capitals_tell: bool
    first: str


def objection(slot: str, forms: Forms, setting: Setting, *, kind: str = "x") -> str | None:
    """Why the words of a slot are no general notion, in words for the record, or None.

    kind: that of the slot (request_forms.Slot). A word whose meaning is asked need not be known.
    """
    if len(slot.split()) > _LONGEST_SLOT:
        return "is too long for a question about a notion"
    if name_in(slot, setting.own):
        return "names the firm, its people or its products"
    if _PSEUDONYM.search(slot):
        return "names a person or a thing"
    text = masked(_HARMLESS_NUMBERS.sub(_MASK, slot))
    if _NUMBER.search(text):
        return "holds a number or a date"
    if _CLASS.search(text):
        return "names a class by a letter"
    if name_in(text, vocabulary().named):
        return "names a company, a place, a person, a law or an event"
    words = [word.group() for word in _WORD.finditer(text)]
    if forms.language == "de" and setting.capitals_tell and _two_capitals(text, setting):
        return "names a thing by two words with capital letters"
    if setting.capitals_tell and forms.language != "de" and any(_is_name(word, setting) for word in words):
        return "names a thing by a capital letter"
    if kind != "w" and any(_reads_as_name(word, forms, setting) for word in words):
        return "names a thing that is no known word"
    for key, reason in (("own", "presupposes a possession or a person"), ("time", "is about now or a time")):
        if forms.words[key].search(text):
            return reason
    if forms.words["asks"].search(text):
        return "asks for a fact"
    return _pointed_at(text, forms, every=forms.language in ("de", "nl")) if kind == "d" else None


def of_a_firm(request: str, forms: Forms) -> str | None:
    """An objection to a whole request that is no question for a meaning: an article in it points at one thing of a firm, or
    it speaks of dealings with a firm; or None."""
    text = masked(request)
    if pointed := _pointed_at(text, forms):
        return pointed
    for found in forms.words["service"].finditer(request):
        before = " ".join(request[: found.start()].split()[-2:])
        if not forms.words["indefinite"].search(before):
            return "is about dealings with a firm"
    return None


def _is_name(word: str, setting: Setting) -> bool:
    return word[0].isupper() and word != setting.first and not is_known(word) and not re.fullmatch(r"I(?:'\w+)?", word)


def _reads_as_name(word: str, forms: Forms, setting: Setting) -> bool:
    """Whether the letters of an unknown word are a name's, where capitals do not say so."""
    if len(word) < _SHORTEST_NAME or is_known(word) or not word.isalpha():
        return False
    if forms.language == "de" and setting.capitals_tell:
        return word[0].isupper() and ordinary(word) < _ORDINARY
    return ordinary(word) < (_SURELY_NAME if setting.capitals_tell else _ORDINARY)


def _two_capitals(text: str, setting: Setting) -> bool:
    """Whether two words with capitals stand side by side and one is unknown: German nouns seldom do, names often."""
    return any(
        not (is_known(pair[1]) and is_known(pair[2])) and not (pair.start() == 0 and pair[1] == setting.first)
        for pair in _PAIR.finditer(text)
    )


_PAIR = re.compile(
    r"(?<![\w-])(?<!\beinem )(?<!\beiner )(?<!\beinen )(?<!\beine )(?<!\bein )([A-ZÄÖÜ]\w+) (?=([A-ZÄÖÜ]\w+)(?![\w-]))"
)


def _pointed_at(text: str, forms: Forms, *, every: bool = False) -> str | None:
    """An objection where an article points at a thing of the firm, or (in English, and in what is to be defined in German
    and Dutch: `every`) at a thing that is no notion."""
    for article in forms.words["definite"].finditer(text):
        after = text[article.end() :].lstrip(" ")
        head = _NEXT_CLAUSE.split(after, maxsplit=1)[0]
        if forms.words["relation"].match(after):
            continue
        if head.startswith(_MASK) and not forms.words["specific"].match(head[1:].lstrip()):
            continue
        near = " ".join(after.split()[:4])
        if _names_specific(near, head, forms):
            return "points at one thing of a firm"
        if (every or forms.language == "en") and not _is_general_head(head, forms):
            return "points at one thing that is no general notion"
    return None


def _names_specific(near: str, head: str, forms: Forms) -> bool:
    """Whether a thing of the firm stands near; in German and Dutch also as the end of a word ("Rückgabefrist")."""
    specific = forms.words["specific"]
    if (found := specific.search(near)) and found.start() <= len(head):
        return True
    if forms.language not in ("de", "nl"):
        return False
    words = [word.group() for word in _WORD.finditer(head)][:2]
    ends = (word[at:] for word in words if not is_known(word) for at in range(3, len(word) - 3))
    return any(specific.fullmatch(end) for end in ends)


_NEXT_CLAUSE = re.compile(r"[,;:.?!]|\b(?:and|or|und|oder|et|ou|y|o|e|en|of|when|if|wenn|quand|si|cuando|se|als)\b")
_AFTER_HEAD = re.compile(
    r"\b(?:of|in|for|to|on|at|with|like|that|which|is|are|was|from|between|behind|by|as|than|into|over|under|about|can|could|may"
    r"|does|do|goes|go|falls?|rises?|drops?|moves?|changes?|becomes?|gets?|works?|means?)\b", re.I
)  # fmt: skip


def _is_general_head(head: str, forms: Forms) -> bool:
    """Whether the noun that an English article points at is a general notion."""
    nouns = [word.group() for word in _WORD.finditer(_AFTER_HEAD.split(head, maxsplit=1)[0].replace(_MASK, " inflation "))]
    if not nouns:
        return False
    return is_known(nouns[-1]) or _ends_in_notion(nouns[-1], forms) or bool(forms.words["relation"].match(nouns[-1]))


def _ends_in_notion(word: str, forms: Forms) -> bool:
    """Whether a German or Dutch compound ends in a word of the vocabulary of five letters or more ("Optionsprämie")."""
    if forms.language not in ("de", "nl"):
        return False
    return any(word[at:].casefold() in vocabulary().words for at in range(2, len(word) - 4))

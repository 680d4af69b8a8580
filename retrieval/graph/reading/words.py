"""Words of questions and labels, made comparable: folded, stemmed by endings, function words known by language.

Invariant: question and label pass through the same `split`, or nothing matches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_NON = (
    r"(?<![^\W_])non(?:-|\s(?=(?:current|controlling|recurring|cash|gaap|operating|vested|core|audit|performing|interest"
    r"|financial)\b))"
)
_WORD = re.compile(rf"(?:{_NON})?[^\W\d_]+(?:['’][^\W\d_]+)?|\d[\d,.]*\d|\d", re.U)
_ENDINGS_TEXT = "izations isations ation ment ance ence ity ing ion ive er or ied ed ly al ic"
_ENDINGS = _ENDINGS_TEXT.split()
_DOUBLE = re.compile(r"([^ls])\1$")
_KINDS_TEXT = """
    class classes series tranche category type level tier part schedule appendix scope grade note item section
    article klasse anteilklasse anteilsklasse classe categoría clase categoria
"""
_KINDS = frozenset(_KINDS_TEXT.split())
_LETTERED = re.compile(r"\b(" + "|".join(sorted(_KINDS, key=len, reverse=True)) + r")\s+([a-z]|\d{1,2}|[ivx]{1,4})\b")
_SAME_TEXT = "one two three four five six seven eight nine ten eleven twelve"
_SAME: dict[str, str] = {
    "labour": "labor",
    "programme": "program",
    "bought": "buy",
    "paid": "pay",
    "held": "hold",
    "sold": "sell",
    "men": "man",
    "people": "person",
    "largest": "larg",
    **dict(zip(_SAME_TEXT.split(), map(str, range(1, 13)), strict=True)),
}
# Words that a question may hold without asking for anything; by language, joined: a word that is one in English and a
# noun in Dutch is rare enough among labels.
_FUNCTION_TEXT = """
    a an the of in on at by for from to into with as and or but if than that this these those it its their our your
    his her we they you he she i me my us them is are was were be been being do does did done has have had having
    can could will would shall should may might must there here what which who whom whose when where why how much
    many any some such both each every among between during about via up down out so also please tell give show
    provide state let know only own same very respectively following regarding concerning through across since until
    s der die das des dem den ein eine einer eines einem einen und oder aber von vom im in am an auf bei mit für zu
    zum zur aus nach über unter ist sind war waren wird werden wurde wurden hat haben hatte wie was welche welcher
    welches welchem welchen wer wann wo warum wieviel viel viele es sie wir ihr uns pro je beim als auch le la les l
    un une des du de d et ou à au aux en dans sur sous par pour avec sans est sont était étaient a ont avait quel
    quelle quels quelles qui que quoi quand où pourquoi comment combien ce cette ces son sa ses leur leurs nous vous
    il elle ils elles ne el los las una unos unas del al y o u en con sin por para es son era eran fue fueron ha han
    había cuál cuáles qué quién cuándo dónde cuánto cuánta cuántos cuántas su sus lo se il lo gli i uno della dello
    dei degli delle nel nella nei nelle sul sulla e o con senza è sono era erano ha hanno quale quali che chi quando
    dove perché quanto quanta quanti quante suo sua suoi loro si het een en of van in op bij met voor naar uit onder
    is zijn was waren wordt worden heeft hebben had hoe wat welke wie wanneer waar waarom hoeveel veel als ook hun
    ons hoch hohe hoher hohes groß betrug betrugen beträgt betragen lautet lautete sich élevé élève montant
    entre tra tussen zwischen fra sind gestiegen gesunken verändert sein stato stata qual cual
"""
FUNCTION = frozenset(_FUNCTION_TEXT.split())


# Words that seldom tell labels apart, and sometimes do ("after more than one year", "not yet due"): telling, but light.
_LIGHT_TEXT = """
    before after above below over under within non no not less more other related relating include includ net own
    per only all any as at 1 one end used
"""
LIGHT = frozenset(_LIGHT_TEXT.split())


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` are offsets in the text that was split."""

    text: str
    stem: str
    start: int
    end: int

    @property
    def telling(self) -> bool:
        return self.text not in FUNCTION


def fold(text: str) -> str:
    """Lower case, one kind of apostrophe and dash, compatibility forms resolved; the length may change."""
    text = unicodedata.normalize("NFKC", text).lower()
    return text.replace("’", "'").replace("‘", "'").replace("–", "-").replace("—", "-").replace("\u00ad", "")


def split(text: str) -> list[Word]:
    """Every word of a folded text, function words included; 'class a' also as one word, since its letter alone tells
    nothing."""
    words = [Word(found.group(), stem(found.group()), found.start(), found.end()) for found in _WORD.finditer(text)]
    for kind, letter in _LETTERED.findall(text) if any(word.text in _KINDS for word in words) else ():
        start = text.index(f"{kind} {letter}") if f"{kind} {letter}" in text else 0
        words.append(Word(f"{kind} {letter}", f"{stem(kind)} {letter}", start, start + len(kind) + 1 + len(letter)))
    return words


@lru_cache(maxsize=65536)
def stems(text: str) -> tuple[str, ...]:
    """The stems of a text's telling words, in order, repeats kept."""
    return tuple(word.stem for word in split(fold(text)) if word.telling)


def telling(words: Iterable[Word]) -> tuple[str, ...]:
    return tuple(word.stem for word in words if word.telling)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """'receivables' -> 'receivabl', 'operating' and 'operations' -> 'operat', 'amortisation' -> 'amortiz'."""
    word = re.sub(r"'(?:s|re|ve|ll|d|m|t)?$", "", word)
    word = re.sub(r"^[ld]'", "", word)
    word = re.sub(r"^non[-\s](?=.)", "non", word)  # what is non-current is not current
    if word[:1].isdigit():
        return word.replace(",", "")
    if word in _SAME:
        return _SAME[word]
    word = _plural(word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= (
            5 if ending in ("al", "er", "or", "ic") else 3 if ending == "ing" else 4
        ):
            word = _DOUBLE.sub(r"\1", word[: -len(ending)])
            break
    if word.endswith("e") and len(word) > 4:
        word = word[:-1]
    if word.endswith(("at", "is")) and len(word) >= 6:  # operate, operation, operating
        word = word[:-2] + ("iz" if word.endswith("is") else "")
    if word.endswith("y") and len(word) > 3:
        word = word[:-1] + "i"
    return _SAME.get(word, word)


def kin(stem: str, words: Iterable[str]) -> list[str]:
    """The words that are made from the same beginning and differ by three letters at most."""
    if len(stem) < 5 or " " in stem:
        return []
    return [word for word in words if " " not in word and word[:5] == stem[:5] and abs(len(word) - len(stem)) <= 3]


def _plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word

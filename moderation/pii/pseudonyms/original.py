"""One original of a conversation: its forms, its number, its surrogate, and its parts.

Invariant: `part` gives back nothing but pieces of this very original.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from moderation.pii.pseudonyms.name_words import name_words, shown_words
from moderation.pii.pseudonyms.tags import LITERAL, tag
from moderation.pii.surrogates import is_kept

FUZZY = frozenset(("PERSON", "ADDRESS", "ORGANIZATION", "LOCATION"))
EXACT = frozenset(("EMAIL_ADDRESS", "DOMAIN_NAME", "IP_ADDRESS"))
COUNTED = frozenset(
    ("BANK_ACCOUNT", "CREDIT_CARD", "IBAN_CODE", "NATIONAL_ID", "PASSPORT", "PHONE_NUMBER", "TAX_ID", "UK_NHS", "US_SSN")
)
"""What people name by its last four digits."""


@dataclass
class Original:
    """names: a person's fullest name, word by word. fullest: the same as it was written. alone: a name part that fits
    several people; grows no more. surrogate: empty for a person, whose false name is made from the conversation's words."""

    entity: str
    number: int
    original: str
    keys: set[str] = field(default_factory=set)
    names: tuple[str, ...] = ()
    alone: bool = False
    fullest: str = ""
    surrogate: str = ""

    @property
    def tag(self) -> str:
        return tag(self.entity, self.number)

    def part(self, part: str) -> str:
        """The piece of the original that a tag with this part stands for."""
        if part == "LINE":
            return re.split(r"[,\n]", self.original, maxsplit=1)[0].strip()
        if part == "LAST":
            return "".join(c for c in self.original if c.isalnum())[-4:]
        words = ordered_words(self.fullest or self.original)
        if not part or not words:
            return self.original
        given, surname = split_name(words)
        match part:
            case "GIVEN":
                return given[0] if given else self.original
            case "SURNAME":
                return " ".join(surname)
            case "SHORT":
                return f"{given[0][0]}. {' '.join(surname)}" if given else self.original
            case _:
                return f"{given[0][0]}.{surname[-1][0]}" if given else surname[-1][0]


def ordered_words(shown: str) -> tuple[str, ...]:
    """The words of a name as written, the given name first also where "Meyer, Anna" was written."""
    words = shown_words(shown)
    first = len(shown_words(shown.split(",", 1)[0])) if "," in shown else 0
    return (*words[first:], *words[:first]) if 0 < first < len(words) else words


def split_name(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Given names, and the surname with the particles before it; a single word is a surname."""
    at = len(words) - 1
    while at > 0 and is_kept(words[at - 1]):
        at -= 1
    return words[:at], words[at:]


def identity(entity: str, original: str) -> str:
    """What two spellings of the same thing have in common."""
    text = unicodedata.normalize("NFKC", original).casefold()
    if entity == "PERSON":
        return " ".join(name_words(original)) or text
    if entity in FUZZY or entity == LITERAL:
        return " ".join(text.split()) if entity != LITERAL else original
    if entity in EXACT:
        return text
    return "".join(c for c in text if c.isalnum() or c == "+")

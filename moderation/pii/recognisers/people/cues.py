"""People by what stands around them: titles, "my name is", lists of names, given names.

Invariant: a name is capitalised, or (in a text without capitals) is no ordinary word; a cue alone never makes a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from moderation.pii import word_lists as words
from moderation.pii.recognisers.base import CUED, SHAPED, SpanRecogniser
from moderation.pii.recognisers.people.language import other_language
from moderation.pii.recognisers.people.name_vectors import Lexicon
from moderation.pii.recognisers.resolve import Ground
from moderation.types import PiiSpan

TITLES = (
    r"(?:mr|mrs|ms|miss|mx|dr|prof(?:essor)?|sir|dame|lady|lord|rev|fr|capt|col|gen|sgt|hon|herr|frau|m"
    r"|mme|mlle|madame|monsieur|sig|signor"
    r"|signora|señor|señora|sr|sra|don|doña|ing)"
)
SUFFIXES = r"(?:jr|sr|ii|iii|iv|v|md|phd|dds|dvm|esq|mba|cpa|cfa|jd|rn|do)"
_WORD = r"[^\W\d_](?:[^\W\d_]|['’´-](?=[^\W\d_])){0,59}"  # longer ones are no names, and each piece of one was tried
_PARTICLE = r"(?:van|von|der|den|de|del|della|di|da|dos|du|la|le|el|al|bin|ibn|ter|ten|zu|st\.?)"
_NAME = rf"(?:{_WORD}|[^\W\d_]\.)(?: (?:{_PARTICLE} ){{0,2}}(?:{_WORD}|[^\W\d_]\.)){{0,3}}(?:,? {SUFFIXES}\b\.?)?"

_TITLED = re.compile(rf"(?<![\w'’]){TITLES}\.? ({_NAME})", re.I)
# In these languages a title is written small in mid-sentence.
_SMALL_TITLE = re.compile(r"(?:señor(?:a|ita)?|signor(?:a|ina)?|monsieur|madame|mademoiselle)\b", re.I)
_BEFORE = re.compile(
    r"(?:\b(?:(?:my|his|her|their|full|maiden|first|last|middle|sur|partner'?s|husband'?s|wife'?s"
    r"|customer'?s?|holder'?s?|account)? ?name(?:'s| is| was|:| it is)?"
    r"|(?:ich hei(?:ß|ss)e|ich bin|mein name ist|je m['’]appelle|je suis|mon nom est|me llamo|mi nombre es|mi chiamo"
    r"|il mio nome è|i am|i'm|this is|call(?:s|ed)? (?:me|him|her)|named (?:him|her)?|nam(?:ed|ing)|signed(?: by)?"
    r"|regards,?|sincerely,?|cheers,?|dear|hi|hello|hey"
    r"|beneficiary(?: is|:)?|contact(?: person)?(?: is|:)|attn:?|c/o|(?:on )?behalf of|spoke (?:to|with)"
    r"|(?:wife|husband|son|daughter|mother|father|brother"
    r"|sister|partner|spouse|boss|colleague|friend|neighbou?r|doctor|lawyer|accountant|advis[eo]r|manager"
    r"|landlord|tenant),?(?: is| named| called)?"
    r"|(?:directed|written|produced|composed|painted|sung) by|starring|user|follow up with|"
    r"add|meet(?:ing)? with|email to|payment to|transfer to|pay))[:?,]?\s{1,2})"
    rf"({_NAME})",
    re.I,
)
_AFTER = re.compile(
    rf"(?:^|(?<=[\n\"“>:.!?] )|(?<=[\n\"“>]))({_NAME})(?:['’]s (?:address|phone|number|email|account|card"
    rf"|daughter|son|wife|husband|passport|birthday|name)\b"
    r"| (?:shouted|said|says|asked|told|called|wrote|had given|has given|gave|lives|lived|was born"
    r"|works at|worked|is my|is a \d{1,3} year)\b"
    r"|, (?:can|could|would|will) (?:i|you|we)\b| ?:\s?\\?\")",
    re.I,
)  # fmt: skip
_POSSESSED = re.compile(
    rf"(?<![\w'’])({_WORD}(?: {_WORD})?)(?:\\?['’])s (?:address|phone|number|e-?mail|account|card|daughter"
    rf"|son|wife|husband|passport|birthday|boss|mother|father)\b",
    re.I,
)
_GIVEN = re.compile(rf"\b(?:gave|given|told|asked|paid|owes?|invited|married|met|thanked|emailed|phoned) ({_WORD})(?= )")
_POSSESSIVE = re.compile(r"\\?['’]s$")
_REST = re.compile(rf"(?: (?:{_PARTICLE} ){{0,2}}(?:{_WORD}|[A-Z]\.)){{1,2}}", re.I)
_ANY_WORD = re.compile(_WORD)
_JOINED = re.compile(rf"(?:(?:,|,? and|,? or|,? &) )({_WORD}(?: {_WORD})?)")
_JOINS = re.compile(rf"({_WORD}(?: {_WORD})?)(?:,|,? and|,? or|,? &) $")


def introduced(text: str) -> list[tuple[int, int]]:
    """Where the words before say that a person's name follows: "my name is", "Ms", "regards,"."""
    return [match.span(1) for pattern in (_TITLED, _BEFORE) for match in pattern.finditer(text)]


class NameRecogniser(SpanRecogniser):
    finds = ("PERSON",)

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        super().__init__()

    def spans(self, text: str) -> Iterator[PiiSpan]:
        cased = any(c.isupper() for c in text)
        for match in _TITLED.finditer(text):
            start, end = self._trim(text, match.start(1), match.end(1), cased, titled=True)
            if end > start and (cased or match.group()[:1].islower()):
                small = match.start() > 0 and not text[match.start()].isupper()
                if cased and small and not _SMALL_TITLE.match(match.group()):
                    continue
                yield PiiSpan(match.start(), end, "PERSON", 0.9)
        for pattern, score in ((_BEFORE, CUED), (_AFTER, SHAPED), (_POSSESSED, SHAPED), (_GIVEN, SHAPED)):
            for match in pattern.finditer(text):
                start, end = self._trim(text, match.start(1), match.end(1), cased)
                if end > start:
                    yield PiiSpan(start, end, "PERSON", score)
        english = other_language(text) is None
        for match in _ANY_WORD.finditer(text):
            lower = match.group().lower()
            capital = match.group()[0].isupper()
            if (
                english
                and capital
                and len(lower) > 2
                and not match.group().isupper()
                and self._foreign(text, match.start(), lower)
            ):
                yield PiiSpan(match.start(), match.end(), "PERSON", 0.45)
            if lower in words.given_names() and self._given(lower, capital, cased):
                start, end = self._grow(text, match.start(), match.end(), cased)
                yield PiiSpan(start, end, "PERSON", 0.48 if end > match.end() else 0.45)

    def _foreign(self, text: str, start: int, lower: str) -> bool:
        """Letters that English lacks, or in mid-sentence a word whose vector lies among names."""
        if lower in words.mistaken().months or lower in words.common():
            return False
        if not lower.isascii():
            return True
        before = text[max(0, start - 8) : start].rstrip()[-1:]
        return (
            before not in ("", ".", "!", "?", ":", '"', "“")
            and "\n" not in text[max(0, start - 1) : start]
            and self._lexicon.namelike(lower)
        )

    def _given(self, lower: str, capital: bool, cased: bool) -> bool:
        """A "Bill" may be a person, a "bill" is none; "anna" is one either way, where the text has no capitals."""
        if lower in words.common() or lower in words.mistaken().months:
            return False
        return capital or (not cased and (self._lexicon.score(lower) or 0.0) > 0.5)

    @staticmethod
    def _named(word: str, cased: bool) -> bool:
        lower = word.lower().rstrip(".")
        if cased:
            return (word[0].isupper() and (lower not in words.common() or lower in words.given_names())) or (
                not word[0].isascii() and not word[0].islower()
            )
        return lower not in words.common() and len(lower) > 1

    @classmethod
    def _trim(cls, text: str, start: int, end: int, cased: bool, titled: bool = False) -> tuple[int, int]:
        """The leading words that can be a name; after its first, or a title, a capital is enough ("Anna Price")."""
        stop = start
        for match in re.finditer(r"[^\s,]+", text[start:end]):
            word = match.group()
            owned = _POSSESSIVE.search(word)
            word = word[: owned.start()] if owned else word
            bare = word.lower().rstrip(".")
            joined = re.fullmatch(_PARTICLE, bare) or (re.fullmatch(SUFFIXES, bare) and stop > start)
            bold = cased and (titled or stop > start) and word[0].isupper() and bare not in words.mistaken().afterwards
            if bold or cls._named(word, cased) or (re.fullmatch(SUFFIXES, bare) and stop > start):
                stop = start + match.start() + len(word)
            elif not joined:
                break
            if owned:
                break
        return start, stop

    def _grow(self, text: str, start: int, end: int, cased: bool) -> tuple[int, int]:
        """A given name and the capitalised words right after it."""
        match = _REST.match(text, end)
        if not match:
            return start, end
        _, stop = self._trim(text, end + 1, match.end(), cased)
        return start, max(end, stop) if stop > end + 1 else end


def coordinate(text: str, spans: list[PiiSpan]) -> list[PiiSpan]:
    """Who is named in one breath with a person is a person: "Malon, Mark, Kaylee and Jennifer"."""
    cased = any(c.isupper() for c in text)
    more: list[PiiSpan] = []
    ground = Ground(spans)
    people = [s for s in spans if s.entity == "PERSON"]
    while people:
        person = people.pop()
        after = _JOINED.match(text, person.end)
        before = _JOINS.search(text, max(0, person.start - 48), person.start)
        for match in (after, before):
            if match is None:
                continue
            start, end = match.span(1)
            if match is before:
                start = max(start, start + text[start:end].rfind(" ") + 1) if not text[start].isupper() else start
            else:
                start, end = NameRecogniser._trim(text, start, end, cased)
            word = text[start:end]
            if end <= start or ground.taken(start, end):
                continue
            capital = word[0].isupper() and not word.isupper() and start > 0
            rare = not cased and word.lower() not in words.common() and " " not in word
            if (capital or rare) and word.lower() not in words.companies():
                span = PiiSpan(start, end, "PERSON", 0.5)
                more.append(span)
                ground.take(start, end)
                people.append(span)
    return sorted([*spans, *more], key=lambda s: s.start) if more else spans

"""A text cut into what addresses are made of, and the questions their grammar asks of a token.

Invariant: tokens carry offsets into the text they were cut from, and every question answers for an index beyond the end too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moderation.pii.word_lists import common, countries, streets

_TOKEN = re.compile(
    r"(?P<num>\d+(?:[/-]\d+)*[a-zA-Z]?(?![\w@])|\d+(?:st|nd|rd|th)\b)|(?P<word>[Cc]/(?=\s)"
    r"|[^\W\d_]+(?:['’´`.-][^\W\d_]+)*\.?)"
    r"|(?P<line>\s*\n[\s>?|*]*)|(?P<comma>,)|(?P<hash>#)|(?P<space>[ \t\u00a0]+)|(?P<other>.)",
    re.S,
)
# What usually comes before an address in a sentence.
_CUE = re.compile(
    r"\b(?:address(?:es)?|lives?|living|lived|resid\w+|located|moved|moving|deliver\w*|ship(?:ped|ping)?"
    r"|send|sent|mail\w*"
    r"|return(?:ed)?|meet(?:ing)?|arrived|office|branch|house|home|taxi|visit|street|billing|post(?:ed)?|flat|property"
    r"|headquarters|based|enter)\b",
    re.I,
)
_BOX = re.compile(
    r"\b(?:P\.? ?O\.? ?Box|Post(?:al)? ?box|Post(?:boks|bus|fach)|Apartado|Box|Boîte postale|B\.?P\.?|PSC"
    r"|Unit|CMR)\s?#?\d{1,6}"
    r"(?:,?\s{1,2}Box \d{1,6})?\b",
    re.I,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def bare(self) -> str:
        return self.text.lower().rstrip(".")


class Tokens:
    """The tokens of one text, white space left out. Owned by one parse; `last` is where its latest address ended."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.streets = streets()
        self.cased = any(c.isupper() for c in text)
        tokens = [
            Token(str(m.lastgroup), m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text) if m.lastgroup != "space"
        ]
        self.tokens = tokens
        self.last = -99  # where the address before this one ended
        self.boxes = {m.start(): m.end() for m in _BOX.finditer(text)}

    def _bare(self, at: int) -> str:
        return self.tokens[at].bare if at < len(self.tokens) and self.tokens[at].kind == "word" else ""

    def _region(self, at: int, apart: bool) -> bool:
        """A short region code, in any case, that a postal code or a country follows: "NB 26538", ", 81\\n 73333"."""
        token = self.tokens[at]
        short = (token.kind == "word" and len(token.text) <= 3 and not token.text.endswith(".")) or (
            token.kind == "num" and len(token.text) <= 2 and apart
        )
        following = self._skip(at + 1)
        return short and (
            self._code(following) or (self._country(following) > 0 and token.bare not in self.streets.particles)
        )

    def _separated(self, at: int) -> bool:
        return at >= len(self.tokens) or self.tokens[at].kind in ("line", "comma")

    def _unit(self, at: int) -> int:
        if at < len(self.tokens):
            token = self.tokens[at]
            following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
            if token.kind == "word" and token.bare in self.streets.units and following is not None:
                if following.kind == "num":
                    return at + 2
                if following.kind == "hash" and at + 2 < len(self.tokens) and self.tokens[at + 2].kind == "num":
                    return at + 3
            if token.kind == "hash" and following is not None and following.kind == "num":
                return at + 2
        return at

    def _country(self, at: int) -> int:
        """How many tokens from `at` spell a country."""
        words: list[str] = []
        best = 0
        for offset, token in enumerate(self.tokens[at : at + 6]):
            if token.kind != "word":
                break
            words.append(token.bare)
            if " ".join(words) in countries():
                best = offset + 1
        return best

    def _namey(self, at: int) -> bool:
        if at >= len(self.tokens) or self.tokens[at].kind != "word":
            return False
        token = self.tokens[at]
        if self.cased:
            return token.text[0].isupper() or not (token.text[0].islower() or token.text[0].isupper())
        return (
            token.bare not in common() and token.bare not in self.streets.particles and len(token.bare) > 1
        ) or token.bare in self.streets.words

    def _ends_street(self, at: int) -> bool:
        bare = self.tokens[at].bare
        return len(bare) > 5 and bare.endswith(self.streets.endings)

    def _housy(self, at: int) -> bool:
        token = self.tokens[at]
        before = self.text[token.start - 1] if token.start else " "
        after = self.text[token.end] if token.end < len(self.text) else " "
        following = self.text[token.end + 1] if token.end + 1 < len(self.text) else " "
        return (
            len(token.text.split("-")[0].split("/")[0]) <= 6
            and before not in "$€£.:-+@/"
            and after not in "%:@/-"
            and not (after in ".," and following.isdigit())
        )

    def _date_like(self, at: int) -> bool:
        return bool(re.fullmatch(r"(?:19|20)\d\d", self.tokens[at].text)) and not self._cued(at)

    def _begins_phone(self, at: int) -> bool:
        return bool(re.match(r"\d+[ -]?[-(]?\d", self.text[self.tokens[at].start : self.tokens[at].end + 3])) and bool(
            re.match(r"[-.][\d(]", self.text[self.tokens[at].end : self.tokens[at].end + 2])
        )

    def _code(self, at: int) -> bool:
        return at < len(self.tokens) and self.tokens[at].kind == "num" and len(self.tokens[at].text) >= 4

    def _postal(self, end: int) -> bool:
        return any(self._code(i) for i in range(end, min(end + 6, len(self.tokens))))

    def _own_line(self, at: int) -> bool:
        return at == 0 or self.tokens[at - 1].kind == "line"

    def _sentence_break(self, end: int) -> bool:
        token = self.tokens[end - 1]
        return (
            token.text.endswith(".")
            and token.kind == "word"
            and token.bare not in self.streets.words
            and len(token.bare) > 2
        )

    def _cued(self, at: int) -> bool:
        start = self.tokens[at].start
        return start - self.last < 8 or _CUE.search(self.text, max(0, start - 60), start) is not None

    def _skip(self, at: int) -> int:
        """Past at most one comma and one line break."""
        here = at
        if here and here + 1 < len(self.tokens) and self.tokens[here].text == "." and self.tokens[here - 1].kind == "num":
            here += (
                self.tokens[here + 1].kind in ("line", "comma")
                or self.tokens[here + 1].bare in self.streets.units
                or self._ordinal(at - 1)
            )
        for _ in range(3):
            if here < len(self.tokens) and self.tokens[here].kind in ("line", "comma"):
                here += 1
        return here

    def _ordinal(self, at: int) -> bool:
        return at > 0 and self.tokens[at - 1].bare in self.streets.ordinal

    def _index(self, offset: int) -> int:
        return next((i for i, t in enumerate(self.tokens) if t.start >= offset), len(self.tokens))

    def _trailing(self, at: int) -> int:
        """A full stop that ends the sentence is not the address's."""
        token = self.tokens[at]
        ends = token.text.endswith(".") and token.bare not in self.streets.words
        return 1 if ends else 0

    def _place_below(self, at: int) -> bool:
        """Is the next line a town, with a postal code soon after?"""
        below = self.tokens[at].kind == "line" and self._namey(at + 1)
        return below and any(self._code(i) for i in range(at + 1, min(at + 9, len(self.tokens))))

    def _plain_ahead(self, at: int) -> bool:
        """Without capitals and after a cue, "99 park avenue" may hold an ordinary word before its street."""
        ahead = [t.bare for t in self.tokens[at + 1 : at + 3] if t.kind == "word"]
        return (
            not self.cased
            and any(w in self.streets.plain for w in ahead)
            and self.tokens[at].bare not in self.streets.particles
            and self._cued(at)
        )

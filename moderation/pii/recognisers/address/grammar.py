"""Street addresses in the shapes of many countries, on one line or several.

The grammar: a core (number and street, street and number, post box, military post office) found by its street word, its
ending or a cue before it, then whatever follows in an address: unit, town, region, postal code, country.
Invariant: a core always holds a number beside a name; names alone, or numbers alone, are never an address without a cue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from moderation.pii.recognisers.address.tokens import Tokens
from moderation.pii.recognisers.base import CUED, PROVEN, SHAPED, SpanRecogniser
from moderation.pii.word_lists import common
from moderation.types import PiiSpan

_LONE_BOX = re.compile(r"(?:box|unit|b\.?p\.?)\s", re.I)
_MILITARY = re.compile(
    r"(?:\b(?:US[A-Z]{1,3}|PSC|Unit|CMR) ?[\w ,.'-]{1,40}\n\s?)?\b[AFD]PO,? A[AEP] \d{5}(?:-\d{4})?\b", re.I
)
# Postal codes with letters: the United Kingdom's, Canada's, the Netherlands', Ireland's.
_LETTERED = re.compile(
    r"(?:[A-PR-UWYZ][A-HK-Y]?\d[\dA-Z]? \d[ABD-HJLNP-UW-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d|[1-9]\d{3} ?[A-Z]{2}"
    r"|[AC-FHKNPRTV-Y]\d[\dW] ?[\dAC-FHKNPRTV-Y]{4})(?!\w)",
    re.I,
)
_BARE_STREET = re.compile(
    r"\b(?:on|in|at|off|near|along|to|from|down) (?!(?:Wall|Main|High|State|Bay|Fleet|Lombard|Easy|Sesame"
    r"|The|Silk|One) )"
    r"((?:[^\W\d_a-z][\w'’-]+ ){1,3}(?:Street|Avenue|Road|Lane|Boulevard|Crescent"
    r"|Terrace))\b(?! (?:Journal|Bank|Capital|Partners|Advisors|Global|Corp|Fund))"
)
_POSTCODE_CUE = re.compile(
    r"\b(?:zip|postal|post)[ -]?(?:code)?s?\b(?: (?:is|was|are"
    r"|here))?[:\s]{0,3}([A-Z]{0,2}-?\d[\dA-Z -]{2,8}\d|[A-Z0-9]{2,4} \d[A-Z]{2})\b",
    re.I,
)
_UK_POSTCODE = re.compile(
    r"\b(?:GIR 0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKPSTUW]"
    r"|[A-HK-Y]\d[ABEHMNPRV-Y]) \d[ABD-HJLNP-UW-Z]{2})\b"
)


class AddressRecogniser(SpanRecogniser):
    finds = ("ADDRESS",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        yield from (PiiSpan(m.start(1), m.end(1), "ADDRESS", SHAPED) for m in _BARE_STREET.finditer(text))
        if not any(c.isdigit() for c in text) and "orner of" not in text:
            return
        yield from (PiiSpan(m.start(1), m.end(1), "ADDRESS", CUED) for m in _POSTCODE_CUE.finditer(text))
        yield from (PiiSpan(m.start(), m.end(), "ADDRESS", SHAPED) for m in _UK_POSTCODE.finditer(text))
        parser = _Parser(text)
        for match in _MILITARY.finditer(text):
            yield PiiSpan(match.start(), match.end(), "ADDRESS", PROVEN)
        yield from parser.addresses()


class _Parser(Tokens):
    """One pass over the tokens of one text."""

    def addresses(self) -> Iterator[PiiSpan]:
        at = 0
        while at < len(self.tokens):
            found = self._address(at)
            if found is None:
                at += 1
                continue
            start, end, score = found
            stop = self.tokens[end - 1].end - self._trailing(end - 1)
            if self.tokens[end - 1].kind == "num" and self._ordinal(end - 1) and self.text[stop : stop + 1] == ".":
                stop += 1
            yield PiiSpan(self.tokens[start].start, stop, "ADDRESS", score)
            self.last = stop
            at = end

    # -- the core ---------------------------------------------------------------------------------------------------------

    def _address(self, at: int) -> tuple[int, int, float] | None:
        lead = self._unit(at)
        if lead > at:  # "Apt. 731 96 Törneby 2": the unit comes first
            core = self._core(self._skip(lead), leading=True)
            if core:
                return at, self._extend(core[0]), core[1]
            if self.tokens[at].bare in ("apt", "apartment", "flat"):
                return at, self._extend(lead), SHAPED
            return None
        core = self._core(at, leading=False)
        if not core:
            return None
        end = self._extend(core[0])
        return self._back(at), self._crossing(end), core[1]

    def _core(self, at: int, leading: bool) -> tuple[int, float] | None:
        if at >= len(self.tokens):
            return None
        token = self.tokens[at]
        numbers = 0
        here = at
        while here < len(self.tokens) and self.tokens[here].kind == "num" and numbers < 2 and self._housy(here):
            here += 1
            numbers += 1
        if here < len(self.tokens) and self.tokens[here].start in self.boxes:
            end = self._index(self.boxes[self.tokens[here].start])
            if numbers or leading or not _LONE_BOX.match(self.text, self.tokens[here].start) or self._cued(at):
                return end, PROVEN
        if not numbers and token.kind != "word":
            return None
        if not numbers and (not self._namey(at) and token.bare not in self.streets.words):
            return None
        end, street = self._name(here)
        if end == here:
            return None
        number_after = (
            end < len(self.tokens) and self.tokens[end].kind == "num" and self._housy(end) and not self._date_like(end)
        )
        cued = self._cued(at)
        if numbers and street and not self._counted(at, here, end):
            return (end + 1 if number_after else end), CUED
        if street and number_after and (here + 1 < end or cued or leading or self._ends_street(here)):
            return end + 1, CUED
        followed = number_after and self._unit(self._skip(end + 1)) > self._skip(end + 1)
        if len(self.tokens) > end and numbers and self._own_line(at) and self._place_below(end):
            return end, SHAPED
        if number_after and (numbers or cued) and (cued or leading or followed or self._own_line(at)):
            return end + 1, CUED if cued else SHAPED
        if numbers and (self._unit(self._skip(end)) > self._skip(end) or (cued and self._postal(end))):
            return end, SHAPED
        return None

    def _name(self, at: int) -> tuple[int, bool]:
        """The longest street name from `at`: (end, does it hold a street word)."""
        end = at
        street = False
        here = at
        while here < len(self.tokens) and here - at < 8:
            token = self.tokens[here]
            if token.kind == "num" and token.text[-1].isalpha() and len(token.text) > 2 and here == at:
                here += 1  # "40th Street"
                continue
            if token.kind != "word" or token.bare in self.streets.units:
                break
            kind = token.bare in self.streets.words or (len(token.bare) > 5 and token.bare.endswith(self.streets.endings))
            opener = (
                token.bare in self.streets.openers
                and here == at
                and (self._namey(here + 1) or self._bare(here + 1) in self.streets.particles)
            )
            named = self._namey(here) or (
                here > at and token.text.islower() and len(token.bare) > 4 and token.bare not in common()
            )
            if not (
                named or opener or token.bare in self.streets.particles or (kind and here > at) or self._plain_ahead(here)
            ):
                break
            here += 1
            if named or kind:
                end = here
                street = (
                    street
                    or opener
                    or (kind and (here - at > 1 or token.bare not in self.streets.words or self._namey(here)))
                )
            if token.text.endswith(".") and not kind and len(token.bare) > 3:
                break
        return end, street

    # -- what follows -----------------------------------------------------------------------------------------------------

    def _extend(self, at: int) -> int:
        end = at
        town = 0
        while True:
            here = self._skip(end)
            if here >= len(self.tokens):
                return end
            line = any(t.kind == "line" for t in self.tokens[end:here])
            comma = any(t.kind == "comma" for t in self.tokens[end:here])
            unit = self._unit(here)
            if coded := _LETTERED.match(self.text, self.tokens[here].start):
                return self._index(coded.end())
            if unit > here:
                end = unit
            elif (
                self.tokens[here].kind == "num"
                and re.fullmatch(r"\d{4,6}(?:-\d{4})?", self.tokens[here].text)
                and self._housy(here)
            ):
                if self._begins_phone(here):
                    return end
                end = self._town(here + 1) if not town else here + 1  # "10115 Berlin": the code may come first
                if town or end == here + 1:
                    return max(end, here + 1)
                town += 1
            elif length := self._country(here):
                end = here + length
            elif self._region(here, comma or line):
                end = here + 1
            elif town < 3 and not self._sentence_break(end):
                words = self._town(here)
                if words == here or (line and not self._line_is_place(here, words)):
                    return end
                if comma and not line and words < len(self.tokens) and self.tokens[words].kind == "word" and town:
                    return end
                end = words
                town += 1
                district = self.tokens[end] if end < len(self.tokens) else None
                if district and district.kind == "num" and len(district.text) <= 2 and self._separated(end + 1):
                    end += 1
            else:
                return end

    def _town(self, at: int) -> int:
        here = end = at
        while here < len(self.tokens) and here - at < 6 and self.tokens[here].kind == "word":
            if _LETTERED.match(self.text, self.tokens[here].start):
                break
            if self._namey(here) and self.tokens[here].bare not in self.streets.units:
                here += 1
                end = here
                if self._sentence_break(end):
                    break
            elif here > at and self.tokens[here].bare in self.streets.town_particles:
                here += 1
            else:
                break
        return end

    def _line_is_place(self, at: int, end: int) -> bool:
        """After a line break only a whole line of a place counts: it ends there, or a code, region or country follows."""
        if end >= len(self.tokens):
            return True
        after = self.tokens[end]
        return after.kind in ("line", "comma") or self._code(end) or bool(self._country(end)) or len(after.text) <= 3

    def _back(self, at: int) -> int:
        """ "Ivan and Via Lagrange 3" after a cue: the crossing street belongs to the address."""
        here = at - 1
        corner = next((i for i in range(at - 1, max(-1, at - 7), -1) if self.tokens[i].bare == "corner"), None)
        if corner is not None and self._bare(corner + 1) == "of":
            return corner - 1 if self._bare(corner - 1) == "the" else corner
        if here < 1 or self.tokens[here].bare not in ("and", "&"):
            return at
        start = here
        while start > 0 and self.tokens[start - 1].kind == "word" and self._namey(start - 1) and here - start < 4:
            start -= 1
        if start == here:
            return at
        before = self.tokens[start - 1] if start else None
        if (
            before
            and (before.bare in ("to", "at", "with", "is", "of", "on", "in", ":") or before.kind == "line")
            and self._cued(start)
        ):
            return start
        return at

    def _crossing(self, end: int) -> int:
        """ "1 Calle Mayor and Lucchese Street": the other street of the corner."""
        if self._bare(end) in ("and", "&") and end + 1 < len(self.tokens):
            name, street = self._name(end + 1)
            if street and name > end + 1:
                return name
        return end

    def _counted(self, at: int, name: int, end: int) -> bool:
        """ "In 2022 Wall Street …" counts years, not houses."""
        number = self.tokens[at].text
        if not re.fullmatch(r"(?:19|20)\d\d", number) or at == 0:
            return False
        return self.tokens[at - 1].bare in {
            "in",
            "since",
            "by",
            "of",
            "during",
            "fy",
            "and",
            "from",
            "until",
            "for",
            "to",
            "vs",
            "q",
        } and not (self._postal(end) or self._unit(self._skip(end)) > self._skip(end))

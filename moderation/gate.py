"""The stream gate: text goes in as it is generated and comes out, in order, once its verdicts are in.

A pure state machine: no threads, no clock, no models. Invariant: a character is released only after the input
verdict and the verdict of its own segment allow it and every earlier segment is out; after a halt nothing is
released, ever. Where a segment ends depends on the text alone, never on how it was chunked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from moderation.text.sentences import CJK_END, CLOSERS, ends_sentence
from moderation.types import Allow, Block, ModerationError, Redact, Steer, Verdict

LOOKAHEAD = 2  # characters that must be known after a cut before it is made
MIN_SENTENCE = 24  # a shorter sentence is judged together with the next one
MIN_LINE = 80  # a line end counts as a sentence end from here on

_SPACE = re.compile(r"\s+")
_HALF = re.compile(r"[\ud800-\udfff]")
# What a reader does not see: soft hyphen, zero width, bidi and variation marks, fillers. Tag characters spell text and stay.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb]+"
)
_PADDING = re.compile(r"(\s\s)\s+|([\u0300-\u036f]{2})[\u0300-\u036f]+")
_CODE = re.compile(r"[A-Z0-9]{2,}$")
# What must stay in one piece where one entity follows another without a place to cut between them, and no sentence ends.
# The window ends somewhere in the last of them, so each may also be the beginning of one.
_WHOLE = re.compile(
    r"<[A-Z_]*\d*>?"  # a tag
    r"|[A-Z]{2}\d{2}(?: [A-Z0-9]{4}\b){2,7}(?: [A-Z0-9]{1,3}\b)?(?: \Z)?|[A-Z]{2}\d{2}(?: [A-Z0-9]{1,4}){0,2} ?\Z"  # an IBAN
    r"|\d{4}(?: \d{4}\b){3}|\d{4}(?: \d{1,4}){0,3} ?\Z"  # a card
    r"|\+\d{0,3}(?: \d{1,4}){0,3} ?\Z|\+\d{1,3}(?: \d{2,4}\b){1,3}"  # a telephone
    r"|\(\d{3}\) \d{3}-\d{4}|\(\d{0,3}\)?(?: [\d-]*)?\Z"
    r"|\d{1,3}(?: \d{1,3}){0,3} ?\Z|\d{1,3}(?: \d{3}\b)+"  # a number in groups
    r"|[A-Z]{3} (?:\d[\d.,]*|\Z)"  # a sum
    r"|[\w.@:/%#?&=+,'~-]+",  # an address, a figure, a word
    re.ASCII,
)
SHORTEST_HOLD = 64  # a pseudonym tag, a card number or an IBAN must fit


class GateError(ModerationError):
    """The gate was used against its contract (an unknown segment, a second verdict, text after close)."""


@dataclass(frozen=True)
class Segment:
    """A piece of the answer to be judged; `context` is what a reader saw just before it, for the detectors only."""

    id: int
    text: str
    context: str


@dataclass(frozen=True)
class Release:
    """Segment `id` may leave, as `text`."""

    id: int
    text: str


@dataclass(frozen=True)
class Halt:
    """Nothing more leaves. `segment_id` is None when the input was refused."""

    segment_id: int | None
    verdict: Verdict | None


class StreamGate:
    """One answer's gate. Not thread-safe: its one owner calls it from one thread or under one lock."""

    def __init__(self, max_hold: int = 400, overlap: int = 200) -> None:
        """max_hold: the most characters of one segment; overlap: characters of context before it, without padding."""
        if max_hold < SHORTEST_HOLD or overlap < 0:
            raise GateError(f"max_hold is {max_hold}, overlap {overlap}; needed: {SHORTEST_HOLD} and 0")
        self._max_hold = max_hold
        self._overlap = overlap
        self._held = ""  # text not yet cut
        self._half = ""  # the first half of a surrogate pair, until the next chunk
        self._context = ""  # the last `overlap` characters already cut, without padding
        self._next_id = 0
        self._next_release = 0
        self._pending: dict[int, str] = {}  # cut, not yet judged
        self._cleared: dict[int, str] = {}  # judged, waiting for the input verdict or for an earlier segment
        self._input_ok = False
        self._closed = False
        self._halt: Halt | None = None

    @property
    def halted(self) -> bool:
        return self._halt is not None

    @property
    def done(self) -> bool:
        """Everything that was fed has been released, and no more will come."""
        return self._closed and not self.halted and self._input_ok and not self._pending and not self._cleared

    def feed(self, chunk: str) -> list[Segment]:
        """Take newly generated text; return the segments that are now complete (none after a halt)."""
        if self._closed:
            raise GateError("text was fed after close(); open a new gate for a new answer")
        if self.halted:
            return []
        text = self._half + chunk
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        self._held += well_formed(text[: len(text) - len(self._half)])
        return list(self._cut())

    def close(self) -> list[Segment]:
        """No more text will come: return what was held back as the last segments."""
        if self._closed or self.halted:
            self._closed = True
            return []
        self._closed = True
        self._held += well_formed(self._half)
        return list(self._cut())

    def input_verdict(self, ok: bool) -> list[Release] | Halt:
        """The input rails have answered: release what waited for them, or halt."""
        if self._halt is not None:
            return self._halt
        if not ok:
            return self._stop(Halt(None, None))
        self._input_ok = True
        return self._releases()

    def verdict(self, segment_id: int, verdict: Verdict) -> list[Release] | Halt:
        """The output rails have answered for one segment, in any order."""
        if self._halt is not None:
            return self._halt
        if segment_id not in self._pending:
            raise GateError(f"segment {segment_id} waits for no verdict; judge each segment exactly once")
        text = self._pending.pop(segment_id)
        match verdict:
            case Allow():
                self._cleared[segment_id] = text
            case Redact(text=replaced):
                self._cleared[segment_id] = replaced
            case Steer() | Block():
                return self._stop(Halt(segment_id, verdict))
            case _:
                assert_never(verdict)
        return self._releases()

    def _stop(self, halt: Halt) -> Halt:
        self._halt = halt
        self._held = self._half = ""
        self._pending.clear()
        self._cleared.clear()
        return halt

    def _releases(self) -> list[Release]:
        released: list[Release] = []
        while self._input_ok and self._next_release in self._cleared:
            released.append(Release(self._next_release, self._cleared.pop(self._next_release)))
            self._next_release += 1
        return released

    def _cut(self) -> Iterator[Segment]:
        """Segments that are complete. Looks at a window, so that a chunk of any size takes time linear in its length."""
        begin, size = 0, self._max_hold + LOOKAHEAD + 1
        while begin < len(self._held):
            window = self._held[begin : begin + size]
            end = next_cut(window, self._max_hold, final=self._closed and begin + len(window) == len(self._held))
            if end is None:
                break
            text = window[:end]
            begin += end
            segment = Segment(self._next_id, text, self._context)
            self._context = without_padding(self._context + text)[-self._overlap :] if self._overlap else ""
            self._pending[segment.id] = text
            self._next_id += 1
            yield segment
        self._held = self._held[begin:]


def well_formed(text: str) -> str:
    """`text` with the halves of surrogate pairs joined, and U+FFFD for a half alone: JSON can carry halves, UTF-8 cannot."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if _HALF.search(text) else text


def without_padding(text: str) -> str:
    """`text` as detectors shall remember it: without unseen characters, and with at most two white spaces or accents in a
    row. Otherwise padding between the halves of a phrase would push the first half out of the context of the second."""
    return _PADDING.sub(r"\1\2", _UNSEEN.sub("", text))


def next_cut(text: str, max_hold: int, *, final: bool) -> int | None:
    """Where the first segment of `text` ends, or None while that is not yet known.

    The first sentence end within `max_hold` characters; failing that, the last place within them that splits
    no entity. A candidate is decided once LOOKAHEAD further characters are known: more text never changes it.
    """
    fallback = 0
    for end, is_sentence_end in _candidates(text, max_hold):
        if not final and end + LOOKAHEAD > len(text):
            return None
        if is_sentence_end and end < len(text):
            return end
        fallback = end
    if final and len(text) <= max_hold:
        return len(text)
    if len(text) < max_hold + LOOKAHEAD and not final:
        return None
    return fallback or _split_token(text, max_hold)


def _candidates(text: str, max_hold: int) -> Iterator[tuple[int, bool]]:
    """(position, is a sentence end) of each allowed cut within max_hold, left to right."""
    window = text[: max_hold + 1]
    cjk = {match.end() for match in CJK_END.finditer(window)}
    spaces = {match.end(): match.start() for match in _SPACE.finditer(text[: max_hold + LOOKAHEAD])}
    for end in sorted(cjk | spaces.keys()):
        if not 0 < end <= max_hold:
            continue
        if end in cjk and end not in spaces:
            if text[end : end + 1] not in tuple(CLOSERS):
                yield end, end >= MIN_SENTENCE
        elif not _joined(text, spaces[end], end):
            yield end, _ends_sentence(text, spaces[end], end)


def _ends_sentence(text: str, start: int, end: int) -> bool:
    """Whether the white space text[start:end] follows a sentence."""
    gap = text[start:end]
    if gap.count("\n") > 1 or ("\n" in gap and end >= MIN_LINE):
        return True
    return end >= MIN_SENTENCE and ends_sentence(text, start)


def _joined(text: str, start: int, end: int) -> bool:
    """Whether text[start:end], white space, stands inside a number, a phone number, a card or an IBAN."""
    left = text[:start].rsplit(maxsplit=1)[-1:]
    if not left:
        return False
    word = left[0].rstrip(".,;:!?)]-/")
    right = text[end : end + LOOKAHEAD].lstrip("(+-/.")
    if not word or not right:
        return False
    digits_meet = word[-1].isdigit() and right[0].isdigit()
    code_meets_digits = bool(_CODE.fullmatch(word)) and right[0].isdigit()
    return digits_meet or code_meets_digits or (_is_code_with_digit(left[0]) and bool(_CODE.fullmatch(right)))


def _is_code_with_digit(word: str) -> bool:
    return bool(_CODE.fullmatch(word)) and not word.isalpha()


def _split_token(text: str, max_hold: int) -> int:
    """A cut in text without a usable space: before the entity that reaches over the limit.

    An unbroken entity longer than max_hold is cut at max_hold: the bound on what is held wins.
    """
    for match in _WHOLE.finditer(text[: max_hold + LOOKAHEAD]):
        if match.start() < max_hold < match.end() and match.start() > 0:
            return match.start()
    return max_hold

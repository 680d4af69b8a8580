"""Reads what a model writes, as it comes, and puts canonical tags where it meant personal data.

A pure state machine. Invariant: what comes out does not depend on how the text was chunked, a tag or a surrogate that has
begun is held until it is whole, and never more than MOST characters are held.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from moderation.pii.pseudonyms.surrogate_forms import WAIT, WORD, NotYet, SurrogateForm, fold_all, is_word
from moderation.pii.pseudonyms.tags import CANONICAL, kinds, tag
from moderation.pii.word_lists import common

MOST = 512  # more than the longest form with all its gaps; a longer word is none of ours
_WORD = re.compile(WORD)
_RUN = re.compile(f"{WORD}+")
_URL = re.compile(r"://|(?<!\w)www\.|]\(", re.I)
_URL_ENDS = re.compile(r"[\s\">]")

_KIND_GAP = r"(?:\\?_(?:\r?\n)?|[ \u00a0-]|\r?\n)"
_LETTERS = r"[^\W\d_]+"
_KIND = rf"(?P<kind>{_LETTERS}(?:{_KIND_GAP}{_LETTERS}){{0,4}})"
_WRITTEN = re.compile(rf"{_KIND}(?P<gap>[\s\\_:#-]{{0,3}})(?P<number>\d{{1,6}})(?!\d)")
_UNNUMBERED = re.compile(_KIND)
_BEGUN = re.compile(rf"{_KIND}{_KIND_GAP}?(?P<gap>[\s\\_:#-]{{0,3}})(?P<number>\d{{0,6}})\Z")
_OPEN = re.compile(r"(?:(?P<angle>[<‹«＜〈《]{1,2}|&(?:amp;)?lt;|\\<)|(?P<square>[\[{［【]{1,2}))\s{0,2}\\?\Z")
_OPEN_BEGUN = re.compile(r"(?:[<\[{‹«＜［【〈《(+\\]{1,3}|&(?:a?m?p?;?)(?:l?t?;?))\s{0,2}\\?\Z")
_CLOSE = re.compile(r"\s?(?:(?P<angle>[>›»＞〉》]{1,2}|\\?>|&(?:amp;)?gt;)|(?P<square>[\]}］】]{1,2}))")
_CLOSE_BEGUN = re.compile(r"\s?\\?(?:&(?:a?m?p?;?)(?:g?t?)?)?\Z")
_CUT = re.compile(r"(?:[<‹«]|&lt;|\\<)\s?(?P<begun>[A-Z](?:[A-Z]|\\?_)*)\Z")
_GOES_ON = re.compile(f"_?{WORD}")
_PART_OF_ADDRESS = re.compile(f"@|[._]{WORD}")
_ESCAPE = re.compile(r"&(?:amp;)?[lg]t;")
_ESCAPE_BEGUN = re.compile(r"&(?:a?m?p?;?)(?:[lg]?t?)\Z")
_PERSONS = frozenset(("persona", "personne", "persoon", "pessoa"))
_MARKS = re.compile(r"(\s?)(\*{1,3}|~~)")
_DISARMS = frozenset("_&;#@/\\.-=%")
_GAP = re.compile(_KIND_GAP)
_ENDING = re.compile(
    r"(?:\b(?:ending|ends?|endet|endend\w*|endziffern|last|letzten|final|termin\w+|digits|ziffern|finissant|chiffres|cifre)"
    r"\b\W{0,3}(?:[^\W\d]+\W{1,3}){0,4}|[*•xX#·]{2,}[\s-]?(?:[*•xX#·]{2,}[\s-]?)*)\Z",
    re.I,
)


@dataclass(frozen=True)
class Vocabulary:
    """What one conversation's model may say for personal data.

    known: what the map holds, as (entity, number). alone: the number of an entity of which there is one. last: four last
    digits of a surrogate to their tag. names: words of false names to their tag. spoken: the prompt, in lower case."""

    known: frozenset[tuple[str, int]]
    forms: Iterable[SurrogateForm] = ()
    alone: Mapping[str, int] = field(default_factory=dict)
    last: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    spoken: str = ""


class StreamReader:
    """One answer's reader. Not thread-safe: the thread that takes the model's text owns it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._words = vocabulary
        self._forms: dict[str, list[SurrogateForm]] = {}
        for form in vocabulary.forms:
            self._forms.setdefault(form.characters[0], []).append(form)
        self._spoken = frozenset(_RUN.findall(vocabulary.spoken))
        self._held = ""
        self._past = ""  # the end of what was read
        self._token = ""  # the end of what was read since the last white space
        self._in_url = False
        self._in_word = False  # a word too long to be ours has begun

    def feed(self, chunk: str) -> str:
        """The next text of the model; returns what can no longer change."""
        self._held += chunk
        return self._read(final=False)

    def close(self) -> str:
        """No more text will come: returns the rest, without the tag that the model's last token may have broken off."""
        if (cut := _CUT.search(self._held)) and self._begins_a_tag(cut["begun"].replace("\\", "")):
            self._held = self._held[: cut.start()]
        return self._read(final=True)

    def _begins_a_tag(self, begun: str) -> bool:
        return any(tag(entity, number).startswith(f"<{begun}") for entity, number in self._words.known)

    def _read(self, *, final: bool) -> str:
        text, out, at = self._held, list[str](), 0
        if self._in_word and text:
            run = _RUN.match(text)
            at = run.end() if run else 0
            self._in_word = at == len(text)
            out.append(self._taken(text[:at]))
        while at < len(text):
            start = _word_start(text, at)
            step = self._step(text, at, start, final=final) if start < len(text) else None
            if step is None or isinstance(step, NotYet):
                begun = None if final else _OPEN_BEGUN.search(text, at, start)
                cut = begun.start() if begun and start - begun.start() < 16 else start
                out.append(self._taken(text[at:cut]))
                at = cut
                if step is WAIT and len(text) - at > MOST:
                    out.append(self._taken(text[at:]))
                    at, self._in_word = len(text), is_word(text[-1])
                break
            begin, end, replacement = step
            out += [self._taken(text[at:begin]), replacement]
            self._taken(text[begin:end])
            at = end
        self._held = text[at:]
        return "".join(out)

    def _taken(self, source: str) -> str:
        """Remembers what was just read; returns it."""
        self._past = (self._past + source)[-64:]
        self._in_url, self._token = self._url(source)
        return source

    def _url(self, more: str) -> tuple[bool, str]:
        """Whether what follows `more` stands in the address of a web page, and the end of that address."""
        *ended, last = _URL_ENDS.split(more)
        token = last if ended else self._token + last
        return (self._in_url and not ended) or _URL.search(token) is not None, token[-8:]

    def _step(self, text: str, at: int, start: int, *, final: bool) -> tuple[int, int, str] | NotYet:
        """What becomes of the word at `start`: (from, to, what stands there instead), or WAIT."""
        run = _RUN.match(text, start)
        end = run.end() if run else start + 1
        if not final and (end == len(text) or _ESCAPE_BEGUN.match(text, max(start - 1, 0))):
            return WAIT
        word = text[start:end]
        past = self._past + text[at:start]
        if self._url(text[at:start])[0]:
            return start, end, word
        found = self._tag(text, at, start, past, final=final)
        if found is None:
            found = self._form(text, at, start, past, final=final)
        if found is not None:
            return found
        if len(word) == 4 and (mine := self._words.last.get(word)) and _ENDING.search(past):
            return start, end, mine
        return start, end, self._misspelt(word) or word

    # -- tags -------------------------------------------------------------------------------------------------------------

    def _tag(self, text: str, at: int, start: int, past: str, *, final: bool) -> tuple[int, int, str] | NotYet | None:
        if not final and self._tag_begun(text, start):
            return WAIT
        exact = CANONICAL.match(text, start - 1) if start > at else None
        if exact and _KINDS.get(_skeleton(exact[1]), ("", "", False))[2]:  # more brackets around it are the sentence's
            return start - 1, exact.end(), exact.group()
        opened = _OPEN.search(text, at, start)
        found = _WRITTEN.match(text, start)
        if found is None:
            return self._unnumbered(text, start, opened, final=final) if opened and opened["angle"] else None
        named = _KINDS.get(_skeleton(found["kind"]))
        if named is None:
            return None
        end = found.end()
        closed = _CLOSE.match(text, end)
        if not final and (_CLOSE_BEGUN.match(text, end) or text[end:] == "_" or (closed and closed.end() == len(text))):
            return WAIT
        if not closed and _GOES_ON.match(text, end):
            return None
        square = bool(opened and opened["square"] and closed and closed["square"])
        if square and closed and text[closed.end() : closed.end() + 1] == "(":
            return None
        angle = bool((opened and opened["angle"]) or (closed and closed["angle"]))
        entity, part, own = named
        if not (angle or square) and not self._bare(found, past, own=own):
            return None
        number = int(found["number"])
        if (entity, number) not in self._words.known and not own:
            return None
        return self._whole(found, opened, closed, angle, square, tag(entity, number, part))

    @staticmethod
    def _whole(
        found: re.Match[str], opened: re.Match[str] | None, closed: re.Match[str] | None, angle: bool, square: bool, to: str
    ) -> tuple[int, int, str]:
        """The tag with the brackets that are its own."""
        begin, end = found.span()
        if opened and (square or (angle and opened["angle"])):
            begin = opened.start()
        if closed and (square or (angle and closed["angle"])):
            end = closed.end()
        return begin, end, to

    def _bare(self, found: re.Match[str], past: str, *, own: bool) -> bool:
        """Without brackets a tag must keep a joint, or be written like a name that nobody used before."""
        before = past[-1:]
        if before in _DISARMS and before:
            return False
        kind, gap = found["kind"], found["gap"]
        if "_" in gap or (gap == "-" and kind[0].isupper()) or (not gap and kind.isupper()):
            return own or kind[0].isupper()
        spaced = gap.isspace() and len(gap) == 1 and kind[0].isupper() and (own or _skeleton(kind) in _PERSONS)
        return spaced and found.group().lower() not in self._words.spoken

    def _unnumbered(
        self, text: str, start: int, opened: re.Match[str], *, final: bool
    ) -> tuple[int, int, str] | NotYet | None:
        """<PERSON>, where there is but one."""
        found = _UNNUMBERED.match(text, start)
        if found and not final and _CLOSE_BEGUN.match(text, found.end()):
            return WAIT
        closed = _CLOSE.match(text, found.end()) if found else None
        if found is None or closed is None or not closed["angle"] or not found["kind"].isupper():
            return None
        entity, part, own = _KINDS.get(_skeleton(found["kind"]), ("", "", False))
        number = self._words.alone.get(entity)
        return (opened.start(), closed.end(), tag(entity, number, part)) if own and number else None

    @staticmethod
    def _tag_begun(text: str, start: int) -> bool:
        found = _BEGUN.match(text, start)
        if found is None:
            return False
        skeleton = _skeleton(found["kind"])
        return skeleton in _KINDS if found["number"] else skeleton in _PREFIXES

    # -- surrogates -------------------------------------------------------------------------------------------------------

    def _form(self, text: str, at: int, start: int, past: str, *, final: bool) -> tuple[int, int, str] | NotYet | None:
        best: tuple[int, SurrogateForm] | None = None
        for form in self._forms.get(fold_all(text[start]), ()):
            end = form.at(text, start, final=final)
            if isinstance(end, NotYet):
                return WAIT
            if end is not None and (best is None or end > best[0]):
                best = (end, form)
        if best is None or past[-1:] in ("@", "=", "%"):
            return None
        end, form = best
        if form.name:  # clara.winter@… is an address that the model made up
            if not final and text[end:] in (".", "_"):
                return WAIT
            if _PART_OF_ADDRESS.match(text, end):
                return None
        begin, replacement = start, form.replacement
        if suffix := form.ending(text, end):
            replacement, end = replacement + suffix.group(), suffix.end()
        before, after = _loose_marks(text[start:end])
        replacement = before + replacement + after
        if form.gaps[0] == "#":  # the sign or the bracket before a telephone number is its own
            if begin > at and text[begin - 1] == "(" and ")" in text[begin:end]:
                begin -= 1
            if begin > at and text[begin - 1] == "+":
                begin -= 1
        return begin, end, replacement

    def _misspelt(self, word: str) -> str | None:
        """A false name with one letter wrong, missing or too many, or two turned round; never a word of the prompt."""
        lower = fold_all(word)
        if len(lower) < 5 or not word[0].isupper() or lower in self._spoken or lower in common() or not word.isalpha():
            return None
        return next((mine for name, mine in self._words.names.items() if len(name) > 4 and one_apart(lower, name)), None)


def _loose_marks(matched: str) -> tuple[str, str]:
    """Of Markdown's marks inside what is replaced those whose partner is outside: before it, and after it."""
    before = after = ""
    marks = _MARKS.findall(matched)
    for gap, mark in marks:
        if sum(other == mark for _, other in marks) % 2:
            before, after = (mark, after) if gap else (before, mark)
    return before, after


def _word_start(text: str, at: int) -> int:
    """Where the next word begins; what is escaped for HTML is none."""
    while found := _WORD.search(text, at):
        start = found.start()
        escape = _ESCAPE.match(text, start - 1) if start and text[start - 1] == "&" else None
        if escape is None:
            return start
        at = escape.end()
    return len(text)


def one_apart(a: str, b: str) -> bool:
    """Is `a` made from `b` by one change of a letter, or by turning two neighbours round (optimal string alignment)?"""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    if len(a) == len(b):
        return a[at + 1 :] == b[at + 1 :] or (a[at : at + 2] == b[at : at + 2][::-1] and a[at + 2 :] == b[at + 2 :])
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[at + 1 :] == shorter[at:]


def _skeleton(kind: str) -> str:
    return _GAP.sub("", kind).lower()


_KINDS: dict[str, tuple[str, str, bool]] = {}
for _spelled, _meaning in kinds().items():  # the kinds' own names come first and win
    _KINDS.setdefault(_skeleton(_spelled), _meaning)
_PREFIXES = frozenset(skeleton[:length] for skeleton in _KINDS for length in range(1, len(skeleton) + 1))

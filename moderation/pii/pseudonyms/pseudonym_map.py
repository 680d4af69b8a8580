"""The two-way map of one conversation between personal data and what stands for it.

Invariant: one tag stands for one original (a person's name in all its forms), and `restore` puts back only what this
very map holds. What a user types that merely looks like a tag, or equals a surrogate, is itself given a tag, so nobody can
ask for an original by what stands for it.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from moderation.pii.pseudonyms.name_words import name_words, plainly_a_name
from moderation.pii.pseudonyms.original import Original, identity
from moderation.pii.pseudonyms.originals import Originals
from moderation.pii.pseudonyms.serialised import SECRET_BYTES, PseudonymError, dumped, loaded
from moderation.pii.pseudonyms.stream_reader import StreamReader, Vocabulary
from moderation.pii.pseudonyms.surrogate_choice import SurrogateChoice
from moderation.pii.pseudonyms.surrogate_forms import WORD, SurrogateForm, fold
from moderation.pii.pseudonyms.tags import CANONICAL, LITERAL, TAG, is_tag, neutral, read_tag, split_part
from moderation.types import PiiSpan

__all__ = ["ModelMessages", "PseudonymError", "Pseudonyms", "Style", "identity"]

Style = Literal["tag", "surrogate"]
TAGS: Mapping[str, Style] = {"default": "tag"}
_URL_BEFORE = re.compile(r"(?:://|(?<!\w)www\.|]\()[^\s\">]*\Z", re.I)
_WORD_START = re.compile(rf"(?<!{WORD}){WORD}")
# Beside these a surrogate would run into a word, a number, an address or another surrogate, and be read back no more.
_RUNS_INTO = re.compile(rf"(?:{WORD}|[@=%+]|_\d{{1,6}}>)\Z")
_RUNS_ON = re.compile(rf"@|[._]?(?:{WORD}|{CANONICAL.pattern})")


@dataclass(frozen=True)
class ModelMessages:
    """Messages as a model reads them, the reader of what it will write, and how many surrogates of each entity they hold."""

    messages: tuple[tuple[str, str], ...]
    reader: StreamReader
    surrogates: Mapping[str, int]


class Pseudonyms:
    """The map of one conversation. `_lock` guards the entries, their indexes and the surrogates; public methods take it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._originals = Originals()
        self._entries = self._originals.all
        self._by_key: dict[tuple[str, str], Original] = {}
        self._by_tag: dict[tuple[str, int], Original] = {}
        self._secret = secrets.token_bytes(SECRET_BYTES)
        self._choice = SurrogateChoice(self._secret, {})

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def tag(self, entity: str, original: str) -> str:
        """The tag that stands for `original`, the same for every form of it where that is unambiguous."""
        with self._lock:
            key = identity(entity, original)
            names = name_words(original) if entity == "PERSON" else ()
            known = self._originals
            entry = known.person(names) if names else self._by_key.get((entity, key))
            if entry is None:
                number, many = known.next_number(entity), known.fits_many(names)
                entry = Original(entity, number, original, {key}, names, alone=many, fullest=original)
                known.add(entry)
                self._by_tag[entity, number] = entry
            elif key not in entry.keys or len(names) > len(entry.names):
                if len(names) > len(entry.names):
                    known.grow(entry, names, original)
                known.known_as(entry, key)
            self._by_key[entity, key] = entry
            return entry.tag

    def restore(self, text: str, before: str = "") -> str:
        """Puts the originals back, in one pass, however the model has spelled their tags; a neutral word for a tag that
        stands for nothing. Never into the address of a web page: whoever serves it would read them.

        before: what was said just before `text`."""
        return self.restored(text, before)[0]

    def restored(self, text: str, before: str = "") -> tuple[str, int]:
        """`restore`, and how many pseudonyms in the text could not be put back."""
        lost = 0

        def original(match: re.Match[str]) -> str:
            nonlocal lost
            kind, number = read_tag(match)
            entity, part = split_part(kind)
            entry = self._by_tag.get((entity, number))
            in_url = _URL_BEFORE.search((before[-400:] + text[: match.start()])[-800:]) is not None
            if entry is not None and not in_url:
                return entry.part(part)
            if not is_tag(match) or (entry is None and match["c"] and not match["c"].isupper()):
                return match.group()
            if in_url and not CANONICAL.fullmatch(match.group()):
                return match.group()  # the reader left it as it was said; what stands in an address tells nothing
            lost += 1
            return neutral(kind)

        with self._lock:
            put_back = TAG.sub(original, text)
            return put_back, lost + self._choice.left_in(TAG.sub(" ", text), self._entries)

    def known(self, text: str) -> list[PiiSpan]:
        """Where originals of earlier turns occur in `text`, in any case or spacing; of a person also an unambiguous part.
        Also what equals a surrogate of this conversation: it is something else that the user means."""
        with self._lock:
            spans = [
                PiiSpan(start, end, entry.entity, 0.95)
                for start, end, entry in self._originals.find(text)
                if entry.entity != "PERSON" or plainly_a_name(text, start, text[start:end])
            ]
            return [*spans, *self._typed_surrogates(text)]

    def people(self) -> dict[str, tuple[str, ...]]:
        """The fullest name of everyone who was named, word by word without regard to case, by what stands for them."""
        with self._lock:
            return {e.tag: e.names for e in self._entries if e.names}

    # -- what a model reads and writes ------------------------------------------------------------------------------------

    def prepare(self, styles: Mapping[str, Style]) -> None:
        """Draws the surrogates that are still missing, so that they are dumped with the map."""
        with self._lock:
            self._choice.draw(self._entries, [e for e in self._entries if _style(styles, e) == "surrogate"])

    def cover(self, messages: Sequence[tuple[str, str]], styles: Mapping[str, Style] = TAGS) -> ModelMessages:
        """The (role, text) messages with surrogates for tags, where that is the style, and the answer's reader."""
        with self._lock:
            joined = "\n".join(text for _, text in messages)
            plain = CANONICAL.sub(" ", joined)
            tagged = [(split_part(m[1])[0], int(m[2])) for m in CANONICAL.finditer(joined)]
            present = [entry for key in dict.fromkeys(tagged) if (entry := self._by_tag.get(key))]
            covered = [entry for entry in present if _style(styles, entry) == "surrogate"]
            if covered:
                self._choice.draw(self._entries, covered, plain)
            counts: dict[str, int] = {}

            def false(match: re.Match[str]) -> str:
                entity, part = split_part(match[1])
                entry = self._by_tag.get((entity, int(match[2])))
                shown = self._choice.shown(entry, part) if entry and entry in covered and _read_back(match) else ""
                counts[entity] = counts.get(entity, 0) + bool(shown)
                return shown or match.group()

            as_read = tuple((role, CANONICAL.sub(false, text) if covered else text) for role, text in messages)
            by_entity: dict[str, list[int]] = {}
            for entry in self._entries:
                by_entity.setdefault(entry.entity, []).append(entry.number)
            vocabulary = Vocabulary(
                known=frozenset(self._by_tag),
                forms=tuple(form for entry in covered for form in self._choice.forms(entry)),
                alone={entity: numbers[0] for entity, numbers in by_entity.items() if len(numbers) == 1},
                last={four: mine for entry in covered for four, mine in self._choice.last_four(entry, plain).items()},
                names={name: mine for entry in reversed(covered) for name, mine in self._choice.names(entry).items()},
                spoken=plain.lower(),
            )
            return ModelMessages(as_read, StreamReader(vocabulary), {e: n for e, n in counts.items() if n})

    def _typed_surrogates(self, text: str) -> list[PiiSpan]:
        forms: dict[str, list[tuple[SurrogateForm, Original]]] = {}
        for entry in self._entries:
            for form in self._choice.forms(entry):
                forms.setdefault(form.characters[0], []).append((form, entry))
        spans, at = [], 0
        for found in _WORD_START.finditer(text) if forms else ():
            ends = [
                (end, entry.entity) for form, entry in forms.get(fold(found.group()), ())
                if found.start() >= at and isinstance(end := form.at(text, found.start(), final=True), int)
            ]  # fmt: skip
            if ends:
                at, entity = max(ends)
                spans.append(PiiSpan(found.start(), at, entity, 0.9))
        return spans

    # -- storage ----------------------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The map as JSON. It is personal data in the clear: the caller encrypts it."""
        with self._lock:
            return dumped(self._entries, self._secret, self._choice.words)

    @classmethod
    def load(cls, data: bytes) -> Pseudonyms:
        """Raises PseudonymError where `data` is not what `dump` wrote."""
        self = cls()
        entries, self._secret, words = loaded(data)
        self._choice = SurrogateChoice(self._secret, words)
        for entry in entries:
            self._originals.add(entry)
            self._by_tag[entry.entity, entry.number] = entry
            for key in entry.keys:
                self._by_key[entry.entity, key] = entry
        return self


def _read_back(match: re.Match[str]) -> bool:
    """Would the reader find a surrogate in the match's place? Not where it is one with what stands beside it, nor in the
    address of a web page."""
    text, start, end = match.string, *match.span()
    before = text[max(start - 400, 0) : start]
    return not (_RUNS_INTO.search(before[-8:]) or _RUNS_ON.match(text, end) or _URL_BEFORE.search(before))


def _style(styles: Mapping[str, Style], entry: Original) -> Style:
    return "tag" if entry.entity == LITERAL else styles.get(entry.entity, styles.get("default", "tag"))

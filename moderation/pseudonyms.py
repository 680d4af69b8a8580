"""The two-way map of one conversation between personal data and its tags.

Invariant: one tag stands for one original (a person's name in all its forms), and `restore` puts back only what this
very map holds. What a user types that merely looks like a tag is itself given a tag, so nobody can ask for an original
by its tag.
"""

from __future__ import annotations

import json
import re
import threading
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from moderation.recognisers.words import common
from moderation.types import ModerationError, PiiSpan

LITERAL = "LITERAL"
_KIND = r"[A-Z][A-Z]*(?:(?:\\?_|[ -])[A-Z]+){0,3}"
# In brackets a tag may be spelled loosely; bare it must keep its underscore, and a word around it disarms it.
_BRACKETED = rf"(?:<|&lt;|\\<|‹|«)\s*(?P<a>{_KIND})(?:\\?_|[ -])(?P<na>\d{{1,6}})\s*(?:\\?>|&gt;|›|»)"
_SQUARE = rf"[\[{{]\s*(?P<b>{_KIND})(?:\\?_|[ -])(?P<nb>\d{{1,6}})\s*[\]}}](?!\()"
_BARE = r"(?<![\w<\[{&;#@/\\.-])(?P<c>[A-Z]+(?:\\?_[A-Z]+){0,3})\\?_(?P<nc>\d{1,6})(?![\w\]>}])"
TAG = re.compile(f"{_BRACKETED}|{_SQUARE}|{_BARE}", re.I)

_TITLE = re.compile(
    r"^(?:(?:mr|mrs|ms|miss|mx|dr|prof|professor|sir|dame|lady|lord|rev|herr|frau|mme|mlle|madame|monsieur"
    r"|signora?|señora?|sra?)\.?\s+)+",
    re.I,
)
_SUFFIX = re.compile(r",?\s+(?:jr|sr|ii|iii|iv|md|m\.d|phd|ph\.d|dds|dvm|esq|mba|cpa|cfa)\.?$", re.I)
_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’])$", re.I)
_FUZZY = frozenset(("PERSON", "ADDRESS", "ORGANIZATION", "LOCATION"))


class PseudonymError(ModerationError):
    """A stored map cannot be read."""


@dataclass
class _Entry:
    entity: str
    number: int
    original: str
    keys: set[str] = field(default_factory=set)
    names: tuple[str, ...] = ()  # a person's fullest name, word by word
    alone: bool = False  # a name part that fits several people; grows no more

    @property
    def tag(self) -> str:
        return f"<{self.entity}_{self.number}>"


class Pseudonyms:
    """The map of one conversation. `_lock` guards `_entries` and its two indexes; every public method takes it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: list[_Entry] = []
        self._by_key: dict[tuple[str, str], _Entry] = {}
        self._by_tag: dict[tuple[str, int], _Entry] = {}
        self._pattern: re.Pattern[str] | None = None

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def tag(self, entity: str, original: str) -> str:
        """The tag that stands for `original`, the same for every form of it where that is unambiguous."""
        with self._lock:
            key = identity(entity, original)
            names = _name_words(original) if entity == "PERSON" else ()
            entry = self._person(names) if names else self._by_key.get((entity, key))
            if entry is None:
                number = 1 + sum(e.entity == entity for e in self._entries)
                entry = _Entry(entity, number, original, {key}, names, alone=self._fits_many(names))
                self._entries.append(entry)
                self._by_tag[entity, number] = entry
                self._pattern = None
            elif key not in entry.keys or len(names) > len(entry.names):
                entry.keys.add(key)
                entry.names = max(entry.names, names, key=len)
                self._pattern = None
            self._by_key[entity, key] = entry
            return entry.tag

    def restore(self, text: str) -> str:
        """Puts the originals back, in one pass, however the model has spelled their tags."""
        with self._lock:
            return TAG.sub(self._original, text)

    def known(self, text: str) -> list[PiiSpan]:
        """Where originals of earlier turns occur in `text`, in any case or spacing; of a person also an unambiguous part."""
        with self._lock:
            if self._pattern is None:
                self._pattern = self._compile()
            spans = []
            for match in self._pattern.finditer(text):
                entry = self._entries[int(str(match.lastgroup)[1:])]
                shown = match.group()
                if entry.entity == "PERSON" and not _plainly_a_name(text, match.start(), shown):
                    continue
                spans.append(PiiSpan(match.start(), match.end(), entry.entity, 0.95))
            return spans

    def dump(self) -> bytes:
        """The map as JSON. It is personal data in the clear: the caller encrypts it."""
        with self._lock:
            rows = [
                {
                    "entity": e.entity,
                    "number": e.number,
                    "original": e.original,
                    "keys": sorted(e.keys),
                    "names": list(e.names),
                    "alone": e.alone,
                }
                for e in self._entries
            ]
        return json.dumps({"version": 1, "entries": rows}, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def load(cls, data: bytes) -> Pseudonyms:
        """Raises PseudonymError where `data` is not what `dump` wrote."""
        self = cls()
        try:
            document: Any = json.loads(data)
            if document["version"] != 1:
                raise PseudonymError(f"pseudonyms: version {document['version']!r} is unknown; this release reads version 1")
            for row in document["entries"]:
                entry = _Entry(
                    str(row["entity"]),
                    int(row["number"]),
                    str(row["original"]),
                    set(row["keys"]),
                    tuple(row["names"]),
                    bool(row["alone"]),
                )
                self._entries.append(entry)
                self._by_tag[entry.entity, entry.number] = entry
                for key in entry.keys:
                    self._by_key[entry.entity, key] = entry
        except (ValueError, KeyError, TypeError) as broken:
            raise PseudonymError(
                f"pseudonyms: the stored map is damaged ({type(broken).__name__}); was it decrypted with the right key?"
            ) from broken
        return self

    # -- persons ------------------------------------------------------------------------------------------------------------

    def _person(self, names: tuple[str, ...]) -> _Entry | None:
        people = [e for e in self._entries if e.entity == "PERSON"]
        exact = [e for e in people if e.names == names]
        fits = [e for e in people if not e.alone and (_within(names, e.names) or _within(e.names, names))]
        fullest = [e for e in fits if len(e.names) >= len(names)]
        if exact and (len(names) > 1 or exact[0].alone or len(fullest) <= 1):
            return exact[0]
        return fits[0] if len(fits) == 1 else None

    def _fits_many(self, names: tuple[str, ...]) -> bool:
        return (
            bool(names) and sum(e.entity == "PERSON" and not e.alone and _within(names, e.names) for e in self._entries) > 1
        )

    # -- patterns -----------------------------------------------------------------------------------------------------------

    def _original(self, match: re.Match[str]) -> str:
        entry = self._by_tag.get(read_tag(match))
        return entry.original if entry else match.group()

    def _compile(self) -> re.Pattern[str]:
        forms: list[tuple[str, int]] = []
        for index, entry in enumerate(self._entries):
            if entry.entity == LITERAL:
                continue
            shapes = {_loose(entry.original, entry.entity)}
            if entry.entity == "PERSON":
                shapes |= {r"\s+".join(map(re.escape, key.split())) for key in entry.keys}
                shapes |= {re.escape(part) for part in entry.names if len(part) > 2 and self._belongs_to_one(part)}
            forms += [(shape, index) for shape in shapes if shape]
        forms.sort(key=lambda form: -len(form[0]))
        merged: dict[int, list[str]] = {}
        for shape, index in forms:
            merged.setdefault(index, []).append(shape)
        if not merged:
            return re.compile(r"(?!)")
        ordered = sorted(merged.items(), key=lambda item: -max(map(len, item[1])))
        body = "|".join(f"(?P<e{index}>{'|'.join(shapes)})" for index, shapes in ordered)
        return re.compile(rf"(?<!\w)(?:{body})(?!\w)", re.I)

    def _belongs_to_one(self, part: str) -> bool:
        return sum(part in e.names for e in self._entries if e.entity == "PERSON") == 1


def read_tag(match: re.Match[str]) -> tuple[str, int]:
    """What a match of TAG says: (entity, number)."""
    kind = match["a"] or match["b"] or match["c"]
    number = match["na"] or match["nb"] or match["nc"]
    return re.sub(r"\\?_|[ -]", "_", kind).upper(), int(number)


def identity(entity: str, original: str) -> str:
    """What two spellings of the same thing have in common."""
    text = unicodedata.normalize("NFKC", original).casefold()
    if entity == "PERSON":
        return " ".join(_name_words(original)) or text
    if entity in _FUZZY or entity == LITERAL:
        return " ".join(text.split()) if entity != LITERAL else original
    if entity in ("EMAIL_ADDRESS", "DOMAIN_NAME", "IP_ADDRESS"):
        return text
    return "".join(c for c in text if c.isalnum() or c == "+")


def bare_name(shown: str) -> tuple[int, int]:
    """Where in `shown` the name itself stands, without title and possessive: (start, end)."""
    title = _TITLE.match(shown)
    start = title.end() if title else 0
    possessive = _POSSESSIVE.search(shown)
    end = possessive.start() if possessive else len(shown)
    return (start, end) if end > start else (0, len(shown))


def _plainly_a_name(text: str, start: int, shown: str) -> bool:
    """A part of a name that is also an ordinary word ("price") counts only with a capital in mid-sentence, "will" never."""
    lower = shown.lower()
    if " " in shown or lower not in common():
        return True
    opens = text[max(0, start - 8) : start].rstrip(" \"'“(")[-1:] in (
        "",
        ".",
        "!",
        "?",
        ":",
        "\n",
        ">",
        "-",
        "*",
    )
    return shown.istitle() and not opens and lower not in ("will", "may")


def _name_words(original: str) -> tuple[str, ...]:
    start, end = bare_name(original)
    text = _SUFFIX.sub("", original[start:end])
    return tuple(w for w in re.split(r"[\s,.]+", unicodedata.normalize("NFKC", text).casefold()) if w)


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Is every word of `part` a word, or the initial of a word, of `whole`? At least one must be a full word."""
    if not part or len(part) > len(whole):
        return False
    return any(w in whole for w in part) and all(
        w in whole or (len(w) == 1 and any(x.startswith(w) for x in whole)) for w in part
    )


def _loose(original: str, entity: str) -> str:
    """A pattern for the original with its spaces and hyphens free."""
    if entity in ("EMAIL_ADDRESS", "DOMAIN_NAME", "IP_ADDRESS"):
        return re.escape(original)
    if entity in _FUZZY:
        return r"[\s,]+".join(re.escape(w) for w in re.split(r"[\s,]+", original) if w)
    characters = [c for c in original if c.isalnum()]
    return r"[\s.()/-]{0,2}".join(map(re.escape, characters)) if len(characters) >= 5 else re.escape(original)

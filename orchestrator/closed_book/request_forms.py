"""The forms of requests that may be answered from memory, read from orchestrator/data/closed_book.yaml.

A form is a regular expression over a request; what stands in its slots is judged elsewhere (general_notions.py).
Invariant: a form matches a whole request or nothing, so that no question hides behind a harmless beginning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from orchestrator.errors import ConfigError

LANGUAGES = ("en", "de", "fr", "es", "it", "nl")
_NAMES_OF_LANGUAGES = (
    r"(?:english|german|french|spanish|italian|dutch|portuguese|polish|russian|chinese|japanese|arabic|turkish|swedish|latin"
    r"|deutsche?n?|englische?n?|französische?n?|spanische?n?|italienische?n?|niederländische?n?|portugiesisch|polnisch|russisch"
    r"|chinesisch|japanisch|türkisch|arabisch|latein|anglais|allemand|français|espagnol|italien|néerlandais|portugais|chinois|russe"
    r"|arabe|inglés|alemán|francés|español|italiano|neerlandés|holandés|portugués|chino|ruso|árabe|inglese|tedesco|francese"
    r"|spagnolo|olandese|portoghese|cinese|russo|engels|duits|frans|spaans|italiaans|nederlands|portugees|pools|russisch|chinees)"
)
_PATTERNS = (
    "cue weak_cue leads strong task verbs given plain history injects compose letter essay about stated".split()  # noqa: SIM905
)
_ROWS = ("small", "neutral")
_WORDS = (
    "small neutral question service indefinite everyday definite specific relation own time asks".split()  # noqa: SIM905
)
_LISTS = ("openers", "closers", "small_talk", "concept", "phrase")
_MOST_ROUNDS = 5
_QUOTES = str.maketrans(
    {**dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("‘’‚‛ʼ`´‹›", "'"), **dict.fromkeys("\u00a0\u202f\t", " ")}
)
_OPENED = r"(?:(?<=[ '])|(?=[\s,.;:!?-]|$))[\s,]*"
_FACE = re.compile(r"(?<![\w)])[:;=8][-o']?[)(DPpO/|\\]+(?!\w)|(?<!\w)(?:xD|<3|\^\^)(?!\w)")  # ":)" asks for nothing
_EARLY = 6  # words within which a manner may stand in the middle of a request
_END = re.compile(r"^[\s¿¡.,;:!?…-]+|[\s.,;:!?…¿¡-]+$")


@dataclass(frozen=True)
class Slot:
    """What stands in a form's slot. kind: x, y a notion or a clause; d what is to be defined; w a word whose meaning is
    asked, which need not be known; t a text of the caller."""

    text: str
    kind: str


@dataclass(frozen=True)
class Forms:
    """The forms of one language; the names are those of the file, which says what each is for."""

    language: str
    openers: tuple[re.Pattern[str], ...]
    closers: tuple[re.Pattern[str], ...]
    manners: tuple[re.Pattern[str], ...]
    small_talk: tuple[re.Pattern[str], ...]
    concept: tuple[re.Pattern[str], ...]
    phrase: tuple[re.Pattern[str], ...]
    words: Mapping[str, re.Pattern[str]]

    def variants(self, request: str) -> list[str]:
        """A request without more and more of its courtesies and manners, itself first."""
        found = [request]
        for _ in range(_MOST_ROUNDS):
            shorter = [s for text in found for s in self._shorter(text)]
            new = [s for s in dict.fromkeys(shorter) if s not in found]
            if not new:
                break
            found += new[:12]
        return found[:24]

    def _shorter(self, text: str) -> Iterator[str]:
        for opener in self.openers:
            if found := opener.match(text):
                yield text[found.end() :].strip()
        for closer in self.closers:
            if found := closer.search(text):
                yield _END.sub("", text[: found.start()])
        for manner in self.manners:
            if (found := manner.search(text)) and len(text[: found.start()].split()) <= _EARLY:
                yield f"{text[: found.start()].rstrip()} {text[found.end() :].lstrip(' ,')}"

    def concepts(self, request: str) -> Iterator[tuple[Slot, ...]]:
        """The slots of every concept form that the whole request has."""
        yield from _slots(self.concept, request)

    def phrases(self, request: str) -> Iterator[tuple[Slot, ...]]:
        """The slots of every form of language work on words that the request itself holds."""
        yield from _slots(self.phrase, request)

    def is_small_talk(self, request: str) -> bool:
        """Whether the whole request is a row of phrases of small talk."""
        if not request or len(request) > 160:
            return False
        seen, at = {0}, [0]
        while at:
            begin = at.pop()
            if begin >= len(request):
                return True
            for phrase in self.small_talk:
                if (found := phrase.match(request, begin)) and found.end() > begin and found.end() not in seen:
                    seen.add(found.end())
                    at.append(found.end())
        return False


def _slots(patterns: tuple[re.Pattern[str], ...], request: str) -> Iterator[tuple[Slot, ...]]:
    for pattern in patterns:
        if found := pattern.fullmatch(request):
            yield tuple(Slot(text.strip(), name[0]) for name, text in found.groupdict().items() if text and name != "lang")


@cache
def forms() -> Mapping[str, Forms]:
    """The forms that come with Countersign, by language. Raises ConfigError."""
    return load_forms()


def load_forms(path: Path | None = None) -> Mapping[str, Forms]:
    """The forms of a YAML file, by language. Raises ConfigError that names the file, the language and the key."""
    name = str(path) if path else "orchestrator/data/closed_book.yaml"
    try:
        text = (
            path.read_text("utf-8") if path else files("orchestrator").joinpath("data/closed_book.yaml").read_text("utf-8")
        )
        languages = yaml.safe_load(text)["languages"]
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror}); name a readable file") from error
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise ConfigError(f"{name}: no forms by language ({type(error).__name__}); its first lines tell them") from error
    return {language: _read(name, language, languages.get(language)) for language in LANGUAGES}


def _read(name: str, language: str, given: Any) -> Forms:
    wanted = {*_LISTS, *_PATTERNS, *_WORDS}
    if not isinstance(given, dict) or set(given) != wanted:
        differ = ", ".join(sorted(wanted ^ set(given or ())))
        raise ConfigError(f"{name}: {language}: keys missing or unknown: {differ}; every language has the same keys")
    try:
        lists = {key: [_filled(form) for form in given[key]] for key in _LISTS}
        return Forms(
            language=language,
            openers=tuple(
                re.compile(rf"(?:{form})(?:(?<=[ '])|(?=[\s,.;:!?-]|$))[\s,]*", re.I) for form in lists["openers"]
            ),
            closers=tuple(re.compile(rf"(?:(?<=\s)|(?=,))(?:{form})$", re.I) for form in lists["closers"]),
            manners=tuple(re.compile(rf"(?<=\w )(?:{form})(?=,? \w)", re.I) for form in map(_within, lists["closers"])),
            small_talk=tuple(re.compile(rf"(?:{form})(?:[\s,.;:!?-]+|$)", re.I) for form in lists["small_talk"]),
            concept=tuple(re.compile(form, re.I) for form in lists["concept"]),
            phrase=tuple(re.compile(form, re.I) for form in lists["phrase"]),
            words={
                **{key: re.compile(_filled(given[key]), re.I) for key in _PATTERNS},
                **{key: re.compile(rf"(?<!\w)(?:{given[key]})(?!\w)", re.I) for key in _WORDS if key not in _ROWS},
                **{key: re.compile(rf"(?<![\w'])(?:{'|'.join(given[key].split())})(?!\w)", re.I) for key in _ROWS},
            },
        )
    except (re.error, TypeError, AttributeError) as error:
        raise ConfigError(f"{name}: {language}: not a form: {error}; forms are regular expressions in quotes") from error


def _within(closer: str) -> str:
    """A closer as it stands in the middle of a request: "explain in plain words what inflation is"."""
    return closer.removeprefix(",? ?")


def _filled(form: str) -> str:
    """A form with its slots as named groups; a slot that occurs twice gets two names."""
    counts: dict[str, int] = {}

    def group(found: re.Match[str]) -> str:
        kind = found[1]
        if kind == "lang":
            return _NAMES_OF_LANGUAGES
        counts[kind] = counts.get(kind, 0) + 1
        return f"(?P<{kind}{counts[kind]}>.+?)"

    return re.sub(r"\{(x|y|d|w|t|lang)\}", group, form)


def plain(message: str) -> str:
    """A message in composed form, with one kind of quotation mark, apostrophe and space; line ends stay."""
    text = _FACE.sub(" ", unicodedata.normalize("NFC", message).translate(_QUOTES))
    return re.sub(r" *\n *", "\n", re.sub(r" {2,}", " ", text.replace("\r", "\n"))).strip()


def bare(sentence: str) -> str:
    """A sentence in one line without quotation marks, final marks and marks at its beginning."""
    text = re.sub(r"(?<!\w)'([^'\n]{1,80})'(?!\w)", r"\1", sentence.replace('"', " "))
    return _END.sub("", re.sub(r"\s+", " ", re.sub(r"[^\w\s.,;:!?¿¡'’&%$€£/+()<>{}=*#@§°-]", " ", text)))


_TELLING = ("small", "own", "definite", "asks", "cue", "weak_cue")


def in_languages(text: str, by_language: Mapping[str, Forms]) -> tuple[Forms, ...]:
    """The forms of the languages that the small words of a text tell; of all languages where none of them speaks."""
    counts = {
        language: len({found.start() for key in _TELLING for found in each.words[key].finditer(text)})
        for language, each in by_language.items()
    }
    most = max(counts.values(), default=0)
    return tuple(each for language, each in by_language.items() if counts[language] == most)

"""spaCy inside Presidio's frame: loaded from a folder, its NER read by `Tagger`, and spared texts that can hold no name.

Invariant: no model is ever downloaded; what leaves this file are plain offsets, so nothing outlives the memory zone it
was found in.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import spacy
from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine

from moderation.pii import word_lists as words
from moderation.pii.recognisers.people.language import other_language
from moderation.pii.recognisers.people.name_vectors import Lexicon
from moderation.pii.recognisers.people.ner_entities import Named
from moderation.pii.recognisers.people.tagger import Tagger

# The vocabulary forgets what it met after this many texts, so that no customer's words pile up in it.
_ZONE_TEXTS = 256
_WINDOW = 8000
_UNUSED = [
    "tagger",
    "parser",
    "attribute_ruler",
    "lemmatizer",
    "senter",
    "tok2vec",
]  # the NER pipe has an encoder of its own


class FolderNlpEngine(SpacyNlpEngine):  # type: ignore[misc, unused-ignore]
    """Presidio's spaCy engine over one folder. `_lock` guards the vocabulary and its memory zone: one text at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": str(folder)}])
        self._lock = threading.Lock()
        self._zone = ExitStack()
        self._texts = 0

    def load(self) -> None:
        model = spacy.load(self.models[0]["model_name"], exclude=_UNUSED)
        self.nlp = {"en": model}  # type: ignore[assignment]
        self.lexicon = Lexicon(model.vocab.vectors)
        self._tagger = Tagger(model)

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        entities: list[Named] = []
        if not plain(text, self.lexicon) and other_language(text) is None:
            cased = truecase(text, self.lexicon)
            for at, piece in _windows(cased):
                entities += [Named(at + start, at + end, label) for start, end, label in self._read(piece)]
        nothing: Any = []  # our recognisers read the text itself, not tokens
        found: Any = entities
        return NlpArtifacts(found, nothing, [], [], None, language, [0.85] * len(entities))

    def _read(self, text: str) -> list[tuple[int, int, str]]:
        """The model's entities. What it has learnt of words since the last turn of the zone is forgotten with it."""
        assert self.nlp is not None
        with self._lock:
            if self._texts % _ZONE_TEXTS == 0:
                self._zone.close()
                self._zone.enter_context(self.nlp["en"].memory_zone())
            self._texts += 1
            looked = self._tagger.look(text)
        return self._tagger.entities(looked)


def plain(text: str, lexicon: Lexicon) -> bool:
    """Does the text hold nothing but ordinary words, so that no name or place can be in it and the model need not run?

    A capital in mid-sentence makes a word suspicious, whatever the word: "Rose" is not "rose".
    """
    fresh = True
    last = 0
    for match in words.WORD.finditer(text):
        word = match.group()
        lower = word.lower()
        fresh = fresh or any(c in ".!?\n" for c in text[last : match.start()])
        if not lexicon.ordinary(lower):
            return False
        named = lower in words.given_names() and lower not in ("will", "may")
        harmless = lower in words.mistaken().acronyms or lower.startswith(("i'", "i’"))
        if word[0].isupper() and not harmless and (named or not fresh):
            return False
        fresh = False
        last = match.end()
    return True


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """(offset, piece): long texts cut at white space, so that the model's memory stays bounded."""
    at = 0
    while at < len(text):
        end = min(len(text), at + _WINDOW)
        if end < len(text):
            end = max(text.rfind("\n", at, end), text.rfind(" ", at, end)) + 1 or end
        yield at, text[at:end]
        at = end


def truecase(text: str, lexicon: Lexicon) -> str:
    """Lower-case (or shouted) text with capitals where a name may stand; the same length, character by character."""
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return text
    upper = sum(c.isupper() for c in letters)
    shouted = upper > 0.9 * len(letters) and len(letters) > 12
    if upper and not shouted:
        return text
    out = list(text.lower() if shouted and len(text.lower()) == len(text) else text)
    for match in words.WORD.finditer("".join(out)):
        lower = match.group().lower()
        if not lexicon.ordinary(lower):
            capital = out[match.start()].upper()
            if len(capital) == 1:
                out[match.start()] = capital
    return "".join(out)

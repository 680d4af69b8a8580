"""Says whether a language model may answer a question from memory: closed book unless the request is known to be harmless.

The error to avoid is a question for a fact that reaches the model's memory and comes back as an invention. So nothing is
allowed for what it resembles: a request is let through when its whole form is one of those in data/closed_book.yaml, and
what stands in the form's slots is a general notion. Everything else is `factual`.

Where no form claims a request and nothing in it is objected to, a learned head may open the book if it is sure
(request_head.py).

Invariant: `factual` is the answer to every request that no form claims and that the head is not sure of, in any language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orchestrator.closed_book.events import tells_of_an_event
from orchestrator.closed_book.general_notions import (
    Setting,
    has_notion,
    masked,
    name_in,
    objection,
    of_a_firm,
    only_general,
    row,
)
from orchestrator.closed_book.german_names import hides_a_name
from orchestrator.closed_book.language_work import language_work, subject
from orchestrator.closed_book.request_forms import Forms, Slot, bare, forms, in_languages, plain
from orchestrator.closed_book.request_head import Outside, kinds, outside

Kind = Literal["factual", "concept", "language_task", "small_talk"]
Level = Literal["off", "language_tasks", "concepts"]
LEVELS: Mapping[Level, frozenset[Kind]] = {
    "off": frozenset(),
    "language_tasks": frozenset({"language_task", "small_talk"}),
    "concepts": frozenset({"language_task", "small_talk", "concept"}),
}
"""What memory may answer under each value of the policy's `closed_book`."""
DEFAULT: Level = "concepts"
_SENTENCES = re.compile(r"(?<=[?!.])\s+(?=\S)|\n+")
_CLAUSES = re.compile(r"(?<=[?!.:])\s+(?=\S)|\n+")
_MOST_SENTENCES = 6
_COURTESY = re.compile(
    r"^\s*(?:(?:hello|hi|hey|hallo|guten tag|bonjour|hola|buongiorno|ciao|good (?:morning|afternoon|evening)|please|bitte|"
    r"thanks|"
    r"thank you)\s*[!.,]\s*)+(?=\S)",
    re.IGNORECASE,
)
"""What opens a message and changes nothing of what it asks."""
_LONGEST = 4000  # characters; a longer message is read as work on a text or not at all
SURE: Mapping[Kind, float] = {"concept": 0.85, "language_task": 0.7, "small_talk": 0.8}
SURE_EMBEDDED: Mapping[Kind, float] = {"concept": 0.7, "language_task": 0.7, "small_talk": 0.8}
"""What the head must hold of a request before it opens the book, without and with an embedding beside the words;
docs/model-cards/request-head.md has the curves."""
_UNCLAIMED = "has no form of a request for a notion or for work on language"
_LONGEST_TALK = 12  # words of small talk
_TERM = 3  # words of a text that is a term, whose meaning or use is asked, rather than a text to work on
_HEAD_RULES: Mapping[Kind, str] = {
    "concept": "reads as a request for a general notion",
    "language_task": "reads as work on language without a fact",
    "small_talk": "reads as small talk",
}
Probabilities = Callable[[Outside, tuple[Forms, ...]], Mapping[str, float]]


@dataclass(frozen=True)
class MemoryRuling:
    """What a request is, and by which rule. rule: one short sentence for the record. score: how sure that memory may
    answer, 0..1; 0 for every factual request."""

    kind: Kind
    rule: str
    score: float

    @property
    def levels(self) -> tuple[Level, ...]:
        """The values of `closed_book` under which memory may answer."""
        return tuple(level for level in LEVELS if self.kind in LEVELS[level])

    def allowed(self, level: Level) -> bool:
        return self.kind in LEVELS[level]


class ClosedBook:
    """Judges requests; pure, and safe for many threads."""

    def __init__(self, forms_by_language: Mapping[str, Forms] | None = None) -> None:
        self._forms = forms_by_language or forms()

    def judge(
        self,
        question: str,
        *,
        own_names: Iterable[str] = (),
        history_turns: int = 0,
        embedding: NDArray[np.float32] | None = None,
    ) -> MemoryRuling:
        """What a request is.

        question: pseudonymised, any language. own_names: the firm's names and its products' (own_names.py derives them).
        history_turns: how many earlier turns the conversation has. embedding: float32[384] of the question alone; it is
        read where the question is English and the first of its conversation.
        """
        own_names = frozenset(own_names)
        question = _COURTESY.sub("", question, 1) or question
        ruling = self.claimed(question, own_names=own_names, history_turns=history_turns)
        message = plain(question)
        if ruling.kind != "factual" or not bare(message) or len(message) > _LONGEST:
            return ruling
        english = [each.language for each in in_languages(message, self._forms)] == ["en"]
        vector = embedding if english and not history_turns else None
        sure = SURE if vector is None else SURE_EMBEDDED
        opened = learned(message, _rows(own_names), self._forms, lambda asked, each: kinds(asked, each, vector), sure)
        if opened is None or (opened.kind == "concept" and ruling.rule != _UNCLAIMED):
            return ruling  # what a form objects to is no notion, however sure the head is
        return opened

    def claimed(self, question: str, *, own_names: Iterable[str] = (), history_turns: int = 0) -> MemoryRuling:
        """What a request is by its form alone; the arguments are those of `judge`."""
        message = plain(question)
        if not bare(message):
            return MemoryRuling("factual", "holds no words", 0.0)
        if any(each.is_small_talk(bare(message).casefold()) for each in self._forms.values()):
            return MemoryRuling("small_talk", "is a greeting, thanks or talk about the assistant itself", 1.0)
        setting = _setting(message, _rows(own_names))
        for each in in_languages(message, self._forms):
            if rule := language_work(message, each, setting, history_turns):
                return MemoryRuling("language_task", rule, 1.0)
        return self._concept(message, setting, in_languages(bare(message), self._forms))

    def _concept(self, message: str, setting: Setting, languages: tuple[Forms, ...]) -> MemoryRuling:
        if len(message) > _LONGEST:
            return MemoryRuling("factual", "is too long for a question about a notion", 0.0)
        objections: list[str] = []
        possessed = len(languages) > 1 and any(
            each.words["own"].search(message) or of_a_firm(message, each) for each in languages
        )
        for each in languages:
            found = (
                "may be about the firm in one of its languages" if possessed else _asks_for_notion(message, each, setting)
            )
            if found is None:
                return MemoryRuling("concept", "asks for a general notion", 1.0)
            objections.append(found)
        named = name_in(message, setting.own)
        told = "names the firm, its people or its products" if named else next((o for o in objections if o), _UNCLAIMED)
        return MemoryRuling("factual", told, 0.0)


def _rows(names: Iterable[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(words for name in names if (words := row(name)))


def learned(
    message: str,
    own: frozenset[tuple[str, ...]],
    by_language: Mapping[str, Forms],
    probabilities: Probabilities,
    sure: Mapping[Kind, float] = SURE,
) -> MemoryRuling | None:
    """The ruling of the head on a message that no form claims, or None where it is not sure or something is objected to."""
    for request in outside(message, in_languages(message, by_language)):
        if not request.words:
            continue
        languages = in_languages(request.words, by_language)
        odds = probabilities(request, languages)
        kind: Kind = max(sure, key=lambda one: odds[one])
        score = 1.0 - odds["factual"]
        if score < sure[kind] or (request.given and not request.sure and kind != "language_task"):
            continue
        if kind == "language_task" and len(request.text.split()) > _TERM:
            words = request.words  # inside a text that is worked on names and figures do not matter
        else:
            words = f"{request.words} {bare(request.text)}".strip()
        setting = _setting(words, own)
        if not any(_objected(words, kind, each, setting) for each in languages):
            return MemoryRuling(kind, _HEAD_RULES[kind], round(score, 3))
    return None


def _objected(words: str, kind: Kind, each: Forms, setting: Setting) -> bool:
    """Whether anything speaks against a request that the head takes for harmless. The caller's own words and a time may
    stand in small talk and in work on language ("my sentence", "I will be late tomorrow"), never a thing of a firm."""
    found = objection(words, each, setting)
    if each.language == "de" and hides_a_name(masked(words)):
        return True
    if kind == "concept":
        return bool(found or of_a_firm(words, each) or tells_of_an_event(words, each.language))
    if found and found not in _OF_THE_CALLER:
        return True
    if kind == "small_talk" and (len(words.split()) > _LONGEST_TALK or each.words["service"].search(words)):
        return True
    if kind == "small_talk" and each.words["own"].search(words) and has_notion(words):
        return True  # "how does your credit score work?"
    return any(each.words[key].search(words) for key in ("asks", "injects", "specific"))


_OF_THE_CALLER = frozenset({"presupposes a possession or a person", "is about now or a time"})


def _setting(message: str, own: frozenset[tuple[str, ...]]) -> Setting:
    words = re.findall(r"[^\W\d_]+", message)
    large = [word[0].isupper() for word in words]
    return Setting(own, capitals_tell=any(large) and not (len(words) > 2 and all(large)), first=words[0] if words else "")


def _asks_for_notion(message: str, each: Forms, setting: Setting) -> str | None:
    """None where every sentence of the message asks for a general notion or only leads to one; else the objection, empty
    where no form fits."""
    whole = _in_sentences(message, _SENTENCES, each, setting)
    return _in_sentences(message, _CLAUSES, each, setting) if whole is not None and ":" in message else whole


def _in_sentences(message: str, ends: re.Pattern[str], each: Forms, setting: Setting) -> str | None:
    sentences = [sentence for part in ends.split(message) if (sentence := bare(part))]
    if len(sentences) > _MOST_SENTENCES:
        return ""
    asked = 0
    for sentence in sentences:
        found = _sentence(sentence, each, setting)
        if found is None:
            asked += 1
        elif found or not _leads(sentence, each, setting):
            return found
    return None if asked else ""


def _sentence(sentence: str, each: Forms, setting: Setting) -> str | None:
    """None where a sentence asks for a general notion, else the objection, empty where no form fits."""
    if (found := _by_form(sentence, each, setting)) is not None:
        return found
    if tells_of_an_event(sentence, each.language):
        return "asks for an event"
    if each.language == "de" and hides_a_name(masked(sentence)):
        return "names a place, a law, an office or a brand within a word"
    return None


def _by_form(sentence: str, each: Forms, setting: Setting) -> str | None:
    told = ""
    for variant in each.variants(sentence):
        if topic := subject(variant, each):
            found = objection(topic, each, setting) or of_a_firm(topic, each)
            if found is None:
                return None
            told = told or found
        for slots in each.concepts(variant):
            found = next((o for slot in slots if (o := objection(slot.text, each, setting, kind=slot.kind))), None)
            if found is None and not any(_is_meaning(slot, each) for slot in slots):
                found = of_a_firm(variant, each)
            if found is None:
                return None
            told = told or found
    return None if _wants_to_understand(each.variants(sentence), each, setting) else told


def _is_meaning(slot: Slot, each: Forms) -> bool:
    """Whether a slot is asked for its meaning: a word, or what is to be defined and no single thing is pointed at."""
    articles = each.words["definite"] if each.language in ("en", "de", "nl") else None
    return slot.kind in "dw" and not (articles and articles.match(slot.text))


def _wants_to_understand(variants: list[str], each: Forms, setting: Setting) -> bool:
    """Whether a request without any known form speaks of understanding, holds a general notion beside, and nothing that is
    objected to, in one of its variants without courtesies."""
    for key in ("cue", "weak_cue"):
        if not any(each.words[key].search(variant) for variant in variants):
            continue
        for variant in variants:
            cue = each.words[key].search(variant)
            rest = f"{variant[: cue.start()]} {variant[cue.end() :]}" if cue else variant
            if has_notion(rest) and _is_general(rest, variant, each, setting):
                return True
    return any(
        each.words["question"].match(variant) and has_notion(variant) and only_general(variant, each)
        and _is_general(variant, variant, each, setting)
        for variant in variants
    )  # fmt: skip


def _is_general(words: str, request: str, each: Forms, setting: Setting) -> bool:
    return objection(words, each, setting) is None and of_a_firm(request, each) is None


def _leads(sentence: str, each: Forms, setting: Setting) -> bool:
    """Whether a sentence asks for nothing: a courtesy, or a statement about the caller."""
    if any(not variant or each.is_small_talk(variant.casefold()) for variant in each.variants(sentence)):
        return True
    if name_in(sentence, setting.own) or len(sentence.split()) > 25:
        return False
    return bool(each.words["leads"].match(sentence)) and not each.words["asks"].search(sentence)

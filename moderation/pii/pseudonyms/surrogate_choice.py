"""False values for the originals of one conversation, and every form in which a model may write them.

Invariant: no surrogate equals, holds or is held by an original, another surrogate, or anything that the model reads besides;
all of them follow from the conversation's secret, which its sealed map holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from moderation.pii.pseudonyms.original import COUNTED, EXACT, Original, identity, ordered_words, split_name
from moderation.pii.pseudonyms.surrogate_forms import (
    WORD,
    SurrogateForm,
    fold_all,
    initials_form,
    mail_form,
    number_form,
    spaced_form,
    words_form,
)
from moderation.pii.pseudonyms.tags import tag
from moderation.pii.surrogates import Draw, false_name, is_kept, looks_given, spellings, surrogate
from moderation.pii.word_lists import common

_TRIES = 200
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
_RUN = re.compile(f"{WORD}+")
_SHORTEST = 5  # letters and digits from which on a value is looked for in running text


class SurrogateChoice:
    """Draws for one map. Owned by it and used under its lock. `words`: of people's names, each with its false one."""

    def __init__(self, secret: bytes, words: dict[str, str]) -> None:
        self._secret, self.words = secret, words
        self._days = 100 + Draw(secret, "days").below(1400)

    def draw(self, entries: Sequence[Original], wanted: Sequence[Original], plain: str = "") -> None:
        """Gives every wanted entry a surrogate that is free; keeps the one it has where it still is.

        plain: what the model reads besides."""
        said = fold_all(plain)
        heard, run_on = set(_RUN.findall(said)), compact(said)
        originals = {word for e in entries for word in fold_all(e.original).split()} | {n for e in entries for n in e.names}
        whole = {compact(e.original) for e in entries}
        for entry in wanted:
            if entry.entity == "PERSON":
                self._draw_name(entry, heard | {fold_all(w) for w in originals})
                continue
            others = {compact(e.surrogate) for e in entries if e is not entry and e.surrogate}
            if not entry.surrogate or not _free(entry.surrogate, whole | others, run_on):
                entry.surrogate = self._drawn(entry, whole | others, run_on)

    def _drawn(self, entry: Original, taken: set[str], run_on: str) -> str:
        for attempt in range(_TRIES):
            purpose = (entry.entity, identity(entry.entity, entry.original), str(attempt))
            found = surrogate(entry.entity, entry.original, Draw(self._secret, *purpose), self._days + attempt)
            if found is None:
                return ""
            if _free(found, taken, run_on):
                return found
        return ""

    def _draw_name(self, entry: Original, taken: set[str]) -> None:
        words = ordered_words(entry.fullest or entry.original)
        given, surname = split_name(words)
        for word in (*given, *surname):
            key = word.casefold()
            if is_kept(word):
                continue
            has = self.words.get(key)
            if has and fold_all(has) not in taken:
                continue
            used = {fold_all(false) for k, false in self.words.items() if k != key} | taken
            is_given = word in given or (len(words) == 1 and looks_given(word))
            for attempt in range(_TRIES):
                found = false_name(word, given=is_given, draw=Draw(self._secret, "name", key, str(attempt)))
                if found is None or len(word) == 1 or (fold_all(found) not in used | common()):
                    break
            else:
                found = None
            if found is None:
                self.words.pop(key, None)
            else:
                self.words[key] = found

    # -- reading one out --------------------------------------------------------------------------------------------------

    def shown(self, entry: Original, part: str = "") -> str:
        """What the model reads for the entry, or for a part of it; "" where only its tag can stand for it."""
        if entry.entity != "PERSON":
            falsified = Original(entry.entity, entry.number, entry.surrogate)
            return falsified.part(part) if entry.surrogate and part else entry.surrogate
        false = [self._false(word) for word in ordered_words(entry.fullest or entry.original)]
        if not false or not all(false):
            return ""
        # A full stop after the last word would read as the sentence's, and come back as one.
        return Original("PERSON", entry.number, " ".join(false).rstrip(".")).part(part)

    def _false(self, word: str) -> str:
        if is_kept(word):
            return word
        found = self.words.get(word.casefold(), "")
        return f"{found}." if len(word) == 1 and found else found

    def forms(self, entry: Original) -> Iterator[SurrogateForm]:
        """Every way in which the entry's surrogate may be written."""
        shown = self.shown(entry)
        if not shown:
            return
        if entry.entity == "PERSON":
            yield from self._name_forms(entry)
            return
        in_words = entry.entity in ("ADDRESS", "DATE_OF_BIRTH")
        make = mail_form if entry.entity in EXACT else words_form if in_words else number_form
        for spelled in spellings(entry.entity, shown):
            yield make(spelled, entry.tag)
        line = self.shown(entry, "LINE") if entry.entity == "ADDRESS" else ""
        if line and line != shown and len(compact(line)) >= _SHORTEST and " " in line:
            yield words_form(line, tag("ADDRESS", entry.number, "LINE"))

    def _name_forms(self, entry: Original) -> Iterator[SurrogateForm]:
        def mine(part: str) -> str:
            return tag("PERSON", entry.number, part)

        words = [self._false(word) for word in ordered_words(entry.fullest or entry.original)]
        given, surname = split_name(tuple(words))
        last = " ".join(surname)
        if not given:
            yield words_form(last, entry.tag, name=True)
            yield spaced_form(surname[-1], entry.tag)
            return
        first, initial = given[0], given[0][0]
        middle = [word[0] for word in given[1:]]
        for full in (f"{' '.join(given)} {last}", f"{last} {' '.join(given)}", f"{first} {last}", f"{last} {first}",
                     f"{first} {' '.join(middle)} {last}", f"{first} {surname[-1][0]}"):  # fmt: skip
            yield words_form(full, entry.tag, name=True)
        for short in (f"{initial} {last}", f"{last} {initial}", f"{initial} {' '.join(middle)} {last}"):
            yield words_form(short, mine("SHORT"), name=True)
        for word, part in [(last, "SURNAME"), (surname[-1], "SURNAME"), (first, "GIVEN")]:
            if len(compact(word)) > 2:
                yield words_form(word, mine(part), name=True)
        for word in given[1:]:
            if len(compact(word)) > 2:
                yield words_form(word, entry.tag, name=True)
        yield initials_form(initial, surname[-1][0], mine("INITIALS"))
        yield spaced_form(surname[-1], mine("SURNAME"))
        if len(compact(first)) > 2:
            yield spaced_form(first, mine("GIVEN"))

    def names(self, entry: Original) -> Mapping[str, str]:
        """The words of a false name, each with the tag of its part."""
        shown = self.shown(entry) if entry.entity == "PERSON" else ""
        if not shown:
            return {}
        given, surname = split_name(ordered_words(shown))
        parts = {fold_all(surname[-1]): tag("PERSON", entry.number, "SURNAME" if given else "")}
        return parts | ({fold_all(given[0]): tag("PERSON", entry.number, "GIVEN")} if given else {})

    def last_four(self, entry: Original, plain: str) -> Mapping[str, str]:
        """The last four digits of a number, unless the prompt holds them for another reason."""
        digits = compact(entry.surrogate)[-4:] if entry.entity in COUNTED else ""
        usable = len(digits) == 4 and digits.isdigit() and digits not in _RUN.findall(plain)
        return {digits: tag(entry.entity, entry.number, "LAST")} if usable else {}

    def left_in(self, text: str, entries: Sequence[Original]) -> int:
        """How many surrogates still stand in a text that should hold none."""
        words, run_on = set(_RUN.findall(fold_all(text))), compact(text)
        false = sum(fold_all(name) in words for name in self.words.values() if len(name) > 1)
        return false + sum(
            compact(e.surrogate) in run_on for e in entries if e.surrogate and len(compact(e.surrogate)) >= _SHORTEST
        )


def compact(text: str) -> str:
    """Letters and digits alone, without case."""
    folded = fold_all(text)
    return _NOT_PLAIN.sub("", folded) if folded.isascii() else "".join(c for c in folded if c.isalnum())


def _free(candidate: str, taken: set[str], run_on: str) -> bool:
    plain = compact(candidate)
    if len(plain) < _SHORTEST:
        return plain not in taken
    return plain not in run_on and not any(plain in one or (len(one) >= _SHORTEST and one in plain) for one in taken)

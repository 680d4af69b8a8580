"""Which language a text is in, as far as it matters here: the NER model knows English alone.

In a German text it takes every capitalised noun for a name, in a Spanish one half the sentence; there names are told by
their cues and by the lists of given names.
Invariant: a text counts as another language only where several of its small words, or one that asks, say so and outnumber
English's.
"""

from __future__ import annotations

from functools import cache

from moderation.pii.word_lists import WORD, sections

_LEAST, _SHARE = 2, 0.15


def other_language(text: str) -> str | None:
    """ "de", "fr", "es", "it", "nl" or "pt", None for English and all else."""
    found = [match.group().lower().replace("’", "'") for match in WORD.finditer(text)]
    counts = {language: sum(word in small for word in found) for language, small in _small_words().items()}
    english, asking = counts.pop("en"), 2 * counts.pop("asking")
    best = max(counts, key=lambda language: counts[language])
    told = counts[best] + asking
    return best if told >= max(_LEAST, _SHARE * len(found)) and told > english else None


@cache
def _small_words() -> dict[str, frozenset[str]]:
    return {name: frozenset(small) for name, small in sections("languages.txt").items()}

"""Which language a text is written in, told by its small words.

Invariant: where the small words do not decide, the answer is English: nothing is translated on a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

ENGLISH = "en"
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def language_of(text: str) -> str:
    """One of en, de, fr, es, it, nl (ISO 639-1): the one that explains most of the text's words; ties go to English."""
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    counts = {name: sum(word in small for word in words) for name, small in _small_words().items()}
    best = max(counts, key=lambda name: (counts[name], name == ENGLISH))
    return best if counts[best] > counts[ENGLISH] else ENGLISH


@cache
def _small_words() -> Mapping[str, frozenset[str]]:
    # `no`, `on` and `yes` are booleans to YAML 1.1: every word is read as a text
    text = files("orchestrator").joinpath("data/languages.yaml").read_text("utf-8")
    return {name: frozenset(small) for name, small in yaml.load(text, Loader=yaml.BaseLoader).items()}  # noqa: S506

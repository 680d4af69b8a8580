"""The words of sums by language, read from retrieval/evidence/data/sums.yaml.

Invariant: a word that the file does not hold is not understood, and a question with such a word is no sum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from retrieval.graph.reading.figures import CURRENCIES

PLAIN_WORD = re.compile(r"[^\s,.;:?!¿¡()'’-]+")
KINDS = (
    "value add subtract multiply divide total product average difference share change raise lower convert days".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Form:
    """A way to ask for one kind of sum; its groups are the slots of the file's head."""

    kind: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Words:
    """One language. asks, computes: what stands before a sum; the latter leaves no doubt that one is meant. closers: what
    may follow. signs: words and marks of operators by the operator. units: scale, time and other units by their words, in
    powers or counts of the first of their `family`. interest: patterns of sums of interest. stories, everyday: the same of
    sums that are told. said: templates of answers."""

    language: str
    asks: re.Pattern[str]
    computes: re.Pattern[str]
    closers: re.Pattern[str]
    forms: tuple[Form, ...]
    signs: Mapping[str, str]
    of: frozenset[str]
    numbers: Mapping[str, Decimal]
    scales: Mapping[str, int]
    currencies: Mapping[str, str]
    percent: frozenset[str]
    joins: re.Pattern[str]
    units: Mapping[str, tuple[str, Decimal]]
    months: Mapping[str, int]
    interest: Mapping[str, re.Pattern[str]]
    small: frozenset[str]
    stories: Mapping[str, re.Pattern[str]]
    everyday: frozenset[str]
    numbered: re.Pattern[str]
    said: Mapping[str, str]


@cache
def vocabulary() -> Mapping[str, Words]:
    """Every language's words, by ISO 639-1."""
    text = files("retrieval").joinpath("evidence/data/sums.yaml").read_text("utf-8")
    given = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 — plain texts: `no` and `on` are words here
    return {language: _words(language, one, given["every"]) for language, one in given["languages"].items()}


def _words(language: str, given: Mapping[str, Any], every: Mapping[str, Any]) -> Words:
    names = {name: sign for sign, words in (*every["signs"].items(), *given["signs"].items()) for name in _row(words)}
    return Words(
        language=language,
        asks=_before(given["asks"]),
        computes=_before(given["computes"]),
        closers=re.compile(rf"(?:(?<=\s)|(?<=[\d)%€$£])|(?=,))[\s,]*(?:{'|'.join(given['closers'])})$"),
        forms=tuple(Form(kind, _form(text)) for kind in KINDS for text in given["forms"].get(kind, ())),
        signs=names,
        of=frozenset(_row(given["of"])),
        numbers={word: Decimal(number) for number, words in given["numbers"].items() for word in _row(words)},
        scales={
            word: int(power) for power, words in (*every["scales"].items(), *given["scales"].items()) for word in _row(words)
        },
        currencies={**CURRENCIES, **{word: code for code, words in given["currencies"].items() for word in _row(words)}},
        percent=frozenset(_row(given["percent"])),
        joins=re.compile(rf"\s*[,;]\s+(?:(?:{given['and']})\s+)?|\s+(?:{given['and']})\s+|\s*;\s*"),
        units={
            word: (f"{family} {name}", Decimal(size))
            for family, units in every["units"].items()
            for name, size in units.items()
            for word in _row(given["units"].get(name, ""))
        },
        months={word: n for n, words in enumerate(given["months"], 1) for word in _row(words)},
        interest={key: re.compile(rf"(?<!\w)(?:{text})(?!\w)") for key, text in given["interest"].items()},
        small=frozenset(_row(given["small"])),
        stories={key: re.compile(rf"(?<!\w)(?:{text})(?!\w)") for key, text in given["stories"].items()},
        everyday=frozenset(PLAIN_WORD.findall(given["everyday"])),
        numbered=re.compile(
            rf"(?<!\w)(?:{'|'.join(word for words in given['numbers'].values() for word in _row(words))})(?!\w)"
        ),
        said=given["said"],
    )


def _before(alternatives: list[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(alternatives)})(?:(?<=')|(?![\w'])[\s,:]*)")


def _form(text: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w)\}", r"(?P<\1>.+?)", text))


def _row(words: str) -> list[str]:
    """Words parted by semicolons, since one may hold a space."""
    return [word.strip() for word in words.split(";") if word.strip()]

"""The word lists of the room: ordinary words, given names, countries, firms, words of streets, words mistaken for names.

Invariant: every list is lower case and read once; nothing here is a customer's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*")


@dataclass(frozen=True)
class StreetWords:
    """data/streets.txt; the comments there say what each list is."""

    words: frozenset[str]
    openers: frozenset[str]
    plain: frozenset[str]
    ordinal: frozenset[str]
    particles: frozenset[str]
    units: frozenset[str]
    endings: tuple[str, ...]
    town_particles: frozenset[str]


@dataclass(frozen=True)
class Mistaken:
    """data/mistaken.txt: what looks like a name and is none."""

    acronyms: frozenset[str]
    months: frozenset[str]
    labels: frozenset[str]
    afterwards: frozenset[str]


@cache
def common() -> frozenset[str]:
    return frozenset(_read("common.txt").split()) | mistaken().acronyms


@cache
def given_names() -> frozenset[str]:
    return frozenset(_read("names.txt").split())


@cache
def countries() -> frozenset[str]:
    return frozenset(_entries("countries.txt"))


@cache
def companies() -> frozenset[str]:
    return frozenset(_entries("companies.txt"))


@cache
def streets() -> StreetWords:
    lists = sections("streets.txt")
    particles = frozenset(lists["particles"])
    return StreetWords(
        words=frozenset(lists["words"]),
        openers=frozenset(lists["openers"]),
        plain=frozenset(lists["plain"]),
        ordinal=frozenset(lists["ordinal"]),
        particles=particles,
        units=frozenset(lists["units"]),
        endings=tuple(lists["endings"]),
        town_particles=(particles | {"u", "v"}) - {"and", "i", "the", "am", "of"},
    )


@cache
def mistaken() -> Mistaken:
    lists = {name: frozenset(words) for name, words in sections("mistaken.txt").items()}
    return Mistaken(lists["acronyms"], lists["months"], lists["labels"], lists["afterwards"])


def ordinary(text: str) -> bool:
    """Is every word of `text` in the list of ordinary words?"""
    return all(word.lower() in common() for word in WORD.findall(text))


def _read(name: str) -> str:
    text = files("moderation").joinpath("data", name).read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("#")).lower()


def _entries(name: str) -> list[str]:
    return [part.strip() for line in _read(name).splitlines() for part in line.split(";") if part.strip()]


def sections(name: str) -> dict[str, list[str]]:
    """`[title]` lines head the words that follow them."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in _read(name).splitlines():
        if line.startswith("["):
            title = line.strip("[] ")
            found[title] = []
        elif line.strip():
            found[title] += line.split()
    return found

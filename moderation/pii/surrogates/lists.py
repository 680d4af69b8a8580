"""The word lists of data/surrogates.txt, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def _lists() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    here: list[str] = []
    for line in files("moderation").joinpath("data", "surrogates.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            here = found.setdefault(line.strip("[] "), [])
        elif not line.startswith("#"):
            here += line.split()
    return {name: tuple(members) for name, members in found.items()}


def words(name: str) -> tuple[str, ...]:
    return _lists()[name]

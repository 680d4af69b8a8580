"""Whoever names many people, or writes long words, costs what their text is long: counted in calls, for lists of n and 4 n.

The kind of fault: for each name all the others are looked through, or for each piece of a long word the rest of it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.pii.pseudonyms import Pseudonyms, originals
from moderation.pii.recognisers.people import cues, known

LETTERS = "bcdfghklmnprstvz"


def word(number: int) -> str:
    """A different word for each number, none the beginning of another."""
    said = ""
    for place in range(5):
        number, letter = divmod(number, len(LETTERS))
        said += LETTERS[letter] + "aeiou"[(letter + place) % 5]
    return said.title()


SHAPES: dict[str, Callable[[int], str]] = {
    "different names": lambda n: f"{word(n)} {word(n + 50_000)}",
    "one surname": lambda n: f"{word(n)} Miller",
    "one given name": lambda n: f"Anna {word(n)}",
    "initials": lambda n: f"{'ABCDEFGH'[n % 8]}. {word(n)}",
    "a word each": word,
    "three words": lambda n: f"{word(n)} {word(n + 7)} {word(n + 50_000)}",
    "names and one of their words": lambda n: f"{word(n // 2)} {word(n // 2 + 50_000)}" if n % 2 else word(n // 2 + 50_000),
}


class Count:
    """Calls of a function that is put in its place."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *given: Any) -> Any:
        self.calls += 1
        return self.function(*given)


def compared(names: list[str], patch: pytest.MonkeyPatch) -> int:
    """How often two names, or two words, are compared while all are named and then looked for."""
    within, one_off = Count(originals.within), Count(known._one_off)
    patch.setattr(originals, "within", within)
    patch.setattr(known, "_one_off", one_off)
    pseudonyms = Pseudonyms()
    for name in names:
        pseudonyms.tag("PERSON", name)
    text = ", ".join(names)
    pseudonyms.known(text)
    known.named_again(
        f"{text} {' '.join(word(n + 900_000) for n in range(len(names)))}", tuple(pseudonyms.people().values())
    )
    patch.undo()
    return within.calls + one_off.calls


@pytest.mark.parametrize("shape", SHAPES)
def test_the_next_name_costs_no_more_where_many_were_named(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = ([SHAPES[shape](n) for n in range(size)] for size in (100, 400))
    assert compared(many, monkeypatch) <= 6 * max(compared(few, monkeypatch), len(few))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, max_size=3, unique=True))
def test_so_do_lists_of_several_kinds(shapes: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        few, many = ([SHAPES[shapes[n % len(shapes)]](n) for n in range(size)] for size in (60, 240))
        assert compared(many, patch) <= 6 * max(compared(few, patch), 2 * len(few))


def test_every_name_of_a_long_list_is_found_again_and_each_is_somebody_of_their_own() -> None:
    names = [SHAPES["different names"](n) for n in range(3200)]
    pseudonyms = Pseudonyms()
    assert len({pseudonyms.tag("PERSON", name) for name in names}) == len(names)
    found = pseudonyms.known("\n".join(names))
    assert len(found) == len(names)


@pytest.mark.parametrize(
    "name", [name for name, one in vars(cues).items() if isinstance(one, re.Pattern) and one not in (cues._SMALL_TITLE,)]
)
def test_no_cue_reads_on_without_end(name: str) -> None:
    """What a pattern may read at each place in a text has a bound, so that all of its places together have one too."""
    pattern = vars(cues)[name]
    assert re._parser.parse(pattern.pattern, pattern.flags).getwidth()[1] < 2_000  # type: ignore[attr-defined]

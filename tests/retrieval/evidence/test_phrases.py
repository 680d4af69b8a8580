"""Every language says the same things."""

import re
from dataclasses import fields

import pytest

from retrieval.evidence.wording.phrases import PHRASES, phrases


@pytest.mark.parametrize("language", sorted(PHRASES))
def test_every_language_fills_the_same_places(language: str) -> None:
    english, other = PHRASES["en"], PHRASES[language]
    for one in fields(english):
        mine, theirs = getattr(english, one.name), getattr(other, one.name)
        if isinstance(mine, str):
            assert sorted(re.findall(r"\{\w*\}", mine)) == sorted(re.findall(r"\{\w*\}", theirs)), one.name
            assert theirs
        else:
            assert set(mine) == set(theirs)


def test_an_unknown_language_is_answered_in_english() -> None:
    assert phrases("xx") is PHRASES["en"]
    assert phrases("de-AT") is PHRASES["de"]

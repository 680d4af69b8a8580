"""Personal data that stands right beside a word, a sign or other personal data: what a model repeats of it comes back."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moderation.pii.pseudonyms import Pseudonyms
from moderation.pii.pseudonyms.surrogate_forms import words_form

ORIGINALS = (
    ("PERSON", "Anna Meyer"),
    ("PERSON", "Knut Anna Meyer"),
    ("PERSON", "Okafor"),
    ("EMAIL_ADDRESS", "anna@example.org"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("IBAN_CODE", "DE89370400440532013000"),
    ("PHONE_NUMBER", "+44 20 7925 0918"),
    ("ADDRESS", "12 Main Street, Springfield, IL 62701"),
    ("DATE_OF_BIRTH", "12/03/1980"),
    ("IP_ADDRESS", "10.0.0.1"),
)
BESIDE = st.sampled_from(
    [*"._*-@=%\n()+#/<>[]&\\`$,\u0301\u200b\u00ad中é1", " ", "**", "~~", "](", "://", "www.", "'s", "12", ".The", "mail="]
)
PIECES = st.lists(st.one_of(st.sampled_from(ORIGINALS), BESIDE), min_size=2, max_size=6)


@settings(deadline=None, max_examples=300)
@given(PIECES, st.integers(1, 30))
@example([ORIGINALS[0], ORIGINALS[1]], 1)
@example(["=", ORIGINALS[3]], 1)
@example([ORIGINALS[0], ".", ORIGINALS[2]], 1)
def test_it_is_read_back_as_what_it_stands_for(pieces: list[str | tuple[str, str]], size: int) -> None:
    pseudonyms = Pseudonyms()
    tagged = "".join(piece if isinstance(piece, str) else pseudonyms.tag(*piece) for piece in pieces)
    cover = pseudonyms.cover([("user", tagged)], {"default": "surrogate"})
    shown = cover.messages[0][1]
    said = "".join(cover.reader.feed(shown[i : i + size]) for i in range(0, len(shown), size)) + cover.reader.close()
    assert pseudonyms.restore(said) == pseudonyms.restore(tagged)


@pytest.mark.parametrize("between", [" ", ", ", "\n", " and ", " (", "; "])
def test_what_stands_apart_is_shown_as_a_surrogate(between: str) -> None:
    pseudonyms = Pseudonyms()
    one, other = pseudonyms.tag("PERSON", "Anna Meyer"), pseudonyms.tag("EMAIL_ADDRESS", "anna@example.org")
    shown = pseudonyms.cover([("user", one + between + other)], {"default": "surrogate"}).messages[0][1]
    assert "<" not in shown


@pytest.mark.parametrize(
    ("said", "end"), [("Sunderholts Konto", None), ("Sunderholt S.", 12), ("Sunderholt, S.", 13), ("Sunderholt-S", 12)]
)
def test_the_ending_of_a_name_is_no_initial(said: str, end: int | None) -> None:
    assert words_form("Sunderholt S", "<PERSON_SHORT_1>", name=True).at(said, 0, final=True) == end


def test_the_plural_of_a_surname_is_the_surnames_whatever_the_false_first_name_begins_with() -> None:
    for _ in range(60):
        pseudonyms = Pseudonyms()
        cover = pseudonyms.cover([("user", pseudonyms.tag("PERSON", "Anna Meyer"))], {"default": "surrogate"})
        surname = cover.messages[0][1].split()[-1]
        said = cover.reader.feed(f"the {surname}s") + cover.reader.close()
        assert pseudonyms.restore(said) == "the Meyers"

"""What is hidden in a text hides no name: spans lie in the text that was given, and nothing of it is left."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from moderation.pii.redactor import PSEUDONYMISED, Pseudonyms, Redactor
from moderation.text.visible import shown

pytest_plugins = ("tests.support.pii_fixtures",)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("An\u200bna Mey\u00ader", "Anna Meyer"),
        ("\u202eAnna\u202c", "Anna"),
        ("Ａｎｎａ ４１１１", "Anna 4111"),
        ("𝐀𝐧𝐧𝐚 𝕄𝕖𝕪𝕖𝕣", "Anna Meyer"),
        ("\u0410nn\u0430 M\u0435yer", "Anna Meyer"),
        ("Ju\u0308rgen Mu\u0308ller", "Jürgen Müller"),
        ("A\u0336n\u0336n\u0336a\u0336", "Anna"),
        ("Mey-\n  er", "Meyer"),
        ("٤١١١", "4111"),
        ("\U000e0041\U000e006eAnna", "Anna"),
        ("Анна Мейер", "Анна Мейер"),
        ("Γιώργος", "Γιώργος"),
        ("José Yıldız łódź 東京 ½ ´", "José Yıldız łódź 東京 ½ ´"),
        ("well-known\nand state-of-the-\nArt", "well-known\nand state-of-the-\nArt"),
    ],
)
def test_a_text_is_read_as_its_reader_sees_it(text: str, read: str) -> None:
    assert shown(text).text == read


@drawn(st.text(max_size=60))
def test_every_character_that_is_read_knows_where_it_stood(text: str) -> None:
    seen = shown(text)
    assert len(seen.starts) == len(seen.ends) == len(seen.text)
    assert all(0 <= start < end <= len(text) for start, end in zip(seen.starts, seen.ends, strict=True))
    assert list(seen.starts) == sorted(seen.starts)
    assert list(seen.ends) == sorted(seen.ends)


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("I am An\u200bna Mey\u2060er.", "I am <PERSON_1>."),
        ("I am \u0410nn\u0430 M\u0435yer.", "I am <PERSON_1>."),
        ("😀 I am Ｊohn Ｓmith 😀", "😀 I am <PERSON_1> 😀"),
        ("My name is Ju\u0308rgen Mu\u0308ller, thanks", "My name is <PERSON_1>, thanks"),
        ("card 4111\u200b1111 \u00ad1111 １１１１ please", "card <CREDIT_CARD_1> please"),
        ("mail an\u200bna@exam\u00adple.org", "mail <EMAIL_ADDRESS_1>"),
        ("IBAN D\u041589 3704 0044 0532 0130 00", "IBAN <IBAN_CODE_1>"),
        ("Who is <PER\u200bSON_1>?", "Who is <LITERAL_1>?"),
    ],
)
def test_hidden_data_are_redacted_at_their_place(redactor: Redactor, text: str, redacted: str) -> None:
    assert redactor.redact(text, Pseudonyms(), PSEUDONYMISED).text == redacted


@pytest.mark.models
def test_a_hidden_name_is_the_person_it_shows(redactor: Redactor) -> None:
    pseudonyms = Pseudonyms()
    redactor.redact("I am Anna Meyer.", pseudonyms, PSEUDONYMISED)
    again = redactor.redact("What does M\u200beyer owe, and \u0410nna M\u0435yer?", pseudonyms, PSEUDONYMISED)
    assert again.text == "What does <PERSON_1> owe, and <PERSON_1>?"
    assert len(pseudonyms) == 1

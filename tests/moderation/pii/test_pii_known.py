"""A person named once is found again however they are written, and an ordinary word is not taken for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.pii.recognisers.people.known import Spellings, named_again
from moderation.pii.redactor import PSEUDONYMISED, Pseudonyms, Redactor

pytest_plugins = ("tests.support.pii_fixtures",)
PEOPLE = (("jürgen", "müller"), ("anna", "meyer"), ("kwame", "osei", "tutu"), ("mary", "price"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("and jurgen muller said", ["jurgen muller"]),
        ("and Juergen Mueller said", ["Juergen Mueller"]),
        ("file of Meyer, Anna today", ["Meyer, Anna"]),
        ("ask A. Meyer about it", ["A. Meyer"]),
        ("ask Meyer, A. about it", ["Meyer, A."]),
        ("signed A.M. below", ["A.M."]),
        ("user annameyer logged in", ["annameyer"]),
        ("user ameyer logged in", ["ameyer"]),
        ("mail anna.meyer@example.org", ["anna.meyer"]),
        ("ANNA MEYER'S file", ["ANNA MEYER"]),
        ("Anna\nMeyer", ["Anna\nMeyer"]),
        ("did Meyr or Myeer pay", ["Meyr", "Myeer"]),
        ("kwame osei-tutu", ["kwame"]),
        ("Kwame Osei Tutu's fund", ["Kwame Osei Tutu"]),
        ("meet at 9 A.M. on the day", []),
        ("the price of the fund, a marry thing", []),
        ("Meyer and Price", ["Meyer"]),
        ("Kenny bought an anvil in May", []),
    ],
)
def test_other_spellings_of_a_person_are_found(text: str, shown: list[str]) -> None:
    found = [text[s.start : s.end] for s in named_again(text, PEOPLE)]
    assert [one for one in found if one != "Price"] == shown


def test_a_name_is_spelt_as_the_conversation_knows_it() -> None:
    known = Spellings({f"<PERSON_{number}>": name for number, name in enumerate(PEOPLE, 1)})
    assert known.spelt("Jurgen Mueller's") == "jürgen müller's"
    assert known.spelt("annameyer") == "anna meyer"
    assert known.spelt("Meier") == "Meier"


@given(
    st.text(max_size=80), st.lists(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3).map(tuple), max_size=4)
)
def test_spans_are_sorted_within_the_text_and_apart(text: str, people: list[tuple[str, ...]]) -> None:
    words = [tuple(w.casefold() for w in name) for name in people]
    at = 0
    for span in named_again(text, words):
        assert at <= span.start < span.end <= len(text)
        at = span.end
    assert named_again(text, []) == []


@pytest.mark.models
@pytest.mark.parametrize(
    "later",
    [
        "what does jurgen muller owe",
        "what does Mueller, Juergen owe",
        "what does J. Müller owe",
        "what does jurgenmuller owe",
    ],
)
def test_another_spelling_is_the_same_person(redactor: Redactor, later: str) -> None:
    pseudonyms = Pseudonyms()
    redactor.redact("My name is Jürgen Müller.", pseudonyms, PSEUDONYMISED)
    assert redactor.redact(later, pseudonyms, PSEUDONYMISED).text == "what does <PERSON_1> owe"


@pytest.mark.models
def test_a_misspelt_name_is_replaced_but_stays_its_own(redactor: Redactor) -> None:
    pseudonyms = Pseudonyms()
    redactor.redact("My name is Anna Meyer.", pseudonyms, PSEUDONYMISED)
    assert redactor.redact("what does meier owe", pseudonyms, PSEUDONYMISED).text == "what does <PERSON_2> owe"


@pytest.mark.models
def test_a_name_is_found_wherever_else_its_own_text_has_it(redactor: Redactor) -> None:
    text = "I am Anna Meyer. user: ameyer\nnotes: meyer has called"
    redacted = redactor.redact(text, Pseudonyms(), PSEUDONYMISED).text
    assert redacted == "I am <PERSON_1>. user: <PERSON_1>\nnotes: <PERSON_1> has called"

"""Who a person is. The kind of fault that must not come back: one person under two subjects, or two under one, because a
name was spelt, sent or typed another way, or stood for something else somewhere."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.identity.subjects import (
    Approver,
    KeyItself,
    NotUtf8,
    Person,
    Subject,
    SubjectRefused,
    at_terminal,
    formerly,
    header_text,
    named_person,
    person,
    spelt,
)

NAMES = ["Renée", "Jürgen Müller", "Łukasz", "Nguyễn Thị Ánh", "김철수", "محمد", "علی\u200cرضا", "O’Brien", "Ω", "😀"]


def sent(name: str) -> str:
    """A header's value as WSGI hands it over."""
    return name.encode().decode("latin-1")


@pytest.mark.parametrize("name", NAMES)
def test_a_person_is_the_same_by_header_by_body_and_at_the_terminal_however_the_name_is_composed(name: str) -> None:
    composed, apart = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    spellings = [f"{around}{form}{around}" for form in (composed, apart) for around in ("", " ", "\t", "\u00a0", "\u3000")]
    found = {person(one, "user") for one in spellings}
    found |= {person(header_text(sent(one), "header"), "header") for one in spellings}
    found |= {one for one in map(at_terminal, spellings) if isinstance(one, Person)}
    assert found == {Person(composed)}


@pytest.mark.parametrize(
    "name",
    ["", " ", "\t\r\n", "\u00a0\u2003", "\u200b", "\ufeff", "ali\u200bce", "alice\u202e", "al\u00adice", "a\x00b", "a\nb",
     "a\u2028b", "\ud800", "a\udcff", "\U000e0041lice"],
)  # fmt: skip
def test_a_name_that_is_blank_or_holds_what_nobody_can_see_is_refused_by_the_place_it_came_from(name: str) -> None:
    with pytest.raises(SubjectRefused, match=r"^user: "):
        person(name, "user")


@pytest.mark.parametrize("raw", [b"Ren\xe9e", b"\xff", b"a\xc3", b"\xc0\xaf", b"\xed\xa0\x80", "Renée".encode("utf-16")])
def test_a_header_that_is_not_utf_8_is_refused(raw: bytes) -> None:
    with pytest.raises(NotUtf8, match="UTF-8"):
        header_text(raw.decode("latin-1"), "header")


def test_places_that_agree_name_one_person_and_silent_ones_nobody() -> None:
    assert named_person({"header": None, "user": None}) is None
    assert named_person({}) is None
    assert named_person({"header": " Rene\u0301e", "user": None, "safety_identifier": "Renée"}) == Person("Renée")


@pytest.mark.parametrize(
    "given_",
    [
        {"header": "alice", "user": "bob"},
        {"header": None, "user": "alice", "safety_identifier": "bob"},
        {"header": "alice", "user": "Alice"},
        {"header": "alice", "user": "alice", "safety_identifier": "bob"},
        {"header": "alice", "user": ""},
        {"header": "", "user": "alice"},
    ],
)
def test_places_that_name_different_people_or_nobody_at_all_are_refused(given_: dict[str, str | None]) -> None:
    with pytest.raises(SubjectRefused):
        named_person(given_)


WORDS = st.sampled_from(
    ["alice", "key:", "person:", "staff:", "terminal", "doctor", "firm:", "0f3c", "Ã©", "é", "s_", "a" * 32]
)
PEOPLE = st.lists(WORDS, min_size=1, max_size=3).map("".join) | st.text(min_size=1)


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    name = draw(PEOPLE)
    make = draw(st.sampled_from([lambda text: person(text, "user"), KeyItself, Approver]))
    try:
        made: Subject = make(name)
        spelt(made)
    except SubjectRefused:
        return Person("alice")
    return Approver(name.casefold().strip()) if isinstance(made, Approver) else made


@given(subjects(), subjects())
def test_different_subjects_are_never_spelt_alike(one: Subject, other: Subject) -> None:
    if isinstance(one, Approver) and isinstance(other, Approver):
        return  # names are folded there
    assert (spelt(one) == spelt(other)) == (one == other)


@given(st.text())
def test_a_name_that_was_taken_is_taken_again_unchanged(name: str) -> None:
    try:
        taken = person(name, "user")
    except SubjectRefused:
        return
    assert person(taken.name, "user") == taken
    assert person(header_text(sent(taken.name), "header"), "header") == taken


@pytest.mark.parametrize("name", ["customer 4711", "anna@example.com", "Renée", "s_1", "4711"])
def test_a_plain_name_is_spelt_as_in_every_earlier_release_so_that_holds_and_conversations_go_on(name: str) -> None:
    assert spelt(person(name, "user")) == name
    assert spelt(KeyItself("0f3c")) == "key:0f3c"


@pytest.mark.parametrize("name", ["key:0f3c", "terminal", "doctor", "person:alice", "staff:anna", "RenÃ©e"])
def test_a_name_under_which_somebody_else_was_recorded_is_spelt_another_way(name: str) -> None:
    assert spelt(person(name, "user")) == f"person:{name}"


def test_two_spellings_of_one_approver_are_one_approver() -> None:
    names = ["Jürgen", " jürgen", "JÜRGEN", "Ju\u0308rgen\u00a0"]
    assert {spelt(Approver(name)) for name in names} == {"staff:jürgen"}
    with pytest.raises(SubjectRefused):
        spelt(Approver(" "))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", NAMES)
def test_what_earlier_releases_recorded_of_a_person_is_found_by_the_name(name: str, form: str) -> None:
    """They took a body's name as it came, and a header's bytes for Latin-1."""
    written = unicodedata.normalize(form, name)
    former = set(formerly(person(name, "SUBJECT"), name))
    assert {written, sent(written)} <= former
    assert f" {written}" in set(formerly(person(name, "SUBJECT"), f" {written}"))


@pytest.mark.parametrize("name", ["key:0f3c", "terminal", "doctor", "RenÃ©e"])
def test_what_was_recorded_of_somebody_else_under_that_name_is_not_taken_along(name: str) -> None:
    assert name not in set(formerly(person(name, "SUBJECT"), name))


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("alice", Person("alice")),
        ("key:0f3c", KeyItself("0f3c")),
        ("person:key:0f3c", Person("key:0f3c")),
        ("person:s_" + "0" * 32, Person("s_" + "0" * 32)),
        ("s_" + "0" * 32, "s_" + "0" * 32),
        ("staff:key:0f3c", "staff:key:0f3c"),
        ("staff:terminal", "staff:terminal"),
    ],
)
def test_at_a_terminal_every_domain_can_be_named(named: str, meant: object) -> None:
    assert at_terminal(named) == meant


@pytest.mark.parametrize("named", ["", " ", "key:", "key: ", "person:", "person: ", "a\x00", "\udcff"])
def test_at_a_terminal_a_blank_name_is_refused(named: str) -> None:
    with pytest.raises(SubjectRefused):
        at_terminal(named)

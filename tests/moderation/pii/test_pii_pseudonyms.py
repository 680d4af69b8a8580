"""The conversation's two-way map: one tag for one person, restored however the model spells it, and for nobody by asking."""

from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.pii.pseudonyms import PseudonymError, Pseudonyms, identity


@pytest.mark.parametrize(
    "again",
    [
        "Anna Meyer",
        "anna meyer",
        "ANNA MEYER",
        "Anna Meyer's",
        "Ms Meyer",
        "Dr. Anna Meyer",
        "Meyer",
        "Anna",
        "A. Meyer",
        "Meyer, Anna",
        "Anna  Meyer",
    ],
)
def test_a_person_seen_again_in_another_form_keeps_the_tag(again: str) -> None:
    map_ = Pseudonyms()
    assert map_.tag("PERSON", "Anna Meyer") == "<PERSON_1>"
    assert map_.tag("PERSON", again) == "<PERSON_1>"


def test_a_surname_seen_first_joins_the_full_name_that_follows() -> None:
    map_ = Pseudonyms()
    assert map_.tag("PERSON", "Mr Osei") == "<PERSON_1>"
    assert map_.tag("PERSON", "Kwame Osei") == "<PERSON_1>"
    assert map_.tag("PERSON", "Kofi Osei") == "<PERSON_2>"


def test_a_part_that_fits_two_people_is_neither_of_them() -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Meyer")
    map_.tag("PERSON", "Bob Meyer")
    assert map_.tag("PERSON", "Ms Meyer") == "<PERSON_3>"
    assert map_.tag("PERSON", "Meyer") == "<PERSON_3>"
    assert map_.tag("PERSON", "Bob") == "<PERSON_2>"
    assert map_.tag("PERSON", "Clara Meyer") == "<PERSON_4>"


def test_the_same_number_in_another_spacing_keeps_the_tag() -> None:
    map_ = Pseudonyms()
    assert map_.tag("IBAN_CODE", "DE89 3704 0044 0532 0130 00") == "<IBAN_CODE_1>"
    assert map_.tag("IBAN_CODE", "de89370400440532013000") == "<IBAN_CODE_1>"
    assert map_.tag("IBAN_CODE", "GB82WEST12345698765432") == "<IBAN_CODE_2>"
    assert map_.tag("PHONE_NUMBER", "+44 20 7946 0958") == "<PHONE_NUMBER_1>"


@pytest.mark.parametrize(
    "spelled",
    [
        "<PERSON_1>", "<Person_1>", "<person_1>", "PERSON_1", "Person_1", "[PERSON_1]", "< PERSON_1 >", "<PERSON 1>",
        "<PERSON-1>", "{PERSON_1}", "\\<PERSON\\_1\\>", "<PERSON\\_1>", "&lt;PERSON_1&gt;", "‹PERSON_1›",
    ],
)  # fmt: skip
def test_a_tag_is_restored_however_the_model_spells_it(spelled: str) -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Meyer")
    assert map_.restore(f"Dear {spelled}, hello.") == "Dear Anna Meyer, hello."
    assert map_.restore(f"**{spelled}**'s card") == "**Anna Meyer**'s card"


@pytest.mark.parametrize(
    "text",
    [
        "SUPERPERSON_1",
        "person_12",
        "PERSON_1st",
        "my_PERSON_1",
        "PERSON_1_x",
        "Person 1",
        "[PERSON_1](http://x)",
        "<COLUMN_2>",
        "x/PERSON_1",
    ],
)
def test_what_is_no_tag_of_this_map_stays(text: str) -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Meyer")
    assert map_.restore(text) == text


@pytest.mark.parametrize("unknown", ["<PERSON_2>", "PERSON_12", "[person 3]", "<PERSON_GIVEN_4>"])
def test_a_tag_that_stands_for_nothing_becomes_a_word_that_says_so_and_is_counted(unknown: str) -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Meyer")
    assert map_.restored(f"Dear {unknown} and <PERSON_1>,") == ("Dear (name) and Anna Meyer,", 1)


def test_multi_word_tags_survive_a_space_for_their_underscore() -> None:
    map_ = Pseudonyms()
    map_.tag("IBAN_CODE", "GB82WEST12345698765432")
    assert map_.restore("to <IBAN CODE 1> or iban_code_1") == "to GB82WEST12345698765432 or GB82WEST12345698765432"


def test_what_is_restored_is_not_read_again_for_tags() -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Meyer")
    map_.tag("LITERAL", "<PERSON_1>")
    assert map_.restore("You wrote <LITERAL_1>.") == "You wrote <PERSON_1>."


def test_known_originals_are_found_again_in_other_forms() -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Price")
    map_.tag("IBAN_CODE", "GB82WEST12345698765432")
    text = "anna price and ANNA paid gb82 west 1234 5698 7654 32; the price of it, says Price's lawyer, and Annabel too"
    assert [text[s.start : s.end] for s in map_.known(text)] == [
        "anna price",
        "ANNA",
        "gb82 west 1234 5698 7654 32",
        "Price",
    ]


def test_a_map_survives_its_storage() -> None:
    map_ = Pseudonyms()
    for entity, original in [
        ("PERSON", "Anna Meyer"),
        ("PERSON", "Bob Meyer"),
        ("PERSON", "Meyer"),
        ("EMAIL_ADDRESS", "ä@b.de"),
        ("LITERAL", "<PERSON_1>"),
    ]:
        map_.tag(entity, original)
    again = Pseudonyms.load(map_.dump())
    assert again.dump() == map_.dump()
    assert again.restore("<PERSON_2> <EMAIL_ADDRESS_1> <LITERAL_1>") == "Bob Meyer ä@b.de <PERSON_1>"
    assert again.tag("PERSON", "Anna") == "<PERSON_1>"
    assert again.tag("PERSON", "Carl Weber") == "<PERSON_4>"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"version":3,"entries":[]}',
        b'{"version":2,"entries":[]}',
        b'{"version":2,"secret":"00","words":{},"entries":[]}',
        b'{"version":1,"entries":[{"entity":"X"}]}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_map_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(PseudonymError, match="pseudonyms: "):
        Pseudonyms.load(data)


def test_many_threads_agree_on_the_tags() -> None:
    map_ = Pseudonyms()
    names = [f"First{chr(97 + i)}x Last{chr(97 + i)}y" for i in range(20)]
    seen: list[dict[str, str]] = []

    def tag_all(order: list[str]) -> None:
        seen.append({name: map_.tag("PERSON", name) for name in order})

    threads = [threading.Thread(target=tag_all, args=(names[i:] + names[:i],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one == seen[0] for one in seen)
    assert sorted(set(seen[0].values())) == sorted(f"<PERSON_{i}>" for i in range(1, 21))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["PERSON", "IBAN_CODE", "PHONE_NUMBER", "ADDRESS"]),
            st.text(min_size=1, max_size=24),
        ),
        max_size=12,
    )
)
def test_one_original_has_one_tag_and_one_tag_has_one_original(pairs: list[tuple[str, str]]) -> None:
    map_ = Pseudonyms()
    tags = [(entity, original, map_.tag(entity, original)) for entity, original in pairs]
    first: dict[str, str] = {}
    for _, original, tag in tags:
        first.setdefault(tag, original)
    for _, _, tag in tags:
        assert map_.restore(f"a {tag} b") == f"a {first[tag]} b"
    for entity, original, tag in tags:
        if entity != "PERSON":
            assert map_.tag(entity, original) == tag
    json.loads(map_.dump())
    assert Pseudonyms.load(map_.dump()).dump() == map_.dump()


@given(st.text(max_size=200))
def test_an_empty_map_changes_no_text_and_knows_nothing(text: str) -> None:
    map_ = Pseudonyms()
    assert map_.restore(text) == text
    assert map_.known(text) == []


@given(st.sampled_from(["PERSON", "IBAN_CODE", "EMAIL_ADDRESS", "ADDRESS"]), st.text(max_size=30))
def test_case_does_not_change_who_is_meant(entity: str, original: str) -> None:
    assert identity(entity, original) == identity(entity, original.casefold())


def test_an_ordinary_word_at_the_start_of_a_sentence_is_no_known_name() -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Price")
    assert map_.known("Price of the fund? Will it rise. Price: 3") == []

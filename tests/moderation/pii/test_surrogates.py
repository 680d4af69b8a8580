"""Surrogates are well formed by other people's rules, belong to nobody, and say nothing of what they stand for."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from datetime import date

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.pii.pseudonyms import Pseudonyms
from moderation.pii.surrogates import Draw, surrogate
from moderation.pii.surrogates.lists import words
from moderation.pii.word_lists import common

SECRETS = st.binary(min_size=32, max_size=32)
UNHURRIED = settings(deadline=None)
SURROGATES = {"default": "surrogate"}


def falsified(entity: str, original: str, secret: bytes = b"s" * 32, days: int = 400) -> str:
    found = surrogate(entity, original, Draw(secret, entity, original), days)
    assert found
    assert found != original
    return found


# -- second opinions: written from the standards, not from our code ---------------------------------------------------------


def remainder97(iban: str) -> int:
    """ISO 7064 mod 97-10, digit by digit."""
    left = 0
    for character in iban[4:] + iban[:4]:
        value = ord(character) - 55 if character.isalpha() else int(character)
        left = (left * (100 if value > 9 else 10) + value) % 97
    return left


def luhn_sum(digits: str) -> int:
    """ISO/IEC 7812-1: from the right, every second digit doubled and its digits added."""
    return sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(digits[::-1])) % 10


def base58_payload(text: str) -> bytes:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for character in text:
        number = number * 58 + alphabet.index(character)
    noughts = len(text) - len(text.lstrip("1"))
    return b"\x00" * noughts + number.to_bytes((number.bit_length() + 7) // 8, "big")


def bech32_holds(text: str) -> bool:
    """BIP 173: the checksum polynomial over the expanded prefix and the data is 1."""
    prefix, _, data = text.rpartition("1")
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [charset.index(c) for c in data]
    check = 1
    for value in values:
        top = check >> 25
        check = ((check & 0x1FFFFFF) << 5) ^ value
        for i, generator in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            check ^= generator if (top >> i) & 1 else 0
    return check == 1


def test_the_second_opinions_know_the_standards_own_examples() -> None:
    assert remainder97("GB82WEST12345698765432") == 1
    assert luhn_sum("4539578763621486") == 0
    assert bech32_holds("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")
    assert not bech32_holds("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp")


# -- one kind after another -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "original",
    ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR14 2004 1010 0505 0001 3M02 606", "NL91ABNA0417164300",
     "NO93 8601 1117 947", "CH93 0076 2011 6238 5295 7", "MT84MALT011000012345MTLCAST001S", "de89370400440532013000"],
)  # fmt: skip
@UNHURRIED
@given(secret=SECRETS)
def test_an_iban_is_valid_of_its_country_and_of_no_bank(original: str, secret: bytes) -> None:
    found = falsified("IBAN_CODE", original, secret)
    code = "".join(found.split())
    assert remainder97(code) == 1
    assert code[:2] == original[:2].upper()
    assert len(code) == len("".join(original.split()))
    assert set(code[4:7]) <= set("0X")
    assert [len(g) for g in found.split()] == [len(g) for g in original.split()]


@pytest.mark.parametrize(
    ("original", "begins"),
    [("4111 1111 1111 1111", "4"), ("5105-1051-0510-5100", "5|2"), ("371449635398431", "37"), ("6011000990139424", "6011"),
     ("3530111333300000", "35"), ("30569309025904", "3[08]"), ("6200000000000005", "62"), ("6759649826438453", "6759|5018")],
)  # fmt: skip
@UNHURRIED
@given(secret=SECRETS)
def test_a_card_is_of_its_network_and_length_and_passes_its_check(original: str, begins: str, secret: bytes) -> None:
    found = falsified("CREDIT_CARD", original, secret)
    digits = re.sub(r"\D", "", found)
    assert luhn_sum(digits) == 0
    assert re.match(begins, digits)
    assert len(digits) == len(re.sub(r"\D", "", original))
    assert re.sub(r"\d", "9", found) == re.sub(r"\d", "9", original)


@pytest.mark.parametrize(
    ("original", "fiction"),
    [("+1 212-736-5000", r"\+1 \d{3}-555-01\d\d"), ("(212) 736-5000", r"\(\d{3}\) 555-01\d\d"),
     ("+44 20 7925 0918", r"\+44 (?:20 7946 0\d{3}|1\d\d 496 0\d{3}|1632 960\d{3}|7700 900\d{3})"),
     ("+49 30 90260", r"\+49 (?:30 23125|69 90009|40 66969|221 4710|89 99998)\d{3}"),
     ("+33 1 42 76 40 40", r"\+33 [1-6] \d\d \d\d \d\d \d\d"), ("+61 2 9374 4000", r"\+61 [2378] 5550 \d{4}"),
     ("+353 1 604 0200", r"\+353 20 91\d \d{4}"), ("+46 8 508 29 000", r"\+46 (?:8 465 004|31 390 06|40 628 04) \d\d")],
)  # fmt: skip
@UNHURRIED
@given(secret=SECRETS)
def test_a_telephone_number_is_one_of_those_kept_for_fiction(original: str, fiction: str, secret: bytes) -> None:
    assert re.fullmatch(fiction, falsified("PHONE_NUMBER", original, secret))


@pytest.mark.parametrize("original", ["+41 44 668 18 00", "+39 06 6982", "+81 3-3213-1111", "+48 22 695 29 00"])
@UNHURRIED
@given(secret=SECRETS)
def test_elsewhere_a_telephone_number_is_possible_and_not_in_use(original: str, secret: bytes) -> None:
    found = surrogate("PHONE_NUMBER", original, Draw(secret, original), 0)
    if found is None:  # a plan without such room: then the tag stands for it
        return
    number = phonenumbers.parse(found, None)
    assert number.country_code == phonenumbers.parse(original, None).country_code
    assert phonenumbers.is_possible_number(number)
    assert not phonenumbers.is_valid_number(number)


@UNHURRIED
@given(SECRETS)
def test_numbers_of_the_state_are_in_form_and_never_given_out(secret: bytes) -> None:
    assert re.fullmatch(r"666-(?!00)\d\d-(?!0000)\d{4}", falsified("US_SSN", "536-90-4399", secret))
    nino = falsified("UK_NINO", "AB 12 34 56 C", secret)
    assert re.fullmatch(r"ZZ \d\d \d\d \d\d [A-D]", nino)
    nhs = falsified("UK_NHS", "943 476 5919", secret)
    digits = [int(d) for d in nhs if d.isdigit()]
    assert re.fullmatch(r"999 \d{3} \d{4}", nhs)
    assert digits[9] == (11 - sum(w * d for w, d in zip(range(10, 1, -1), digits, strict=False)) % 11) % 11
    itin = falsified("TAX_ID", "912-70-1234", secret)
    assert re.fullmatch(r"9\d\d-00-\d{4}", itin)
    assert re.fullmatch(r"[A-Z]00[A-Z]\d\d[A-Z]\d\d", falsified("PASSPORT", "C01X02T47", secret)) is not None


@UNHURRIED
@given(SECRETS)
def test_hosts_and_addresses_of_the_internet_are_kept_for_documentation(secret: bytes) -> None:
    four = ipaddress.ip_address(falsified("IP_ADDRESS", "81.2.69.160", secret))
    assert any(four in ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
    six = ipaddress.ip_address(falsified("IP_ADDRESS", "2a00:1450:4009:80a::200e", secret))
    assert six in ipaddress.ip_network("2001:db8::/32")
    assert re.fullmatch(r"[a-z]+\.[a-z]{2}\d{3}@example\.(?:org|com|net)", falsified("EMAIL_ADDRESS", "a@b.de", secret))
    assert falsified("DOMAIN_NAME", "https://bank.de/?q=anna", secret).endswith(".example")


@UNHURRIED
@given(SECRETS)
def test_the_address_of_a_coin_has_a_right_checksum(secret: bytes) -> None:
    for original in ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"):
        payload = base58_payload(falsified("CRYPTO", original, secret))
        assert len(payload) == 25
        assert hashlib.sha256(hashlib.sha256(payload[:21]).digest()).digest()[:4] == payload[21:]
        assert payload[0] == base58_payload(original)[0]
    assert bech32_holds(falsified("CRYPTO", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", secret))


@UNHURRIED
@given(
    st.dates(date(1926, 1, 1), date(2012, 12, 31)), st.dates(date(1926, 1, 1), date(2012, 12, 31)), st.integers(100, 1500)
)
def test_dates_of_birth_move_together_and_into_the_past(one: date, other: date, days: int) -> None:
    moved = [date.fromisoformat(falsified("DATE_OF_BIRTH", d.isoformat(), days=days)) for d in (one, other)]
    assert one - moved[0] == other - moved[1]
    assert (one - moved[0]).days == days


@pytest.mark.parametrize(
    ("original", "shape"),
    [("12/03/1980", r"\d\d/\d\d/\d{4}"), ("3 March 1980", r"\d\d? [A-Z][a-z]+ \d{4}"), 
     ("Mar 3rd, 1980", r"[A-Z][a-z]{2} \d\d?(?:st|nd|rd|th), \d{4}"),
     ("12.3.80", r"\d\d?\.\d\d?\.\d\d"), ("1980-03-12", r"\d{4}-\d\d-\d\d")],
)  # fmt: skip
def test_a_date_of_birth_keeps_the_way_it_is_written(original: str, shape: str) -> None:
    assert re.fullmatch(shape, falsified("DATE_OF_BIRTH", original))


@pytest.mark.parametrize(
    ("original", "shape"),
    [("12 Main Street, Springfield, IL 62701", r"\d\d [A-Z]\w+ Street, [A-Z]\w+, IL 00\d{3}"),
     ("10 Downing Street, London SW1A 2AA", r"\d\d [A-Z]\w+ Street, [A-Z]\w+ ZZ\d\d? \d[A-Z]{2}"),
     ("Bahnhofstrasse 12, 8001 Zürich", r"[A-Z]\w+strasse \d\d, 00\d\d [A-Z]\w+"),
     ("40 rue Victor Hugo\n75016 Paris", r"\d\d rue [A-Z]\w+ [A-Z]\w+\n00\d{3} [A-Z]\w+")],
)  # fmt: skip
def test_an_address_keeps_its_countrys_form_and_none_of_its_names(original: str, shape: str) -> None:
    found = falsified("ADDRESS", original)
    assert re.fullmatch(shape, found)
    names = {"Main", "Springfield", "Downing", "London", "Bahnhof", "Zürich", "Victor", "Hugo", "Paris"}
    assert not [name for name in names if name in found]


def test_no_false_name_is_an_ordinary_word_or_ends_in_what_a_genitive_adds() -> None:
    for kind in ("latin_female", "latin_male", "latin_surname"):
        assert len(set(words(kind))) == len(words(kind)) >= 40
        assert not [w for w in words(kind) if w.lower() in common() or w[-1] in "sxz" or not w.isascii()]


# -- in one conversation, and in two ----------------------------------------------------------------------------------------

ORIGINALS = [
    ("PERSON", "Anna Meyer"), ("PERSON", "Bob Meyer"), ("PERSON", "Jan van der Berg"), ("PERSON", "Okafor"),
    ("PERSON", "Иван Петров"), ("IBAN_CODE", "DE89 3704 0044 0532 0130 00"), ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("PHONE_NUMBER", "+44 20 7925 0918"), ("EMAIL_ADDRESS", "anna@bank.de"), ("US_SSN", "536-90-4399"),
    ("ADDRESS", "12 Main Street, Springfield, IL 62701"), ("DATE_OF_BIRTH", "12/03/1980"), ("BANK_ACCOUNT", "12345678"),
]  # fmt: skip


def read_by_a_model(map_: Pseudonyms, text: str) -> str:
    return map_.cover([("user", text)], SURROGATES).messages[0][1]  # type: ignore[arg-type]


def filled() -> tuple[Pseudonyms, str]:
    map_ = Pseudonyms()
    return map_, " | ".join(map_.tag(entity, original) for entity, original in ORIGINALS)


def test_the_same_original_has_the_same_surrogate_for_the_whole_conversation_and_after_storage() -> None:
    map_, tags = filled()
    first = read_by_a_model(map_, tags)
    assert read_by_a_model(map_, tags) == first
    assert read_by_a_model(Pseudonyms.load(map_.dump()), tags) == first


def test_people_of_one_surname_keep_one_surname() -> None:
    map_, _ = filled()
    anna, bob = read_by_a_model(map_, "<PERSON_1> | <PERSON_2>").split(" | ")
    assert anna.split()[1] == bob.split()[1]
    assert anna.split()[0] != bob.split()[0]


def test_two_conversations_have_nothing_in_common() -> None:
    one, two = (read_by_a_model(*filled()).split(" | ") for _ in range(2))
    same = [a for a, b in zip(one, two, strict=True) if a == b]
    assert len(same) <= 1  # of a hundred names one may be drawn twice


def test_no_surrogate_equals_an_original_or_another_surrogate() -> None:
    for _ in range(20):
        map_, tags = filled()
        shown = read_by_a_model(map_, tags).split(" | ")
        assert len(set(shown)) == len(shown)
        for _, original in ORIGINALS:
            for word in re.findall(r"[^\W\d_]{4,}|\d{5,}", original):
                assert word == "Street" or not re.search(rf"\b{word}\b", " ".join(shown))


def test_a_surrogate_gives_way_to_a_name_that_the_prompt_holds_already() -> None:
    map_, tags = filled()
    false = read_by_a_model(map_, "<PERSON_1>")
    passage = f"The fund is managed by {false}, and {false.split()[0]} Smith."
    again = map_.cover([("system", passage), ("user", tags)], SURROGATES)  # type: ignore[arg-type]
    assert again.messages[0][1] == passage
    new = again.messages[1][1].split(" | ")[0]
    assert not set(new.split()) & set(false.split())
    assert again.reader.feed(f"{false} and {new}") + again.reader.close() == f"{false} and <PERSON_1>"


def test_what_a_person_types_that_equals_a_surrogate_is_something_else() -> None:
    map_, tags = filled()
    false = read_by_a_model(map_, tags).split(" | ")
    typed = f"ask {false[0].lower()} about {false[5].replace(' ', '')}"
    assert [typed[s.start : s.end] for s in map_.known(typed)] == [false[0].lower(), false[5].replace(" ", "")]
    other = map_.tag("PERSON", false[0])
    assert other == "<PERSON_6>"
    shown = read_by_a_model(map_, f"<PERSON_1> and {other}")
    assert false[0].split()[0] not in shown
    assert map_.restore(f"<PERSON_1> and {other}") == f"Anna Meyer and {false[0]}"


def test_a_map_of_version_1_is_read_and_written_as_version_2() -> None:
    old = (
        b'{"version":1,"entries":[{"entity":"PERSON","number":1,"original":"Anna Meyer","keys":["anna meyer"],'
        b'"names":["anna","meyer"],"alone":false}]}'
    )
    map_ = Pseudonyms.load(old)
    assert map_.restore("<PERSON_1>, <PERSON_GIVEN_1>") == "Anna Meyer, Anna"
    assert map_.tag("PERSON", "Meyer") == "<PERSON_1>"
    assert b'"version":2' in map_.dump()
    assert Pseudonyms.load(map_.dump()).dump() == map_.dump()


@UNHURRIED
@given(st.lists(st.sampled_from(ORIGINALS), min_size=1, max_size=6), SECRETS)
def test_originals_cannot_be_drawn_without_the_secret(some: list[tuple[str, str]], secret: bytes) -> None:
    for entity, original in some:
        if entity not in ("PERSON", "DATE_OF_BIRTH"):
            ours, theirs = (surrogate(entity, original, Draw(s, entity), 0) for s in (secret, secret[::-1] + b"x"))
            assert ours is None or ours != original
            assert surrogate(entity, original, Draw(secret, entity), 0) == ours
            assert entity == "PHONE_NUMBER" or ours != theirs or secret == secret[::-1]

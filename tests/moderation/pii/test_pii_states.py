"""The numbers that states give to persons: each state's published example passes, its neighbour does not."""

from __future__ import annotations

import pytest

from moderation.pii.recognisers import check_digits as checks
from moderation.pii.recognisers.base import PROVEN
from moderation.pii.recognisers.states import StateRecogniser
from moderation.pii.redactor import Redactor

pytest_plugins = ("tests.support.pii_fixtures",)

EXAMPLES = {
    "austria": "1237010180", "belgium": "85073003328", "bulgaria": "7523169263", "cyprus": "10259033P",
    "czechia": "7103192745", "germany": "86095742719", "estonia": "36805280109", "finland": "131052-308T",
    "france": "3023217600053", "french_security": "295109912611193", "greece": "094259216", "mod_11_10": "33392005961",
    "ireland": "6433435F", "latvia": "16117519997", "luxembourg": "1893120105732", "netherlands": "111222333",
    "poland": "44051401359", "polish_tax": "8567346215", "portugal": "501964843", "romania": "1630615123457",
    "sweden": "8803200016", "slovenia": "50223054", "united_kingdom": "1955839661", "hungary": "8071592153",
}  # fmt: skip


@pytest.mark.parametrize(("state", "number"), EXAMPLES.items())
def test_a_check_digit_tells_a_number_from_a_misspelling_of_it(state: str, number: str) -> None:
    check = getattr(checks, state)
    assert check(number)
    at = {"austria": 3, "united_kingdom": 0, "luxembourg": len(number) - 2}.get(
        state, len(number) - 1
    )  # the digit that checks
    others = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if number[at].isalpha() else "0123456789"
    wrong = [number[:at] + c + number[at + 1 :] for c in others if c != number[at]]
    assert sum(check(one) for one in wrong) == 0


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("Meine Steuer-ID ist 86 095 742 719.", "TAX_ID", "86 095 742 719"),
        ("Mon numéro fiscal : 30 23 217 600 053", "TAX_ID", "30 23 217 600 053"),
        ("sécu 2 95 10 99 126 111 93 merci", "NATIONAL_ID", "2 95 10 99 126 111 93"),
        ("My PPS number is 6433435F", "TAX_ID", "6433435F"),
        ("mijn BSN is 111222333", "TAX_ID", "111222333"),
        ("PESEL: 44051401359", "TAX_ID", "44051401359"),
        ("rodné číslo 710319/2745", "NATIONAL_ID", "710319/2745"),
        ("my id is 131052-308T", "NATIONAL_ID", "131052-308T"),
        ("personnummer 880320-0016", "TAX_ID", "880320-0016"),
        ("Unique Taxpayer Reference 19558 39661", "TAX_ID", "19558 39661"),
        ("rijksregisternummer 85.07.30-033.28", "NATIONAL_ID", "85.07.30-033.28"),
        ("OIB 33392005961", "TAX_ID", "33392005961"),
        ("AFM 094259216", "TAX_ID", "094259216"),
        ("o meu NIF é 501 964 843", "TAX_ID", "501 964 843"),
        ("mi NIF es 12345678Z", "TAX_ID", "12345678Z"),
        ("codice fiscale RSSMRA85T10A562S", "TAX_ID", "RSSMRA85T10A562S"),
        ("licence MORGA657054SM9IJ here", "US_DRIVER_LICENSE", "MORGA657054SM9IJ"),
        ("0x52908400098527886E0F7030069857D2E4169EE7", "CRYPTO", "0x52908400098527886E0F7030069857D2E4169EE7"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "CRYPTO", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ],
)
def test_a_states_number_is_found_in_its_country_s_words(redactor: Redactor, text: str, entity: str, value: str) -> None:
    found = [(s.entity, text[s.start : s.end]) for s in redactor.find_hard(text)]
    assert (entity, value) in found


@pytest.mark.parametrize(
    "text",
    ["Reference 86095742719 was paid", "revenue 111222333 in total", "invoice 44051401359", "order 501964843, 8567346215"],
)
def test_without_its_cue_a_plain_row_of_digits_is_nobodys(text: str) -> None:
    assert list(StateRecogniser().spans(text)) == []


def test_a_number_that_fails_its_check_is_believed_less() -> None:
    recogniser = StateRecogniser()
    assert [s.score == PROVEN for s in recogniser.spans("PESEL 44051401359")] == [True]
    assert [s.score == PROVEN for s in recogniser.spans("PESEL 44051401358")] == [False]

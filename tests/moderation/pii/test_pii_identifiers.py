"""Identifiers that a form or a checksum proves: found in every usual spelling, and not where figures only look like them."""

from __future__ import annotations

import pytest

from moderation.pii.recognisers.accounts import mod11, mod97
from moderation.pii.recognisers.check_digits import luhn
from moderation.pii.redactor import Redactor

pytest_plugins = ("tests.support.pii_fixtures",)
pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("my card is 4111111111111111", "CREDIT_CARD", "4111111111111111"),
        ("my card is 4111 1111 1111 1111, thanks", "CREDIT_CARD", "4111 1111 1111 1111"),
        ("4111-1111-1111-1111", "CREDIT_CARD", "4111-1111-1111-1111"),
        ("it is 41 11 11 11 11 11 11 11 ok", "CREDIT_CARD", "41 11 11 11 11 11 11 11"),
        ("Amex 3782 822463 10005.", "CREDIT_CARD", "3782 822463 10005"),
        ("pay to DE89370400440532013000 please", "IBAN_CODE", "DE89370400440532013000"),
        ("de89 3704 0044 0532 0130 00 is mine", "IBAN_CODE", "de89 3704 0044 0532 0130 00"),
        ("GB82-WEST-1234-5698-7654-32", "IBAN_CODE", "GB82-WEST-1234-5698-7654-32"),
        ("from NO9386011117947 today", "IBAN_CODE", "NO9386011117947"),
        ("my social security number is 536-90-4399", "US_SSN", "536-90-4399"),
        ("SSN: 536904399", "US_SSN", "536904399"),
        ("mail me: anna.meyer+bank@example.co.uk.", "EMAIL_ADDRESS", "anna.meyer+bank@example.co.uk"),
        ("blocked at 192.168.17.254?", "IP_ADDRESS", "192.168.17.254"),
        ("from 2001:db8:85a3::8a2e:370:7334 I think", "IP_ADDRESS", "2001:db8:85a3::8a2e:370:7334"),
        ("call +44 20 7946 0958", "PHONE_NUMBER", "+44 20 7946 0958"),
        ("(415) 555-2671 is my number", "PHONE_NUMBER", "(415) 555-2671"),
        ("+49 (0)30 901820 works", "PHONE_NUMBER", "+49 (0)30 901820"),
        ("reach me at 0660 565 36 45", "PHONE_NUMBER", "0660 565 36 45"),
        ("my mobile: 9493 7477", "PHONE_NUMBER", "9493 7477"),
        ("555-010-4477 ext 12 is the office", "PHONE_NUMBER", "555-010-4477 ext 12"),
        ("my driver's license number is A5631-9335", "US_DRIVER_LICENSE", "A5631-9335"),
        ("NHS number 943 476 5919", "UK_NHS", "943 476 5919"),
        ("NI number AB 12 34 56 C", "UK_NINO", "AB 12 34 56 C"),
        ("sort code 20-00-00", "UK_SORT_CODE", "20-00-00"),
        ("account number 55779911", "BANK_ACCOUNT", "55779911"),
        ("Passport No: 533401372", "PASSPORT", "533401372"),
        ("born on 12 March 1980", "DATE_OF_BIRTH", "12 March 1980"),
        ("DOB 04/05/1981", "DATE_OF_BIRTH", "04/05/1981"),
        ("send it to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ],
)
def test_an_identifier_is_found_whole_and_also_without_the_model(
    redactor: Redactor, text: str, entity: str, value: str
) -> None:
    for found in (redactor.find(text), redactor.find_hard(text)):
        assert [(s.entity, text[s.start : s.end]) for s in found if s.entity == entity] == [(entity, value)]


@pytest.mark.parametrize(
    "text",
    [
        "How did revenue change between FY2021, FY2022 and FY2023?",
        "Revenue was 4,231 million in 2019, 5,102 million in 2020 and 6,001 million in 2021.",
        "Compare the 10-K 2022 with the 10-Q of Q3 2023, pages 120-125.",
        "What is the ISIN US0378331005 worth, and DE0005140008?",
        "AAPL closed at 189.95, MSFT at 370.27 and BRK.B at 355.",
        "AUM is $10,010,000,000 or 9 123 456 789 EUR.",
        "Transfer 10 000 000 shares of class B.",
        "2018 2019 2020 2021 2022 2023",
        "The ratio moved from 1.2345 to 1.2346 (0.0081%).",
        "Call options with strike 4500 and put options with strike 4400",
        "What happened on Wall Street in 2022?",
        "CUSIP 037833100, SEDOL 2046251, LEI 529900T8BM49AURSDO55",
        "Section 12.4.3.1 of the 2022 prospectus, version 3.2.1",
        "Boeing Special Attention Service Bulletin 737-31-1860, Federal Register 2020-25844, Docket No. 2020-0686-7788",
        "Commission File No. 001-37713, I.R.S. Employer Identification No. 77-0430924, Product Identifier 019-NM-0354",
        "EBITDA 1 234 567, capex 234 567 and debt 3 456 789 (USD thousand)",
    ],
)
def test_the_figures_of_banking_questions_are_nobodys_numbers(redactor: Redactor, text: str) -> None:
    personal = {"DATE_TIME", "ORGANIZATION", "LOCATION"}
    assert [s for s in redactor.find(text) if s.entity not in personal] == []
    assert redactor.find_hard(text) == []


def test_a_card_that_fails_its_check_digit_needs_its_cue(redactor: Redactor) -> None:
    assert redactor.find_hard("reference 4111 1111 1111 1112") == []
    assert [s.entity for s in redactor.find_hard("my card 4111 1111 1111 1112")] == ["CREDIT_CARD"]


def test_tags_are_no_identifiers(redactor: Redactor) -> None:
    assert redactor.find_hard("Paid <CREDIT_CARD_1> to <IBAN_CODE_12> for <PERSON_3>.") == []


def test_the_check_digits_agree_with_their_standards_examples() -> None:
    assert luhn("4242424242424242")
    assert not luhn("4242424242424241")
    assert mod97("GB82WEST12345698765432")
    assert not mod97("GB82WEST12345698765431")
    assert mod11("9434765919")
    assert not mod11("9434765918")

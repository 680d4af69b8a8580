"""Names and addresses: people are found, firms and products are left alone, addresses are found whole."""

from __future__ import annotations

import pytest

from moderation.pii.redactor import PSEUDONYMISED, Redactor

pytest_plugins = ("tests.support.pii_fixtures",)
pytestmark = pytest.mark.models


def shown(redactor: Redactor, text: str, entity: str) -> list[str]:
    return [text[s.start : s.end] for s in redactor.find(text) if s.entity == entity]


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("Please call Anna Price on Monday.", ["Anna Price"]),
        ("What is Ms Meyer's balance?", ["Ms Meyer"]),
        ("Dear Mr. Green, your card has arrived.", ["Mr. Green"]),
        ("my name is kwame osei", ["kwame osei"]),
        ("I want to add Jürgen Müller as a beneficiary", ["Jürgen Müller"]),
        ("They had four: Malon, Mark, Kaylee and Jennifer.", ["Malon", "Mark", "Kaylee", "Jennifer"]),
        ("Rajesh Patel asked whether Boeing pays a dividend", ["Rajesh Patel"]),
        ("Could you send it to my daughter Ifeoma?", ["Ifeoma"]),
        ("Why did Bill van der Berg call?", ["Bill van der Berg"]),
    ],
)
def test_people_are_found_without_their_possessive(redactor: Redactor, text: str, people: list[str]) -> None:
    assert shown(redactor, text, "PERSON") == people


@pytest.mark.parametrize(
    "text",
    [
        "What was American Express's net revenue in FY2022?",
        "Is Boeing's gross margin improving?",
        "Does Amcor have an improving quick ratio?",
        "Did Ulta Beauty's wages expense increase in 2023?",
        "Compare JPMorgan Chase with Wells Fargo and Morgan Stanley.",
        "Charles Schwab against Raymond James and Edward Jones",
        "Eli Lilly, Johnson & Johnson and Merck: who spends most on research?",
        "What is the NAV of the Aurora Global Equity Fund?",
        "tell me about the aurora global equity fund",
        "Who runs Aurora Asset Management?",
        "how do i pay my cable bill and how many miles do i have left",
        "Can I withdraw cash at an ATM? What are my options?",
        "What is a Roth IRA and how does an ETF work?",
        "Summarise the risk factors in the prospectus of June 2023.",
    ],
)
def test_firms_and_products_are_not_pseudonymised(redactor: Redactor, text: str) -> None:
    assert [text[s.start : s.end] for s in redactor.find(text) if s.entity in PSEUDONYMISED] == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("I live at 12 Main Street, Springfield, IL 62701.", "12 Main Street, Springfield, IL 62701"),
        ("Send it to 221B Baker Street, London NW1 6XE please", "221B Baker Street, London NW1 6XE"),
        ("Meine Adresse: Hauptstraße 5, 10115 Berlin", "Hauptstraße 5, 10115 Berlin"),
        ("my address is 40 rue Victor Hugo, 75116 Paris", "40 rue Victor Hugo, 75116 Paris"),
        ("ship to Rua Graciliano Ramos 1950, Jacareí", "Rua Graciliano Ramos 1950, Jacareí"),
        (
            "new address:\n77 3658 Sunburst Drive\nApt. 466\nSanibel\nFL 33957\nthanks",
            "77 3658 Sunburst Drive\nApt. 466\nSanibel\nFL 33957",
        ),
        ("write to P.O. Box 255, Lindale, GA 30147", "P.O. Box 255, Lindale, GA 30147"),
        ("PSC 1139, Box 7638\nAPO AP 94917", "PSC 1139, Box 7638\nAPO AP 94917"),
        ("my office is at ul. Podleśna 17, Katowice", "ul. Podleśna 17, Katowice"),
    ],
)
def test_an_address_is_found_whole(redactor: Redactor, text: str, address: str) -> None:
    assert address in shown(redactor, text, "ADDRESS")


def test_an_allowed_term_is_left_alone_even_beside_a_person(redactor: Redactor) -> None:
    text = "Peter Lynch asks about the Aurora Global Equity Fund"
    found = [text[s.start : s.end] for s in redactor.find(text)]
    assert found == ["Peter Lynch"]

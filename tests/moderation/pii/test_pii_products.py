"""What the firm calls its products is no person, unless the words around say so."""

from __future__ import annotations

import pytest

from moderation.pii.redactor import PSEUDONYMISED, Redactor

pytestmark = pytest.mark.models
pytest_plugins = ("tests.support.pii_fixtures",)
NAMES = frozenset({"Aurora", "Aurora Global Equity Fund", "Cirrus"})


def masked(redactor: Redactor, text: str) -> list[str]:
    known = redactor.knowing(lambda: NAMES)
    return [text[s.start : s.end] for s in known.find(text) if s.entity in PSEUDONYMISED]


@pytest.mark.parametrize(
    "text",
    [
        "What does Aurora cost?",
        "Is Aurora cheaper than Cirrus?",
        "I hold the Aurora Global Equity Fund.",
        "isin aurora class a",
    ],
)
def test_a_products_name_stays_in_a_question(redactor: Redactor, text: str) -> None:
    assert not {"Aurora", "aurora", "Cirrus", "Aurora Global Equity Fund"} & set(masked(redactor, text))


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("My name is Aurora and I hold Aurora.", "Aurora"),
        ("Ich heiße Aurora.", "Aurora"),
        ("Please call Ms Cirrus back", "Ms Cirrus"),
        ("I am Aurora Smith", "Aurora Smith"),
    ],
)
def test_a_person_of_that_name_is_still_masked(redactor: Redactor, text: str, person: str) -> None:
    assert masked(redactor, text) == [person]


def test_the_names_are_those_of_the_moment(redactor: Redactor) -> None:
    now = {"names": frozenset[str]()}
    known = redactor.knowing(lambda: now["names"])
    text = "What does Borealis cost?"
    before = [s for s in known.find(text) if s.entity == "PERSON"]
    now["names"] = frozenset({"Borealis"})
    assert before
    assert [s for s in known.find(text) if s.entity == "PERSON"] == []

"""The threat model is whole: every threat names a test, and both lists of OWASP are there from end to end.

That each named file and test exists is checked for every document in tests/test_documents.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs" / "threat-model.md").read_text("utf-8")
_TEST = re.compile(r"`tests/[\w/]+\.py(?:::\w+)?`")


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert found is not None, title
    return found.group(1)


def rows(text: str) -> list[list[str]]:
    """The cells of every row below a table's head."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    return [row for row in cells if row[-1] != "test"]


@pytest.mark.parametrize(
    "title", ["Threats, controls, tests", "OWASP ASVS 5.0, level 2", "OWASP Top 10 for LLM applications, 2025"]
)
def test_every_row_names_a_test(title: str) -> None:
    found = rows(section(title))
    assert len(found) >= 10
    assert [row[0] for row in found if len(row) != 3 or not _TEST.search(row[2])] == []


def test_both_lists_are_whole() -> None:
    assert [row[0].split()[0] for row in rows(section("OWASP ASVS 5.0, level 2"))] == [f"V{n}" for n in range(1, 18)]
    risks = [row[0].split()[0] for row in rows(section("OWASP Top 10 for LLM applications, 2025"))]
    assert risks == [f"LLM{n:02}" for n in range(1, 11)]


@pytest.mark.parametrize(
    "actor", ["visitor", "portal", "tenant", "operator", "database administrator", "insider", "supplier"]
)
def test_everybody_is_thought_of(actor: str) -> None:
    assert f"**{actor}" in section("Who is thought of")


def test_what_is_not_covered_is_said() -> None:
    assert section("What is not covered").count("\n- ") >= 5

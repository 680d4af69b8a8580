"""Names of products are those that say what they are the name of; a person's is none."""

from __future__ import annotations

from orchestrator.closed_book.own_names import product_names


def test_a_product_is_called_by_its_whole_name_and_its_first_word() -> None:
    found = product_names(["Aurora Global Equity Fund: factsheet", "Complaints policy"], ["Cirrus Income Fund (Class A)"])
    assert found == {"Aurora Global Equity Fund", "Aurora", "Cirrus Income Fund", "Cirrus"}


def test_people_and_ordinary_headings_are_no_products() -> None:
    assert (
        product_names(["Board of directors", "Anna Lindqvist"], ["Marta Okafor", "Class A", "Total", "Entry charge"])
        == frozenset()
    )

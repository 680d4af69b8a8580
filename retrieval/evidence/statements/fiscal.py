"""Which year a company means by the name of a fiscal year that ends in January or February.

A retailer's "fiscal 2022" often ends in January 2023; others call it fiscal 2023. The document's own words tell.
Invariant: the company's way of naming is taken where every asked year has a column under it, else the year in which it ends.
"""

from __future__ import annotations

from collections.abc import Collection

from retrieval.graph.document import DocumentGraph


def names_years_before(graph: DocumentGraph, asked: Collection[int]) -> bool:
    """Whether the question's years are named as the company names them, a year before the one in which they end."""
    ends = {(when.year, when.month) for one in graph.statements for when in one.whens()}
    if not ends or any(month not in (1, 2) for _, month in ends):
        return False
    shown = {year for year, _ in ends}
    counted, latest = graph.fiscal_years, max(shown)
    return counted[latest - 1] > counted[latest] and bool(asked) and set(asked) <= {year - 1 for year in shown}


def called(graph: DocumentGraph, year: int) -> int:
    """What the company calls the fiscal year that a question calls `year`: mostly the same."""
    ends = {(when.year, when.month) for one in graph.statements for when in one.whens()}
    if not ends or any(month not in (1, 2) for _, month in ends) or names_years_before(graph, (year,)):
        return year
    latest = max(shown for shown, _ in ends)
    return year - 1 if graph.fiscal_years[latest - 1] > graph.fiscal_years[latest] else year

"""Figures of a sentence bound to the cells that its words name."""

import pytest

from retrieval.documents.grid import Grid
from retrieval.evidence.cell_claims import check
from retrieval.graph.document import build
from retrieval.graph.view import GraphView

REPORT = Grid(
    (
        ("(in millions)", "2019", "2018"),
        ("Net sales", "$2,807", "$2,790"),
        ("Cost of sales", "1,100", "1,050"),
        ("Deferred revenue, current", "310", "290"),
        ("Deferred revenue, non-current", "120", "99"),
        ("Gross margin", "60.8%", "62.4%"),
    ),
    section=("Annual report", "Income"),
)


@pytest.fixture(scope="module")
def view() -> GraphView:
    return GraphView([build("report.md", "report", "Annual report", [REPORT], [])])


@pytest.mark.parametrize(
    "claim",
    [
        "Net sales were $2,807 million in 2019 [1].",
        "In 2018, cost of sales amounted to $1,050 million.",
        "Net sales rose from $2,790 million in 2018 to $2,807 million in 2019, an increase of 0.6%.",
        "Net sales were $2,790 million and $2,807 million in 2018 and 2019, respectively.",
        "Net sales were about $2.8 billion in 2019.",
        "The gross margin fell by 1.6 percentage points between 2018 and 2019.",
        "The current deferred revenue was $310 million in 2019.",
    ],
)
def test_a_true_figure_is_bound_to_its_cell(claim: str, view: GraphView) -> None:
    assert check(claim, view).verdict == "bound"


@pytest.mark.parametrize(
    "claim",
    [
        "Net sales were $2,790 million in 2019.",  # the other period's figure
        "Net sales were $1,100 million in 2019.",  # the neighbouring row's
        "Net sales were $2,807 billion in 2019.",  # another scale
        "Net sales were $2,870 million in 2019.",  # digits exchanged
        "Net sales were €2,807 million in 2019.",  # another currency
        "Net sales rose from $2,807 million in 2018 to $2,790 million in 2019.",  # exchanged ends
        "Net sales rose by 6% from $2,790 million in 2018 to $2,807 million in 2019.",  # wrong change
        "The non-current deferred revenue was $310 million in 2019.",  # the sister row's
    ],
)
def test_a_figure_of_another_cell_is_contradicted(claim: str, view: GraphView) -> None:
    found = check(claim, view)
    assert found.verdict == "contradicted"
    assert any(one.points for one in found.bindings if one.verdict == "contradicted")


@pytest.mark.parametrize(
    "claim",
    ["Net sales were $2,807 million in 2012.", "The dividend was $2,807 million in 2019.", "We had a good year.", ""],
)
def test_what_no_cell_speaks_of_stays_open(claim: str, view: GraphView) -> None:
    assert check(claim, view).verdict == "open"

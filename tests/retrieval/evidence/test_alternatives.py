"""Named things set against each other are looked up one by one; the extreme of all is not what was asked."""

from __future__ import annotations

import pytest

from retrieval.evidence.plans.plan import Compute, Lookup, Rank
from retrieval.evidence.plans.planner import plans


@pytest.mark.parametrize(
    ("question", "measures"),
    [
        ("Which fund has the lower annual charge, Cirrus or Delphi?", ("annual charge cirrus", "annual charge delphi")),
        ("Does Borealis or Cirrus settle faster?", ("settle borealis", "settle cirrus")),
        (
            "Is the charge of Class I higher for Aurora or for Cirrus?",
            ("charge of class i aurora", "charge of class i cirrus"),
        ),
        (
            "Which takes longer to settle, the Delphi fund or the Ember fund?",
            ("to settle delphi fund", "to settle ember fund"),
        ),
        ("What is the lower minimum, Class A or Class I?", ("minimum class a", "minimum class i")),
    ],
)
def test_each_of_the_named_is_looked_up_by_the_measure(question: str, measures: tuple[str, ...]) -> None:
    first, *others = plans(question)
    assert isinstance(first.plan, Compute)
    assert first.plan.op == "list"
    assert tuple(one.measure for one in first.plan.operands) == measures
    assert not any(isinstance(one.plan, Rank) for one in others)


@pytest.mark.parametrize(
    "question",
    [
        "Which fund has the lowest charge?",
        "Which funds hold 2 or more bonds?",
        "Is the fee higher before or after 2020?",
        "What is the charge of Aurora or of its feeder?",
    ],
)
def test_other_questions_are_left_to_the_other_plans(question: str) -> None:
    first = plans(question)[0].plan
    assert not (isinstance(first, Compute) and first.op == "list" and all(isinstance(one, Lookup) for one in first.operands))

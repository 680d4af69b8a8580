"""From questions to plans, by rules."""

import pytest

from retrieval.evidence.plans.plan import Define, Filter, Passage, Rank, Rows, Verify, told
from retrieval.evidence.plans.planner import plans


@pytest.mark.parametrize(
    ("question", "plan"),
    [
        ("What was the change in Appliances in 2019 from 2018?", "change(appliances in from, 2019, 2018)"),
        ("What is the percentage change in net debt from 2018 to 2019?", "change_pct(net debt from, 2018 to 2019)"),
        ("What is the average gross profit?", "average(gross profit)"),
        ("What was the sum of rent and deposits in 2019?", "sum(rent, deposits in, 2019)"),
        ("What are cash and receivables as a percentage of total assets?", "share(cash and receivables, total assets)"),
        ("What is the ratio of net debt to EBITDA?", "ratio(net debt, ebitda)"),
        ("What was the billed receivables in 2018?", "look_up(billed receivables in, 2018)"),
        (
            "In which year was Interest income less than 1,000 thousands?",
            "filter(was interest income, periods below 1000e3)",
        ),
        ("How many years did total services exceed $5,000 million?", "count(did total services, periods above 5000e6)"),
        (
            "Wie hoch war die prozentuale Veränderung der Umsatzerlöse 2019?",
            "change_pct(die der umsatzerlöse, 2019)",
        ),
    ],
)
def test_the_likeliest_plan_is_told_in_one_line(question: str, plan: str) -> None:
    assert told(plans(question)[0].plan) == plan


def test_years_are_ranked_listed_and_filtered() -> None:
    assert isinstance(plans("In which year was the amount for Sensors the largest?")[0].plan, Rank)
    assert isinstance(plans("Which years does the table provide information for other assets?")[0].plan, Rows)
    assert isinstance(plans("Which funds have a charge above 1.2%?")[0].plan, Filter)


def test_questions_that_prose_answers_are_told_by_their_opening() -> None:
    why = plans("Why did interest expense increase in 2019?")[0].plan
    assert isinstance(why, Passage)
    assert why.wants == "reason"
    assert plans("What does duration mean for a bond fund?")[0].plan == Define("duration")
    assert isinstance(plans("Does Halden offer a mortgage?")[0].plan, Verify)


@pytest.mark.parametrize(
    "question", ["", "?", "and", "2019", "((((", "what is the", "%" * 50, "a and b and c and d and e and f"]
)
def test_odd_questions_give_plans_or_none_and_never_an_error(question: str) -> None:
    for planned in plans(question):
        assert 0 <= planned.confidence <= 1
        assert told(planned.plan)

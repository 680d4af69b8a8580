"""What a filing says in words: an invented company's report, asked as analysts ask."""

from __future__ import annotations

import pytest

from retrieval.documents.formats.markdown import read_markdown
from retrieval.evidence.answer import answer
from retrieval.evidence.disclosures.movements import own_year, read_movement
from retrieval.evidence.disclosures.subjects import subject
from retrieval.evidence.result import Answer, Withheld
from retrieval.graph.document import Sentence
from retrieval.graph.from_parsed import graph_of
from retrieval.graph.view import GraphView

REPORT = """# Halden 2022 annual report

Securities registered pursuant to Section 12(b) of the Act: {listed} Securities registered pursuant to section 12(g)
of the Act: None

## Item 1. Business

### The Company

Halden plc is a public limited company incorporated under the laws of Jersey. Today, we are a leading retailer of
garden tools in the northern countries. No material portion of our business is considered to be seasonal.

We derive a significant portion of our revenues from a limited number of municipal customers. In 2022, 40% of our
revenues were earned from U.S. government contracts.

## Item 7. Management's discussion

### Segment results

Net sales increased by $94 million in 2022 compared with 2021 primarily due to new shops of the Northern segment.

### Consolidated results

Net sales increased by $500 million in 2022 compared with 2021 primarily due to higher prices of tools. Northern sales
increased by $94 million in 2022 primarily due to new shops. Net sales decreased by $100 million in 2021 compared with
2020 due to closed shops.

As a percentage of net sales, SG&A expenses decreased to 20.0% compared to 25.0% in 2021, primarily due to lower
advertising, partially offset by deleverage of store payroll and benefits due to wage investments.

### Note 5 - Acquisitions

On March 3, 2022, the Company completed the acquisition of Borg Spades AB in Sweden. On May 9, 2022, the Company
completed the acquisition of a maker of rakes in Tampere, Finland. On June 1, 2022, the Company completed the
acquisition of 100% of Lind Hoes Oy. On June 2, 2015, the Company completed the acquisition of Old Mowers Ltd.

### Note 9 - Legal Proceedings

From time to time we are party to legal proceedings that may be brought against us in the ordinary course of business.
{law}

Consolidated Statements of Income (in millions)

| | 2022 | 2021 |
| --- | --- | --- |
| Net sales | $ 2,500 | $ 2,000 |
| Cost of sales | 1,500 | 1,300 |
| Gross profit | 1,000 | 700 |
| Selling, general and administrative expenses | 500 | 500 |
| Operating income | 500 | 200 |
| Income before income taxes | 480 | 180 |
| Income tax expense | 80 | 30 |
| Net income | 400 | 150 |

Consolidated Balance Sheets (in millions)

| | 2022 | 2021 |
| --- | --- | --- |
| Cash and cash equivalents | $ 100 | $ 90 |
| Inventories | 300 | 250 |
| Total current assets | 700 | 600 |
| Property, plant and equipment, net | 200 | 210 |
| Total assets | 2,000 | 1,900 |
| Total current liabilities | 500 | 450 |
| Total liabilities | 1,000 | 1,000 |
| Total shareholders' equity | 1,000 | 900 |
| Total liabilities and shareholders' equity | 2,000 | 1,900 |

Consolidated Statements of Cash Flows (in millions)

| | 2022 | 2021 |
| --- | --- | --- |
| Net cash provided by operating activities | $ 450 | $ 200 |
| Capital expenditures | (50) | (40) |
| Net cash used in investing activities | (50) | (40) |
| Net cash used in financing activities | (390) | (150) |
"""
SHARES = "Ordinary Shares, par value $0.01 per share HLD New York Stock Exchange"
NOTES = f"{SHARES} 1.125% Guaranteed Senior Notes Due 2027 HLD/27 New York Stock Exchange"
SUED = "In 2021, three lawsuits were filed against Halden in Oslo that allege unsafe handles."


def view(listed: str = SHARES, law: str = SUED) -> GraphView:
    parsed = read_markdown(REPORT.format(listed=listed, law=law))
    return GraphView([graph_of("HALDEN_2022_10K.md", "HALDEN_2022_10K", parsed.title, parsed)])


def said(question: str, over: GraphView | None = None) -> str:
    """The answer's text; "" where it is withheld at the policy's own bar, or left to the reader."""
    found = answer(question, over or view(), threshold=0.6)
    return found.text if isinstance(found, Answer) and found.kind != "quotation" else ""


def test_a_reason_is_quoted_from_the_sentence_whose_figures_are_the_statements() -> None:
    text = said("What drove the increase in Halden's net sales in FY2022?")
    assert "higher prices of tools" in text
    assert "$94 million" not in text


def test_a_reason_of_another_year_is_not_given() -> None:
    assert "closed shops" not in said("Why did Halden's net sales increase in 2022?")
    assert said("Why did Halden's net sales decrease in 2022?") == ""


def test_a_share_of_sales_is_one_measure_however_it_is_written() -> None:
    assert "lower advertising" in said("What drove the reduction in SG&A expense as a percent of sales at Halden in 2022?")


def test_deleverage_of_a_cost_is_a_rise_of_its_share() -> None:
    assert said("Did Halden's wages as a percent of net sales increase or decrease in 2022?").startswith("Increased.")


def test_the_whole_does_not_answer_for_a_part() -> None:
    assert said("What drove the increase in Halden's Southern sales in 2022?") == ""


def test_debt_securities_on_the_cover_are_listed_and_their_absence_is_told() -> None:
    question = "Which debt securities of Halden are registered to trade on a national securities exchange?"
    assert said(question).startswith("None: no debt securities")
    listed = said(question, view(NOTES))
    assert "1.125% Guaranteed Senior Notes Due 2027" in listed
    assert "Ordinary Shares" not in listed


def test_the_industry_is_what_the_company_says_that_it_is_and_not_its_legal_form() -> None:
    assert "retailer of garden tools" in said("What industry does Halden operate in?")


def test_a_business_that_is_said_not_to_be_seasonal_is_not() -> None:
    assert said("Is Halden's business seasonal?").startswith("No.")


def test_whom_revenue_depends_on_is_told_with_the_shares() -> None:
    text = said("Who are the primary customers of Halden?")
    assert "municipal customers" in text
    assert "40%" in text


def test_acquisitions_are_listed_for_the_years_asked_for() -> None:
    text = said("What acquisitions did Halden complete in FY2022?")
    assert all(name in text for name in ("Borg Spades", "Tampere", "Lind Hoes"))
    assert "Old Mowers" not in text


def test_proceedings_are_told_where_they_are_named_and_withheld_where_they_are_not() -> None:
    question = "Is Halden facing any material legal proceedings?"
    assert "unsafe handles" in said(question)
    assert said(question, view(law="")) == ""


def test_an_answer_in_the_filings_words_cites_its_section() -> None:
    found = answer("What industry does Halden operate in?", view(), threshold=0.6)
    assert isinstance(found, Answer)
    assert found.kind == "stated"
    assert "The Company" in found.citations[0].section
    assert found.citations[0].quote in REPORT.replace("\n", " ")


def test_a_company_that_the_view_does_not_hold_is_not_answered_for() -> None:
    assert isinstance(answer("What industry does Norrland operate in?", view(), threshold=0.6), Withheld)


def test_capital_intensity_is_judged_with_its_figures() -> None:
    text = said("Is Halden a capital-intensive business in FY2022?")
    assert text.startswith("No:")
    assert "2.0%" in text


def test_a_measure_is_steady_where_it_moves_within_the_questions_bounds() -> None:
    question = "Is Halden's gross margin historically consistent (not fluctuating more than roughly {}% each year)?"
    assert said(question.format(2)).startswith("No:")
    assert said(question.format(6)).startswith("Yes:")


def test_nought_is_answered_for_a_missing_line_only_where_the_question_says_so() -> None:
    question = "What are the restructuring costs in Halden's income statement for FY2022?"
    assert said(f"{question} If restructuring costs are not outlined, then state 0.").startswith("0:")
    assert said(question) == ""


def test_liquidity_is_judged_by_whether_it_covers_what_is_due() -> None:
    assert said("Does Halden have a healthy liquidity position based on its quick ratio for FY2022?").startswith("No:")
    assert said("Does Halden have a healthy liquidity position based on its current ratio for FY2022?").startswith("Yes:")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SG&A expense as a percent of net sales", "As a percentage of net sales, SG&A expenses"),
        ("gross margin", "gross profit as a percentage of net sales"),
        ("selling, general and administrative expenses", "SG&A"),
        ("merchandise inventories balance", "Merchandise inventories, net"),
    ],
)
def test_two_wordings_of_one_measure_have_one_subject(one: str, other: str) -> None:
    assert subject(one) == subject(other)


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("Revenues increased by $4 million in 2022 compared with 2021", 2022),
        ("Net sales increased 18.3% to $10.2 billion compared to $8.6 billion in fiscal 2021,", 2022),
        ("Discount revenue increased", None),
        ("Expense increased in 2022 and decreased in 2021", 2022),
    ],
)
def test_a_sentence_is_about_the_year_that_it_does_not_compare_with(text: str, year: int | None) -> None:
    assert own_year(text) == year


def test_the_increase_is_that_of_the_sentence_before_and_of_no_other_paragraph() -> None:
    before = Sentence(0, "Inventories totaled $1.6 billion compared to $1.5 billion in 2021.", paragraph=1)
    after = Sentence(1, "The $104.2 million increase was primarily due to new shops.", paragraph=1)
    found = read_movement(after, before)
    assert found is not None
    assert found.about == {"t:inventories"}
    assert found.way == "up"
    assert read_movement(after, Sentence(0, before.text, paragraph=0)) is None


def test_a_quarters_movement_is_no_years() -> None:
    assert read_movement(Sentence(0, "Net sales increased in the fourth quarter of 2022 due to prices."), None) is None


RELEASE = """# Halden results of the fourth quarter of 2022

Consolidated Statements of Income (in millions)

| | Three months ended Dec 31, 2022 | Twelve months ended Dec 31, 2022 | Twelve months ended Dec 31, 2021 |
| --- | --- | --- | --- |
| Net sales | $ 500 | $ 2,500 | $ 2,000 |
| Income before income taxes | 90 | 480 | 180 |
| Income tax expense | 15 | 80 | 30 |
| Net income | 75 | 400 | 150 |

During the fourth quarter of 2022, the Company repurchased 100,000 shares at a cost of $10.0 million. During 2022, the
Company repurchased 900,000 shares at a cost of $40.0 million.
"""


def test_the_part_of_a_year_that_fell_into_its_last_quarter_is_computed_from_columns_and_from_sentences() -> None:
    parsed = read_markdown(RELEASE)
    over = GraphView([graph_of("HALDEN_2022Q4_EARNINGS.md", "HALDEN_2022Q4_EARNINGS", parsed.title, parsed)])
    assert "20.0%" in said("What percent of Halden's net sales of FY2022 came in the fourth quarter of FY2022?", over)
    assert "25.0%" in said("What percent of Halden's share repurchases for FY2022 occurred in Q4 of FY2022?", over)

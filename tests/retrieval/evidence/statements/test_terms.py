"""Labels as companies write them, and the term that each states."""

import re

import pytest

from retrieval.evidence.statements.vocabulary.terms import BY_NAME, TERMS, Term, plain, spoken, variants

LABELS = [
    ("revenue", "Net sales"),
    ("revenue", "Total net revenue"),
    ("revenue", "Total revenues net of interest expense"),
    ("revenue", "Net Operating Revenues"),
    ("revenue", "Sales to customers"),
    ("revenue", "Total Operating Revenues"),
    ("cost of sales", "Cost of sales"),
    ("cost of sales", "Cost of products sold"),
    ("cost of sales", "Total cost of revenue"),
    ("cost of sales", "Cost of goods sold (exclusive of depreciation)"),
    ("cost of sales", "Merchandise costs"),
    ("cost of sales", "Cost of revenues"),
    ("gross profit", "Gross margin"),
    ("selling, general and administrative expenses", "Selling, general, and administrative expenses"),
    ("selling, general and administrative expenses", "Operating, selling, general and administrative expenses"),
    ("selling, general and administrative expenses", "Selling, general and administration"),
    ("research and development expense", "Research, development and related expenses"),
    ("research and development expense", "Research and development expense, net"),
    ("operating income", "Loss from operations"),
    ("operating income", "Operating profit"),
    ("operating income", "Earnings (loss) from operations"),
    ("operating income", "Income/(loss) from operations"),
    ("interest expense", "Interest expense, net"),
    ("interest expense", "Interest and debt expense"),
    ("income before income taxes", "Loss before income taxes"),
    ("income before income taxes", "Pretax income"),
    ("income before income taxes", "Earnings before provision for taxes on income"),
    ("income before income taxes", "Income before provision for (benefit from) income taxes"),
    ("income before income taxes", "Income before income taxes and equity in income of affiliated companies"),
    ("income before income taxes", "Income from continuing operations before income taxes"),
    ("income tax expense", "Income tax (expense)/benefit"),
    ("income tax expense", "Provision for income taxes"),
    ("income tax expense", "Provision for taxes on income"),
    ("income tax expense", "(Benefit from) provision for income taxes"),
    ("income tax expense", "Income taxes"),
    ("net income", "Net loss"),
    ("net income", "Net (loss)/income"),
    ("net income", "Consolidated net income"),
    ("net income", "Net earnings including noncontrolling interests"),
    ("net income attributable to the company", "Net Income Attributable to Shareowners of The Coca-Cola Company"),
    ("net income attributable to the company", "Net earnings attributable to General Mills"),
    ("diluted earnings per share", "Diluted"),
    ("diluted earnings per share", "Diluted earnings per common share"),
    ("cash and cash equivalents", "Cash and cash equivalents, including restricted cash of $31"),
    ("accounts receivable", "Accounts receivable — net of allowances of $174 and $189"),
    ("accounts receivable", "Trade receivables, net of allowance for credit losses of $21 and $25, respectively"),
    ("accounts receivable", "Accounts and notes receivable, net"),
    ("accounts receivable", "Receivables, net"),
    ("accounts receivable", "Accounts receivable trade, less allowances for doubtful accounts $203"),
    ("inventories", "Merchandise inventories, net"),
    ("inventories", "Inventory"),
    ("property, plant and equipment", "Property, plant and equipment — net"),
    ("property, plant and equipment", "Land, buildings, and equipment"),
    (
        "property, plant and equipment",
        "Premises and equipment, less accumulated depreciation and amortization: 2022, $9,850",
    ),
    ("property, plant and equipment", "Property and equipment, net of accumulated depreciation"),
    ("accounts payable", "Trade payables"),
    ("accounts payable", "Accounts payable, principally trade"),
    ("accounts payable", "Accounts payable and accrued expenses"),
    ("total equity", "Total shareholders’ deficit"),
    ("total equity", "Total stockholders' equity"),
    ("total equity", "Total 3M Company shareholders' equity"),
    ("total liabilities and equity", "Total liabilities, redeemable noncontrolling interest and shareholders' equity"),
    ("long-term debt", "Long-term debt, less current portion"),
    ("cash from operations", "Net cash provided by (used in) operating activities"),
    ("cash from operations", "Net cash flows from operating activities"),
    ("cash from operations", "Cash provided by operations"),
    ("cash from operations", "Net cash provided/(used) by operating activities"),
    ("cash from financing activities", "Net cash (used for) provided by financing activities"),
    ("depreciation and amortization", "Depreciation, amortization, and impairment"),
    ("depreciation and amortization", "Depreciation and amortisation expense"),
    ("capital expenditures", "Purchases of property, plant and equipment (PP&E)"),
    ("capital expenditures", "Payments to acquire property, plant and equipment"),
    ("capital expenditures", "Additions to property and equipment"),
    ("capital expenditures", "Capital expenditures (including capitalized software)"),
    ("capital expenditures", "Capital spending"),
    ("capital expenditures", "Purchases of land, buildings, and equipment"),
    ("capital expenditures", "Payments for property and equipment"),
    ("dividends paid", "Cash dividends paid"),
    ("dividends paid", "Dividends to shareholders"),
    ("dividends paid", "Payments of dividends to common stockholders"),
    ("share repurchases", "Repurchases of common stock"),
    ("share repurchases", "Share buyback/cancellations"),
    ("share repurchases", "Purchases of treasury stock"),
    ("stock-based compensation", "Share-based compensation expense"),
]
OTHERS = [
    ("revenue", "Revenue from contracts with customers"),
    ("revenue", "Deferred revenue"),
    ("cost of sales", "Selling costs"),
    ("net income", "Net income attributable to non-controlling interests"),
    ("net income", "Net income before equity in affiliates"),
    ("net income attributable to the company", "Net loss attributable to noncontrolling interest"),
    ("operating income", "(Loss)/income from operating investments, net"),
    ("operating income", "Other non-operating income, net"),
    ("total equity", "Total liabilities and shareholders' equity"),
    ("total liabilities", "Total current liabilities"),
    ("total assets", "Total current assets"),
    ("inventories", "Change in inventories"),
    ("capital expenditures", "Proceeds from sales of property, plant and equipment"),
    ("capital expenditures", "Net gain on disposal of property, plant, and equipment"),
    ("dividends paid", "Dividends to non-controlling interests"),
    ("dividends paid", "Dividends received from affiliated companies"),
    ("income tax expense", "Deferred income taxes, net"),
    ("income tax expense", "Income before income taxes"),
    ("income tax expense", "Income tax payable"),
    ("interest expense", "Interest income"),
    ("property, plant and equipment", "Accumulated depreciation of property and equipment"),
    ("cash and cash equivalents", "Net increase in cash and cash equivalents"),
    ("long-term debt", "Current portion of long-term debt"),
]


def states(term: Term, label: str) -> bool:
    return any(re.fullmatch(pattern, one) for pattern in (*term.rows, term.parts or "$^") for one in variants(label))


@pytest.mark.parametrize(("name", "label"), LABELS)
def test_a_label_that_companies_use_states_its_term(name: str, label: str) -> None:
    assert states(BY_NAME[name], label), variants(label)


@pytest.mark.parametrize(("name", "label"), OTHERS)
def test_a_label_of_something_else_does_not(name: str, label: str) -> None:
    assert not states(BY_NAME[name], label)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("net PPNE", "property, plant and equipment"),
        ("PP&E", "property, plant and equipment"),
        ("COGS", "cost of sales"),
        ("capex", "capital expenditures"),
        ("D&A", "depreciation and amortization"),
        ("SG&A expense", "selling, general and administrative expenses"),
        ("cash flow from operations", "cash from operations"),
        ("unadjusted operating income", "operating income"),
        ("net AR", "accounts receivable"),
        ("net income attributable to shareholders", "net income attributable to the company"),
        ("stockholders' equity", "total equity"),
        ("inventory", "inventories"),
    ],
)
def test_analysts_words_name_a_term(words: str, name: str) -> None:
    named = [term.name for term in TERMS if spoken(term).fullmatch(plain(words))]
    assert named[:1] == [name]

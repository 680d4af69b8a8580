"""What finance calls its ratios, and how they are computed from the statements. A table of textbook definitions, as data.

Where schools differ (ending or average balances), the answer says which formula it used, and a question's own formula comes
first. Invariant: a definition speaks only of terms of `terms` and of names of this table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from retrieval.evidence.statements.vocabulary.formulas import Node, named, read_formula
from retrieval.evidence.statements.vocabulary.terms import plain

Form = Literal["amount", "percent", "times", "days"]


@dataclass(frozen=True)
class Ratio:
    """`said`: a pattern of plain words. better: which way is an improvement. settled: all schools compute it so.

    needs: what a statement must have for the ratio to mean something (banks state no cost of sales, and do not part their
    assets into current and other ones).
    """

    name: str
    said: str
    formula: str
    form: Form
    better: Literal["higher", "lower", ""] = "higher"
    settled: bool = True


RATIOS: tuple[Ratio, ...] = (
    Ratio("quick ratio", r"(?:quick|acid test) ratio", "(current assets - inventories) / current liabilities", "times"),
    Ratio("current ratio", r"(?:current|working capital) ratio", "current assets / current liabilities", "times"),
    Ratio("cash ratio", r"cash ratio", "cash and cash equivalents / current liabilities", "times"),
    Ratio("working capital", r"(?:net )?working capital", "current assets - current liabilities", "amount"),
    Ratio(
        "gross margin",
        r"gross (?:profit )?margins?(?: percent| percentage)?|gross profit percentage",
        "gross profit / revenue",
        "percent",
    ),
    Ratio(
        "operating margin",
        r"(?:unadjusted )?(?:operating (?:profit |income )?|ebit )margins?(?: percent)?",
        "operating income / revenue",
        "percent",
    ),
    Ratio(
        "net profit margin",
        r"(?:net )?(?:profit|income) margins?(?: percent)?|net margins?",
        "net income / revenue",
        "percent",
    ),
    Ratio("EBITDA", r"(?:unadjusted )?ebitda", "operating income + depreciation and amortization", "amount"),
    Ratio("EBITDA margin", r"(?:unadjusted )?ebitda margin(?: percent)?", "EBITDA / revenue", "percent"),
    Ratio("return on assets", r"return on (?:total )?assets(?: roa)?|roa", "net income / average total assets", "percent"),
    Ratio("return on equity", r"return on (?:holders )?equity(?: roe)?|roe", "net income / average total equity", "percent"),
    Ratio(
        "asset turnover", r"(?:total )?assets? turnover(?: ratio)?", "revenue / average total assets", "times", settled=False
    ),
    Ratio(
        "fixed asset turnover",
        r"(?:net )?fixed assets? turnover(?: ratio)?",
        "revenue / average property, plant and equipment",
        "times",
        settled=False,
    ),
    Ratio(
        "inventory turnover",
        r"inventories turnover(?: ratio)?",
        "cost of sales / average inventories",
        "times",
        settled=False,
    ),
    Ratio(
        "receivables turnover",
        r"(?:accounts )?receivables turnover(?: ratio)?",
        "revenue / average accounts receivable",
        "times",
        settled=False,
    ),
    Ratio(
        "days inventory outstanding",
        r"days (?:of |sales of |sales in )?inventories(?: outstanding)?(?: dio)?|dio",
        "365 * average inventories / cost of sales",
        "days",
        "lower",
        False,
    ),
    Ratio(
        "days sales outstanding",
        r"days (?:of )?(?:sales|receivables) outstanding(?: dso)?|dso",
        "365 * average accounts receivable / revenue",
        "days",
        "lower",
        False,
    ),
    Ratio(
        "days payable outstanding",
        r"days (?:of )?payables? outstanding(?: dpo)?|dpo",
        "365 * average accounts payable / cost of sales",
        "days",
        "",
        False,
    ),
    Ratio(
        "cash conversion cycle",
        r"cash conversion cycle(?: ccc)?|ccc",
        "days inventory outstanding + days sales outstanding - days payable outstanding",
        "days",
        "lower",
        False,
    ),
    Ratio("operating cash flow ratio", r"operating cash ?flow ratio", "cash from operations / current liabilities", "times"),
    Ratio("free cash flow", r"free cash ?flows?|fcf", "cash from operations - capital expenditures", "amount"),
    Ratio("free cash flow margin", r"(?:free cash ?flow|fcf) margin", "free cash flow / revenue", "percent"),
    Ratio(
        "effective tax rate",
        r"effective (?:income )?tax rate",
        "income tax expense / income before income taxes",
        "percent",
        "",
    ),
    Ratio(
        "total debt",
        r"(?:total )?debt",
        "short-term debt? + current portion of long-term debt? + long-term debt",
        "amount",
        "lower",
        False,
    ),
    Ratio("net debt", r"net debt", "total debt - cash and cash equivalents", "amount", "lower", False),
    Ratio("debt-to-equity ratio", r"debt (?:to )?equity(?: ratio)?", "total debt / total equity", "times", "lower", False),
    Ratio(
        "debt ratio",
        r"debt ratio|(?:debt|liabilities) to assets? ratio",
        "total liabilities / total assets",
        "times",
        "lower",
        False,
    ),
    Ratio("interest coverage ratio", r"interest coverage(?: ratio)?", "operating income / interest expense", "times"),
    Ratio(
        "dividend payout ratio",
        r"dividend payout(?: ratio)?|payout ratio",
        "dividends paid / net income attributable to the company",
        "times",
        "",
    ),
    Ratio(
        "retention ratio",
        r"(?:income )?retention ratio",
        "1 - dividends paid / net income attributable to the company",
        "times",
        "",
    ),
    Ratio(
        "capital intensity",
        r"capital intensity|capital intensive(?: (?:business|company|industry))?",
        "capital expenditures / revenue",
        "percent",
        "",
        False,
    ),
)
BY_NAME = {ratio.name: ratio for ratio in RATIOS}


@lru_cache(maxsize=256)
def spoken(ratio: Ratio) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{ratio.said})\b")


def ratio_of(text: str) -> Ratio | None:
    """The ratio that plain words name from the first to the last."""
    return next((ratio for ratio in RATIOS if spoken(ratio).fullmatch(text)), None)


def defined(text: str) -> Node | None:
    """The formula that plain words stand for by this table."""
    ratio = ratio_of(text) or next((one for one in RATIOS if plain(one.name) == text), None)
    return None if ratio is None else tree(ratio)


@lru_cache(maxsize=256)
def tree(ratio: Ratio) -> Node:
    """Raises ValueError for a definition that cannot be read: a fault of this table, found by its test."""
    found = read_formula(ratio.formula, defined)
    if found is None:
        raise ValueError(f"the definition of {ratio.name} cannot be read: {ratio.formula}")
    return found


__all__ = ["RATIOS", "Form", "Ratio", "defined", "named", "ratio_of", "spoken", "tree"]

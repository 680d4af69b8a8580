"""What the usual ratios and figures of finance are computed from: a small glossary to widen a question with.

A question about a "quick ratio" is answered by a balance sheet that never says so. The entries are textbook
definitions, written in the words that statements and fund documents use; they only ever add to a question.
"""

from __future__ import annotations

import re

_INCOME = "consolidated statements of income operations earnings"
_BALANCE = "consolidated balance sheets"
_CASH = "consolidated statements of cash flows"

# (what a question says, what the document says)
_GLOSSARY: tuple[tuple[str, str], ...] = (
    (
        r"quick ratio|acid[- ]test",
        f"{_BALANCE} total current assets current liabilities cash receivables inventories",
    ),
    (r"current ratio|working capital", f"{_BALANCE} total current assets total current liabilities"),
    (
        r"liquidity",
        f"{_BALANCE} liquidity and capital resources cash and cash equivalents current liabilities credit facility",
    ),
    (r"gross (?:profit )?margins?", f"{_INCOME} net sales revenue cost of sales gross profit"),
    (
        r"operating (?:profit )?margins?|ebit margins?",
        f"{_INCOME} total revenues operating income total expenses",
    ),
    (
        r"(?:net )?profit margins?|net (?:income )?margins?|profitab\w+",
        f"{_INCOME} total revenues net income",
    ),
    (r"ebitda", "EBITDA reconciliation non-GAAP net income interest tax depreciation and amortization"),
    (
        r"adjusted eps|non[- ]gaap|underlying (?:profit|earnings)",
        "reconciliation of non-GAAP measures adjusted",
    ),
    (r"earnings per share|\beps\b", f"{_INCOME} basic diluted earnings per share"),
    (
        r"effective tax rate|tax rate",
        "effective tax rate income tax provision expense income before income taxes",
    ),
    (
        r"debt[- ]to[- ]equity|leverage|gearing",
        f"{_BALANCE} total debt long-term debt total shareholders equity",
    ),
    (r"interest coverage", f"{_INCOME} operating income interest expense"),
    (r"return on assets|\broa\b", f"net income total assets {_BALANCE} {_INCOME}"),
    (r"return on equity|\broe\b", f"net income shareholders equity {_BALANCE} {_INCOME}"),
    (
        r"inventory turnover|days (?:of )?inventory|\bdio\b",
        "inventories cost of sales cost of goods sold balance sheets",
    ),
    (
        r"receivables? turnover|days sales outstanding|\bdso\b",
        "accounts receivable net sales revenue balance sheets",
    ),
    (r"payables? turnover|days payable|\bdpo\b", "accounts payable cost of sales inventories balance sheets"),
    (r"asset turnover", "net sales revenue total assets property plant and equipment balance sheets"),
    (
        r"cap(?:ital )?ex(?:penditures?)?|capital intensi\w+",
        f"{_CASH} purchases of property plant and equipment capital expenditures",
    ),
    (r"free cash flow", f"{_CASH} net cash provided by operating activities capital expenditures"),
    (r"cash flows?|operating cash", f"{_CASH} net cash provided by operating investing financing activities"),
    (r"dividend payout|payout ratio|dividends?", f"dividends paid declared per share {_CASH}"),
    (
        r"buybacks?|share repurchases?|stock repurchases?",
        "repurchase of common stock shares repurchased treasury stock",
    ),
    (
        r"acquisitions?|acquired|mergers?",
        "acquisitions and divestitures business combination purchase consideration",
    ),
    (r"restructuring", "restructuring costs liability employee severance impairment"),
    (r"liabilit(?:y|ies)", f"{_BALANCE} total liabilities"),
    (r"total assets|largest assets?", f"{_BALANCE} total assets"),
    (
        r"legal (?:battles?|proceedings?|matters?)|litigation|lawsuits?",
        "legal proceedings commitments and contingencies litigation",
    ),
    (
        r"segments?|business lines?|product categor\w+",
        "segment information reportable segments revenues by segment",
    ),
    (r"geograph\w+|regions?|countries", "geographic information revenues by region international operations"),
    (
        r"(?:main|major|primary|largest) customers?|customer concentration",
        "customers accounted for percent of revenues concentration",
    ),
    (
        r"debt securities|securities (?:are )?registered|trading symbols?",
        "securities registered pursuant to section 12(b) title of each class trading symbol exchange",
    ),
    (r"employees|headcount|workforce", "human capital number of employees full-time"),
    (r"guidance|outlook|forecasts?", "outlook guidance expects fiscal year forecast"),
    (r"sg&a|selling,? general", "selling general and administrative expenses percentage of net sales"),
    (r"goodwill", "goodwill intangible assets impairment reporting unit"),
    (
        r"total expense ratio|\bter\b|ongoing charges?|\bocf\b|how much does .{0,40}cost",
        "ongoing charges fees annual management charge",
    ),
    (r"cut[- ]?off|deadline", "cut-off time dealing deadline valuation point"),
)
_COMPILED = tuple((re.compile(rf"\b(?:{said})\b", re.I), meant) for said, meant in _GLOSSARY)


def widen(question: str) -> tuple[str, ...]:
    """The definitions of every financial term in the question, in the glossary's order; () for most questions."""
    return tuple(meant for said, meant in _COMPILED if said.search(question))

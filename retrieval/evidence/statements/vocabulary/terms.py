"""The line items of primary statements: what questions call them, and what the rows that state them are called.

A table of accounting's own words, as data, over labels made plain (see `plain`). Invariant: a term's rows all mean the same
figure; what differs by company (adjusted, underlying, organic, by segment) is no term and is never taken for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from retrieval.graph.reading.words import fold
from retrieval.graph.statements import Kind

_NOTE = re.compile(r"\(?\b(?:see )?notes? \d+[a-z]?(?:(?:,| and) \d+)*\)?")
_LOSS = re.compile(r"(?:\b(?:income|profit) )?\bloss\b(?: (?:income|profit)\b)?")
_SAME = (
    (re.compile(r"(?:share|stock)(?:holders?|owners?)"), "holders"),
    (re.compile(r"\bearnings?\b"), "income"),
    (re.compile(r"\bamortis"), "amortiz"),
    (re.compile(r"\bnon controlling\b"), "noncontrolling"),
    (re.compile(r"\binventory\b"), "inventories"),
    (re.compile(r"\brevenue\b"), "revenues"),
    (re.compile(r"\bpayable\b"), "payables"),
    (re.compile(r"\breceivable\b"), "receivables"),
    (re.compile(r"\bnet sales\b"), "sales"),
)


def plain(text: str) -> str:
    """A label or a question's measure in the table's words: letters and figures alone, one word for what means one thing.

    'Net (loss)/earnings' and 'Net income' -> 'net income'; 'Total shareholders’ equity' -> 'total holders equity'.
    """
    text = _NOTE.sub(" ", fold(text).replace("&", " and "))
    text = re.sub(r"(?<=\w)'s?\b|'", " ", text)
    text = " ".join(re.sub(r"[^\w]+|_", " ", text).split())
    for pattern, word in _SAME:
        text = pattern.sub(word, text)
    return _LOSS.sub("income", text)


@lru_cache(maxsize=65536)
def variants(label: str) -> tuple[str, ...]:
    """A label plain, without what stands in brackets, and up to its first comma: 'Trade receivables, net of …'."""
    bare = re.sub(r"\([^()]*\)", " ", label)
    first = plain(bare.split(",")[0])
    return tuple(dict.fromkeys(one for one in (plain(label), plain(bare), first if " " in first else "") if one))


@dataclass(frozen=True)
class Term:
    """`said`: a pattern of the question's plain words. `rows`: patterns that a whole plain label matches, the best first;
    `parts`: of rows that are summed where none of `rows` is there; `otherwise`: a formula over other terms, the last resort.

    spent: a cost or a payment, asked for by its size however the statement signs it. each: per share, never scaled.
    """

    name: str
    kind: Kind
    said: str
    rows: tuple[str, ...]
    parts: str = ""
    otherwise: str = ""
    spent: bool = False
    each: bool = False


_PPE = r"(?:(?:property plant|plant property|properties plant|property|properties|premises|plant)(?: and)? equipment)"
_BY = r"(?:provided|generated|used|from|by|in|for|flows?|required|net| )+"

TERMS: tuple[Term, ...] = (
    # Income statement
    Term(
        "revenue",
        "income",
        r"(?:total |net |annual )*(?:revenues|sales)(?: net of interest expense)?|top line",
        (
            r"total (?:net )?(?:operating )?revenues(?: net(?: of interest expense)?)?",
            r"total sales(?: and revenues)?",
            r"(?:net )?(?:operating )?revenues(?: net(?: of interest expense)?)?",
            r"(?:net )?sales(?: and revenues| to customers)?",
            r"(?:total )?(?:net )?(?:sales|revenues) and other(?: operating)? (?:income|revenues)",
        ),
    ),
    Term(
        "cost of sales",
        "income",
        r"cogs|costs? of (?:goods|products?|merchandise)(?: and services)? sold|costs? of (?:sales|revenues|goods)",
        (
            r"total costs? of (?:sales|revenues|goods sold|products? and services?|products? sold)(?: .*)?",
            r"costs? of (?:net )?(?:sales|revenues)(?: (?:exclu|inclu|and occupancy|buying).*)?",
            r"costs? of (?:goods|products?|merchandise)(?: and services)? sold(?: .*)?",
            r"costs? of (?:products?|goods) and services?(?: sold)?|merchandise costs",
        ),
        parts=r"costs? of (?:(?:products?|services?|sales|goods|rentals?|subscriptions?|licen[cs]es?|hardware)\b.*)",
        spent=True,
    ),
    Term(
        "gross profit",
        "income",
        r"gross (?:profits?|income)",
        (r"(?:total )?gross (?:profit|margin|income)(?: income)?",),
        otherwise="revenue - cost of sales",
    ),
    Term(
        "selling, general and administrative expenses",
        "income",
        r"sg and a(?: expenses?| costs?)?|selling general and administrative(?: expenses?| costs?)?",
        (
            r"(?:operating )?selling (?:marketing )?(?:and )?general (?:and )?administrati(?:ve|on)(?: expenses?| costs?)?",
            r"(?:selling|marketing)(?: and)? (?:general|informational)(?: and)? administration(?: expenses?)?",
        ),
        spent=True,
    ),
    Term(
        "research and development expense",
        "income",
        r"(?:r and d|research and development)(?: expenses?| costs?| spending)?",
        (r"(?:total )?research (?:and )?development(?: and related)?(?: expenses?| costs?)?(?: net)?",),
        spent=True,
    ),
    Term(
        "operating income",
        "income",
        r"(?:unadjusted )?(?:operating (?:income|profits?)|income from operations|ebit)",
        (r"(?:total )?operating (?:income|profit)(?: income)?", r"(?:income|profit) from operations"),
    ),
    Term(
        "restructuring costs",
        "income",
        r"restructuring(?: and related| and other)?(?: costs?| charges?| expenses?)?",
        (r"restructuring(?: and related| and other)?(?: costs?| charges?| expenses?)?(?: net)?",),
    ),
    Term(
        "interest expense",
        "income",
        r"(?:annual |gross )?interest expenses?",
        (
            r"(?:total )?interest expenses?(?: net| and other(?: .*)?| related .*)?",
            r"interest and (?:debt|other|financing|similar)\w*(?: financial)? (?:expenses?|charges|costs)(?: net)?",
        ),
        spent=True,
    ),
    Term(
        "income before income taxes",
        "income",
        r"(?:income|profits?) before (?:income )?tax(?:es)?|pre ?tax (?:income|profits?)",
        (
            r"(?:total )?(?:income|profit)(?: from continuing operations)? before "
            r"(?:(?:provision|benefit|for|from|on|income|tax|taxes|expense) ?)+(?:(?:and|equity|noncontrolling"
            r"|minority)\b.*)?",
            r"pre ?tax (?:income|profit)",
        ),
    ),
    Term(
        "income tax expense",
        "income",
        r"(?:income )?tax(?:es)? (?:expenses?|provision)|provision for (?:income )?taxes|income taxes",
        (
            r"(?:total )?(?:(?:provision|benefit|expense|for"
            r"|from) ?)*(?:income )?tax(?:es)?(?: on income)?(?: (?:provision|expense|benefit))*",
        ),
    ),
    Term(
        "net income attributable to the company",
        "income",
        r"net (?:income|profits?) attributable to (?:the |its )?(?:company|parent|(?:common |ordinary )?holders"
        r"|controlling interests?)",
        (r"net (?:income|profit) attributable to (?!.*noncontrolling).+", r"net income"),
        otherwise="net income",
    ),
    Term(
        "net income",
        "income",
        r"net (?:income|profits?)|bottom line|profit after tax",
        (
            r"(?:consolidated )?net (?:income|profit)(?: including noncontrolling interests?)?",
            r"net (?:income|profit) attributable to (?!.*noncontrolling).+",
            r"profit for the (?:year|period)",
        ),
    ),
    Term(
        "basic earnings per share",
        "income",
        r"basic (?:income|eps)(?: per (?:common |ordinary )?share)?",
        (r"basic(?: (?:net )?(?:income|eps)(?: per (?:common |ordinary )?share)?(?: attributable .*)?)?",),
        each=True,
    ),
    Term(
        "diluted earnings per share",
        "income",
        r"(?:diluted )?(?:income per (?:common |ordinary )?share|eps)|diluted (?:net )?income(?: per (?:common "
        r"|ordinary )?share)?",
        (r"diluted(?: (?:net )?(?:income|eps)(?: per (?:common |ordinary )?share)?(?: attributable .*)?)?",),
        each=True,
    ),
    # Balance sheet
    Term(
        "cash and cash equivalents",
        "balance",
        r"(?:total )?cash and (?:cash )?equivalents|cash balance|cash",
        (r"total cash(?: and)?(?: cash)? equivalents", r"cash(?: and)?(?: cash)? equivalents(?: inclu.*)?", r"cash"),
    ),
    Term(
        "short-term investments",
        "balance",
        r"(?:short term|current) (?:investments?|securities)|marketable securities",
        (
            r"short term (?:and other )?(?:marketable )?(?:investments?|securities|investment securities)",
            r"(?:current )?marketable securities(?: current)?",
        ),
    ),
    Term(
        "accounts receivable",
        "balance",
        r"(?:net )?(?:accounts |trade |customer )*receivables(?: net)?|net ar|ar",
        (
            r"(?:total )?(?:net )?(?:trade |customer )?accounts (?:and notes )?receivables(?: trade)?(?: (?:net"
            r"|less|inclu).*)?",
            r"(?:total )?(?:net |trade |customer |merchandise )?receivables(?: (?:net|less).*)?",
            r"(?:trade|accounts) (?:and other |and notes )?receivables(?: .*)?",
        ),
    ),
    Term(
        "inventories",
        "balance",
        r"(?:net |total |merchandise )*inventories(?: balance)?(?: net)?",
        (r"total (?:merchandise )?inventories(?: net)?", r"(?:merchandise )?inventories(?: (?:net|at).*)?"),
        parts=r"(?:raw materials?|work in (?:process|progress)|finished (?:goods|products)|merchandise|supplies)\b.*",
    ),
    Term("current assets", "balance", r"(?:total )?current assets", (r"total current assets",)),
    Term(
        "property, plant and equipment",
        "balance",
        r"(?:net )?(?:pp and e|ppne|ppe|"
        + _PPE
        + r"|property plant and equipment|property and equipment|fixed assets?)(?: net)?",
        (
            r"(?:total )?(?:net )?(?:property|properties|premises|plant"
            r"|land buildings)(?: \w+){0,2} equipment(?: at cost)? (?:net|less)\b.*",
            r"(?:total )?net (?:property|properties|premises|plant|land buildings)(?: \w+){0,2} equipment",
            r"(?:total )?(?:property|properties)(?: plant)?(?: and equipment)? net",
            r"(?:total )?(?:property|properties|premises|plant|land buildings)(?: \w+){0,2} equipment(?: at cost)?",
        ),
    ),
    Term("goodwill", "balance", r"goodwill", (r"goodwill(?: net)?",)),
    Term(
        "intangible assets",
        "balance",
        r"(?:other )?intangible assets?(?: net)?|intangibles",
        (
            r"(?:other |acquired |purchased |definite lived |amortizable )*intangible assets?(?: (?:net|less).*)?",
            r"intangibles net",
        ),
    ),
    Term("total assets", "balance", r"(?:total )?assets", (r"total assets",)),
    Term(
        "accounts payable",
        "balance",
        r"(?:accounts|trade) payables|payables",
        (
            r"(?:trade )?accounts payables(?: (?:trade|principally).*)?",
            r"trade (?:and other )?payables",
            r"accounts payables and accrued .*",
        ),
    ),
    Term("current liabilities", "balance", r"(?:total )?current liabilities", (r"total current liabilities",)),
    Term(
        "total liabilities",
        "balance",
        r"(?:total )?liabilities",
        (r"total liabilities",),
        otherwise="total liabilities and equity - total equity",
    ),
    Term(
        "total equity",
        "balance",
        r"(?:total )?(?:holders )?equity|book value of equity",
        (
            r"total (?:holders )?equity(?: deficit| and noncontrolling interests?)?",
            r"total holders (?:investment|deficit|deficit equity|equity deficit)",
            r"total (?!liabilities)(?:\w+ ){1,4}holders equity",
        ),
    ),
    Term(
        "total liabilities and equity",
        "balance",
        r"total liabilities and (?:holders )?equity",
        (r"total liabilities(?: .*)? and (?:.* )?(?:equity|deficit|investment)(?: .*)?",),
    ),
    Term(
        "short-term debt",
        "balance",
        r"short term (?:debt|borrowings?)",
        (r"short term (?:debt|borrowings?)(?: and current .*)?", r"(?:loans and )?notes payables|commercial paper"),
    ),
    Term(
        "current portion of long-term debt",
        "balance",
        r"current (?:portion|maturities|installments) of (?:long term )?debt",
        (
            r"(?:current (?:portion|maturities|installments|part) of )(?:long term )?(?:debt|borrowings?)(?: .*)?",
            r"(?:long term )?debt (?:due )?(?:within one year|current)",
        ),
    ),
    Term(
        "long-term debt",
        "balance",
        r"long term (?:debt|borrowings?)",
        (r"(?:total )?long term (?:debt|borrowings?)(?: (?:less|net|excluding|includ).*)?",),
    ),
    Term(
        "retained earnings",
        "balance",
        r"retained income|accumulated deficit",
        (r"retained income.*|accumulated deficit.*|reinvested income",),
    ),
    # Cash flow statement
    Term(
        "cash from operations",
        "cash flow",
        r"(?:net )?(?:operating cash ?flows?|cash ?flows? from operati(?:ons|ng activities)|cash "
        r"(?:from|provided by|generated by|generated from|used in|used by) operati(?:ons|ng activities))",
        (r"(?:net )?cash " + _BY + r"(?:continuing )?operat(?:ing activities|ions)(?: continuing operations)?",),
    ),
    Term(
        "cash from investing activities",
        "cash flow",
        r"(?:net )?(?:investing cash ?flows?|cash ?flows? from investing(?: activities)?|cash (?:from|provided by"
        r"|used in|used for) investing(?: activities)?)",
        (r"(?:net )?cash " + _BY + r"investing activities(?: continuing operations)?",),
    ),
    Term(
        "cash from financing activities",
        "cash flow",
        r"(?:net )?(?:financing cash ?flows?|cash ?flows? from financing(?: activities)?|cash (?:from|provided by"
        r"|used in|used for) financing(?: activities)?)",
        (r"(?:net )?cash " + _BY + r"financing activities(?: continuing operations)?",),
    ),
    Term(
        "depreciation and amortization",
        "cash flow",
        r"(?:total )?(?:d and a|depreciation and amortization|depreciation amortization and \w+"
        r"|depreciation)(?: expenses?| charges?)?",
        (
            r"(?:total )?depreciation (?:depletion )?(?:and )?amortization(?: expenses?| and other| net| of .*| includ.*)?",
            r"depreciation amortization and (?:impairment|accretion|other|depletion).*|amortization and depreciation",
        ),
        parts=r"depreciation(?: of .*| expense)?|amortization (?:of )?(?:acquired |other )?intangible.*",
    ),
    Term(
        "capital expenditures",
        "cash flow",
        r"cap(?:ital )?ex(?:penditures?)?(?: amount| spending)?|capital spending|(?:purchases? of"
        r"|additions to) (?:property|premises)(?: plant)?(?: and)? equipment",
        (
            r"(?:cash )?(?:paid |payments? |expenditures? )?(?:for )?(?:the )?(?:purchases?|additions?"
            r"|acquisitions?|investments?) "
            r"(?:of|to|in) (?:\w+ ){0,2}(?:property|properties|premises|plant|fixed assets"
            r"|land buildings)\b(?!.*(?:proceeds|net of)).*",
            r"capital (?:expenditures?|spending|additions?)(?: .*)?",
            r"(?:payments?|expenditures?) (?:for|to acquire) (?:\w+ )?(?:property|properties|plant|premises)\b.*",
            r"(?:property|properties)(?: plant)?(?: and)? equipment (?:additions|purchases|expenditures).*"
            r"|property additions",
        ),
        spent=True,
    ),
    Term(
        "dividends paid",
        "cash flow",
        r"(?:total )?(?:cash )?dividends?(?: payments?| paid(?: out)?)?(?: to (?:common )?holders)?",
        (
            r"(?:payments? of |cash )*dividends?(?: and dividend equivalents?)?(?: paid| payments?)?(?: (?:to"
            r"|on) (?!.*noncontrolling).*)?",
            r"(?:common |preferred )?(?:stock |share )?dividends? paid.*",
        ),
        spent=True,
    ),
    Term(
        "share repurchases",
        "cash flow",
        r"(?:share|stock) (?:repurchases?|buy ?backs?)|(?:repurchases?|purchases?|buy ?backs?) of (?:common "
        r"|treasury |own )?(?:stock|shares)",
        (
            r"(?:payments? (?:for|of) |payments? to )?(?:repurchases?|purchases?|acquisitions?) (?:of"
            r"|for) (?:\w+ ){0,3}(?:stock|shares?)\b.*",
            r"(?:common )?(?:stock|shares?) (?:repurchases?|repurchased|buy ?backs?|purchases?|purchased).*"
            r"|(?:treasury|purchased) (?:stock|shares) ?(?:purchases|acquired)?",
            r"buy ?backs?(?: \w+)? of (?:\w+ )?shares.*|share buy ?back.*",
        ),
        spent=True,
    ),
    Term(
        "stock-based compensation",
        "cash flow",
        r"(?:stock|share) based comp(?:ensation)?(?: expenses?)?",
        (r"(?:stock|share|equity) based (?:compensation|payments?|plans?)(?: expense| cost)?.*",),
    ),
)
BY_NAME = {term.name: term for term in TERMS}


@lru_cache(maxsize=256)
def spoken(term: Term) -> re.Pattern[str]:
    """Where plain words name the term."""
    return re.compile(rf"\b(?:{term.said})\b")

"""How much each sign of the right page counts. A linear score: features are between 0 and 1, cosines between -1 and 1.

The numbers were chosen on filings and held against documents that had no part in it; see docs/benchmarks.md.
"""

from __future__ import annotations

WEIGHTS: dict[str, float] = {
    "words of the passage": 0.25,
    "words of the page": 0.25,
    "names of sections, rows and columns": 0.2,
    "meaning": 1.0,
    "statement asked for": 0.4,
    "company asked about": 1.0,
    "year asked about": 0.1,
    "contents or exhibits": -0.15,
    "behind the signatures": -0.15,
}
UNSURE = 0.4  # of a statement's weight, where the question also speaks of something that statements do not hold
FURTHER = 0.3  # what a page's other passages lose, so that other pages come first

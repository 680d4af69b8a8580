"""A promised return is found in whichever half of a sentence it stands.

The kind of fault: a harm is diluted by sober words around it, so that a score of the whole sentence stays low.
"""

from __future__ import annotations

import pytest

from moderation.rules import hits
from moderation.text.variants import variants
from moderation.types import Direction

BEFORE = "The annual management charge of the Aurora Global Equity Fund is 9.99% and"
AFTER = ", as the fact sheet of 31 March 2026 says on its second page"
PROMISES = [
    "guarantees 20% a year", "is guaranteed to pay 20% a year", "promises 20% per annum",
    "assures investors 20% every year", "pays a guaranteed 20% a year", "earns you a sure 20% a year",
    "gives a certain 20% p.a.", "delivers 20% a year without fail", "is guaranteed to double",
    "returns 20% a year, guaranteed", "comes with a guarantee of 20% a year", "pays 20% a year for sure",
    "guarantees twenty per cent a year", "guarantees at least 20 percent each year", "ensures 2% a month",
    "guarantees 20 % annually", "guarantees you 20% yearly", "pays 5% every quarter whatever happens",
]  # fmt: skip
SOBER = [
    "The fund does not guarantee 20% a year.",
    "Nobody can promise 5% a year.",
    "The annual management charge is 0.75% a year.",
    "No one guarantees that it pays 3% a year.",
    "The bond has a coupon of 4% a year, and the issuer may fail to pay it.",
    "The certificate guarantees 95% of the capital at its end.",
    "The term deposit pays a guaranteed 2% a year.",
    "Past performance does not promise 7% a year.",
    "The deposit guarantee scheme covers 100% of 100,000 euro per person.",
    "We cannot say for certain whether it returns 5% a year.",
]


def promises(text: str) -> list[str]:
    return [hit.reason for hit in hits("advice", Direction.OUTPUT, variants(text)) if hit.category == "promissory"]


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("shape", ["{0} {1}.", "{0} {1}{2}.", "The fund {1}{2}.", "It {1}, and its charge is 0.75%."])
def test_a_promise_is_found_in_either_half_of_a_sentence(promise: str, shape: str) -> None:
    assert promises(shape.format(BEFORE, promise, AFTER)) == ["promises a return"]


@pytest.mark.parametrize("text", SOBER)
def test_a_warning_a_charge_and_a_deposit_are_no_promise(text: str) -> None:
    assert promises(text) == []

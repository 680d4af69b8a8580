"""From overlapping findings to one reading of the text: sorted spans that do not overlap.

Invariant: the result is sorted, non-overlapping, and covers every finding that no stronger one contradicts.
"""

from __future__ import annotations

from collections.abc import Iterable

from moderation.types import PiiSpan

# Who wins where two findings overlap: what a form proves, before what a model believes.
_ORDER = (
    "SECRET", "LITERAL", "EMAIL_ADDRESS", "IBAN_CODE", "CREDIT_CARD", "CRYPTO", "DOMAIN_NAME", "IP_ADDRESS", "US_SSN",
    "UK_NINO", "UK_NHS", "US_DRIVER_LICENSE", "PASSPORT", "TAX_ID", "NATIONAL_ID", "UK_SORT_CODE", "BANK_ACCOUNT",
    "DATE_OF_BIRTH", "DATE_TIME", "PHONE_NUMBER", "ADDRESS", "PERSON", "ORGANIZATION", "LOCATION",
)  # fmt: skip
_RANK = {entity: rank for rank, entity in enumerate(_ORDER)}
_SPLITTABLE = frozenset(("ADDRESS", "PERSON", "ORGANIZATION", "LOCATION"))


def resolve(text: str, spans: Iterable[PiiSpan]) -> list[PiiSpan]:
    """One span per character: the strongest first, names and addresses cut back to what is left of them."""
    taken: list[PiiSpan] = []
    for span in sorted(spans, key=_strength):
        for start, end in _left_over(span, taken):
            start, end = _trim(text, start, end)
            whole = (start, end) == (span.start, span.end)
            if end > start and (whole or (span.entity in _SPLITTABLE and end - start > 2)):
                taken.append(PiiSpan(start, end, span.entity, span.score))
    return sorted(taken, key=lambda s: s.start)


def _strength(span: PiiSpan) -> tuple[int, float, int, int]:
    rank = _RANK.get(span.entity, len(_RANK) // 2)
    if span.entity == "ORGANIZATION" and span.score >= 0.9:  # a firm known by name is no person
        rank = _RANK["ADDRESS"]
    weak = len(_RANK) if span.score < 0.5 else 0  # a mere look yields to any model's word
    return rank + weak, -round(span.score, 1), span.start - span.end, span.start


def _left_over(span: PiiSpan, taken: list[PiiSpan]) -> list[tuple[int, int]]:
    pieces = [(span.start, span.end)]
    for other in taken:
        cut: list[tuple[int, int]] = []
        for start, end in pieces:
            if other.end <= start or other.start >= end:
                cut.append((start, end))
                continue
            if span.entity not in _SPLITTABLE:
                return []
            if start < other.start:
                cut.append((start, other.start))
            if other.end < end:
                cut.append((other.end, end))
        pieces = cut
    return pieces


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in " \t\r\n,;":
        start += 1
    while end > start and text[end - 1] in " \t\r\n,;":
        end -= 1
    return start, end

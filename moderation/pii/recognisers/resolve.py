"""From overlapping findings to one reading of the text: sorted spans that do not overlap.

Invariant: the result is sorted, non-overlapping, and covers every finding that no stronger one contradicts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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
    kept: list[PiiSpan] = []
    ground = Ground()
    for span in sorted(spans, key=_strength):
        for start, end in _left_over(span, ground):
            start, end = _trim(text, start, end)
            whole = (start, end) == (span.start, span.end)
            if end > start and (whole or (span.entity in _SPLITTABLE and end - start > 2)):
                kept.append(PiiSpan(start, end, span.entity, span.score))
                ground.take(start, end)
    return sorted(kept, key=lambda s: s.start)


def _strength(span: PiiSpan) -> tuple[int, float, int, int]:
    rank = _RANK.get(span.entity, len(_RANK) // 2)
    if span.entity == "ORGANIZATION" and span.score >= 0.9:  # a firm known by name is no person
        rank = _RANK["ADDRESS"]
    weak = len(_RANK) if span.score < 0.5 else 0  # a mere look yields to any model's word
    return rank + weak, -round(span.score, 1), span.start - span.end, span.start


class Ground:
    """Stretches of a text that are taken, none over another. Asking costs the logarithm of their number."""

    def __init__(self, spans: Iterable[PiiSpan] = ()) -> None:
        taken = sorted((s.start, s.end) for s in spans)
        self._starts = [start for start, _ in taken]
        self._ends = [end for _, end in taken]

    def take(self, start: int, end: int) -> None:
        at = bisect_left(self._starts, start)
        self._starts.insert(at, start)
        self._ends.insert(at, end)

    def taken(self, start: int, end: int) -> list[tuple[int, int]]:
        """The taken stretches that share a character with start:end, in order."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        return list(zip(self._starts[first:last], self._ends[first:last], strict=True))


def _left_over(span: PiiSpan, ground: Ground) -> list[tuple[int, int]]:
    others = ground.taken(span.start, span.end)
    if others and span.entity not in _SPLITTABLE:
        return []
    pieces, at = [], span.start
    for start, end in others:
        if start > at:
            pieces.append((at, start))
        at = max(at, end)
    if at < span.end:
        pieces.append((at, span.end))
    return pieces


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in " \t\r\n,;":
        start += 1
    while end > start and text[end - 1] in " \t\r\n,;":
        end -= 1
    return start, end

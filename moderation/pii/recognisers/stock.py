"""Presidio's own recognisers that we use as they are, under our entity names; and Ethereum's addresses beside its Bitcoin's.

Invariant: only what a checksum or an unmistakable form proves, and nothing that reads beyond its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from presidio_analyzer import PatternRecognizer
from presidio_analyzer.predefined_recognizers import CryptoRecognizer, EsNifRecognizer, ItFiscalCodeRecognizer

from moderation.pii.recognisers.base import CUED, PROVEN, SpanRecogniser
from moderation.types import PiiSpan

_ETHEREUM = re.compile(r"(?<!\w)0x[0-9a-f]{40}(?!\w)", re.I)  # twenty bytes; a hash has thirty-two


class StockRecogniser(SpanRecogniser):
    finds = ("CRYPTO", "TAX_ID")

    def __init__(self) -> None:
        self._stock: tuple[tuple[PatternRecognizer, str], ...] = (
            (CryptoRecognizer(), "CRYPTO"),
            (EsNifRecognizer(supported_language="en"), "TAX_ID"),
            (ItFiscalCodeRecognizer(supported_language="en"), "TAX_ID"),
        )
        super().__init__()

    def spans(self, text: str) -> Iterator[PiiSpan]:
        if not any(c.isdigit() for c in text):
            return
        for recogniser, entity in self._stock:
            for found in recogniser.analyze(text, recogniser.supported_entities):
                if found.score >= PROVEN:
                    yield PiiSpan(found.start, found.end, entity, PROVEN)
        yield from (PiiSpan(m.start(), m.end(), "CRYPTO", CUED) for m in _ETHEREUM.finditer(text))

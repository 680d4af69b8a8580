"""Presidio's own recognisers that we use as they are, under our entity names.

Invariant: only recognisers whose match a checksum proves, and none that reads beyond its text.
"""

from __future__ import annotations

from collections.abc import Iterator

from presidio_analyzer import PatternRecognizer
from presidio_analyzer.predefined_recognizers import CryptoRecognizer, EsNifRecognizer, ItFiscalCodeRecognizer

from moderation.recognisers.base import PROVEN, SpanRecogniser
from moderation.types import PiiSpan


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

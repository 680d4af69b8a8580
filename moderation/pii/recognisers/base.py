"""What our recognisers share: a plain `spans(text)` that Presidio's frame and the fast path both call.

Invariant: `spans` yields offsets into the very text it was given, and never looks further than that text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult

from moderation.types import PiiSpan

# A score of 1.0 is for what a checksum or an unmistakable form proves; a cue beside a shape gives 0.85; a shape alone 0.6.
PROVEN, CUED, SHAPED = 1.0, 0.85, 0.6


class SpanRecogniser(EntityRecognizer):  # type: ignore[misc, unused-ignore]
    """A Presidio recogniser whose work is one generator, usable without Presidio's objects."""

    finds: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__(supported_entities=list(self.finds), supported_language="en")

    def load(self) -> None:
        """Nothing to load: the patterns are compiled with the module."""

    def spans(self, text: str) -> Iterator[PiiSpan]:
        raise NotImplementedError

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        return [result(self, span) for span in self.spans(text)]


def result(recogniser: EntityRecognizer, span: PiiSpan) -> RecognizerResult:
    """The span in Presidio's words."""
    return RecognizerResult(
        span.entity,
        span.start,
        span.end,
        span.score,
        recognition_metadata={
            RecognizerResult.RECOGNIZER_NAME_KEY: type(recogniser).__name__,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: recogniser.id,
        },
    )


_REFERENCE = re.compile(
    r"\b(?:bulletins?|dockets?|amendments?|directives?|registers?|releases?|exhibits?|drawings?|patents?|invoices?"
    r"|(?:file|docket|document|part|serial|model|product|order|case|ticket|reference|ref|form|report|identification|policy"
    r"|employer) ?(?:no|nos|number|numbers|id|identifiers?|#)|identifiers?)\b[.:#]{0,2}\s{0,2}$",
    re.I,
)


def numbers_a_thing(text: str, start: int) -> bool:
    """Whether what begins at `start` is said to be the number of a document or a product: "service bulletin 737-31-1860"."""
    return cue_before(text, start, _REFERENCE, 32)


def cue_before(text: str, start: int, cue: re.Pattern[str], window: int = 48) -> bool:
    """Is there a match of `cue` in the `window` characters before `start`?"""
    return cue.search(text, max(0, start - window), start) is not None


def cue_after(text: str, end: int, cue: re.Pattern[str], window: int = 16) -> bool:
    """Does `cue` match right after `end`?"""
    return cue.match(text, end, end + window) is not None

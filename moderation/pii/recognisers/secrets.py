"""Keys, tokens and passwords that a person types: found like personal data, so that they go before anything is recorded."""

from __future__ import annotations

from collections.abc import Iterator

from moderation.pii.recognisers.base import SpanRecogniser
from moderation.secrets import find
from moderation.types import PiiSpan


class SecretRecogniser(SpanRecogniser):
    finds = ("SECRET",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for secret in find(text):
            yield PiiSpan(secret.start, secret.end, "SECRET", secret.probability)

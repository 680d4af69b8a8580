"""Puts moderation's redactor and pseudonyms behind the orchestrator's ports. Translation only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from moderation.pii.pseudonyms import ModelMessages, Pseudonyms, Style
from moderation.pii.redactor import Redactor


class ConversationPseudonyms:
    """One conversation's redactor. Implements `ports.Pseudonymise`."""

    def __init__(
        self, redactor: Redactor, pseudonyms: Pseudonyms, entities: frozenset[str], styles: Mapping[str, Style]
    ) -> None:
        self._redactor, self._pseudonyms, self._entities, self._styles = redactor, pseudonyms, entities, styles

    def redact(self, text: str) -> tuple[str, Mapping[str, int]]:
        redaction = self._redactor.redact(text, self._pseudonyms, self._entities)
        self._pseudonyms.prepare(self._styles)
        return redaction.text, redaction.counts

    def cover(self, messages: Sequence[tuple[str, str]]) -> ModelMessages:
        return self._pseudonyms.cover(messages, self._styles)

    def restore(self, text: str, before: str) -> tuple[str, int]:
        return self._pseudonyms.restored(text, before)

    def dump(self) -> bytes:
        return self._pseudonyms.dump()


@dataclass(frozen=True)
class Pseudonymiser:
    """Implements `ports.OpenPseudonyms`."""

    redactor: Redactor
    entities: frozenset[str]
    styles: Mapping[str, Style] = field(default_factory=lambda: {"default": "tag"})

    def open(self, dumped: bytes | None) -> ConversationPseudonyms:
        pseudonyms = Pseudonyms() if dumped is None else Pseudonyms.load(dumped)
        return ConversationPseudonyms(self.redactor, pseudonyms, self.entities, self.styles)

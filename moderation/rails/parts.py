"""What rails are built from: the readings of a text, worked out once for all rails that judge it, and the rest."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from moderation.heads.head import Heads, Lexical, lexical_parts
from moderation.policy import Policy, RailPolicy
from moderation.rails.base import Embed, Embedding, FindsHardIdentifiers, Rail
from moderation.text.offsets import OffsetText
from moderation.text.variants import Variant, variants

_REMEMBERED = 128  # texts whose variants and features are kept, so that rails judging one text share the work


@dataclass(frozen=True)
class Reading:
    """One way to read a text, as the heads see it; kind: empty for the text as given, else how it was found."""

    kind: str
    offset_text: OffsetText
    embedding: Embedding
    parts: list[Lexical]


class Readings:
    """The variants and lexical features of texts, shared by the rails that judge them. A bounded memo, no more."""

    def __init__(self, embed: Embed | None = None) -> None:
        """embed: for what stands hidden in a text; without it a hidden reading has the given text's embedding."""
        self._embed = embed
        self.variants: Callable[[str], Sequence[Variant]] = lru_cache(_REMEMBERED)(variants)
        self.parts: Callable[[str], list[Lexical]] = lru_cache(_REMEMBERED)(lexical_parts)
        self._hidden: Callable[[str], Sequence[tuple[Variant, Embedding | None]]] = lru_cache(_REMEMBERED)(self._embedded)

    def all_of(self, text: str, embedding: Embedding) -> list[Reading]:
        """What the heads are asked about: the text as given, then each reading of it that was hidden."""
        given = Reading("", OffsetText.of(text), embedding, self.parts(text))
        return [given, *(self._read(variant, vector, embedding) for variant, vector in self._hidden(text))]

    def _read(self, variant: Variant, vector: Embedding | None, given: Embedding) -> Reading:
        return Reading(variant.kind, variant.offset_text, given if vector is None else vector, self.parts(variant.text))

    def _embedded(self, text: str) -> Sequence[tuple[Variant, Embedding | None]]:
        seen = self.variants(text)
        hidden = [variant for variant in seen if variant.hidden and variant.text.strip()]
        if _letters(text) != _letters(seen[0].text):  # an encoder does not know a letter by its look
            hidden.insert(0, replace(seen[0], kind="its plain letters"))
        if not hidden or self._embed is None:
            return [(variant, None) for variant in hidden]
        return list(zip(hidden, self._embed([variant.text for variant in hidden]), strict=True))


@dataclass(frozen=True)
class RailParts:
    """All that a rail may be built from.

    name      the rail's, as policies and records write it
    rules     what the policy says of this rail; policy: the whole of it
    heads     the trained heads of all rails
    readings  of texts, shared by the rails that judge them
    in_scope  whether a text, by its embedding, is about what the policy's service is for
    redactor  None where nothing looks for identifiers
    """

    name: str
    rules: RailPolicy
    policy: Policy
    heads: Heads
    readings: Readings
    in_scope: Callable[[Embedding], bool]
    redactor: FindsHardIdentifiers | None


class RailModule(Protocol):
    """The file that a line of `moderation.policy.catalogue.RAILS` names."""

    def rail(self, parts: RailParts, /) -> Rail: ...


def _letters(text: str) -> str:
    """The letters and digits of a text as the encoder takes them: without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text).casefold() if c.isalnum())

"""What a text can be read as, with the features of each reading: worked out once for all rails that judge the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from moderation.heads.head import Lexical, lexical_parts
from moderation.rails.base import Embed, Embedding
from moderation.text.offsets import Traced
from moderation.text.variants import View, views

_REMEMBERED = 128  # texts whose views and features are kept, so that rails judging one text share the work


@dataclass(frozen=True)
class Reading:
    """One way to read a text, as the heads see it; kind: empty for the text as given, else how it was found."""

    kind: str
    traced: Traced
    embedding: Embedding
    parts: list[Lexical]


class Readings:
    """The views and lexical features of texts, shared by the rails that judge them. A bounded memo, no more."""

    def __init__(self, embed: Embed | None = None) -> None:
        """embed: for what stands hidden in a text; without it a hidden reading has the given text's embedding."""
        self._embed = embed
        self.views: Callable[[str], Sequence[View]] = lru_cache(_REMEMBERED)(views)
        self.parts: Callable[[str], list[Lexical]] = lru_cache(_REMEMBERED)(lexical_parts)
        self._hidden: Callable[[str], Sequence[tuple[View, Embedding | None]]] = lru_cache(_REMEMBERED)(self._embedded)

    def all_of(self, text: str, embedding: Embedding) -> list[Reading]:
        """What the heads are asked about: the text as given, then each reading of it that was hidden."""
        given = Reading("", Traced.of(text), embedding, self.parts(text))
        return [given, *(self._read(view, vector, embedding) for view, vector in self._hidden(text))]

    def _read(self, view: View, vector: Embedding | None, given: Embedding) -> Reading:
        return Reading(view.kind, view.traced, given if vector is None else vector, self.parts(view.text))

    def _embedded(self, text: str) -> Sequence[tuple[View, Embedding | None]]:
        seen = self.views(text)
        hidden = [view for view in seen if view.hidden and view.text.strip()]
        if _letters(text) != _letters(seen[0].text):  # an encoder does not know a letter by its look
            hidden.insert(0, replace(seen[0], kind="its plain letters"))
        if not hidden or self._embed is None:
            return [(view, None) for view in hidden]
        return list(zip(hidden, self._embed([view.text for view in hidden]), strict=True))


def _letters(text: str) -> str:
    """The letters and digits of a text as the encoder takes them: without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text).casefold() if c.isalnum())

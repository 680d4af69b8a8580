"""How a person reads a text, for the tests' rails and for the judgement of what was heard."""

from __future__ import annotations

import re
import unicodedata

_LOOKALIKES = str.maketrans("νеЬоτո", "vebotn")


def plain(text: str) -> str:
    """What a reader takes a text for: no case, accents, unseen characters, white space or lookalikes."""
    if text.isascii():
        return re.sub(r"[\s\x00-\x1f\x7f]+", "", text.lower())
    folded = unicodedata.normalize("NFKD", text.translate(_LOOKALIKES)).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] not in "MZC")


def as_sent(text: str) -> str:
    """With the halves of characters joined or replaced, as UTF-8 demands."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

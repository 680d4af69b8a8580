"""Where texts stand among the tokens of a prompt that holds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.text.tokenizer import ChatTokenizer


def token_spans(tokenizer: ChatTokenizer, tokens: Sequence[int], texts: Sequence[str]) -> list[tuple[int, int]] | None:
    """The tokens [first, end) that spell each text, which follow each other in the prompt; a token that spells more than
    the text is of it too. None where a text is not found."""
    special = tokenizer.special_ids
    spelt = [b"\0" if token in special else tokenizer.token_bytes(token) for token in tokens]
    starts = np.cumsum([0, *map(len, spelt)])
    whole, at = b"".join(spelt), 0
    found = []
    for text in texts:
        wanted = b"".join(map(tokenizer.token_bytes, tokenizer.encode(text)))  # as it is read, perhaps without some signs
        begin = whole.find(wanted, at)
        if begin < 0 or not wanted:
            return None
        at = begin + len(wanted)
        first, end = np.searchsorted(starts, begin, "right") - 1, np.searchsorted(starts, at, "left")
        found.append((int(first), int(end)))
    return found

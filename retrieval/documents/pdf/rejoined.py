"""Sentences that a page's lines broke apart, whole again: a line that ends in a figure looks like a row of a table.

"Net sales increased 18.3% to $10.2" over "billion compared to …" is running text; so is a heading that goes on in small
letters on the next line. Invariant: only lines that no table holds are looked at, and no word is added, lost or moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from retrieval.documents.blocks import Block

_ENDS = re.compile(r"[.!?:;][\"”’)]*$")
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|will|would|may|increased?|decreased?|declined?|rose|fell|grew|totall?ed"
    r"|compared|remained|reflect(?:s|ed|ing)|driven|includ(?:es|ed|ing)|repurchased|paid|recorded|recogni[sz]ed|reported"
    r"|represent(?:s|ed|ing)|result(?:s|ed|ing)|due|earned|opened|generated|expects?|improved|reduced|resulted)\b"
)
_GOES_ON = re.compile(r"^(?:[a-z(]|\$?\d[\d.,]*%? (?:million|billion|thousand|percent|basis|of|in|and|to|or)\b|\$\d)")
_LEAST_WORDS = 4


def rejoined(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """The blocks, broken sentences and headings whole again."""
    given = list(blocks)
    out: list[Block] = []
    for place, block in enumerate(given):
        following = given[place + 1] if place + 1 < len(given) else None
        before = out[-1] if out else None
        if before is not None and _is_one_heading(before, block):
            out[-1] = replace(before, text=f"{before.text} {block.text}")
        elif block.kind == "row" and _is_sentence(block, before, following):
            _add(out, replace(block, kind="prose"))
        elif block.kind == "prose" and before is not None and _open(before) and _GOES_ON.match(block.text):
            _add(out, block)
        else:
            out.append(block)
    return tuple(out)


def _is_one_heading(before: Block, block: Block) -> bool:
    if before.kind != block.kind or block.kind != "heading" or (before.page, before.level) != (block.page, block.level):
        return False
    return block.text[:1].islower() and not _ENDS.search(before.text)


def _is_sentence(block: Block, before: Block | None, following: Block | None) -> bool:
    """Whether a row that no table holds reads as a sentence, or as part of one."""
    if " | " in block.text:
        return False
    words = re.findall(r"[^\W\d_]{2,}", block.text)
    after_open = before is not None and before.page == block.page and _open(before)
    if after_open and _GOES_ON.match(block.text) and _ENDS.search(block.text):
        return len(words) >= 2
    if len(words) < _LEAST_WORDS or not _VERB.search(block.text):
        return False
    goes_on = following is not None and following.page == block.page and bool(_GOES_ON.match(following.text))
    return bool(_ENDS.search(block.text)) or goes_on


def _open(block: Block) -> bool:
    """Whether it is running text that ends in mid-sentence."""
    return block.kind in ("prose", "item") and not _ENDS.search(block.text)


def _add(out: list[Block], block: Block) -> None:
    before = out[-1] if out else None
    if before is not None and before.page == block.page and _open(before) and len(before.text.split()) >= _LEAST_WORDS:
        out[-1] = replace(before, text=f"{before.text} {block.text}")
    else:
        out.append(block)


def body_size(lines: Sequence[tuple[str, float]]) -> float:
    """The size of the running text: the largest in which a fifth of the long lines is set, for small print may be the
    greater part; the commonest of all lines, by letters, where few are long."""
    counted: dict[float, int] = {}
    long = [(text, size) for text, size in lines if len(re.findall(r"[^\W\d_]{2,}", text)) >= 8]
    enough = len(long) >= max(3, len(lines) // 12)
    for text, size in long if enough else lines:
        counted[size] = counted.get(size, 0) + len(text)
    if enough:
        whole = sum(counted.values())
        return max((size for size, letters in counted.items() if letters >= whole / 5), default=_commonest(counted))
    return _commonest(counted)


def _commonest(counted: dict[float, int]) -> float:
    return max(counted, key=lambda size: counted[size], default=0.0)

"""Measures joined by "and": every way to part them, shared words given to each part.

Invariant: the parts hold only words of the measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from retrieval.graph.reading.words import split

_SPLIT = re.compile(
    r"\s*(?:,|\band\b|\bund\b|\bet\b|\by\b|\be\b|\ben\b|\bplus\b|&|\bversus\b|\bvs\.?\b|\b(?:as )?compared (?:to"
    r"|with)\b|\bor\b)\s*"
)


_SHARED = re.compile(
    r"^(?P<head>.*\b(?:between|from|for|of|in|to|by|on|related to|attributable to|at|that (?:is|are|was|were)"
    r"|which (?:is|are|was|were)|due)\s+)(?P<rest>.+)$"
)


def splits(measure: str) -> Iterator[tuple[str, ...]]:
    joints = list(_SPLIT.finditer(measure))
    if not joints or len(joints) > 4:
        return
    ways = [[joint] for joint in joints if joint.group().strip() != ","]
    if len(joints) > 1:
        ways.append(joints)
    for way in ways:
        pieces = []
        at = 0
        for joint in [*way, None]:
            piece = measure[at : joint.start() if joint else len(measure)].strip(" ,")
            if piece:
                pieces.append(piece)
            at = joint.end() if joint else at
        if len(pieces) < 2 or not all(any(word.telling for word in split(piece)) for piece in pieces):
            continue
        yield from _sharing(pieces)


def _sharing(pieces: list[str]) -> Iterator[tuple[str, ...]]:
    """'revenue from Apple' and 'Huawei' -> the second is 'revenue from Huawei'; and the pieces as they stand."""
    yield tuple(pieces)
    head = _SHARED.match(pieces[0])
    if head:
        yield (pieces[0], *(f"{head.group('head')}{piece}" for piece in pieces[1:]))
    tail = re.match(r"^(?P<rest>.+?)(?P<tail>\s+(?:in|for|of|from|on|at|within)\s+.+)$", pieces[-1])
    if tail:
        yield (*(f"{piece}{tail.group('tail')}" for piece in pieces[:-1]), pieces[-1])
    last = pieces[-1].split()
    first = pieces[0].split()
    if len(pieces) == 2 and len(first) > 1 and len(last) > 1:
        yield (f"{' '.join(first)} {' '.join(last[1:])}", f"{' '.join(first[:-1])} {' '.join(last)}")
    if len(last) > 1:
        yield (*(f"{piece} {' '.join(last[1:])}" for piece in pieces[:-1]), pieces[-1])

"""Documents that say nearly the same: by the runs of five words that they share, estimated from a sketch of each.

Source: Broder, "On the resemblance and containment of documents" (1997): the smallest hashes of both together are a fair
sample of all their runs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import blake2b
from heapq import nsmallest

RUN = 5  # words
KEPT = 400  # hashes of a sketch: two per cent off at most, two times of three
_WORD = re.compile(r"\w+")

Sketch = frozenset[int]


def sketch(texts: Iterable[str]) -> Sketch:
    """Of one document's texts. Equal texts give equal sketches, on every machine."""
    return frozenset(nsmallest(KEPT, {_hash(run) for text in texts for run in _runs(text)}))


def near(sketches: Mapping[str, Sketch], asked: Collection[str], least: float = 0.8) -> Iterator[tuple[str, str, float]]:
    """(a document that is asked for, another, the share of runs that they have in common), for each pair that shares at
    least so much; a pair of two that are asked for comes once.
    """
    holders: dict[int, list[str]] = defaultdict(list)
    for name in sorted(sketches):
        for value in sketches[name]:
            holders[value].append(name)
    told: set[tuple[str, str]] = set()
    for name in sorted(set(asked) & set(sketches)):
        own = sketches[name]
        shared = Counter(other for value in own for other in holders[value] if other != name)
        for other, count in sorted(shared.items()):
            if 2 * count < least * len(own) or (other, name) in told:
                continue
            share = _resemblance(own, sketches[other])
            if share >= least:
                told.add((name, other))
                yield name, other, share


def _resemblance(one: Sketch, other: Sketch) -> float:
    sample = nsmallest(KEPT, one | other)
    return sum(value in one and value in other for value in sample) / len(sample) if sample else 0.0


def _runs(text: str) -> Iterator[str]:
    words = _WORD.findall(text.lower())
    if 0 < len(words) < RUN:
        yield " ".join(words)
    for at in range(len(words) - RUN + 1):
        yield " ".join(words[at : at + RUN])


def _hash(run: str) -> int:
    return int.from_bytes(blake2b(run.encode(), digest_size=8).digest(), "big")

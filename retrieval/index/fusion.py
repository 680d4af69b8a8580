"""Two ranked lists made one: reciprocal rank fusion, support from the same page, then one passage a page first.

Pure: rows and ranks in, rows and scores out. Ties break by row, so that equal input gives equal order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_K = 60  # Cormack, Clarke, Buettcher (2009): the constant of reciprocal rank fusion
_NEIGHBOURS = (0.5, 0.25)  # what the best and second-best other hit of the same page add


@dataclass(frozen=True)
class Place:
    """Where a row stands: its page, or a stretch of an unpaged document. Only pages hold back their further rows."""

    document: int
    stretch: int
    paged: bool


def reciprocal_ranks(*lists: Sequence[tuple[int, float]]) -> dict[int, float]:
    """row -> sum over the lists of 1 / (60 + rank)."""
    scores: dict[int, float] = {}
    for hits in lists:
        for rank, (row, _) in enumerate(hits, 1):
            scores[row] = scores.get(row, 0.0) + 1.0 / (_K + rank)
    return scores


def supported(scores: Mapping[int, float], places: Mapping[int, Place], strong: int) -> dict[int, float]:
    """Each row's score plus a share of the best other hits of its place: a page that is hit twice means more.

    Only the `strong` best rows lend and get support: in a small library everything is a hit, and a full page would
    win by its length alone.
    """
    by_place: dict[Place, list[int]] = {}
    for row in sorted(scores, key=lambda row: (-scores[row], row))[:strong]:
        by_place.setdefault(places[row], []).append(row)
    result = dict(scores)
    for together in by_place.values():
        for row in together:
            others = [scores[other] for other in together if other != row]
            result[row] += sum(share * other for share, other in zip(_NEIGHBOURS, others, strict=False))
    return result


def fuse(
    dense: Sequence[tuple[int, float]],
    sparse: Sequence[tuple[int, float]],
    places: Mapping[int, Place],
    strong: int = 100,
) -> list[tuple[int, float]]:
    """Rows, best first: every page's best row, in order, then the pages' further rows. Scores never rise."""
    scores = supported(reciprocal_ranks(dense, sparse), places, strong)
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    seen: set[Place] = set()
    first: list[tuple[int, float]] = []
    further: list[tuple[int, float]] = []
    for row, score in ranked:
        place = places[row]
        held_back = place.paged and place in seen
        seen.add(place)
        (further if held_back else first).append((row, score))
    floor = first[-1][1] if first else 0.0
    return first + [(row, min(score, floor)) for row, score in further]

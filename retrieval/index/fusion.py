"""Two ranked lists made one: reciprocal rank fusion, and support from the same page for the page's best passage.

Pure: rows and ranks in, rows and scores out. Ties break by row, so that equal input gives equal order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_K = 30
"""The constant of reciprocal rank fusion (Cormack, Clarke, Buettcher 2009, who take 60). With 60 two middling hits of one
page outweigh the passage that both lists rank first."""
_NEIGHBOURS = (0.5, 0.25)  # what the best and second-best other hit of the same page add


@dataclass(frozen=True)
class Place:
    """Where a row stands: its page, or a stretch of an unpaged document, whose further rows keep their support."""

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
    """Rows, best first. A page's best row speaks for its page and has its support; the page's further rows stand where
    their own ranks put them, so that a full page neither fills the list nor hides the row that answers."""
    own = reciprocal_ranks(dense, sparse)
    scores = supported(own, places, strong)
    spoken_for: set[Place] = set()
    for row in sorted(scores, key=lambda row: (-scores[row], row)):
        place = places[row]
        if place.paged and place in spoken_for:
            scores[row] = own[row]
        spoken_for.add(place)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))

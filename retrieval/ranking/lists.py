"""Passages by the two lists alone, words and meaning: what ranking by all signs is measured beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from retrieval.index.corpus import Corpus, View
from retrieval.index.fusion import fuse
from retrieval.ranking.rank import Ranked
from retrieval.types import Vectors

Lists = Literal["all", "both", "dense", "sparse"]
"""What a search goes by: all signs, weighed; both lists, words and meaning, by their ranks alone; or one of the two."""

_DEPTH = 100  # how far down each list is fused


def by_lists(
    corpus: Corpus, view: View, embedding: Vectors, words: Mapping[str, float], using: Lists, k: int
) -> list[Ranked]:
    """By the ranks that the two lists give, or by one of them; nothing else weighs in. Raises RightsBroken."""
    depth = max(_DEPTH, 4 * k)
    dense = view.dense(embedding, depth) if using != "sparse" else []
    sparse = view.sparse(words, depth) if using != "dense" else []
    places = {row: corpus.places[row] for row, _ in [*dense, *sparse]}
    ranked = fuse(dense, sparse, places, strong=min(_DEPTH, len(view.rows) // 20))
    return [Ranked(row, score, (("ranks in the lists", score, score),)) for row, score in ranked]

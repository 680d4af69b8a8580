"""How near texts are to a question, with the vectors of documents' texts kept while the library is the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.adapters.reading import Nearness


class Counting:
    """Two directions: what speaks of fees, and all else."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded += texts
        return np.array([[1.0, 0.0] if "fee" in text else [0.0, 1.0] for text in texts], np.float32)


def test_a_text_that_means_and_says_the_same_is_nearest() -> None:
    near = Nearness(Counting())("what is the fee", ["The fee is 12.", "It rains.", "A fee."])
    assert near.argmax() == 0
    assert near.argmin() == 1


def test_a_text_is_embedded_once_and_a_question_each_time() -> None:
    embed = Counting()
    nearness = Nearness(embed)
    first, again = (nearness("the fee", ["The fee is 12.", "It rains.", "The fee is 12."]) for _ in range(2))
    assert np.array_equal(first, again)
    assert embed.embedded == ["the fee", "The fee is 12.", "It rains.", "the fee"]


def test_nothing_of_a_library_is_kept_when_it_has_changed() -> None:
    embed, digests = Counting(), iter(["a", "a", "b"])
    nearness = Nearness(embed, lambda: next(digests))
    for _ in range(3):
        nearness("q", ["A secret of a removed document."])
    assert embed.embedded.count("A secret of a removed document.") == 2
    assert len(nearness._known) == 1

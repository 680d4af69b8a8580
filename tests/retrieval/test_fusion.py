"""One order from two lists: pages that are hit twice come forward, and no passage waits for every other page's best."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index.fusion import Place, fuse, reciprocal_ranks


def _hits(*rows: int) -> list[tuple[int, float]]:
    return [(row, 1.0 / rank) for rank, row in enumerate(rows, 1)]


def _order(dense: Sequence[int], sparse: Sequence[int], pages: dict[int, int]) -> list[int]:
    places = {row: Place(0, page, paged=True) for row, page in pages.items()}
    return [row for row, _ in fuse(_hits(*dense), _hits(*sparse), places)]


def test_the_second_passage_of_a_page_comes_before_what_both_lists_rank_far_below_it() -> None:
    """Rows 0 and 1 share a page and lead both lists; 2 to 9 are other pages' passages, each far down."""
    pages = {0: 1, 1: 1, **{row: row for row in range(2, 10)}}
    assert _order([0, 1, *range(2, 10)], [1, 0, *range(2, 10)], pages)[:2] == [0, 1]


def test_a_page_that_is_hit_twice_comes_before_one_that_is_hit_once_at_the_same_rank() -> None:
    pages = {0: 1, 1: 2, 2: 2}
    assert _order([0, 1], [2], pages)[0] in (1, 2)


def test_a_full_page_does_not_fill_the_list() -> None:
    """Ten middling passages of one page, and other pages' passages between them."""
    crowd, others = list(range(10)), list(range(10, 20))
    mixed = [row for pair in zip(crowd, others, strict=True) for row in pair]
    pages = {**dict.fromkeys(crowd, 1), **{row: row for row in others}}
    found = _order(mixed, mixed, pages)[:6]
    assert len({pages[row] for row in found}) >= 4


def test_what_both_lists_rank_first_is_not_outweighed_by_a_page_of_later_hits() -> None:
    pages = {0: 1, **dict.fromkeys(range(1, 4), 2), **{row: row for row in range(4, 30)}}
    order = _order([0, *range(4, 30), 1, 2, 3], [0, *range(4, 30), 1, 2, 3], pages)
    assert order[0] == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30), unique=True), st.integers(1, 6))
def test_every_hit_comes_once_in_order_of_score_and_none_below_its_own(
    dense: list[int], sparse: list[int], size: int
) -> None:
    places = {row: Place(0, row // size, paged=row % 2 == 0) for row in range(31)}
    found = fuse(_hits(*dense), _hits(*sparse), places)
    own = reciprocal_ranks(_hits(*dense), _hits(*sparse))
    assert sorted(row for row, _ in found) == sorted(own)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert all(score >= own[row] for row, score in found)

"""Who may read an item: never more than the source and the firm's mapping both say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retrieval.sources import Item, Rights

A, B = frozenset({"a"}), frozenset({"b"})
_names = st.sampled_from(["x", "y", "z"])
_groups = st.frozensets(st.sampled_from(["a", "b", "c"]))
_paths = st.lists(_names, max_size=3).map("/".join)
_rights = st.builds(
    Rights, st.dictionaries(_names, _groups), st.dictionaries(_paths, _groups), st.none() | _groups.filter(bool)
)
_items = st.builds(
    lambda name, rights: Item("id", f"{name}/file.md", "1", rights=tuple(rights)),
    _paths,
    st.lists(st.frozensets(_names), max_size=3),
)


def _item(name: str, *rights: frozenset[str]) -> Item:
    return Item(name, name, "1", rights=rights)


@given(_rights, _items)
def test_every_restriction_of_the_source_holds(rights: Rights, item: Item) -> None:
    readers = rights.readers(item).groups
    for names in item.rights:
        assert readers <= frozenset().union(*(rights.groups.get(name, frozenset()) for name in names))


@given(_items)
def test_without_a_mapping_nobody_reads_anything(item: Item) -> None:
    found = Rights().readers(item)
    assert (found.groups, bool(found.why)) == (frozenset(), True)


@given(_rights, _items)
def test_nobody_reads_below_a_path_that_is_closed_unless_a_longer_one_opens_it(rights: Rights, item: Item) -> None:
    closed = Rights(rights.groups, {item.name.rpartition("/")[0]: frozenset()}, rights.default)
    assert closed.readers(item).groups == frozenset()
    assert closed.readers(item).why == ""


def test_the_longest_path_counts_and_paths_end_at_a_slash() -> None:
    rights = Rights(paths={"board": A, "board/minutes/": B})
    assert rights.readers(_item("board/plan.md")).groups == A
    assert rights.readers(_item("board/minutes/plan.md")).groups == B
    assert rights.readers(_item("boardroom/plan.md")).groups == frozenset()


def test_a_default_opens_only_what_neither_the_source_nor_a_path_speaks_of() -> None:
    rights = Rights(groups={"research": A}, paths={"closed": frozenset()}, default=B)
    assert rights.readers(_item("open/plan.md")).groups == B
    assert rights.readers(_item("closed/plan.md")).groups == frozenset()
    secret = rights.readers(_item("open/plan.md", frozenset({"hr"})))
    assert (secret.groups, "'hr'" in secret.why) == (frozenset(), True)


def test_a_reader_needs_every_restriction_and_one_name_of_each() -> None:
    rights = Rights(groups={"space": A | B, "hr": B, "it": frozenset({"c"})})
    assert rights.readers(_item("p.md", frozenset({"space"}), frozenset({"hr", "it"}))).groups == B
    assert rights.readers(_item("p.md", frozenset({"space"}), frozenset({"it"}))).groups == frozenset()

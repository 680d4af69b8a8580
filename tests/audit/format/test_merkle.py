"""The Merkle tree against the definition in RFC 9162 and Certificate Transparency's reference vectors."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.format.merkle import EMPTY_ROOT, CompactRange, leaf_hash

# The eight leaves of Certificate Transparency's reference tests (RFC 6962), and the roots of their first n.
CT_LEAVES = [bytes.fromhex(h) for h in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_hash(entries: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word."""
    n = len(entries)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return sha256(b"\x01" + tree_hash(entries[:k]) + tree_hash(entries[k:])).digest()


def test_the_roots_are_those_of_certificate_transparency() -> None:
    tree = CompactRange()
    for data, root in zip(CT_LEAVES, CT_ROOTS, strict=True):
        tree.append(leaf_hash(data))
        assert tree.root().hex() == root


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert CompactRange().root() == EMPTY_ROOT == tree_hash([])


def test_every_size_up_to_300_has_the_root_of_the_definition() -> None:
    entries = [str(n).encode() for n in range(300)]
    tree = CompactRange()
    for n, data in enumerate(entries, 1):
        tree.append(leaf_hash(data))
        assert tree.root() == tree_hash(entries[:n])


@given(st.lists(st.binary(max_size=8), max_size=80), st.data())
def test_a_range_stored_and_taken_up_again_goes_on_to_the_same_root(entries: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(entries)))
    tree = CompactRange()
    tree.extend(leaf_hash(one) for one in entries[:cut])
    again = CompactRange(tree.size, tree.dump())
    again.extend(leaf_hash(one) for one in entries[cut:])
    assert again.root() == tree_hash(entries)


@pytest.mark.parametrize(("size", "peaks"), [(1, b""), (0, bytes(32)), (3, bytes(32)), (2, bytes(31)), (-1, b"")])
def test_peaks_that_do_not_fit_the_size_are_refused(size: int, peaks: bytes) -> None:
    with pytest.raises(ValueError, match="peaks"):
        CompactRange(size, peaks)

"""Proofs: published vectors, every small tree, every kind of damage, and a second implementation written from the RFC."""

from collections.abc import Callable, Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import ProofRefused
from audit.format.merkle import EMPTY_ROOT, leaf_hash, node_hash
from audit.format.proofs import check_consistency, check_inclusion, consistency_proof, inclusion_proof, root_of
from tests.audit.format.test_merkle import CT_LEAVES, CT_ROOTS

LARGEST = 130  # past two powers of two
LEAVES = [leaf_hash(str(n).encode()) for n in range(LARGEST)]


# --- A second, naive implementation: RFC 9162 sections 2.1.1, 2.1.3.1 and 2.1.4.1, word for word, over ranges of LEAVES.


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@cache
def mth(low: int, high: int) -> bytes:
    if low == high:
        return EMPTY_ROOT
    if high - low == 1:
        return LEAVES[low]
    k = low + split(high - low)
    return node_hash(mth(low, k), mth(k, high))


def path(m: int, low: int, high: int) -> list[bytes]:
    if high - low == 1:
        return []
    k = low + split(high - low)
    if m < k:
        return [*path(m, low, k), mth(k, high)]
    return [*path(m, k, high), mth(low, k)]


def subproof(m: int, low: int, high: int, whole: bool) -> list[bytes]:
    if m == high:
        return [] if whole else [mth(low, high)]
    k = low + split(high - low)
    if m <= k:
        return [*subproof(m, low, k, whole), mth(k, high)]
    return [*subproof(m, k, high, False), mth(low, k)]


class NoProof(Exception):
    pass


def led_to(leaf: bytes, m: int, n: int, proof: Sequence[bytes]) -> bytes:
    """The root that PATH's definition leads to from below. The last hash is the uppermost."""
    if n == 1:
        if proof:
            raise NoProof
        return leaf
    if not proof:
        raise NoProof
    k = split(n)
    if m < k:
        return node_hash(led_to(leaf, m, k, proof[:-1]), proof[-1])
    return node_hash(proof[-1], led_to(leaf, m - k, n - k, proof[:-1]))


def both_led_to(m: int, n: int, whole: bool, old_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The old and the new root that SUBPROOF's definition leads to."""
    if m == n:
        if len(proof) != (0 if whole else 1):
            raise NoProof
        return (old_root, old_root) if whole else (proof[0], proof[0])
    if not proof:
        raise NoProof
    k = split(n)
    if m <= k:
        old, left = both_led_to(m, k, whole, old_root, proof[:-1])
        return old, node_hash(left, proof[-1])
    old, right = both_led_to(m - k, n - k, False, old_root, proof[:-1])
    return node_hash(proof[-1], old), node_hash(proof[-1], right)


def naive_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    try:
        return 0 <= index < size and led_to(leaf, index, size, proof) == root
    except NoProof:
        return False


def naive_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    try:
        return both_led_to(old, new, True, old_root, proof) == (old_root, new_root)
    except NoProof:
        return False


# --- What is tested


def node(level: int, index: int) -> bytes:
    return mth(index << level, index + 1 << level)


def accepts(check: Callable[..., None], *arguments: object) -> bool:
    try:
        check(*arguments)
    except ProofRefused:
        return False
    return True


def flipped(proof: Sequence[bytes], position: int, bit: int) -> list[bytes]:
    changed = bytearray(proof[position])
    changed[bit // 8] ^= 1 << bit % 8
    return [*proof[:position], bytes(changed), *proof[position + 1 :]]


def damages(proof: Sequence[bytes]) -> list[list[bytes]]:
    """A hash less, more, twice, out of place or of another length."""
    junk = bytes(31) + b"\x01"
    found = [[*proof, junk], [junk, *proof], [*proof, b""], [b"", *proof]]
    for position in range(len(proof)):
        kept = [*proof[:position], *proof[position + 1 :]]
        found += [kept, [*kept[:position], proof[position][:-1], *kept[position:]]]
        found.append([*proof[: position + 1], *proof[position:]])
    if len(proof) > 1:
        found += [list(reversed(proof)), [proof[1], proof[0], *proof[2:]], []]
    return [one for one in found if one != list(proof)]


def test_every_inclusion_proof_of_every_tree_up_to_130_is_the_one_of_the_rfc_and_is_accepted() -> None:
    for size in range(1, LARGEST + 1):
        root = root_of(size, node)
        assert root == mth(0, size)
        for index in range(size):
            proof = inclusion_proof(index, size, node)
            assert proof == path(index, 0, size)
            check_inclusion(LEAVES[index], index, size, proof, root)


def test_every_consistency_proof_between_sizes_up_to_130_is_the_one_of_the_rfc_and_is_accepted() -> None:
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            proof = consistency_proof(old, new, node)
            assert proof == ([] if old == 0 else subproof(old, 0, new, True))
            check_consistency(old, new, mth(0, old), mth(0, new), proof)


def test_damaged_inclusion_proofs_are_refused_in_every_tree_up_to_130() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = path(index, 0, size)
            for damaged in damages(proof):
                assert not accepts(check_inclusion, LEAVES[index], index, size, damaged, mth(0, size))


def test_damaged_consistency_proofs_are_refused_between_all_sizes_up_to_130() -> None:
    for new in range(1, LARGEST + 1):
        for old in range(1, new + 1):
            proof = subproof(old, 0, new, True)
            for damaged in damages(proof):
                assert not accepts(check_consistency, old, new, mth(0, old), mth(0, new), damaged)


def test_every_changed_bit_of_a_proof_a_leaf_or_a_root_is_refused() -> None:
    for size in (1, 2, 7, 8, 13):
        for index in range(size):
            proof, root, leaf = path(index, 0, size), mth(0, size), LEAVES[index]
            for bit in range(256):
                for position in range(len(proof)):
                    assert not accepts(check_inclusion, leaf, index, size, flipped(proof, position, bit), root)
                assert not accepts(check_inclusion, flipped([leaf], 0, bit)[0], index, size, proof, root)
                assert not accepts(check_inclusion, leaf, index, size, proof, flipped([root], 0, bit)[0])
    for old, new in ((1, 2), (3, 7), (4, 7), (6, 7), (8, 13), (13, 13)):
        proof, first, second = subproof(old, 0, new, True), mth(0, old), mth(0, new)
        for bit in range(256):
            for position in range(len(proof)):
                assert not accepts(check_consistency, old, new, first, second, flipped(proof, position, bit))
            assert not accepts(check_consistency, old, new, flipped([first], 0, bit)[0], second, proof)
            assert not accepts(check_consistency, old, new, first, flipped([second], 0, bit)[0], proof)


def test_a_proof_serves_no_other_index_and_no_other_size() -> None:
    largest = 40
    for size in range(1, largest):
        for index in range(size):
            proof = path(index, 0, size)
            for other_size in range(largest):
                for other in (index, *range(size)) if other_size == size else (index, index ^ 1, index + 1, index - 1):
                    if (other, other_size) != (index, size):
                        assert not accepts(check_inclusion, LEAVES[index], other, other_size, proof, mth(0, other_size))


def test_a_consistency_proof_serves_no_other_pair_of_sizes() -> None:
    largest = 40
    for new in range(2, largest):
        for old in range(1, new):
            proof = subproof(old, 0, new, True)
            for other in range(1, largest):
                if other != old:
                    assert not accepts(check_consistency, other, new, mth(0, other), mth(0, new), proof)
                if other != new:
                    assert not accepts(check_consistency, old, other, mth(0, old), mth(0, other), proof)


def test_both_implementations_say_the_same_of_every_false_claim_about_a_genuine_proof() -> None:
    """Some claims of a wrong size are true of the same hashes: whoever signs a root signs its size with it."""
    largest = 13
    for size in range(1, largest):
        for index in range(size):
            proof, leaf, root = path(index, 0, size), LEAVES[index], mth(0, size)
            for claimed_size in range(largest):
                for claimed in range(-1, claimed_size + 1):
                    arguments = (leaf, claimed, claimed_size, proof, root)
                    assert accepts(check_inclusion, *arguments) == naive_inclusion(*arguments)
    for new in range(1, largest):
        for old in range(1, new + 1):
            genuine, first, second = subproof(old, 0, new, True), mth(0, old), mth(0, new)
            for claimed_new in range(largest):
                for claimed in range(-1, claimed_new + 2):
                    claim = (claimed, claimed_new, first, second, genuine)
                    assert accepts(check_consistency, *claim) == naive_consistency(*claim)


SIZES = st.integers(0, 24)
PROOFS = st.lists(
    st.sampled_from([*LEAVES[:4], *(mth(0, n) for n in range(9)), mth(4, 6), mth(4, 8), bytes(32)]), max_size=6
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_both_implementations_say_the_same_of_any_inclusion_proof(data: st.DataObject) -> None:
    index, size = data.draw(SIZES), data.draw(SIZES)
    genuine = path(index, 0, size) if index < size else []
    proof = data.draw(st.just(genuine) | PROOFS)
    claimed_index = data.draw(st.just(index) | SIZES)
    claimed_size = data.draw(st.just(size) | SIZES)  # with the root of `size`: some such claims the RFC accepts
    arguments = (LEAVES[index], claimed_index, claimed_size, proof, mth(0, size))
    assert accepts(check_inclusion, *arguments) == naive_inclusion(*arguments)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_both_implementations_say_the_same_of_any_consistency_proof(data: st.DataObject) -> None:
    old, new = data.draw(SIZES), data.draw(SIZES)
    genuine = subproof(old, 0, new, True) if 0 < old <= new else []
    proof = data.draw(st.just(genuine) | PROOFS)
    claimed_old, claimed_new = data.draw(st.just(old) | SIZES), data.draw(st.just(new) | SIZES)
    arguments = (claimed_old, claimed_new, mth(0, old), mth(0, new), proof)
    assert accepts(check_consistency, *arguments) == naive_consistency(*arguments)


# --- Vectors

CT_INCLUSION = [  # index, size, proof: Certificate Transparency's reference tests
    (0, 1, []),
    (0, 8, ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"]),
    (5, 8, ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
]  # fmt: skip
CT_CONSISTENCY = [  # old, new, proof
    (1, 1, []),
    (1, 8, CT_INCLUSION[1][2]),
    (6, 8, ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (2, 5, ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
    (6, 7, ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
]  # fmt: skip


def ct_node(level: int, index: int) -> bytes:
    if level == 0:
        return leaf_hash(CT_LEAVES[index])
    return node_hash(ct_node(level - 1, 2 * index), ct_node(level - 1, 2 * index + 1))


@pytest.mark.parametrize(("index", "size", "proof"), CT_INCLUSION)
def test_inclusion_proofs_are_those_of_certificate_transparency(index: int, size: int, proof: list[str]) -> None:
    assert [one.hex() for one in inclusion_proof(index, size, ct_node)] == proof
    hashes = [bytes.fromhex(one) for one in proof]
    check_inclusion(leaf_hash(CT_LEAVES[index]), index, size, hashes, bytes.fromhex(CT_ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "proof"), CT_CONSISTENCY)
def test_consistency_proofs_are_those_of_certificate_transparency(old: int, new: int, proof: list[str]) -> None:
    assert [one.hex() for one in consistency_proof(old, new, ct_node)] == proof
    hashes = [bytes.fromhex(one) for one in proof]
    check_consistency(old, new, bytes.fromhex(CT_ROOTS[old - 1]), bytes.fromhex(CT_ROOTS[new - 1]), hashes)


def test_the_seven_leaf_example_of_rfc_9162_section_2_1_5() -> None:
    """By the RFC's names: a to f and j are leaves, g = ab, h = cd, i = ef, k = gh, l = ij."""
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, l_ = node_hash(g, h), node_hash(i, j)
    assert inclusion_proof(0, 7, node) == [b, h, l_]
    assert inclusion_proof(3, 7, node) == [c, g, l_]
    assert inclusion_proof(4, 7, node) == [f, j, k]
    assert inclusion_proof(6, 7, node) == [i, k]
    assert consistency_proof(3, 7, node) == [c, d, g, l_]
    assert consistency_proof(4, 7, node) == [l_]
    assert consistency_proof(6, 7, node) == [i, j, k]


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root", "proof", "why"),
    [
        (0, 5, mth(0, 1), mth(0, 5), [], "empty tree"),
        (0, 0, EMPTY_ROOT, mth(0, 1), [], "forked"),
        (0, 5, EMPTY_ROOT, mth(0, 5), [LEAVES[0]], "must be empty"),
        (5, 5, mth(0, 5), mth(0, 4), [], "forked"),
        (5, 5, mth(0, 5), mth(0, 5), [LEAVES[0]], "must be empty"),
        (5, 4, mth(0, 5), mth(0, 4), [], "shrank"),
        (-1, 4, EMPTY_ROOT, mth(0, 4), [], "cannot follow|shrank"),
        (4, 7, mth(0, 4), mth(0, 7), [], "too few|empty"),
        (3, 7, mth(0, 3), mth(0, 7), [], "empty"),
        (3, 7, mth(0, 4), mth(0, 7), subproof(3, 0, 7, True), "rewritten"),
        (3, 7, mth(0, 3), mth(0, 6), subproof(3, 0, 7, True), "another root"),
    ],
)
def test_a_refused_consistency_proof_says_what_is_wrong(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes], why: str
) -> None:
    with pytest.raises(ProofRefused, match=why):
        check_consistency(old, new, old_root, new_root, proof)


def test_proofs_of_what_is_not_in_the_tree_are_not_made() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 3)):
        with pytest.raises(ValueError, match="not in a tree"):
            inclusion_proof(index, size, node)
    for old, new in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="before"):
            consistency_proof(old, new, node)


def test_a_proof_from_a_tree_of_a_million_leaves_asks_for_a_few_dozen_nodes() -> None:
    asked = []

    def counted(level: int, index: int) -> bytes:
        asked.append((level, index))
        return leaf_hash(f"{level}/{index}".encode())

    inclusion_proof(654_321, 999_999, counted)
    assert len(asked) <= 40
    asked.clear()
    consistency_proof(654_321, 999_999, counted)
    assert len(asked) <= 60

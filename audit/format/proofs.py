"""Inclusion and consistency proofs of RFC 9162 section 2.1, made from stored nodes and checked with nothing but hashes.

Invariant: `check_inclusion` and `check_consistency` accept exactly the proofs that the RFC's algorithms accept;
they trust neither length nor order of what they are given. `Node` answers with the root of a perfect subtree: level 0 is a
leaf hash, and (level, index) covers the leaves index * 2^level up to, not including, (index + 1) * 2^level.
"""

from collections.abc import Callable, Sequence

from audit.errors import ProofRefused
from audit.format.merkle import EMPTY_ROOT, HASH_SIZE, node_hash

Node = Callable[[int, int], bytes]


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]), lowest hash first. Raises ValueError unless 0 <= index < size."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(range_root(middle, high, node))
            high = middle
        else:
            path.append(range_root(low, middle, node))
            low = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """PROOF(old, D[new]); empty where old is 0 or equals new. Raises ValueError unless 0 <= old <= new."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves does not come before one of {new}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    low, high = 0, new
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(range_root(middle, high, node))
            high = middle
        else:
            proof.append(range_root(low, middle, node))
            low = middle
    if low:  # else the old root is the verifier's own
        proof.append(range_root(low, high, node))
    return proof[::-1]


def root_of(size: int, node: Node) -> bytes:
    """The tree hash of the first `size` leaves."""
    return range_root(0, size, node) if size else EMPTY_ROOT


def range_root(low: int, high: int, node: Node) -> bytes:
    """MTH(D[low:high]) where low is a multiple of the power of two that covers the range: at most 64 nodes."""
    peaks: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        peaks.append(node(level, low >> level))
        low += 1 << level
    root = peaks[-1]
    for left in peaks[-2::-1]:
        root = node_hash(left, root)
    return root


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 section 2.1.3.2. Raises ProofRefused."""
    _hashes(proof)
    if not 0 <= index < size:
        raise ProofRefused(f"leaf {index} is not in a tree of {size} leaves")
    first, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofRefused(f"the inclusion proof of leaf {index} in {size} has too many hashes")
        if first & 1 or first == last:
            computed = node_hash(sibling, computed)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        first, last = first >> 1, last >> 1
    if last:
        raise ProofRefused(f"the inclusion proof of leaf {index} in {size} has too few hashes")
    if computed != root:
        raise ProofRefused(f"the inclusion proof of leaf {index} leads to another root than that of size {size}")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 section 2.1.4.2; a tree of no leaves is a beginning of every tree. Raises ProofRefused."""
    _hashes(proof)
    if not 0 <= old <= new:
        raise ProofRefused(f"a log of {new} leaves cannot follow one of {old}: it shrank")
    if old in (0, new):
        if proof:
            raise ProofRefused(f"a proof from size {old} to size {new} must be empty")
        if old == 0 and old_root != EMPTY_ROOT:
            raise ProofRefused("the root of size 0 is not that of the empty tree")
        if old == new and old_root != new_root:
            raise ProofRefused(f"two logs of size {new} have different roots: the history was forked")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofRefused(f"the consistency proof from size {old} to size {new} is empty")
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    of_old = of_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofRefused(f"the consistency proof from size {old} to size {new} has too many hashes")
        if first & 1 or first == last:
            of_old, of_new = node_hash(sibling, of_old), node_hash(sibling, of_new)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            of_new = node_hash(of_new, sibling)
        first, last = first >> 1, last >> 1
    if last:
        raise ProofRefused(f"the consistency proof from size {old} to size {new} has too few hashes")
    if of_old != old_root:
        raise ProofRefused(f"the history of size {new} does not begin with that of size {old}: it was rewritten")
    if of_new != new_root:
        raise ProofRefused(f"the consistency proof from size {old} leads to another root than that of size {new}")


def _hashes(proof: Sequence[bytes]) -> None:
    if any(len(one) != HASH_SIZE for one in proof):
        raise ProofRefused(f"a proof holds something that is not a hash of {HASH_SIZE} bytes")


def _split(count: int) -> int:
    """The largest power of two below `count` (RFC 9162 section 2.1.1)."""
    return 1 << (count - 1).bit_length() - 1

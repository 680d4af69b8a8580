"""The Merkle tree of RFC 9162 section 2.1 (the same as RFC 6962's), kept as its right edge.

Invariant: `CompactRange.root()` equals the tree hash of all leaves appended so far. A compact range of n leaves
is the roots of the perfect subtrees in n's binary form, largest first, so an append costs one hash on average and the
whole state is at most 64 hashes. What proofs need beside it is stored by audit.database.tiles.
"""

from collections.abc import Iterable
from hashlib import sha256

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
FIRST_CHAIN = bytes(HASH_SIZE)


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def chain_hash(previous: bytes, leaf: bytes) -> bytes:
    """The running hash chain beside the tree: it names the first altered record without any other record."""
    return sha256(previous + leaf).digest()


class CompactRange:
    """The tree over the first `size` leaves. Owned by one thread."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: bytes = b"") -> None:
        """peaks: as `dump` gave them. Raises ValueError where their number does not fit the size."""
        if size < 0 or len(peaks) != size.bit_count() * HASH_SIZE:
            raise ValueError(f"{len(peaks)} bytes of peaks do not fit a tree of {size} leaves")
        self.size = size
        self.peaks = [peaks[at : at + HASH_SIZE] for at in range(0, len(peaks), HASH_SIZE)]

    def append(self, leaf: bytes) -> None:
        peaks, rest = self.peaks, self.size
        while rest & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            rest >>= 1
        peaks.append(leaf)
        self.size += 1

    def append_ending(self, leaf: bytes) -> list[bytes]:
        """Appends; returns the roots of all perfect subtrees that end with this leaf, from the leaf itself upwards."""
        peaks, rest = self.peaks, self.size
        ended = [leaf]
        while rest & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            ended.append(leaf)
            rest >>= 1
        peaks.append(leaf)
        self.size += 1
        return ended

    def extend(self, leaves: Iterable[bytes]) -> None:
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        right = self.peaks[-1]
        for left in self.peaks[-2::-1]:
            right = node_hash(left, right)
        return right

    def dump(self) -> bytes:
        return b"".join(self.peaks)

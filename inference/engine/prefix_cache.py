"""Who uses which block of the KV cache, and which blocks can be used again: the prefix cache.

A block that is full keeps its content when nobody uses it any more. A later prompt that begins with the same tokens *and*
carries the same scope takes it over without computing anything; a prompt without a scope shares nothing, because how fast
an answer comes must not tell one tenant what another has asked. Only beginnings that are the product's own words are
everybody's (`inference.engine.shared_prefixes`). Content that has lain longest unused goes first, and of one
conversation its end before its beginning.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from inference.kv_cache import POSITIONS


class Blocks:
    """Blocks 1 to `count` - 1; block 0 belongs to nobody. Belongs to one thread."""

    def __init__(self, count: int) -> None:
        self._free = list(range(count - 1, 0, -1))
        self._users: dict[int, int] = {}
        self._by_name: dict[bytes, int] = {}
        self._name: dict[int, bytes] = {}
        # Named and used by nobody, the longest so first. No cachetools.LRUCache: a full one drops an entry by itself, but a
        # block may go only where it also loses its name, and there is no bound but the blocks themselves.
        self._idle: OrderedDict[int, None] = OrderedDict()

    @property
    def available(self) -> int:
        """Blocks that can be taken, those with content that nobody uses included."""
        return len(self._free) + len(self._idle)

    def shared(self, names: Sequence[bytes]) -> list[int]:
        """The blocks of the longest known beginning of `names`; they are the caller's to release."""
        found: list[int] = []
        for name in names:
            block = self._by_name.get(name)
            if block is None:
                break
            self._idle.pop(block, None)
            self._users[block] = self._users.get(block, 0) + 1
            found.append(block)
        return found

    def take(self, count: int) -> list[int] | None:
        """So many blocks of undefined content, or None where there are not enough."""
        if count > self.available:
            return None
        while len(self._free) < count:
            block, _ = self._idle.popitem(last=False)
            del self._by_name[self._name.pop(block)]
            self._free.append(block)
        taken = [self._free.pop() for _ in range(count)]
        self._users.update(dict.fromkeys(taken, 1))
        return taken

    def name(self, block: int, name: bytes) -> None:
        """The block is full, and this is what it holds. Where another block holds the same, that one is kept."""
        if name not in self._by_name and block not in self._name:
            self._by_name[name] = block
            self._name[block] = name

    def release(self, blocks: Sequence[int]) -> None:
        for block in reversed(blocks):
            self._users[block] -= 1
            if self._users[block]:
                continue
            del self._users[block]
            if block in self._name:
                self._idle[block] = None
            else:
                self._free.append(block)


class Names:
    """The names of a conversation's full blocks. A name stands for the scope and every token up to the block's end; for
    blocks that lie wholly in the first `public` tokens, which are nobody's secret, it stands for the tokens alone."""

    def __init__(self, scope: str | None, public: int = 0) -> None:
        self._scope = None if scope is None else _digest(scope.encode())
        self._public = public // POSITIONS
        self._last = b""
        self.all: list[bytes] = []

    def extend(self, tokens: Sequence[int], end: int) -> None:
        """Name every block that lies wholly below position `end` and may be shared."""
        while (len(self.all) + 1) * POSITIONS <= end:
            if len(self.all) == self._public:
                if self._scope is None:
                    return
                self._last += self._scope
            start = len(self.all) * POSITIONS
            content = np.asarray(tokens[start : start + POSITIONS], np.int32).tobytes()
            self._last = _digest(self._last + content)
            self.all.append(self._last)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()

"""The places for conversations on the device, and what is left in them for the next turn.

A slot that is given back keeps its keys and values. A later prompt that begins with the same tokens *and* carries the same
`reuse` mark goes on from there. Prompts without a mark never share anything: how fast an answer comes must not tell one
tenant what another has asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from inference.runner import Slot

_POLL_SECONDS = 0.02
_WORTHWHILE = 16


class Slots:
    """At most `limit` slots, in use and kept together. `_kept` (oldest first) and `_used` are guarded by `_guard`."""

    def __init__(self, new_slot: Callable[[], Slot], limit: int) -> None:
        self._new_slot = new_slot
        self._limit = limit
        self._free = threading.Semaphore(limit)
        self._guard = threading.Lock()
        self._kept: list[tuple[str, Slot]] = []
        self._used = 0

    @contextmanager
    def borrow(self, prompt: Sequence[int], reuse: str | None, cancel: threading.Event) -> Iterator[Slot | None]:
        """A slot that holds a beginning of the prompt, perhaps none of it; None where it was cancelled meanwhile.

        After an error inside the block the slot is thrown away: a failed step has consumed its cache.
        """
        while not self._free.acquire(timeout=_POLL_SECONDS):
            if cancel.is_set():
                yield None
                return
        slot = self._take(prompt, reuse)
        intact = False
        try:
            yield slot
            intact = True
        except GeneratorExit:  # the caller has closed the answer between two steps
            intact = True
            raise
        finally:
            self._give_back(slot if intact else None, reuse)

    def _take(self, prompt: Sequence[int], reuse: str | None) -> Slot:
        with self._guard:
            self._used += 1
            best = max(
                (entry for entry in self._kept if entry[0] == reuse),
                key=lambda entry: common_prefix(entry[1].tokens, prompt),
                default=None,
            )
            if best is not None and common_prefix(best[1].tokens, prompt) >= _WORTHWHILE:
                self._kept.remove(best)
                slot = best[1]
                # the last token is fed anew in any case: its logits are wanted
                del slot.tokens[min(common_prefix(slot.tokens, prompt), len(prompt) - 1) :]
                return slot
            del self._kept[: max(0, len(self._kept) + self._used - self._limit)]
        return self._new_slot()

    def _give_back(self, slot: Slot | None, reuse: str | None) -> None:
        with self._guard:
            self._used -= 1
            if slot is not None and reuse is not None:
                self._kept.append((reuse, slot))
        self._free.release()


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    length = min(len(first), len(second))
    return next((place for place in range(length) if first[place] != second[place]), length)

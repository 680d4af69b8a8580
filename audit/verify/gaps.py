"""Which numbers of a sequence have not come yet.

Invariant: `take` says "reordered" for a number that came late, "repeated" for one that had come, and `open` holds
exactly those still missing, as long as there are no more than MAX_OPEN gaps at once: of more, the first are kept where all
numbers are expected, the last where gaps are normal. Memory is constant.
"""

MAX_OPEN = 1000


class Gaps:
    """Numbers are taken from 0 on. Owned by one thread."""

    __slots__ = ("_forgotten", "_keep_first", "_next", "open")

    def __init__(self, *, keep_first: bool) -> None:
        self._keep_first = keep_first
        self._forgotten = 0  # gaps below this number are not kept any more
        self._next = 0
        self.open: list[tuple[int, int]] = []  # first and end of each gap, ascending

    def take(self, number: int) -> str:
        """How `number` came: "next" (the largest so far), "reordered" or "repeated"."""
        if number >= self._next:
            self.reach(number)
            self._next = number + 1
            return "next"
        for at, (first, end) in enumerate(self.open):
            if first <= number < end:
                self.open[at : at + 1] = [gap for gap in ((first, number), (number + 1, end)) if gap[0] < gap[1]]
                return "reordered"
        return "reordered" if number < self._forgotten else "repeated"

    def reach(self, number: int) -> None:
        """All numbers below `number` that have not come are missing until they do."""
        if number > self._next and not (self._keep_first and len(self.open) >= MAX_OPEN):
            self.open.append((self._next, number))
            if len(self.open) > MAX_OPEN:
                self._forgotten = self.open.pop(0)[1]
        self._next = max(self._next, number)

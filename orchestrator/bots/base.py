"""What every bot is: a name, whether it leaves the building, and an answer in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from orchestrator.types import Ask, Piece


class Bot(Protocol):
    """One way of answering. Bots hold no state of a query and may be asked by many threads.

    leaves_boundary: whether asking sends anything to another host. Such a bot is asked only after the
    input rails have passed the question and the record so far is durable.
    """

    name: str
    leaves_boundary: bool

    def answer(self, ask: Ask) -> Iterator[Piece]:
        """The answer, piece by piece. Returns early when `ask.cancel` is set; raises BotUnavailable."""
        ...

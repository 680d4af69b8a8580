"""One answer in the making, between the caller who reads it and the engine's thread, which makes it; and other work that a
caller has done on that thread."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.engine.draft_tokens import Drafts
from inference.engine.prefix_cache import Blocks, Names
from inference.engine.sampling import Sampler
from inference.types import FinishReason, Sampling, Terms

if TYPE_CHECKING:
    from inference.engine.constrained_decoding import Guide
    from inference.engine.runner import Runner

_POLL_S = 0.05


@dataclass(frozen=True)
class _End:
    reason: FinishReason
    error: Exception | None = None


@dataclass(eq=False)
class Call:
    """Work between two turns of the engine. terms: on whose account it reads so many tokens (`left`); None for the engine's
    own."""

    work: Callable[[Runner, Blocks], Any]
    terms: Terms | None = None
    left: int = 0
    arrived: float = field(default_factory=time.monotonic)
    read_in: int = 0
    done: Future[Any] = field(default_factory=Future)

    @property
    def tenant(self) -> str:
        return self.terms.tenant if self.terms else ""

    @property
    def priority(self) -> int:
        return self.terms.priority if self.terms else 0

    def run(self, runner: Runner, blocks: Blocks) -> None:
        try:
            self.done.set_result(self.work(runner, blocks))
        except BaseException as error:
            self.done.set_exception(error)


class Job:
    """The engine's thread owns everything but `read`; the queue between them carries tokens and one end."""

    def __init__(
        self,
        tokens: list[int],
        sampling: Sampling,
        *,
        stops: frozenset[int],
        context: int,
        scope: str | None,
        terms: Terms,
        cancel: tuple[threading.Event, ...],
        now: float,
        guide: Guide | None = None,
        public: int = 0,
    ) -> None:
        """public: of the tokens, how many at the beginning everybody may share."""
        self.tokens = list(tokens)
        self.prompt = len(tokens)
        self.longest = min(len(tokens) + sampling.max_tokens, context)
        self.stops = stops
        self.terms = terms
        self.arrived = now
        self.read_in = 0
        self.deadline = None if terms.deadline_s is None else now + terms.deadline_s
        self.sampler = Sampler(sampling)
        self.guide = guide
        self.names = Names(scope, public)
        self.table: list[int] = []
        self.cached = self.made = self.reused = 0
        self._cancel = cancel
        self._out: queue.SimpleQueue[int | _End] = queue.SimpleQueue()

    @cached_property
    def drafts(self) -> Drafts:
        return Drafts(self.tokens)

    @property
    def tenant(self) -> str:
        return self.terms.tenant

    @property
    def priority(self) -> int:
        return self.terms.priority

    @property
    def left(self) -> int:
        """Tokens of the prompt that are still to be read."""
        return self.prompt - self.cached

    @property
    def reading(self) -> bool:
        """Whether some of the prompt is not in the cache yet."""
        return self.cached < self.prompt

    @property
    def room(self) -> int:
        """Tokens that the answer may still have."""
        return self.longest - len(self.tokens)

    @property
    def cancelled(self) -> bool:
        return any(event.is_set() for event in self._cancel)

    def paused(self, ahead: int) -> bool:
        return self._out.qsize() >= ahead

    def over(self, now: float) -> FinishReason | None:
        """Why it has to end before its next token."""
        if self.cancelled:
            return "cancelled"
        return "deadline" if self.deadline is not None and now > self.deadline else None

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The next token; of those that the schema allows, where there is one. Raises `GuideFailed`."""
        if self.guide is None:
            return self.sampler.choose(logits)
        token = self.sampler.choose(self.guide.allow(logits))
        self.guide.take(token)
        return token

    def say(self, token: int) -> None:
        self.tokens.append(token)
        self.made += 1
        if "drafts" in self.__dict__:
            self.drafts.add(token)
        self._out.put(token)

    def finish(self, reason: FinishReason) -> None:
        self._out.put(_End(reason))

    def fail(self, error: Exception) -> None:
        self._out.put(_End("cancelled", error))

    def read(self) -> Iterator[int | FinishReason]:
        """The tokens as they come, and why there are no more. Raises what stopped the engine."""
        while True:
            try:
                found = self._out.get(timeout=_POLL_S)
            except queue.Empty:
                if self.cancelled:
                    yield "cancelled"
                    return
                continue
            if self.cancelled:
                yield "cancelled"
                return
            if isinstance(found, _End):
                if found.error is not None:
                    raise found.error
                yield found.reason
                return
            yield found
